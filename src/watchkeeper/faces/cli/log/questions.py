"""`wk log list`, `show`, `save`, `attachment`, `digest` and `report`: asking the log."""

from __future__ import annotations

import sys

from watchkeeper.core.errors import Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.log.keeping import absent
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
MACHINE = ("layout", "text_digest")
"""Facts of imported entries that only machines read (`core.log.documents.drafting`)."""

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

EXAMPLES = """\
  wk log list "severity>=high" since:30d
  wk log list type:deployment service:shop "worker count" -canary
  wk log list operator:ana status:failed until:yesterday
  wk log list @deployments                a saved question"""
LANGUAGE = """\
a question: every part must hold; a,b is one of both; -part is its contrary; * stands for any text
  words, "exact words"     stand somewhere in the entry
  severity>=high  type:  status:  service:  host:  operator:  component:  location:  tag:  reviewed:  approved:
  since:30d  until:yesterday  on:2026-11-21  on:last-week  on:2026-11     in the team's time zone
  is:corrected|correction|status|reply|imported|own|gone   has:attachment|verification|rollback|follow-up|...
  incident:12  run:40  thread:12  entry:120..140"""


_MINUS = "\u2212"
"""Stands for the '-' of a part while argparse reads the command line."""


def add_parsers(actions: Any) -> None:
    """Parsers of what asks."""
    listed = verb(actions, "list", "Entries, newest first; QUESTION says which.", EXAMPLES + "\n\n" + LANGUAGE)
    listed.add_argument(
        "question", nargs="*", metavar="QUESTION", help="parts such as severity>=high, since:30d, words"
    )
    _with_contraries(listed)
    listed.add_argument("--limit", type=int, default=30, help="at most this many (default: 30)")
    listed.add_argument("--before", type=int, help="only those that come after this number in the list")
    listed.add_argument("--text", default="", help="only entries that hold this text")
    shown = verb(actions, "show", "One entry with what was said about it since, its thread and its place in the chain.")
    shown.add_argument("entry", type=int, metavar="N")
    saved = verb(actions, "save", "Save a question for the team; without one, list what is saved.")
    saved.add_argument("name", nargs="?", default="", metavar="NAME", help="used as @NAME")
    saved.add_argument("question", nargs="*", metavar="QUESTION")
    _with_contraries(saved)
    saved.add_argument("--drop", action="store_true", help="forget the question of this name")
    file = verb(actions, "attachment", "The bytes of an attachment, on standard output, checked against their digest.")
    file.add_argument("entry", type=int, metavar="N")
    file.add_argument("name", metavar="NAME", help="its name, or its place from 1")
    page = verb(actions, "digest", "A day, week or month on one page of Markdown.")
    period = page.add_mutually_exclusive_group()
    for word in ("day", "week", "month"):
        period.add_argument(f"--{word}", dest="period", action="store_const", const=word, help=f"the {word} of DATE")
    page.add_argument("date", nargs="?", default="", metavar="DATE", help="2026-11-21, yesterday (default: today)")
    report = verb(actions, "report", "Who changed what, approved by whom, proven how; what is missing is named.")
    report.add_argument("--compliance", action="store_true", help="the report of changes (the only one yet)")
    report.add_argument("--month", default="", metavar="2026-11", help="which month (default: this one)")
    report.add_argument("--week", default="", metavar="2026-W47", help="a week instead")
    report.add_argument("--csv", action="store_true", help="as a table for a spreadsheet")
    verb(actions, "reindex", "Make what the log is asked by anew from the log itself.")


def _with_contraries(parser: Any) -> None:
    """Let parts begin with '-', which argparse would take for flags: ``-canary``, ``-host:app1``."""
    read = parser.parse_known_args

    def parse_known_args(words: Any = None, namespace: Any = None) -> Any:
        return read([_MINUS + word[1:] if _is_contrary(word) else word for word in words or ()], namespace)

    vars(parser).update(parse_known_args=parse_known_args)


def _is_contrary(word: str) -> bool:
    return len(word) > 2 and word[0] == "-" and word[1] != "-"


