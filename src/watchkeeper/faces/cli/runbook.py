"""`wk runbook`: what there is, and how one Markdown document is understood."""

from __future__ import annotations

import os

from watchkeeper.core.errors import Invalid, NotFound, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import group, verb
from watchkeeper.faces.cli.places import client_of, ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.runbooks.values import CheckTable, Procedure, Runbook, Step

DEFAULT_ACTION = "list"
EXAMPLES = """\
  wk runbook                              those of the ops repo
  wk runbook list --library               the standard ones that come with watchkeeper
  wk runbook copy restart-service         into runbooks/ of the ops repo, to make it your own
  wk runbook show notes/queue-stuck.md    steps, phases, risks; needs no ops repo
  wk runbook show queue-stuck.md --json | jq .runbook.procedures"""
LARGEST_FILE = 4_000_000
LIBRARY = "library:"
"""Names a standard runbook where a file is asked for."""


def add_parser(commands: Any) -> None:
    """Parsers of `wk runbook ...`."""
    actions = group(commands, "runbook", "Runbooks: plain Markdown documents, and what is made of them.", EXAMPLES)
    listed = verb(actions, "list", "The runbooks of the ops repo, and which services answer with them.")
    listed.add_argument("--library", action="store_true", help="the standard runbooks instead; needs no ops repo")
    shown = verb(actions, "show", "How one document is understood: steps, phase, risk, and what is not clear.")
    shown.add_argument(
        "file", metavar="FILE", help="a Markdown file, here or in the ops repo; library:NAME; - reads standard input"
    )
    copied = verb(actions, "copy", "Take a standard runbook into the ops repo. Never overwrites.")
    copied.add_argument("name", metavar="NAME", help="as 'wk runbook list --library' names it")
    copied.add_argument("--to", metavar="PATH", default="", help="in the ops repo (default: runbooks/NAME.md)")


def run(arguments: Namespace) -> int:
    """Do the action."""
    if arguments.action == "show":
        return show(arguments)
    if arguments.action == "copy" or getattr(arguments, "library", False):
        from watchkeeper.faces.cli import library

        return library.copy(arguments) if arguments.action == "copy" else library.show_list(arguments)
    answer = client_of(arguments).get("/runbooks")
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [
        (one["path"], number_of(one["steps"]), ", ".join(one.get("services") or []) or "-", one["title"])
        for one in answer["runbooks"]
    ]
    empty = "No runbook yet. Put Markdown files into runbooks/ of the ops repo, as they are."
    print(render.table(rows, ("FILE", "STEPS", "ANSWERS FOR", "TITLE")) if rows else empty)
    return 0


def number_of(found: object) -> int:
    """A count, given as one or as what is counted."""
    return found if isinstance(found, int) else len(found) if isinstance(found, list) else 0


def show(arguments: Namespace) -> int:
    """Read the document and show what was understood."""
    path, text = read(arguments)
    from watchkeeper.core.runbooks import read_runbook

    book = read_runbook(text, path)
    shown = record(arguments, path)
    if arguments.json:
        from watchkeeper.core.runbooks import show as as_data

        whole: Any = as_data(book)
        if shown is not None:
            whole["runbook"]["record"] = shown
        render.show_json(whole)
    else:
        print(page(book) + record_page(shown))
    return 0


def record(arguments: Namespace, path: str) -> dict[str, Any] | None:
    """What a running watchkeeper knows of it: how often it proved itself. None when none runs; nothing is started for it."""
    from watchkeeper.faces.cli.client import dial
    from watchkeeper.faces.cli.places import state_of

    try:
        client = dial(os.path.join(state_of(arguments), "main.sock"), timeout_s=5.0)
        found = client.get("/automation/records", runbook=path)["records"] if client is not None else None
    except (WatchkeeperError, OSError):
        return None
    return dict(found) if found else None


def record_page(shown: dict[str, Any] | None) -> str:
    """What it has proven, in all and per symptom; "" when it never answered an incident."""
    if not shown or not shown["tried"]:
        return ""
    lines = ["", "", f"In the last year it {shown['sentence']}."]
    lines += [f"  {render.line(one['symptom'])}: {one['sentence']}" for one in shown["symptoms"]]
    return "\n".join(lines)


