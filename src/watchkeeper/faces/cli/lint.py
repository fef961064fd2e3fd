"""`wk lint`: every mistake in every file at once, each with its place, what was expected, and an example."""

from __future__ import annotations

import os

from watchkeeper.core.errors import NotFound, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import ops_of, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Mapping
    from typing import Any

    from watchkeeper.core.inventory.values import Loaded, Mistake
    from watchkeeper.core.runbooks.lint import Proof
    from watchkeeper.services.lint import Linted

EXAMPLES = """\
  wk lint                      file:line:column, ready for an editor or a pre-commit hook
  wk lint --strict             warnings count as errors
  wk lint notes/queue.md       one document, in an ops repo or outside
  wk lint --repair-encoding notes/queue.md      garbled accents: shows the repair and asks
  wk lint --json | jq -r '.mistakes[] | select(.code == "dead-link") | .file'
exit code: 1 when there is an error (with --strict also for a warning); notes are always fine"""
LEVELS = ("error", "warning", "note")
DEFINITION = "definition"
"""The code of mistakes in YAML files."""
LARGEST_FILE = 4_000_000


def add_parser(commands: Any) -> None:
    """Parser of `wk lint`."""
    parser = verb(commands, "lint", "Every mistake and warning in the ops repo, with file, line and column.", EXAMPLES)
    parser.add_argument("files", nargs="*", metavar="FILE", help="only these Markdown documents; needs no ops repo")
    parser.add_argument("--quiet", action="store_true", help="only errors")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings, too")
    parser.add_argument("--repair-encoding", metavar="FILE", help="show and offer the repair of a damaged encoding")
    parser.add_argument("--yes", action="store_true", help="with --repair-encoding: do not ask")


def run(arguments: Namespace) -> int:
    """Print all mistakes; 1 when one is an error."""
    if arguments.repair_encoding:
        from watchkeeper.faces.cli.repairing import repair

        return repair(arguments.repair_encoding, arguments)
    mistakes, files, closing_words = in_files(arguments) if arguments.files else in_ops(arguments)
    errors = sum(one["level"] == "error" for one in mistakes)
    warnings = sum(one["level"] == "warning" for one in mistakes)
    if arguments.quiet:
        mistakes = [one for one in mistakes if one["level"] == "error"]
    mistakes.sort(key=lambda one: (one["file"], one["line"], one["column"]))
    if arguments.json:
        render.show_json({"mistakes": mistakes})
    else:
        for one in mistakes:
            print(text(one))
        render.note(counted(mistakes, files) or closing_words)
    return int(errors > 0 or (arguments.strict and warnings > 0))


def in_ops(arguments: Namespace) -> tuple[list[dict[str, Any]], int, str]:
    """Mistakes of the whole ops repo, how many files were read, and what was found sound."""
    from pathlib import Path

    from watchkeeper.bootstrap.lint import lint_ops
    from watchkeeper.bootstrap.once import load_ops

    ops = Path(ops_of(arguments))
    loaded, files = load_ops(ops)
    books = {path: data for path, data in files.items() if path.startswith("runbooks/") and path.endswith(".md")}
    linted = lint_ops(ops, books, loaded.inventory, proofs(state_of(arguments)))
    mistakes = [as_data(one) for one in loaded.mistakes] + [of_document(one) for one in linted]
    return mistakes, len(files), sound(loaded, len(files))


def in_files(arguments: Namespace) -> tuple[list[dict[str, Any]], int, str]:
    """The same of the documents that were named; those of the ops repo know its names."""
    from pathlib import Path

    from watchkeeper.bootstrap.lint import lint_files
    from watchkeeper.bootstrap.once import load_ops

    ops = ops_or_none(arguments)
    inside: dict[str, bytes] = {}
    outside: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for name in arguments.files:
        full = os.path.realpath(name)
        own = os.path.relpath(full, os.path.realpath(ops)) if ops else ".."
        place, path = (outside, full.lstrip("/")) if own.startswith("..") else (inside, own)
        place[path] = bytes_of(name)
        names[path] = name
    linted = lint_files(Path("/"), outside) if outside else []
    if inside and ops:
        found, _ = load_ops(Path(ops))
        linted += lint_files(Path(ops), inside, found.inventory, proofs(state_of(arguments)))
    mistakes = [of_document(one, names[one.path]) for one in linted]
    return mistakes, len(names), f"No mistake in {render.count(len(names), 'file')}."


