"""`wk plan`, `wk export`, `wk import`: what a change of the definitions would do, and all of them at once."""

from __future__ import annotations

import json
import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.definitions import packed, page, read_file, told
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

PLAN_EXAMPLES = """\
  wk plan                              what the files on the disk would change in what runs
  wk plan services/shop.yaml=new.yaml  what this file would change; nothing is written"""
EXPORT_EXAMPLES = """\
  wk export > definitions.json
  wk export | wk --ops /srv/other import - --yes"""


def add_parser(commands: Any) -> None:
    """Parsers of the three verbs."""
    planned = verb(commands, "plan", "What a change of the definitions would do. Nothing is written.", PLAN_EXAMPLES)
    planned.add_argument("files", nargs="*", metavar="PATH=FILE", help="the new text of a definition; PATH= removes it")
    verb(
        commands, "export", "All definitions as one JSON object, for `wk import`. No secret is in it.", EXPORT_EXAMPLES
    )
    taken = verb(commands, "import", "Make an export all definitions there are. Asks first.", EXPORT_EXAMPLES)
    taken.add_argument("file", metavar="FILE", help="- reads standard input")
    taken.add_argument("--dry-run", action="store_true", help="only say what would change")
    taken.add_argument("--yes", action="store_true", help="do not ask")
    taken.add_argument("--message", default="", metavar="TEXT", help="for git and the log")


def run(arguments: Namespace) -> int:
    """Do what the verb says."""
    return {"plan": _plan, "export": _export, "import": _import}[arguments.verb](arguments)


def _plan(arguments: Namespace) -> int:
    files = []
    for word in arguments.files:
        path, equals, file = word.partition("=")
        if not equals:
            raise Usage(f"{word!r} is no change.", "Write PATH=FILE, for example services/shop.yaml=new.yaml.")
        files.append({"path": path, **(packed(read_file(file)) if file else {})})
    answer = client_of(arguments).post("/plan", {"files": files or None})
    render.show_json(answer) if arguments.json else print(page(answer["plan"]))
    return 0 if answer["plan"]["sound"] else 1


def _export(arguments: Namespace) -> int:
    render.show_json(client_of(arguments).get("/export"))
    return 0


def _import(arguments: Namespace) -> int:
    try:
        bundle = json.loads(read_file(arguments.file))
        body = {"format": bundle["format"], "definitions": bundle["definitions"], "message": arguments.message}
    except (ValueError, KeyError, TypeError):
        raise Usage(f"{arguments.file} is no export of definitions.", "Make one: wk export > FILE.") from None
    client = client_of(arguments)
    answer = client.post("/import", {**body, "dry_run": True})
    plan = answer["plan"]
    if arguments.dry_run or not plan["sound"] or not plan["files"]:
        render.show_json(answer) if arguments.json else print(page(plan))
        return 0 if plan["sound"] else 1
    if not arguments.yes:
        render.note(page(plan))
        if not sys.stdin.isatty() or arguments.file == "-":
            raise Usage(
                "The import asks first, and nobody can answer here.", "Look at --dry-run, then repeat with --yes."
            )
        if input("Put this in force? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was changed.")
            return 0
    return told(client.post("/import", body), arguments)
