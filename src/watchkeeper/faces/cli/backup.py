"""`wk backup`: copies of watchkeeper's own state, made while it runs, checked before they count.

Works on the files, not through the API: a backup must be possible while main is stuck or will not start.
"""

from __future__ import annotations

import os

from watchkeeper.core.errors import Invalid, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import ops_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.backups import Backup
    from watchkeeper.core.inventory.values import BackupPlan

EXAMPLES = """\
  wk backup self                          to the place in watchkeeper.yaml, while it runs
  wk backup self --to /backup/watchkeeper --keep 14
  wk backup list
  wk backup verify /backup/watchkeeper    the newest there: digests, databases, the log's chain"""
KEEP = 14


def add_parser(commands: Any) -> None:
    """Parsers of `wk backup ...`."""
    actions = group(
        commands, "backup", "Copies of watchkeeper's own state: incidents, runs, log, outputs, history.", EXAMPLES
    )
    made = verb(actions, "self", "Make one now, check it, and remove the surplus ones of this installation.")
    made.add_argument(
        "--to", default="", metavar="DIR", help="below which it is made (default: backup.to in watchkeeper.yaml)"
    )
    made.add_argument("--keep", type=int, default=None, metavar="N", help="how many stay (default: of the file, or 14)")
    listed = verb(actions, "list", "Backups, newest first.")
    listed.add_argument(
        "--to", default="", metavar="DIR", help="where to look (default: backup.to in watchkeeper.yaml)"
    )
    checked = verb(actions, "verify", "Check one: exit code 1 when anything in it does not hold.")
    checked.add_argument(
        "place", nargs="?", default="", metavar="DIR", help="a backup, or where they are (then the newest)"
    )


def run(arguments: Namespace) -> int:
    """Do the action."""
    return {"self": make, "list": show_list, "verify": verify}[arguments.action](arguments)


def make(arguments: Namespace) -> int:
    """One backup of the state directory."""
    import time
    from pathlib import Path

    from watchkeeper.store import backups

    plan = None if arguments.to and arguments.keep else planned(arguments)
    to, keep = place(arguments.to, plan), arguments.keep or (plan.keep if plan else KEEP)
    if not 1 <= keep <= 1000:
        raise Usage(f"--keep {keep} is not between 1 and 1000.")
    found = backups.make(Path(state_given(arguments)), Path(to), now=time.time(), keep=keep)
    if arguments.json:
        render.show_json({"backups": [as_json(found)]})
    else:
        print(f"{found.path}  {words(found)}")
        print("Every copy was opened and checked, and the log's chain holds.")
    return 0


def show_list(arguments: Namespace) -> int:
    """What there is."""
    from pathlib import Path

    from watchkeeper.core.times import utc_text
    from watchkeeper.store import backups

    to = place(arguments.to, None if arguments.to else planned(arguments))
    found = backups.find(Path(to))
    if arguments.json:
        render.show_json({"backups": [as_json(each) for each in found]})
        return 0
    rows = [(render.clock(utc_text(each.manifest.made_at)), words(each), each.path) for each in found]
    print(render.table(rows) if rows else f"There is no backup in {to}. Make one: wk backup self --to {to}")
    return 0


def verify(arguments: Namespace) -> int:
    """Check one backup from its files alone."""
    from pathlib import Path

    from watchkeeper.store import backups

    where = place(arguments.place, None if arguments.place else planned(arguments))
    found = backups.chosen(Path(where))
    try:
        backups.verify(Path(found.path))
    except Invalid as error:  # found a problem: not a wrong use of the command, so exit code 1
        render.note(f"wk: {error.sentence}")
        render.note(f"    {error.hint}")
        return 1
    if arguments.json:
        render.show_json({"backups": [as_json(found)]})
    else:
        print(f"{found.path} holds: {words(found)}. Head of the log: {found.manifest.head}")
    return 0


def planned(arguments: Namespace) -> BackupPlan | None:
    """What watchkeeper.yaml says about backups; None when there is no ops repo at hand, or it says nothing."""
    from pathlib import Path

    from watchkeeper.bootstrap.once import load_ops
    from watchkeeper.core.errors import NotFound

    try:
        loaded, _ = load_ops(Path(ops_of(arguments)))
    except NotFound:
        return None
    return loaded.inventory.team.backup if loaded.inventory is not None else None


def place(given: str, plan: BackupPlan | None) -> str:
    """The directory that is meant, absolute. Raises `Usage` when nothing names one."""
    if given:
        return os.path.abspath(given)
    if plan is None:
        raise Usage(
            "No place for backups is named: neither --to DIR, nor backup: {to: DIR} in watchkeeper.yaml.",
            "A place on another disk or machine is best: wk backup self --to /backup/watchkeeper",
        )
    return plan.to


def state_given(arguments: Namespace) -> str:
    """The state directory; a named one needs no ops repo."""
    named = arguments.state or os.environ.get("WATCHKEEPER_STATE", "")
    return os.path.abspath(named) if named else state_of(arguments)


def words(backup: Backup) -> str:
    """What is in it, in a few words."""
    manifest = backup.manifest
    return (
        f"{manifest.size / 1e6:.1f} MB, {render.count(manifest.entries, 'log entry', 'log entries')}, "
        f"{render.count(manifest.open_incidents, 'open incident')}, {render.count(manifest.open_runs, 'open run')}"
    )


def as_json(backup: Backup) -> dict[str, Any]:
    """A backup as JSON, its time as text."""
    from dataclasses import asdict

    from watchkeeper.core.times import utc_text

    manifest = asdict(backup.manifest)
    files = {name: {"bytes": size, "sha256": digest} for name, (size, digest) in backup.manifest.files.items()}
    return {"path": backup.path, **manifest, "files": files, "made_at": utc_text(backup.manifest.made_at)}
