"""The standard runbooks that come with watchkeeper: list them, take one into the ops repo."""

from __future__ import annotations

import os

from watchkeeper.core.errors import NotFound, Usage, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import closest
from watchkeeper.faces.cli.places import ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace


def folder() -> str:
    """Where they lie, inside the package."""
    import watchkeeper.library

    return os.path.join(os.path.dirname(os.path.abspath(watchkeeper.library.__file__)), "runbooks")


def names() -> list[str]:
    """All of them, sorted."""
    return sorted(name.removesuffix(".md") for name in os.listdir(folder()) if name.endswith(".md"))


def text_of(name: str) -> str:
    """The Markdown of one. Raises `NotFound` with the names there are."""
    known = names()
    wanted = name.removesuffix(".md")
    if wanted not in known:
        guess = closest(wanted, known)
        meant = f" Did you mean {guess}?" if guess else ""
        raise NotFound(f"There is no standard runbook {name}.{meant}", f"There are: {', '.join(known)}.")
    with open(os.path.join(folder(), f"{wanted}.md"), encoding="utf-8") as file:
        return file.read()


def show_list(arguments: Namespace) -> int:
    """Name, title, what it asks for."""
    from watchkeeper.core.runbooks import read_runbook

    books = [(name, read_runbook(text_of(name), f"library:{name}")) for name in names()]
    if arguments.json:
        rows = [
            {
                "name": name, "path": book.path, "title": book.title, "sha256": book.text_sha256, "steps": len(book.steps),
                "params": sorted({each.name for step in book.steps for each in step.parameters}),
                "needed": sorted({
                    each.name for step in book.steps for each in step.parameters if each.default is None
                }),
            }
            for name, book in books
        ]  # fmt: skip
        render.show_json({"runbooks": rows})
        return 0
    table = []
    for name, book in books:
        needed = {each.name: None for step in book.steps for each in step.parameters if each.default is None}
        table.append((name, ", ".join(needed) or "-", book.title))
    print(render.table(table, ("NAME", "ASKS FOR", "TITLE")))
    render.note("'wk runbook show library:NAME' shows one, 'wk runbook copy NAME' takes it into the ops repo.")
    return 0


def copy(arguments: Namespace) -> int:
    """Write one into the ops repo; never over something that is there."""
    ops, text = ops_of(arguments), text_of(arguments.name)
    path = arguments.to or f"runbooks/{arguments.name.removesuffix('.md')}.md"
    target = os.path.normpath(os.path.join(ops, path))
    inside = os.path.relpath(os.path.realpath(os.path.dirname(target)), os.path.realpath(ops))
    if not path.endswith(".md") or inside.split(os.sep)[0] != "runbooks":
        raise Usage(
            f"--to {path} is no Markdown file below runbooks/ of the ops repo.", "Example: --to runbooks/web.md"
        )
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise Usage(
            f"{path} is there already, and nothing is overwritten.", "Take another name: --to runbooks/OTHER.md"
        ) from None
    except OSError as error:
        raise WatchkeeperError(f"{path} cannot be written: {error.strerror}.", "Check the ops repo.") from None
    if arguments.json:
        render.show_json({"runbook": {"path": os.path.relpath(target, ops), "library": arguments.name}})
        return 0
    print(f"{path} is yours now. Read it, change what is different with you.")
    print(next_step(path, text))
    return 0


def next_step(path: str, text: str) -> str:
    """How a service answers with it, with the values it asks for."""
    from watchkeeper.core.runbooks import read_runbook

    steps = read_runbook(text, path).steps
    needed = list(dict.fromkeys(each.name for step in steps for each in step.parameters if each.default is None))
    params = f"\n    params: {{{', '.join(f'{name}: ...' for name in needed)}}}" if needed else ""
    given = "".join(f" --param {name}=..." for name in needed)
    return (
        f"Next: name it in services/NAME.yaml\n\nrespond:\n  - to: [CHECK]\n    runbook: {path}{params}\n\n"
        f"and look at what would run: wk run {path} --service NAME{given} --dry-run"
    )
