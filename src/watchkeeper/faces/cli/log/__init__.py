"""`wk log`: the operations log, append-only and hash-chained."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Invalid, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk log                             the newest entries
  wk log show 12
  wk log add "Raised the worker count to 4" --section "Reason=queue grew"
  wk log verify                      recomputes the whole chain
  wk log export > OPERATIONS_LOG.md"""


def add_parser(commands: Any) -> None:
    """Parsers of `wk log ...`."""
    actions = group(commands, "log", "The operations log. Corrections are new entries; nothing is rewritten.", EXAMPLES)
    listed = verb(actions, "list", "Entries, newest first.")
    listed.add_argument("--limit", type=int, default=30, help="at most this many (default: 30)")
    listed.add_argument("--before", type=int, help="only numbers below this one")
    listed.add_argument("--text", default="", help="only entries that hold this text")
    verb(actions, "show", "One entry with its sections and its place in the chain.").add_argument(
        "entry", type=int, metavar="N"
    )
    verb(actions, "export", "The whole log as Markdown, on standard output.")
    verb(actions, "verify", "Recompute the chain; exit code 1 when it was tampered with.")
    added = verb(actions, "add", "Write an entry; its text comes from --section or, with --stdin, from standard input.")
    added.add_argument("title", metavar="TITLE")
    added.add_argument("--type", default="Maintenance", help="a word of yours (default: Maintenance)")
    added.add_argument("--severity", default="Low", help="Low, Medium, High, Critical (default: Low)")
    added.add_argument("--section", action="append", default=[], metavar="HEADING=TEXT", help="may be repeated")
    added.add_argument("--stdin", action="store_true", help="read its text (Markdown) from standard input")
    added.add_argument("--corrects", type=int, metavar="N", help="which entry this one corrects")


def run(arguments: Namespace) -> int:
    """Do the action."""
    if arguments.action == "verify":
        return verify(arguments)
    client = client_of(arguments)
    return {"list": show_list, "show": show, "export": export, "add": add}[arguments.action](client, arguments)


def show_list(client: Client, arguments: Namespace) -> int:
    """One line per entry."""
    answer = client.get("/log", limit=arguments.limit, before=arguments.before, text=arguments.text)
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (one["number"], render.clock(one["at"]), one["type"], one["actor"], one["title"]) for one in answer["entries"]
    ]
    empty = f"No entry holds '{render.line(arguments.text)}'." if arguments.text else "No entry yet."
    print(render.table(rows, ("N", "AT", "TYPE", "BY", "WHAT")) if rows else empty)
    return 0


def show(client: Client, arguments: Namespace) -> int:
    """One entry."""
    answer = client.get(f"/log/{arguments.entry}")
    render.show_json(answer) if arguments.json else print(page(answer["entry"]))
    return 0


def page(entry: dict[str, Any]) -> str:
    """Title, facts, sections, chain."""
    lines = [
        f"{entry['number']}  {render.line(entry['title'])}",
        render.line(
            f"{render.clock(entry['at'])}, {entry['type']}, by {entry['actor']}, "
            f"severity {entry['severity']}, {entry['status']}"
        ),
    ]
    if entry.get("corrects"):
        lines.append(f"Corrects entry {entry['corrects']}.")
    for section in entry.get("sections") or []:
        lines += ["", render.line(section["heading"]), render.block(section["text"], "  ")]
    facts = entry.get("facts") or {}
    if facts:
        lines += ["", render.table([(name, value) for name, value in sorted(facts.items())], indent=2)]
    if entry.get("altered"):
        lines += ["", "This entry was altered after it was written: its text does not fit its digest. wk log verify"]
    lines += ["", f"chain {entry['hash'][:16]}  before it {entry['previous'][:16]}  body {entry['digest'][:16]}"]
    return "\n".join(lines)


def export(client: Client, arguments: Namespace) -> int:
    """The log as Markdown; as JSON the entries themselves."""
    if not arguments.json:
        sys.stdout.write(client.text("/log/export"))
        return 0
    entries: list[dict[str, Any]] = []
    while True:
        before = entries[-1]["number"] if entries else None
        found = client.get("/log", limit=200, before=before)["entries"]
        if not found:
            break
        entries += found
    render.show_json({"entries": entries[::-1]})
    return 0


def verify(arguments: Namespace) -> int:
    """Recompute the chain; 1 when it does not hold. Also of a store that watchkeeper refuses to open."""
    try:
        found = client_of(arguments).get("/log/verify")["verification"]
    except Invalid as error:
        found = verified_closed(arguments, error)
    if arguments.json:
        render.show_json({"verification": found})
    else:
        head = found.get("head") or ""
        print(render.line(found["sentence"] + (f" Head: {head}" if head and head not in found["sentence"] else "")))
    return 0 if found["ok"] else 1


def verified_closed(arguments: Namespace, refusal: Invalid) -> dict[str, Any]:
    """The verification of a log whose store does not open, with the reason why; re-raises when it cannot be read."""
    from dataclasses import asdict
    from pathlib import Path

    from watchkeeper.bootstrap.main import verify_log

    state = Path(state_of(arguments))
    if not (state / "main.db").exists():
        raise refusal
    found = asdict(verify_log(state))
    return found | {"ok": False, "sentence": f"{refusal.sentence} Read all the same: {found['sentence']}"}


def add(client: Client, arguments: Namespace) -> int:
    """Append an entry that a person wrote."""
    sections = [written(word) for word in arguments.section]
    if arguments.stdin:
        sections.insert(0, sys.stdin.read(1_000_000).strip())
    body: dict[str, object] = {
        "title": arguments.title,
        "type": arguments.type,
        "severity": arguments.severity,
        "body": "\n\n".join(sections),
    }
    if arguments.corrects is not None:
        body["corrects"] = arguments.corrects
    answer = client.post("/log", body)
    render.show_json(answer) if arguments.json else print(f"Entry {answer['entry']['number']} is written.")
    return 0


def written(word: str) -> str:
    """``Reason=queue grew`` as Markdown with a bold label. Raises `Usage`."""
    heading, separator, text = word.partition("=")
    if not separator or not heading.strip():
        raise Usage(f"--section {word} is not HEADING=TEXT.", 'Example: --section "Reason=queue grew"')
    return f"**{heading.strip()}**: {text.strip()}"
