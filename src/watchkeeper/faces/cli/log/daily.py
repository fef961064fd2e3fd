"""`wk log daily` and `wk log issues`: the document of a day, and its issues as records."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client


def add_parsers(actions: Any) -> None:
    """Their parsers."""
    document = verb(actions, "daily", "The operations document of a day, as Markdown.")
    document.add_argument("date", nargs="?", default="", metavar="DATE", help="2026-11-21, today (default), yesterday")
    document.add_argument(
        "--out", default="", metavar="FILE", help="write it there; a file that is there is not replaced"
    )
    records = verb(actions, "issues", "The issues of a day as JSON records with stable numbers.")
    records.add_argument("date", nargs="?", default="", metavar="DATE", help="2026-11-21, today (default), yesterday")


def daily(client: Client, arguments: Namespace) -> int:
    """Print or write the document."""
    answer = client.get("/log/daily", date=arguments.date)
    text = answer["daily"]["markdown"]
    if arguments.out:
        try:
            with open(arguments.out, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise Usage(f"{arguments.out} is there already, and is not replaced.", "Name another file.") from None
        except OSError as error:
            raise Usage(f"{arguments.out} cannot be written: {error.strerror}.", "Name another file.") from None
    if arguments.json:
        render.show_json(answer)
    else:
        print(
            f"Written to {arguments.out}." if arguments.out else render.clean(text), end="\n" if arguments.out else ""
        )
    return 0


def issues(client: Client, arguments: Namespace) -> int:
    """Print the records: the bare list, or with --json the object that every command gives."""
    import json

    answer = client.get("/log/issues", date=arguments.date)
    if arguments.json:
        render.show_json(answer)
    else:
        sys.stdout.write(json.dumps(answer["issues"], indent=2, ensure_ascii=True) + "\n")
    return 0
