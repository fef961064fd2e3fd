"""`wk ping`: a job tells its heartbeat check that it started, ended or failed."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  backup.sh && wk ping shop/nightly-backup || wk ping shop/nightly-backup --fail
  wk ping shop/nightly-backup --start --note "dump of shop.db" """


def add_parser(commands: Any) -> None:
    """Parser of `wk ping`."""
    parser = verb(commands, "ping", "Tell a heartbeat check that its job ended well, failed, or started.", EXAMPLES)
    parser.add_argument("check", metavar="SERVICE/CHECK", help="the heartbeat check")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fail", action="store_true", help="the job failed")
    which.add_argument("--start", action="store_true", help="the job started")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept beside the ping")


def run(arguments: Namespace) -> int:
    """Send the ping. Quiet: it stands in scripts and crontabs."""
    status = "fail" if arguments.fail else "start" if arguments.start else "success"
    body = {"check": arguments.check, "status": status, "note": arguments.note}
    answer = client_of(arguments).post("/pings", body)
    if arguments.json:
        render.show_json(answer)
    return 0