def show_list(client: Client, arguments: Namespace) -> int:
    """One line per entry."""
    question = joined(arguments.question)
    answer = client.get("/log", q=question, limit=arguments.limit, before=arguments.before, text=arguments.text)
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [row(one) for one in answer["entries"]]
    empty = f"No entry is found by {render.line(question)}." if question else "No entry yet."
    if arguments.text:
        empty = f"No entry holds '{render.line(arguments.text)}'." if not question else empty[:-1] + " with that text."
    print(render.table(rows, ("N", "AT", "TYPE", "SEV", "BY", "WHAT")) if rows else empty)
    if answer.get("more"):
        total = f" of {answer['total']}" if answer.get("total") else ""
        render.note(f"{len(rows)}{total} shown; older ones: --before {answer['more']}")
    return 0


def joined(parts: list[str]) -> str:
    """The words of the command line as one question: a word with spaces was quoted, so it is exact."""
    return " ".join(_quoted("-" + part[1:] if part.startswith(_MINUS) else part) for part in parts)


def _quoted(part: str) -> str:
    if '"' in part or not any(each.isspace() for each in part):
        return part
    key, sign, value = part.partition(":")
    parts = sum(any(mark in word for mark in (":", ">=", "<=")) for word in part.split())
    if parts > 1:
        return part  # a whole question in one word
    if sign and key.isascii() and key.replace("-", "").isalnum() and not value[:1].isspace():
        return f'{key}:"{value}"'
    if any(mark in part for mark in (":", ">=", "<=")):
        return part  # a whole question in one word
    minus = "-" if part.startswith("-") else ""
    return f'{minus}"{part.removeprefix("-")}"'


def row(entry: dict[str, Any]) -> tuple[object, ...]:
    """Number, time, type, severity, who, and what with its marks."""
    marks = []
    if entry.get("gone"):
        marks.append(entry["gone"])
    if entry.get("corrects"):
        marks.append(f"corrects {entry['corrects']}")
    if entry.get("corrected_by"):
        marks.append(f"corrected by {entry['corrected_by'][-1]}")
    if entry.get("status_by"):
        marks.append(f"now {entry['status_now']}")
    elif entry["status"] not in ("Complete", "Complete, proven"):
        marks.append(entry["status"])
    if entry.get("answered_by"):
        marks.append(render.count(len(entry["answered_by"]), "answer"))
    if entry.get("attachments"):
        marks.append(render.count(len(entry["attachments"]), "file"))
    what = f"{entry['title']} [{', '.join(marks)}]" if marks else entry["title"]
    return entry["number"], moment(entry), entry["type"], entry["severity"], entry["actor"], what


def moment(entry: dict[str, Any]) -> str:
    """When it was; only the day where its document gave no time."""
    at = render.clock(entry["at"])
    return at.split(" ")[0] if (entry.get("facts") or {}).get("precision") == "day" else at


def show(client: Client, arguments: Namespace) -> int:
    """One entry."""
    answer = client.get(f"/log/{arguments.entry}")
    render.show_json(answer) if arguments.json else print(page(answer["entry"]))
    return 0


def page(entry: dict[str, Any]) -> str:
    """Title, what was said since, lines, sections, files, thread, chain."""
    words = entry.get("words") or {}
    named = {
        name: f"{entry[name]} (written {words[name]})" if name in words else entry[name]
        for name in ("type", "severity")
    }
    status = f"{entry['status']} (written {words['status']})" if "status" in words else entry["status"]
    lines = [
        f"{entry['number']}  {render.line(entry['title'])}",
        render.line(f"{moment(entry)}, {named['type']}, by {entry['actor']}, severity {named['severity']}, {status}"),
        *absent(entry),
        *_since(entry),
    ]
    pairs = [(label, text) for label, text in entry.get("fields") or []]
    pairs += [("Tags", " ".join(entry["tags"]))] if entry.get("tags") else []
    if pairs:
        lines += ["", render.table(pairs, indent=2)]
    for section in entry.get("sections") or []:
        lines += ["", render.line(section["heading"]), render.block(section["text"], "  ")]
    for place, file in enumerate(entry.get("attachments") or [], 1):
        lines += [""] if place == 1 else []
        lines.append(render.line(f"file {place}  {file['name']}, {file['size']} bytes, sha256 {file['digest'][:16]}"))
    facts = {name: value for name, value in (entry.get("facts") or {}).items() if name not in MACHINE}
    if facts:
        lines += ["", render.table([(name, value) for name, value in sorted(facts.items())], indent=2)]
    thread = [one for one in entry.get("thread_entries") or [] if one["number"] != entry["number"]]
    if thread:
        shown = [(one["number"], render.clock(one["at"]), one["actor"], one["title"]) for one in thread]
        lines += ["", "Thread", render.table(shown, indent=2)]
    if entry.get("altered"):
        lines += ["", "This entry was altered after it was written: its text does not fit its digest. wk log verify"]
    lines += ["", f"chain {entry['hash'][:16]}  before it {entry['previous'][:16]}  body {entry['digest'][:16]}"]
    return "\n".join(lines)