def ops_or_none(arguments: Namespace) -> str | None:
    """The ops repo, when there is one; a wrong `--ops` is still said."""
    try:
        return ops_of(arguments)
    except WatchkeeperError:
        if arguments.ops:
            raise
        return None


def bytes_of(name: str) -> bytes:
    """The bytes of a document. Raises `NotFound` or `Invalid`."""
    from watchkeeper.core.errors import Invalid

    try:
        with open(name, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise NotFound(f"{name} cannot be read: {error.strerror}.", "Name a Markdown document.") from None
    if len(data) > LARGEST_FILE:
        raise Invalid(f"{name} is larger than {LARGEST_FILE // 1_000_000} MB, too large for a runbook.", "Split it.")
    return data


def proofs(state: str) -> Mapping[str, Proof]:
    """By response, when it was last proven, as a running watch knows it; nothing without one."""
    import time

    from watchkeeper.core.runbooks.lint import Proof
    from watchkeeper.faces.cli.client import dial

    client = dial(os.path.join(state, "main.sock"), timeout_s=10.0)
    if client is None:
        return {}
    try:
        rows = client.get("/proofs")["proofs"]
    except (WatchkeeperError, KeyError, OSError):
        return {}
    now = time.time()
    return {row["response"]: Proof(render.parse_time(row["proven_at"]), row["within_s"], now) for row in rows}


def as_data(mistake: Mistake) -> dict[str, Any]:
    """A mistake as JSON data with its sentence."""
    data = {
        name: getattr(mistake, name)
        for name in ("file", "line", "column", "level", "found", "expected", "example", "did_you_mean")
    }
    return {**data, "sentence": sentence(data), "code": DEFINITION}


def of_document(one: Linted, name: str = "") -> dict[str, Any]:
    """A finding in a document in the same shape."""
    said = one.finding.sentence
    return {
        "file": name or one.path, "line": max(one.finding.line, 1), "column": 1, "level": one.finding.level,
        "found": said, "expected": "", "example": "", "did_you_mean": "", "sentence": said, "code": one.finding.code,
    }  # fmt: skip


def sentence(data: Mapping[str, Any]) -> str:
    """``found X, expected Y. Example: ... Did you mean ...?``"""
    words = f"found {data['found']}, expected {data['expected']}".rstrip(".") + "."
    if data["example"]:
        words += f" Example: {data['example']}"
    if data["did_you_mean"]:
        words += ("." if data["example"] else "") + f" Did you mean '{data['did_you_mean']}'?"
    return words


def text(one: Mapping[str, Any]) -> str:
    """One line, in the form that editors jump to; the code in brackets at its end."""
    code = "" if one.get("code", DEFINITION) == DEFINITION else f" [{one['code']}]"
    return render.line(f"{one['file']}:{one['line']}:{one['column']}: {one['level']}: {one['sentence']}{code}")


def counted(mistakes: Iterable[Mapping[str, Any]], files: int) -> str:
    """How many of what; "" when there is nothing."""
    levels = [one["level"] for one in mistakes]
    told = ", ".join(render.count(levels.count(level), level) for level in LEVELS if level in levels)
    return f"{told} in {render.count(files, 'file')}." if told else ""


def sound(loaded: Loaded, files: int) -> str:
    """What was read, when no mistake is shown."""
    found = loaded.inventory
    if found is None:
        return f"No mistake is shown in {render.count(files, 'file')}."
    parts = (
        render.count(len(found.services), "service"),
        render.count(len(found.checks), "check"),
        render.count(len(found.runbooks), "runbook"),
    )
    return f"No mistake in {render.count(files, 'file')}: {', '.join(parts)}."