def read(arguments: Namespace) -> tuple[str, str]:
    """(name, text) of the document: here, else in the ops repo. Raises `NotFound` or `Invalid`."""
    if arguments.file == "-":
        import sys

        return "-", decoded("-", sys.stdin.buffer.read(LARGEST_FILE + 1))
    if arguments.file.startswith(LIBRARY):
        from watchkeeper.faces.cli import library

        return arguments.file, library.text_of(arguments.file.removeprefix(LIBRARY))
    for place in places(arguments):
        if os.path.isfile(place):
            try:
                with open(place, "rb") as file:
                    return arguments.file, decoded(arguments.file, file.read(LARGEST_FILE + 1))
            except OSError as error:
                raise NotFound(
                    f"{arguments.file} cannot be read: {error.strerror}.", "Check its permissions."
                ) from None
    raise NotFound(
        f"There is no file {arguments.file}, here or in the ops repo.", "'wk runbook list' lists those there."
    )


def places(arguments: Namespace) -> list[str]:
    """Where the document may be; without an ops repo only here."""
    try:
        ops = ops_of(arguments)
    except WatchkeeperError:
        if arguments.ops:
            raise
        return [arguments.file]
    return [arguments.file, os.path.join(ops, arguments.file), os.path.join(ops, "runbooks", arguments.file)]


def decoded(name: str, data: bytes) -> str:
    """The bytes as UTF-8 text, of bounded size. Raises `Invalid`."""
    if len(data) > LARGEST_FILE:
        raise Invalid(
            f"{name} is larger than {LARGEST_FILE // 1_000_000} MB, too large for a runbook.", "Cut it in parts."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(f"{name}:{line}: found bytes that are not UTF-8 text.", "Save it as UTF-8 Markdown.") from None


def page(book: Runbook) -> str:
    """The whole document: what reading found first, then procedures with their steps in order."""
    parts = [f"{render.line(book.title or book.path)}  ({render.count(len(book.steps), 'step')})"]
    silent = {silence.code for silence in book.silences if silence.reason}
    findings = [
        (f"{book.path}:{found.line}", found.level, found.sentence)
        for found in book.findings
        if found.code not in silent
    ]
    if findings:
        parts.append("Not clear in the document\n" + render.table(findings, indent=2))
    parts += [procedure(one) for one in book.procedures]
    if not book.steps:
        parts.append("It holds no command that could run: nothing of it is ever started.")
    return "\n\n".join(parts)


def procedure(found: Procedure) -> str:
    """One procedure: title, steps, check tables, tasks."""
    lines = [f"== {render.line(found.title)} (line {found.line})"]
    lines += [step(one) for one in found.steps]
    lines += [check_table(one) for one in found.checks]
    lines += [f"{one.kind}, line {one.line}: {render.line(one.text)}" for one in found.tasks]
    return "\n\n".join(lines)


def step(found: Step) -> str:
    """One step: what it is, the exact text, and what keeps it from running by itself."""
    risk = render.RISK_WORDS.get(found.risk, found.risk)
    where = f" on {found.host}" if found.host else ""
    lines = [render.line(f"{found.id}  {found.phase}: {found.title}  ({risk}{where}, line {found.line})")]
    if found.text:
        lines.append(render.block(found.text))
    values = [one.name if one.default is None else f"{one.name} (default {one.default})" for one in found.parameters]
    if values:
        lines.append("    needs " + render.line(", ".join(values)))
    if found.alternatives:
        lines.append(f"    one of the alternatives {render.line(found.alternatives)}: none runs until one is picked")
    if found.why:
        lines.append("    " + render.line(found.why))
    return "\n".join(lines)


def check_table(found: CheckTable) -> str:
    """The checks of one table."""
    rows = [
        (row.name, row.healthy if row.limit else f"{row.healthy} (not understood)", row.command) for row in found.rows
    ]
    return f"checks, line {found.line}\n" + render.table(rows, indent=2)
