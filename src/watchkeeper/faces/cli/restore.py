"""`wk restore self`: put a backup of watchkeeper's own state in place, here or on another machine."""

from __future__ import annotations

from watchkeeper.core.errors import Locked
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.backup import as_json, state_given, words
from watchkeeper.faces.cli.parsers import group, verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path
    from typing import Any

EXAMPLES = """\
  wk --ops /srv/ops restore self /backup/watchkeeper            the newest there, into an empty state
  wk --state /var/lib/watchkeeper restore self DIR --replace    what is there is moved aside
Afterwards automation is off, and runs that were open ask before they change anything."""


def add_parser(commands: Any) -> None:
    """Parsers of `wk restore ...`."""
    actions = group(commands, "restore", "Put a backup back.", EXAMPLES)
    own = verb(actions, "self", "Put a backup of watchkeeper's own state in place. It must be stopped.", EXAMPLES)
    own.add_argument("place", metavar="FROM", help="a backup, or where they are (then the newest)")
    own.add_argument("--replace", action="store_true", help="also into a state that holds something: it is moved aside")


def run(arguments: Namespace) -> int:
    """Check, put in place, check again."""
    import time
    from pathlib import Path

    from watchkeeper.store.restoring import restore

    state = Path(state_given(arguments))
    hold(state)
    done = restore(Path(arguments.place), state, now=time.time(), replace_old=arguments.replace)
    if arguments.json:
        told = {"backup": as_json(done.backup), "state": done.state, "entries": done.entries, "aside": done.aside}
        render.show_json({"restores": [told | {"asks": list(done.asks)}]})
        return 0
    print(f"Restored {done.backup.path} into {done.state}: {words(done.backup)}.")
    print(f"The log holds, {render.count(done.entries, 'entry', 'entries')}; the last one is this restore.")
    if done.aside:
        print(f"What was there before is in {done.aside}. Delete it when you no longer need it.")
    for each in done.asks:
        print(f"  {render.line(each)}")
    print("Automation is off. Make sure that the old watchkeeper no longer runs, start this one, look at")
    print("'wk status', 'wk runs' and 'wk grant list', then: wk automation on")
    return 0


def hold(state: Path) -> None:
    """Take all locks of the state for the life of this process. Raises `Locked` while watchkeeper runs on it."""
    from watchkeeper.bootstrap.state import LOCKS, lock_state

    for name in LOCKS:
        try:
            lock_state(state, name)
        except Locked as error:
            raise Locked(
                f"{error.sentence} Nothing was changed.", "Stop it first: systemctl stop watchkeeper"
            ) from None
