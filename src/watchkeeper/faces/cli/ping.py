"""`wk ping`: a job tells its heartbeat check that it started, ended or failed; or is run, and told of by itself."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk ping shop/nightly-backup -- /srv/shop/backup.sh --all   run it: start, exit code, last lines are told
  backup.sh; wk ping shop/nightly-backup --exit $?
  wk ping shop/nightly-backup --start --rid 42 --note "dump of shop.db"
  wk ping url shop/nightly-backup                            where the job reports over HTTP
  wk ping show shop/nightly-backup                           its last pings; wk ping list: all jobs
  wk ping rotate shop/nightly-backup                         a new URL; the old one is refused"""
ACTIONS = ("url", "show", "list", "rotate")


def add_parser(commands: Any) -> None:
    """Parser of `wk ping`."""
    summary = "Tell a heartbeat check that its job started, ended or failed, or run the job and tell all of it."
    parser = verb(commands, "ping", summary, EXAMPLES)
    parser.add_argument(
        "what", metavar="SERVICE/CHECK", help="the heartbeat check; or url, show, rotate CHECK, or list"
    )
    parser.add_argument("check", nargs="?", default="", metavar="-- COMMAND", help="after --: the job to run")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fail", action="store_true", help="the job failed")
    which.add_argument("--start", action="store_true", help="the job started")
    which.add_argument("--log", action="store_true", help="it only tells; no start and no end")
    which.add_argument("--exit", type=int, default=None, metavar="N", help="it ended with this exit code, 0 to 255")
    parser.add_argument("--rid", default="", metavar="ID", help="run id, for runs that overlap")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept beside the ping")
    parser.add_argument("--body", default="", metavar="FILE", help="what the job printed; - for standard input")
    _leave_command_alone(parser)


def _leave_command_alone(parser: Any) -> None:
    """What follows -- is the job's: argparse would read its flags as ours, and not find it behind our flags."""
    parse = parser.parse_known_args

    def parse_before(words: Any = None, namespace: Any = None) -> Any:
        words = list(words or [])
        at = words.index("--") if "--" in words else len(words)
        parsed, unknown = parse(words[:at], namespace)
        parsed.command = words[at + 1 :] if at < len(words) else None
        return parsed, unknown

    parser.parse_known_args = parse_before


def run(arguments: Namespace) -> int:
    """Send the ping. Quiet: it stands in scripts and crontabs."""
    if arguments.what in ACTIONS:
        return _look(arguments)
    if arguments.check:
        raise Usage(f"'{arguments.check}' is not understood here.", "A job to run stands after --.")
    if arguments.command is not None:
        from watchkeeper.faces.cli.wrapping import wrap

        if not arguments.command:
            raise Usage("Nothing stands after --.", "wk ping SERVICE/CHECK -- COMMAND")
        if arguments.fail or arguments.start or arguments.log or arguments.exit is not None or arguments.body:
            raise Usage("A job that is run here tells start and end by itself.", "Leave out the flags before --.")
        return wrap(
            arguments.what, arguments.command, arguments.rid, arguments.note, lambda body: send(arguments, body)
        )
    status = "fail" if arguments.fail else "start" if arguments.start else "log" if arguments.log else "success"
    body: dict[str, object] = {"check": arguments.what, "status": status, "note": arguments.note}
    if arguments.rid:
        body["rid"] = arguments.rid
    if arguments.exit is not None:
        body["exit_code"] = arguments.exit
    if arguments.body:
        body["body"] = _text_of(arguments.body)
    answer = send(arguments, body)
    if arguments.json:
        render.show_json(answer)
    return 0


def send(arguments: Namespace, body: dict[str, object]) -> dict[str, Any]:
    """To main; while it is away, straight to the watch. Raises what the last of them said."""
    try:
        return client_of(arguments).post("/pings", body)
    except NoAnswer as refusal:
        from pathlib import Path
        from time import time

        state = arguments.state or os.environ.get("WATCHKEEPER_STATE", "") or state_of(arguments)
        if not os.path.exists(os.path.join(state, "watch.sock")):
            raise
        from watchkeeper.bootstrap.pinging import ping_watch

        try:
            ping_watch(Path(state), time(), dict(body))
        except NoAnswer:
            raise refusal from None
        return {"ping": {"check": body["check"], "status": body.get("status", ""), "at": None}}


def _text_of(name: str) -> str:
    """The end of a file, or of standard input."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else _end_of(name)
    except OSError as error:
        raise Usage(f"{name} cannot be read: {error.strerror}.") from None
    return data[-100_000:].decode("utf-8", "replace")


def _end_of(name: str) -> bytes:
    with open(name, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 100_000))
        return file.read()


def _look(arguments: Namespace) -> int:
    """url, show, list, rotate."""
    action, check = arguments.what, arguments.check
    if bool(check) != (action != "list") or arguments.command is not None:
        raise Usage(f"wk ping {action} takes {'no more words' if action == 'list' else 'one SERVICE/CHECK'}.")
    from watchkeeper.faces.cli.client import quoted

    client = client_of(arguments)
    if action in ("url", "rotate"):
        get = client.post if action == "rotate" else client.get
        answer = get(f"/heartbeats/{action}/{quoted(check)}")
        render.show_json(answer) if arguments.json else print(answer["url"])
        return 0
    answer = client.get("/heartbeats" if action == "list" else f"/heartbeats/show/{quoted(check)}")
    if arguments.json:
        render.show_json(answer)
        return 0
    from watchkeeper.faces.cli.heartbeats import job, jobs

    print(jobs(answer["heartbeats"]) if action == "list" else job(answer["heartbeat"]))
    return 0
