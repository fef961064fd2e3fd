"""`wk log add`, `correct`, `reply` and `status`: what people write, by flags, in one line, from a pipe or in an editor."""

from __future__ import annotations

import os
import sys

from watchkeeper.core.errors import NotFound, Usage, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

EXAMPLES = """\
  wk log add "Raised the worker count to 4"
  wk log add "Raised the worker count to 4" --type Configuration --severity Medium \\
      --reason "queue grew" --verification "queue empty after 10 min" --follow-up "watch it for 48 h"
  wk log add                            opens your editor with a template
  ./report.sh | wk log add "Monthly report" --stdin"""
LINES = {
    "operator": "who else took part", "reviewed-by": "who reviewed it", "approved-by": "who approved it",
    "location": "where", "component": "which part", "duration": "how long it took", "cost": "what it cost",
    "availability": "what it meant for availability", "handed-off-to": "who goes on with it",
}  # fmt: skip
TEXTS = {
    "change": "what was changed", "problem": "what was wrong", "reason": "why it was done", "procedure": "how it was done",
    "verification": "how it was proven", "impact": "whom or what it touches", "results": "figures, a table",
    "rollback": "how to undo it", "documentation": "which documents were changed", "lessons": "what was learned",
    "related": "tickets, incidents", "next": "what comes next",
}  # fmt: skip
LARGEST = 10 * 1024 * 1024
LARGEST_TEXT = 1_000_000


def add_parsers(actions: Any) -> None:
    """Parsers of what writes."""
    added = verb(actions, "add", "Write an entry: one line, flags, standard input, or your editor.", EXAMPLES)
    added.add_argument("title", metavar="TITLE", nargs="?", default="", help="one line; without it your editor opens")
    added.add_argument("--corrects", type=int, metavar="N", help="which entry this one corrects")
    _flags(added)
    corrected = verb(actions, "correct", "Put an entry right by a new one that points to it; the old one stays.")
    corrected.add_argument("entry", type=int, metavar="N")
    corrected.add_argument("title", metavar="TITLE", nargs="?", default="")
    _flags(corrected)
    answered = verb(actions, "reply", "Go on in the thread of an entry.")
    answered.add_argument("entry", type=int, metavar="N")
    answered.add_argument("title", metavar="TEXT", nargs="?", default="")
    _flags(answered)
    changed = verb(actions, "status", "Give an entry another status by a new one that points to it.")
    changed.add_argument("entry", type=int, metavar="N")
    changed.add_argument("status", metavar="STATUS", help="a status of your vocabulary: 'Rolled Back'")
    changed.add_argument("--why", default="", metavar="TEXT", help="the reason")


def _flags(parser: Any) -> None:
    parser.add_argument("--type", default="", metavar="WORD", help="a type of yours (default: Maintenance)")
    parser.add_argument("--severity", default="", metavar="WORD", help="a severity of yours (default: the lowest)")
    parser.add_argument("--status", default="", metavar="WORD", help="a status of yours (default: Complete)")
    parser.add_argument(
        "--at", default="", metavar="TIME", help="when it happened, here: '2026-11-21 14:00', 14:00, 2h"
    )
    parser.add_argument("--service", default="", metavar="NAME", help="which service it is about")
    parser.add_argument("--host", default="", metavar="NAME", help="which host it is about")
    for name, words in LINES.items():
        parser.add_argument(f"--{name}", dest=f"line_{name}", default="", metavar="TEXT", help=words)
    for name, words in TEXTS.items():
        parser.add_argument(f"--{name}", dest="parts", action=_Part, const=name, metavar="TEXT", help=words)
    parser.add_argument("--follow-up", action="append", default=[], metavar="TEXT", help="to be done; may be repeated")
    parser.add_argument(
        "--section", dest="parts", action=_Part, const="", metavar="HEADING=TEXT", help="may be repeated"
    )
    parser.add_argument("--table", metavar="FILE", help="a CSV file as the table of Results")
    parser.add_argument("--tag", action="append", default=[], metavar="WORD", help="may be repeated")
    parser.add_argument("--attach", action="append", default=[], metavar="FILE", help="at most 10 MB; may be repeated")
    parser.add_argument("--stdin", action="store_true", help="read its text (Markdown) from standard input")
    parser.add_argument(
        "--edit", nargs="?", const="", metavar="FILE", help="open $VISUAL or $EDITOR, with this text if given"
    )


def _part_action() -> Any:
    from argparse import Action

    class Part(Action):
        """Collects (heading name, text) in the order in which they are written."""

        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
            namespace.parts = [*(getattr(namespace, "parts", None) or []), (self.const, values)]

    return Part


_Part = _part_action()


