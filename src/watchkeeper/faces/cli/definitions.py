"""`wk definitions`: the files that say what the team runs, read and written, also from afar."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.client import quoted
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk definitions
  wk definitions show services/shop.yaml > shop.yaml
  wk definitions write services/shop.yaml shop.yaml --message "Ask the shop every 10 s"
  wk definitions remove runbooks/old.md"""
MARKS = {"added": "+", "changed": "~", "removed": "-"}


def add_parser(commands: Any) -> None:
    """Parsers of `wk definitions ...`."""
    actions = group(commands, "definitions", "The YAML and Markdown files of the ops repo, read and written.", EXAMPLES)
    verb(actions, "list", "Every definition with its kind and size.")
    verb(actions, "show", "One file, byte by byte.").add_argument("path", metavar="PATH")
    written = verb(
        actions, "write", "Write a file and commit it as yourself; refused with every mistake it would bring."
    )
    written.add_argument("path", metavar="PATH")
    written.add_argument("file", metavar="FILE", help="where the new text is; - reads standard input")
    written.add_argument("--digest", help="of the file as you read it: refused when it was changed meanwhile")
    removed = verb(actions, "remove", "Remove a file and commit that.")
    removed.add_argument("path", metavar="PATH")
    for each in (written, removed):
        each.add_argument("--message", default="", metavar="TEXT", help="for git and the log")


def run(arguments: Namespace) -> int:
    """Do the action."""
    client = client_of(arguments)
    if arguments.action == "show":
        answer = client.get(f"/definitions/{quoted(arguments.path)}")
        if arguments.json:
            render.show_json(answer)
        else:
            sys.stdout.buffer.write(_bytes(answer["definition"]))
        return 0
    if arguments.action == "write":
        body = {**packed(read_file(arguments.file)), "message": arguments.message}
        if arguments.digest is not None:
            body["digest"] = arguments.digest
        return told(client.put(f"/definitions/{quoted(arguments.path)}", body), arguments)
    if arguments.action == "remove":
        path = f"/definitions/{quoted(arguments.path)}"
        return told(client.delete(path, message=arguments.message), arguments)
    answer = client.get("/definitions")["definitions"]
    if arguments.json:
        render.show_json({"definitions": answer})
    else:
        rows = [(each["path"], each["kind"], f"{each['bytes']:,} bytes") for each in answer]
        print(
            render.table(rows, ("PATH", "KIND", "SIZE")) if rows else "No definition yet: wk init makes the first ones."
        )
    return 0


def told(answer: dict[str, Any], arguments: Namespace) -> int:
    """What was written."""
    if arguments.json:
        render.show_json(answer)
        return 0
    plan = answer["plan"]
    print(page(plan))
    if plan["files"]:
        where = f"not committed: {answer['left']}" if answer["left"] else "committed, where the ops repo is in git"
        print(f"Written, {where}; entry {answer['entry']} of the log. In force: revision {plan['after'][:12]}.")
    return 0


def page(plan: dict[str, Any]) -> str:
    """A plan for a terminal."""
    lines = [f"{MARKS[each['how']]} {render.line(each['path'])}" for each in plan["files"]]
    lines += [
        f"  {MARKS[each['how']]} {each['noun']} {render.line(each['name'])}"
        + (f": {render.line(', '.join(each['what']))}" if each["what"] else "")
        for each in plan["differences"]
    ]
    faults = [each for each in plan["mistakes"] if each["level"] == "error"]
    lines += [f"! {render.line(each['sentence'])}" for each in plan["mistakes"]]
    if faults:
        lines.append(f"{len(faults)} {'mistake' if len(faults) == 1 else 'mistakes'}: it could not be put in force.")
    elif not plan["differences"]:
        lines.append("Nothing in force would change.")
    return "\n".join(lines)


def read_file(file: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``."""
    try:
        if file == "-":
            return sys.stdin.buffer.read()
        with open(file, "rb") as handle:
            return handle.read()
    except OSError as error:
        raise Usage(f"{file} cannot be read: {error.strerror}.", "Name a file that is there.") from None


def packed(data: bytes) -> dict[str, str]:
    """A file as the API takes it."""
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        import base64

        return {"base64": base64.b64encode(data).decode("ascii")}


def _bytes(definition: dict[str, Any]) -> bytes:
    if "base64" in definition:
        import base64

        return base64.b64decode(definition["base64"])
    return str(definition["text"]).encode("utf-8")