def _since(entry: dict[str, Any]) -> list[str]:
    """What this entry says of others, and later entries of it."""
    lines = []
    for name, words in (("corrects", "Corrects"), ("status_of", "Changes the status of"), ("thread", "Answers")):
        if entry.get(name):
            lines.append(f"{words} entry {entry[name]}.")
    for one in entry.get("corrections") or []:
        lines.append(
            render.line(
                f"Corrected by entry {one['number']} ({render.clock(one['at'])}, {one['actor']}): {one['title']}"
            )
        )
    for one in entry.get("statuses") or []:
        why = next((part["text"] for part in one["sections"] if part["heading"] == "Reason"), "")
        said = f"Since {render.clock(one['at'])} {one['status']}, by {one['actor']} (entry {one['number']})"
        lines.append(render.line(f"{said}: {why}" if why else f"{said}."))
    return lines


def save(client: Client, arguments: Namespace) -> int:
    """Save, drop or list questions."""
    question = joined(arguments.question)
    if arguments.name and (question or arguments.drop):
        if question and arguments.drop:
            raise Usage("--drop forgets a question; it takes none.", "wk log save NAME --drop")
        answer = client.post("/log/queries", {"name": arguments.name, "question": question})
        done = f"Forgot {arguments.name}." if arguments.drop else f"Saved: wk log list @{arguments.name}"
        render.show_json(answer) if arguments.json else print(done)
        return 0
    if arguments.name:
        raise Usage("The question is empty.", f'Example: wk log save {arguments.name} "type:deployment since:30d"')
    answer = client.get("/log/queries")
    if arguments.json:
        render.show_json(answer)
        return 0
    rows = [(f"@{each['name']}", each["by"] or "watchkeeper.yaml", each["question"]) for each in answer["queries"]]
    print(
        render.table(rows, ("NAME", "BY", "QUESTION"))
        if rows
        else "No question is saved yet: wk log save NAME QUESTION"
    )
    return 0


def attachment(client: Client, arguments: Namespace) -> int:
    """Bytes on standard output."""
    from urllib.parse import quote

    if sys.stdout.isatty():
        raise Usage(
            "The bytes of a file are not written to a terminal.", f"wk log attachment {arguments.entry} NAME > FILE"
        )
    _, data = client.raw("GET", f"/log/{arguments.entry}/attachments/{quote(arguments.name, safe='')}")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return 0


def digest(client: Client, arguments: Namespace) -> int:
    """The page of a day, week or month."""
    answer = client.get("/log/digest", period=arguments.period or "day", date=arguments.date)
    if arguments.json:
        render.show_json(answer)
    else:
        sys.stdout.write(render.clean(answer["digest"]["markdown"]))
    return 0


def report(client: Client, arguments: Namespace) -> int:
    """The compliance report; exit code 1 when a change has a gap."""
    if not arguments.compliance:
        raise Usage("The report is not named.", "wk log report --compliance --month 2026-11")
    period, date = ("week", arguments.week) if arguments.week else ("month", arguments.month)
    if arguments.csv:
        from watchkeeper.faces.cli.client import with_query

        sys.stdout.write(client.text(with_query("/log/compliance.csv", {"period": period, "date": date})))
        return 0
    answer = client.get("/log/compliance", period=period, date=date)
    found = answer["compliance"]
    render.show_json(answer) if arguments.json else sys.stdout.write(render.clean(found["markdown"]))
    return 1 if found["complete"] < len(found["changes"]) else 0


def reindex(client: Client, arguments: Namespace) -> int:
    """Rebuild the index."""
    answer = client.post("/log/index")
    render.show_json(answer) if arguments.json else print(
        f"{render.count(answer['index']['entries'], 'entry', 'entries')} indexed anew."
    )
    return 0
