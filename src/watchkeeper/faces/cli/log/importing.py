"""`wk log import FILE`: a document that the team kept so far becomes entries of the log."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.client import with_query
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

LARGEST = 64 * 1024 * 1024
SHOWN = 12
EXAMPLES = """\
  wk log import OPERATIONS_LOG.md --dry-run     what it holds; nothing is written
  wk log import OPERATIONS_LOG.md --repair      undo the damage of a wrong encoding first
  wk log import old.md --zone Asia/Tokyo        for times that name no zone
  wk log import OPERATIONS_LOG.md --update      what was edited since becomes corrections"""


def add_parser(actions: Any) -> None:
    """The parser of `wk log import`."""
    parser = verb(
        actions, "import", "Take the entries of a document over. What is there already is not taken twice.", EXAMPLES
    )
    parser.add_argument("file", metavar="FILE", help="Markdown, or JSON; - for standard input")
    parser.add_argument("--dry-run", action="store_true", help="only show what it holds")
    parser.add_argument("--yes", action="store_true", help="do not ask before writing")
    parser.add_argument("--repair", action="store_true", help="undo the damage of a wrong encoding")
    parser.add_argument("--redact", action="store_true", help="replace secrets in the text by [redacted]")
    parser.add_argument("--update", action="store_true", help="write corrections for entries whose text differs now")
    parser.add_argument("--zone", default="", metavar="NAME", help="time zone of times that name none")
    parser.add_argument("--as", dest="name", default="", metavar="NAME", help="name under which the document is known")


def run(client: Client, arguments: Namespace) -> int:
    """Look first, show it, ask, then write in parts until nothing is left."""
    data = content(arguments.file)
    name = arguments.name or (os.path.basename(arguments.file) if arguments.file != "-" else "standard input")
    look = ask(client, data, name, arguments, True)
    if arguments.dry_run:
        render.show_json({"imports": [look]}) if arguments.json else print(page(look))
        return 0
    if not arguments.json:
        print(page(look))
    todo = len(look["new"]) + (len(look["differences"]) if arguments.update else 0)
    if not todo:
        render.show_json({"imports": [look]}) if arguments.json else print("Nothing is new: nothing was written.")
        return 0
    if not agreed(arguments, todo):
        render.note("Nothing was written.")
        return 1
    written = carry_out(client, data, name, arguments, todo)
    if arguments.json:
        render.show_json({"imports": [look | {"dry_run": False, "entries": written, "left": 0}]})
    else:
        span = f"{written[0]} to {written[-1]}" if len(written) > 1 else str(written[0]) if written else ""
        print(f"{plural(len(written), 'entry', 'entries')} written" + (f": {span}." if span else "."))
    return 0


def carry_out(client: Client, data: bytes, name: str, arguments: Namespace, todo: int) -> list[int]:
    """Numbers of the entries that were written."""
    written: list[int] = []
    while True:
        part = ask(client, data, name, arguments, False)
        written += part["entries"]
        if not part["left"] or not part["entries"]:
            return written
        if not arguments.json:
            print(f"{len(written)} of {todo} written", file=sys.stderr)


def ask(client: Client, data: bytes, name: str, arguments: Namespace, dry_run: bool) -> dict[str, Any]:
    """One request."""
    import json

    query = {
        "name": name, "dry_run": dry_run, "repair": arguments.repair, "redact": arguments.redact,
        "update": arguments.update, "zone": arguments.zone,
    }  # fmt: skip
    answer: dict[str, Any] = json.loads(client.raw("POST", with_query("/log/import", query), data)[1])["import"]
    return answer


def content(path: str) -> bytes:
    """The bytes of a file. Raises `Usage`."""
    if path == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}.", "Name a Markdown or JSON file.") from None
    if len(data) > LARGEST:
        raise Usage(f"{path} has more than {LARGEST >> 20} MB.", "Import it in parts.")
    return data


def agreed(arguments: Namespace, todo: int) -> bool:
    """Ask the person; without a terminal nobody can agree. Raises `Usage`."""
    if not arguments.yes and (arguments.json or not sys.stdin.isatty() or arguments.file == "-"):
        raise Usage(
            f"{plural(todo, 'entry', 'entries')} would be written, and nobody can be asked.",
            "Say --yes, or look first: --dry-run.",
        )
    return render.confirm(f"Write {plural(todo, 'entry', 'entries')}?", arguments.yes)


def page(look: dict[str, Any]) -> str:
    """What was found, for people."""
    lines = [_head(look)]
    if look["severities"]:
        counted = ", ".join(
            f"{count} {name}" for name, count in sorted(look["severities"].items(), key=lambda each: -each[1])[:8]
        )
        lines.append(f"By severity: {render.line(counted)}.")
    known = []
    if look["same"]:
        known.append(f"{look['same']} in the log already")
    if look["own"]:
        known.append(f"{look['own']} written by watchkeeper itself")
    if look["differences"]:
        known.append(f"{len(look['differences'])} with another text than in the log")
    lines.append(f"New: {len(look['new'])}" + (f"; {', '.join(known)}." if known else "."))
    damage = look["damage"]
    if damage:
        done = "It is undone." if look["repaired"] else "--repair undoes it."
        lines.append(
            f"The text was read as {damage['encoding']} and saved so: line {damage['line']} has "
            f"{render.line(damage['found'])} for {render.line(damage['meant'])}. {done}"
        )
    lines += _table(
        "NEW", [(one["facts"]["source_line"], when(one), one["severity"], one["title"]) for one in look["new"]]
    )
    lines += _differences(look["differences"])
    lines += _table("TO LOOK AT", [(one["line"], one["sentence"]) for one in look["doubts"]])
    lines += _table(
        "NO ENTRY", [(f"{one['first']}-{one['last']}", one["title"] or one["kind"]) for one in look["rest"]]
    )
    for word, numbers in (
        ("Secrets that watchkeeper knows", look["secrets"]),
        ("What looks like a secret", look["suspected"]),
    ):
        if numbers:
            more = "" if len(numbers) <= SHOWN else f" and {len(numbers) - SHOWN} more"
            lines.append(f"{word}: line {', '.join(map(str, numbers[:SHOWN]))}{more}. --redact takes it out.")
    return "\n".join(lines)


def _head(look: dict[str, Any]) -> str:
    if not look["found"]:
        return f"{render.line(look['source'])}: {plural(look['lines'], 'line', 'lines')}, no entry was found."
    first, last = str(look["first_at"])[:10], str(look["last_at"])[:10]
    found = plural(look["found"], "entry", "entries")
    return f"{render.line(look['source'])}: {plural(look['lines'], 'line', 'lines')}, {found} from {first} to {last} (UTC)."


def when(one: dict[str, Any]) -> str:
    """Day and time of an entry as UTC; a mark where the zone is unsure, no time where none was written."""
    if one["facts"]["precision"] == "day":
        return str(one["facts"].get("day", ""))
    return str(one["at"])[:16].replace("T", " ") + "Z" + (" ?" if one["facts"]["zone_from"] == "unsure" else "")


def _differences(differences: list[dict[str, Any]]) -> list[str]:
    lines = []
    for one in differences[:SHOWN]:
        lines += ["", f"Entry {one['entry']} has another text in line {one['line']}: {render.line(one['title'])}"]
        lines += ["  " + render.line(each) for each in one["diff"][:30]]
    if differences:
        lines.append("Entries are never rewritten: --update writes each as a correction.")
    return lines


def _table(title: str, rows: list[tuple[Any, ...]]) -> list[str]:
    if not rows:
        return []
    more = [f"  and {len(rows) - SHOWN} more (--json shows all)"] if len(rows) > SHOWN else []
    return ["", f"{title} (line first)", render.table([tuple(map(str, row)) for row in rows[:SHOWN]], indent=2), *more]


def plural(count: int, one: str, many: str) -> str:
    """``1 entry``, ``2 entries``."""
    return f"{count} {one if count == 1 else many}"
