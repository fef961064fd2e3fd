"""`wk log`: the operations log, append-only and hash-chained."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Invalid
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.log import adding, daily, importing, keeping, proving, questions
from watchkeeper.faces.cli.log.questions import page as page  # other verbs show an entry too
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
  wk log list "severity>=high" since:30d
  wk log show 12
  wk log add "Raised the worker count to 4" --reason "queue grew"
  wk log verify                      recomputes the whole chain
  wk log archive --dry-run           what is old enough to leave the store
  wk log export > OPERATIONS_LOG.md
  wk log import OPERATIONS_LOG.md --dry-run"""


ACTS = {
    "list": questions.show_list, "show": questions.show, "save": questions.save, "attachment": questions.attachment,
    "digest": questions.digest, "report": questions.report, "reindex": questions.reindex,
    "add": adding.add, "correct": adding.add, "reply": adding.add, "status": adding.change_status,
    "archive": keeping.archive, "hold": keeping.hold, "purge": keeping.purge,
    "daily": daily.daily, "issues": daily.issues,
    "import": importing.run, "anchors": proving.anchors, "import-chain": proving.import_chain,
}  # fmt: skip


def add_parser(commands: Any) -> None:
    """Parsers of `wk log ...`."""
    actions = group(commands, "log", "The operations log. Corrections are new entries; nothing is rewritten.", EXAMPLES)
    questions.add_parsers(actions)
    exported = verb(actions, "export", "The whole log as Markdown, on standard output.")
    exported.add_argument("--chain", action="store_true", help="every row with its hashes, for a proof or a move")
    verified = verb(actions, "verify", "Recompute the chain; exit code 1 when it was tampered with.")
    verified.add_argument(
        "--anchor", default="", metavar="'N HASH'", help="compare with this head too, as you were told it"
    )
    importing.add_parser(actions)
    keeping.add_parsers(actions)
    proving.add_parsers(actions)
    adding.add_parsers(actions)
    daily.add_parsers(actions)


def run(arguments: Namespace) -> int:
    """Do the action."""
    if arguments.action == "verify":
        return verify(arguments)
    client = client_of(arguments)
    if arguments.action in ACTS:
        return ACTS[arguments.action](client, arguments)
    if arguments.action == "export" and arguments.chain:
        return proving.export_chain(client, arguments)
    return export(client, arguments)


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
        found = client_of(arguments).get("/log/verify", anchor=arguments.anchor)["verification"]
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

    from watchkeeper.bootstrap.local import verify_log

    state = Path(state_of(arguments))
    if not (state / "main.db").exists():
        raise refusal
    found = asdict(verify_log(state))
    return found | {"ok": False, "sentence": f"{refusal.sentence} Read all the same: {found['sentence']}"}