def add(client: Client, arguments: Namespace) -> int:
    """Append an entry that a person wrote."""
    path = f"/log/{arguments.entry}/{arguments.action}" if arguments.action in ("correct", "reply") else "/log"
    body = body_of(arguments)
    said = body["title"] or body["sections"] or body["fields"]
    from_title = arguments.action == "add" and not arguments.title and not arguments.stdin
    if arguments.edit is not None or (not arguments.stdin and not said) or (from_title and sys.stdin.isatty()):
        return edited(client, arguments, path, body)
    if arguments.stdin:
        body |= _piped(arguments)
    return told(arguments, client.post(path, body))


def change_status(client: Client, arguments: Namespace) -> int:
    """Append an entry that changes the status of another."""
    answer = client.post(f"/log/{arguments.entry}/status", {"status": arguments.status, "why": arguments.why})
    return told(arguments, answer)


def told(arguments: Namespace, answer: dict[str, Any]) -> int:
    """The number, and what was taken out."""
    entry = answer["entry"]
    if entry.get("redacted"):
        render.note("What looks like a secret was taken out of it: look at it with wk log show.")
    if arguments.json:
        render.show_json(answer)
        return 0
    about = f" It corrects entry {entry['corrects']}." if entry.get("corrects") else ""
    print(f"Entry {entry['number']} is written.{about}")
    return 0


def body_of(arguments: Namespace) -> dict[str, Any]:
    """The flags as the API takes them."""
    sections = [section_of(name, text) for name, text in arguments.parts or []]
    if arguments.table:
        sections.append({"heading": "Results", "text": table_of(arguments.table)})
    if arguments.follow_up:
        from watchkeeper.core.log.writing import follow_ups

        sections.append({"heading": "Follow-up Actions", "text": follow_ups(arguments.follow_up)})
    from watchkeeper.core.log.writing import FIELDS

    lines = [
        {"label": FIELDS[name.replace("-", "_")], "text": getattr(arguments, f"line_{name}")}
        for name in LINES
        if getattr(arguments, f"line_{name}")
    ]
    body: dict[str, Any] = {
        "title": arguments.title, "type": arguments.type, "severity": arguments.severity, "status": arguments.status,
        "at": moment(arguments.at), "service": arguments.service, "host": arguments.host, "fields": lines,
        "sections": sections, "tags": [word for tag in arguments.tag for word in tag.replace(",", " ").split()],
        "attachments": [attached(name) for name in arguments.attach],
    }  # fmt: skip
    if getattr(arguments, "corrects", None) is not None:
        body["corrects"] = arguments.corrects
    return body


def section_of(name: str, text: str) -> dict[str, str]:
    """``--reason "queue grew"``, or ``--section "Reason=queue grew"``. Raises `Usage`."""
    if name:
        from watchkeeper.core.log.writing import SECTIONS

        return {"heading": SECTIONS[name], "text": text}
    heading, separator, rest = text.partition("=")
    if not separator or not heading.strip():
        raise Usage(f"--section {text[:60]} is not HEADING=TEXT.", 'Example: --section "Reason=queue grew"')
    return {"heading": heading.strip(), "text": rest.strip()}


def moment(words: str) -> str:
    """A time as it is written here, as UTC text: the zone of this terminal counts, not the server's."""
    if not words.strip():
        return ""
    import time
    from datetime import UTC, datetime

    from watchkeeper.core.log.writing import moment_of

    at = moment_of(words, time.time(), None)
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def attached(name: str) -> dict[str, str]:
    """A file as the API takes it. Raises `NotFound` and `Usage`."""
    import base64

    path = os.path.expanduser(name)
    try:
        if os.path.isdir(path):
            raise Usage(f"{name} is a directory.", "Pack it into one file first: tar czf.")
        if os.path.getsize(path) > LARGEST:
            size = os.path.getsize(path) / 1e6
            raise Usage(f"{name} has {size:.1f} MB; an attachment has at most 10 MB.", "Pack it, or name where it is.")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise NotFound(f"{name} cannot be read ({error.strerror or error}); nothing was written.") from None
    return {"name": os.path.basename(path), "content": base64.b64encode(data).decode()}


def table_of(name: str) -> str:
    """A CSV file as a Markdown table. Raises `NotFound` and `Usage`."""
    import csv

    try:
        with open(name, encoding="utf-8-sig", newline="") as file:
            rows = [
                row for row in csv.reader(file.read(LARGEST_TEXT).splitlines()) if any(cell.strip() for cell in row)
            ]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise NotFound(f"{name} cannot be read as a table ({reason}); nothing was written.") from None
    if not rows:
        raise Usage(f"{name} holds no rows.", "The first row names the columns.")
    width = max(len(row) for row in rows)
    cells = [
        [" ".join(cell.split()).replace("|", "\\|") for cell in (*row, *[""] * (width - len(row)))] for row in rows
    ]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])


