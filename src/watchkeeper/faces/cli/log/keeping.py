"""`wk log archive`, `hold` and `purge`: how long entries are kept, and how a text leaves."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

HOLD_EXAMPLES = """\
  wk log hold add "case 12" --entries 1-40,43 --why "letter of the court"
  wk log hold add "payments 2026" --query "service:shop since:2026-01-01"
  wk log hold list
  wk log hold release 57 --why "case closed" """


def add_parsers(actions: Any) -> None:
    """The verbs of this file."""
    moved = verb(actions, "archive", "Move entries whose time is over into docs/archive of the ops repo.")
    moved.add_argument("--dry-run", action="store_true", help="only show what would move")
    held = verb(actions, "hold", "Legal holds: entries that are neither archived nor purged.", HOLD_EXAMPLES)
    whats = held.add_subparsers(dest="what", metavar="WHAT", title="what", prog=held.prog)
    added = verb(whats, "add", "Hold entries from now on.")
    added.add_argument("name", metavar="NAME", help="the case")
    added.add_argument("--entries", default="", metavar="LIST", help="numbers, as 1-40,43")
    added.add_argument("--query", default="", metavar="QUESTION", help="all that it finds, now and later")
    added.add_argument("--why", default="", metavar="TEXT", help="the reason")
    verb(whats, "list", "Holds, also those that ended.")
    ended = verb(whats, "release", "End a hold.")
    ended.add_argument("hold", type=int, metavar="N", help="its number, as 'list' shows it")
    ended.add_argument("--why", default="", metavar="TEXT", help="the reason")
    purged = verb(actions, "purge", "Take the text of one entry away for ever: a leaked secret. An entry says so.")
    purged.add_argument("entry", type=int, metavar="N")
    purged.add_argument("--why", required=True, metavar="TEXT", help="the reason, without the secret")
    purged.add_argument("--yes", action="store_true", help="do not ask")


def archive(client: Client, arguments: Namespace) -> int:
    """Show or move what is due."""
    answer = client.post("/log/archive", {"dry_run": arguments.dry_run})
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (render.line(one["place"]), one["count"], one["since"][:10], one["until"][:10], counts(one["severities"]))
        for one in answer["archives"]
    ]
    total = sum(one["count"] for one in answer["archives"])
    if rows:
        print(render.table(rows, ("FILE", "ENTRIES", "FROM", "TO", "SEVERITIES")))
    word = "would move" if arguments.dry_run else "moved"
    print(f"{total} {'entry' if total == 1 else 'entries'} {word}. Kept in the store: {answer['policy']}.")
    return 0


def counts(severities: dict[str, int]) -> str:
    """``12 Low, 3 Medium``."""
    return ", ".join(f"{count} {render.line(name)}" for name, count in sorted(severities.items()))


def hold(client: Client, arguments: Namespace) -> int:
    """List, add or release."""
    if arguments.what == "add":
        body = {name: getattr(arguments, name) for name in ("name", "query", "entries", "why")}
        answer = client.post("/log/holds", body)
        said = f"Hold {answer['hold']['hold']} is set: {render.line(arguments.name)}."
        render.show_json(answer) if arguments.json else print(said)
        return 0
    if arguments.what == "release":
        answer = client.post(f"/log/holds/{arguments.hold}/release", {"why": arguments.why})
        render.show_json(answer) if arguments.json else print(f"Hold {arguments.hold} is over.")
        return 0
    answer = client.get("/log/holds")
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (one["hold"], render.clock(one["at"]), one["by"], render.line(one["name"]),
         render.line("; ".join(part for part in (one["entries"], one["query"]) if part)),
         f"ended with entry {one['released_by']}" if one["released_by"] else "holds")
        for one in answer["holds"]
    ]  # fmt: skip
    print(render.table(rows, ("HOLD", "SINCE", "BY", "NAME", "WHAT", "STATE")) if rows else "Nothing is held.")
    return 0


def absent(entry: dict[str, Any]) -> list[str]:
    """Why the text of an entry is not in the store; empty when it is."""
    gone = entry.get("absence")
    if not gone:
        return []
    where = f" in {gone['place']}" if gone["place"] else ""
    said = f"Its text was {gone['reason']}{where} at {render.clock(gone['at'])} by {gone['by']}: entry {gone['entry']}."
    return [render.line(said)]


def purge(client: Client, arguments: Namespace) -> int:
    """Show what goes, ask, do it, and say where else the text may be."""
    plan = client.get(f"/log/{arguments.entry}/purge")["purge"]
    entry = plan["entry"]
    if not arguments.json:
        print(f"Entry {entry['number']} of {render.clock(entry['at'])}: {render.line(entry['title'])}")
        print("Its text goes for ever" + (f", also from {entry['archived']}" if entry["archived"] else "") + ".")
        print("An entry will name it, with your reason and its digest. Its row in the chain stays.")
    if not render.confirm(f"Purge it? Type {entry['number']}:", arguments.yes, str(entry["number"])):
        print("Nothing was changed.")
        return 0
    answer = client.post(f"/log/{arguments.entry}/purge", {"why": arguments.why})
    if arguments.json:
        render.show_json(answer)
        return 0
    done = answer["purge"]
    print(f"Its text is gone; entry {done['entry']['named_by']} says so. Not reached from here:")
    print("\n".join(f"- {render.line(each)}" for each in done["elsewhere"]))
    return 0
