"""`wk lint`: every mistake in every file at once, each with its place, what was expected, and an example."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping
    from typing import Any

    from watchkeeper.core.inventory.values import Loaded, Mistake

EXAMPLES = """\
  wk lint                      file:line:column, ready for an editor or a pre-commit hook
  wk lint --json | jq -r '.mistakes[] | select(.level == "error") | .file'
exit code: 1 when there is an error; warnings alone are fine"""
LEVELS = ("error", "warning", "note")


def add_parser(commands: Any) -> None:
    """Parser of `wk lint`."""
    parser = verb(commands, "lint", "Every mistake and warning in the ops repo, with file, line and column.", EXAMPLES)
    parser.add_argument("--quiet", action="store_true", help="only errors")


def run(arguments: Namespace) -> int:
    """Print all mistakes; 1 when one is an error."""
    from pathlib import Path

    from watchkeeper.bootstrap.once import load_ops

    loaded, files = load_ops(Path(ops_of(arguments)))
    mistakes = [as_data(one) for one in loaded.mistakes] + list(in_runbooks(files))
    errors = sum(one["level"] == "error" for one in mistakes)
    if arguments.quiet:
        mistakes = [one for one in mistakes if one["level"] == "error"]
    mistakes.sort(key=lambda one: (one["file"], one["line"], one["column"]))
    if arguments.json:
        render.show_json({"mistakes": mistakes})
    else:
        for one in mistakes:
            print(text(one))
        render.note(closing(loaded, len(files), mistakes))
    return int(errors > 0)


def as_data(mistake: Mistake) -> dict[str, Any]:
    """A mistake as JSON data with its sentence."""
    data = {
        name: getattr(mistake, name)
        for name in ("file", "line", "column", "level", "found", "expected", "example", "did_you_mean")
    }
    return {**data, "sentence": sentence(data)}


def sentence(data: Mapping[str, Any]) -> str:
    """``found X, expected Y. Example: ... Did you mean ...?``"""
    words = f"found {data['found']}, expected {data['expected']}".rstrip(".") + "."
    if data["example"]:
        words += f" Example: {data['example']}"
    if data["did_you_mean"]:
        words += ("." if data["example"] else "") + f" Did you mean '{data['did_you_mean']}'?"
    return words


def in_runbooks(files: Mapping[str, bytes]) -> Iterator[dict[str, Any]]:
    """What the authors of runbooks should know; never an error, because a runbook is a document first."""
    from watchkeeper.core.runbooks import lint, read_runbook

    for path, data in sorted(files.items()):
        if not (path.startswith("runbooks/") and path.endswith(".md")):
            continue
        for finding in lint(read_runbook(data.decode("utf-8", "replace"), path)):
            level = "note" if finding.level == "note" else "warning"
            yield {
                "file": path, "line": max(finding.line, 1), "column": 1, "level": level, "found": finding.sentence,
                "expected": "", "example": "", "did_you_mean": "", "sentence": finding.sentence,
            }  # fmt: skip


def text(one: Mapping[str, Any]) -> str:
    """One line, in the form that editors jump to."""
    return render.line(f"{one['file']}:{one['line']}:{one['column']}: {one['level']}: {one['sentence']}")


def closing(loaded: Loaded, files: int, mistakes: list[dict[str, Any]]) -> str:
    """The last sentence: how many of what, or what was found sound."""
    counts = [(level, sum(one["level"] == level for one in mistakes)) for level in LEVELS]
    told = ", ".join(render.count(number, level) for level, number in counts if number)
    if told:
        return f"{told} in {render.count(files, 'file')}."
    found = loaded.inventory
    if found is None:
        return f"No mistake is shown in {render.count(files, 'file')}."
    parts = (
        render.count(len(found.services), "service"),
        render.count(len(found.checks), "check"),
        render.count(len(found.runbooks), "runbook"),
    )
    return f"No mistake in {render.count(files, 'file')}: {', '.join(parts)}."