def _piped(arguments: Namespace) -> dict[str, Any]:
    """Standard input as the text: with headings a whole template, else the section Change."""
    text = sys.stdin.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        raise Usage("Standard input holds more than 1 MB; nothing was written.", "Attach it as a file: --attach.")
    if not text.strip():
        raise Usage("Standard input is empty; nothing was written.", "Pipe the text into it, or leave --stdin out.")
    return {"markdown": text}


# ---- the editor ------------------------------------------------------------------------------------------------------


def edited(client: Client, arguments: Namespace, path: str, body: dict[str, Any]) -> int:
    """Open the editor until the entry is taken. What was written stays in a file until it is in the log."""
    if arguments.edit is None and not sys.stdin.isatty():
        raise Usage(
            "The entry says nothing yet, and no terminal is here to open an editor.",
            'Give it a title: wk log add "Rotated the signing key"; or a text: --stdin.',
        )
    place = draft_file(arguments)
    text = read_text(arguments.edit) if arguments.edit else _start(client, body)
    write_text(place, text)
    before = text
    while True:
        run_editor(place)
        text = read_text(place)
        if not text.strip() or (text == before and not arguments.edit):
            os.unlink(place)
            render.note("Nothing was changed, so nothing was written.")
            return 0
        try:
            answer = client.post(path, _as_edited(text, body))
        except WatchkeeperError as error:
            if not _again(error, place):
                raise _kept(error, place) from None
            before = ""
            continue
        os.unlink(place)
        return told(arguments, answer)


def _as_edited(text: str, body: dict[str, Any]) -> dict[str, Any]:
    """The template's own words, the files it names, and what only the flags said."""
    from watchkeeper.core.log.writing import read_template

    written, _ = read_template(text)
    files = [*body["attachments"], *(attached(name) for name in written.attach)]
    kept = {name: body[name] for name in ("corrects",) if name in body}
    return kept | {"markdown": text, "attachments": files, "at": moment(written.at)}


def _start(client: Client, body: dict[str, Any]) -> str:
    """The template with what the flags said already."""
    from watchkeeper.core.log.vocabulary import Vocabulary, Word
    from watchkeeper.core.log.writing import Written, template

    told = client.get("/log/template")["template"]["vocabulary"]
    words = {name: tuple(Word(**(each | {"aliases": tuple(each["aliases"])})) for each in told[name]) for name in told}
    known = {name: body[name] for name in ("title", "type", "severity", "status", "at", "service", "host")}
    written = Written(
        **known, fields=tuple((each["label"], each["text"]) for each in body["fields"]),
        sections=tuple((each["heading"], each["text"]) for each in body["sections"]), tags=tuple(body["tags"]),
    )  # fmt: skip
    return template(Vocabulary(**words), written)


def _again(error: WatchkeeperError, place: str) -> bool:
    if not sys.stdin.isatty():
        return False
    render.note(f"{error.sentence} {error.hint}".strip())
    return render.confirm("Open the editor again? [y/n]", False)


def _kept(error: WatchkeeperError, place: str) -> WatchkeeperError:
    """The same failure, with the file that holds the text."""
    hint = f"{error.hint} Your text is kept: go on with wk log add --edit {place}".strip()
    return type(error)(error.sentence, hint)


def draft_file(arguments: Namespace) -> str:
    """A new file for the text, in the state directory where it can be made, else where temporary files are."""
    import tempfile

    folder: str | None = os.path.join(state_of(arguments), "drafts")
    try:
        os.makedirs(str(folder), mode=0o700, exist_ok=True)
    except OSError:
        folder = None
    handle, place = tempfile.mkstemp(prefix="entry-", suffix=".md", dir=folder)
    os.close(handle)
    return place


def run_editor(place: str) -> None:
    """$VISUAL, else $EDITOR, else vi. Raises `NotFound` when it does not start, `Usage` when it ends badly."""
    import shlex
    import subprocess

    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        code = subprocess.call([*words, place])
    except OSError as error:
        hint = f"Set $EDITOR to one that is here; your text is kept in {place}."
        raise NotFound(f"The editor {words[0]} cannot be started ({error.strerror or error}).", hint) from None
    if code:
        raise Usage(f"The editor {words[0]} ended with {code}; nothing was written.", f"Your text is kept in {place}.")


def read_text(place: str) -> str:
    """The text of a draft. Raises `NotFound` and `Usage`."""
    try:
        with open(place, encoding="utf-8") as file:
            return file.read(LARGEST_TEXT)
    except OSError as error:
        raise NotFound(f"{place} cannot be read ({error.strerror or error}).") from None
    except UnicodeDecodeError:
        raise Usage(
            f"{place} is no UTF-8 text; nothing was written.", "Save it as UTF-8; it was not changed."
        ) from None


def write_text(place: str, text: str) -> None:
    """Durably enough for a draft."""
    with open(place, "w", encoding="utf-8") as file:
        file.write(text)
