"""`wk lint --repair-encoding FILE`: what would become of garbled text, and only after a yes the file itself."""

from __future__ import annotations

import os

from watchkeeper.core.errors import Forbidden, Invalid, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.lint import bytes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from watchkeeper.core.runbooks.mojibake import Mojibake


def repair(name: str, arguments: Namespace) -> int:
    """Show examples, ask, write. Nothing is written without a yes, nor when the file changed meanwhile."""
    from watchkeeper.core.runbooks.mojibake import detect

    data = bytes_of(name)
    found = detect(data)
    if found is None:
        if arguments.json:
            render.show_json({"repair": {"file": name, "places": 0, "written": False, "examples": []}})
        else:
            print(f"{render.line(name)} shows no damaged encoding; nothing is changed.")
        return 0
    render.note(shown(name, found))
    if not render.confirm(f"Write the repaired text to {name}? [y/N]", arguments.yes):
        raise Forbidden("Nothing was written: you did not say yes.")
    if bytes_of(name) != data:
        raise Invalid(f"{name} was changed meanwhile, so nothing was written.", "Try again.")
    replace(name, found.repaired)
    if arguments.json:
        examples = [{"line": one.line, "found": one.found, "meant": one.meant} for one in found.examples]
        answer = {"file": name, "places": found.places, "written": True, "encoding": found.name, "examples": examples}
        render.show_json({"repair": answer})
    else:
        print(f"{render.line(name)} is repaired in {render.count(found.places, 'place')}. Look at it: git diff {name}")
    return 0


def shown(name: str, found: Mojibake) -> str:
    """How many places, and examples as they stand and as they were meant."""
    rows = [(f"{name}:{one.line}", one.found, "->", one.meant) for one in found.examples]
    left = found.places - len(rows)
    more = f"\n  and {left} more" if left > 0 else ""
    places = "1 place holds" if found.places == 1 else f"{found.places} places hold"
    return f"{places} UTF-8 text that was read as {found.name} and saved so:\n{render.table(rows, indent=2)}{more}"


def replace(name: str, data: bytes) -> None:
    """Write beside the file and take its place; its mode stays. Raises `WatchkeeperError`."""
    target = os.path.realpath(name)
    beside = f"{target}.{os.getpid()}.new"
    try:
        mode = os.stat(target).st_mode & 0o7777
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        os.replace(beside, target)
    except OSError as error:
        if os.path.exists(beside):
            os.unlink(beside)
        raise WatchkeeperError(
            f"{name} cannot be written: {error.strerror}. It is as it was.", "Check its permissions."
        ) from None
