"""Writing into the log by a form: an entry, a correction, an answer, another status. No script is needed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.core.log.writing import (
    FIELDS,
    LARGEST_FILE,
    MOST_FILES,
    SECTIONS,
    Written,
    follow_ups,
    usual_status,
    usual_type,
)
from watchkeeper.faces.web import pages, runs

OPEN = ("change", "reason", "procedure", "verification", "impact", "follow_up")
"""Sections that the form shows at once; the others are one click away, or open when they hold text."""
HELP = {
    "change": "What was changed, exactly.", "problem": "What was wrong before.", "reason": "Why it was done.",
    "procedure": "How, step by step; commands between ``` lines.", "verification": "How it was proven.",
    "impact": "Whom or what it touches.", "results": "Figures; a table has | between its columns.",
    "rollback": "How to undo it.", "documentation": "Which documents were changed.", "lessons": "For the next time.",
    "related": "Tickets, incidents.", "follow_up": "A line each; becomes an open task: review on 2026-12-01 (ana).",
    "next": "What comes next.",
}  # fmt: skip


def index(request: HttpRequest) -> HttpResponse:
    """GET: the empty form; POST: the entry."""
    return add(request) if request.method == "POST" else blank(request)


@pages.page
def blank(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The form; `corrects` and `thread` name the entry that it speaks of."""
    app = application()
    values = {name: request.GET.get(name, "")[:300] for name in ("corrects", "thread", "title", "service", "host")}
    number = runs.whole_number(values["corrects"])
    if number is not None:
        values |= _as_it_was(app, number)
    return _form(request, app, values)


@pages.act
def add(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST the fields of the form. A mistake shows the form again, with everything that was written."""
    app = application()
    values = {name: request.POST.get(name, "") for name in (*_OWN, *FIELDS, *SECTIONS)}
    try:
        sent = request.FILES.getlist("attach")
        files = [(each.name or "file", each.read(LARGEST_FILE + 1)) for each in sent[: MOST_FILES + 1]]
        written, corrects, thread = written_of(values), _number(values["corrects"]), _number(values["thread"])
        if corrects is not None:
            entry = app.log.correct(actor, corrects, written, files)
        elif thread is not None:
            entry = app.log.reply(actor, thread, written, files)
        else:
            entry = app.log.write(actor, written, files)
    except WatchkeeperError as error:
        return _form(request, app, values, error, bool(request.FILES))
    return pages.go(f"/log/{entry.number}")


@pages.act
def reply(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text: an answer in the thread."""
    text = request.POST.get("text", "").strip()
    first, _, rest = text.partition("\n")
    whole = (("Note", text),) if rest.strip() or len(first) > 300 else ()
    app = application()
    try:
        entry = app.log.reply(actor, number, Written(title=first[:300], sections=whole))
    except WatchkeeperError as error:
        return _form(request, app, {"thread": str(number), "title": first[:300], "change": text}, error)
    return pages.go(f"/log/{number}#e{entry.number}")


@pages.act
def status(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST status and why."""
    application().log.change_status(actor, number, request.POST.get("status", ""), request.POST.get("why", "")[:2000])
    return pages.go(f"/log/{number}")


_OWN = ("title", "type", "severity", "status", "at", "service", "host", "tags", "corrects", "thread")


def written_of(values: dict[str, str]) -> Written:
    """The form as it is written into the log."""
    texts = {name: values[name] for name in SECTIONS} | {"follow_up": follow_ups(values["follow_up"].splitlines())}
    return Written(
        title=values["title"], type=values["type"], severity=values["severity"], status=values["status"],
        at=values["at"].replace("T", " "), service=values["service"], host=values["host"],
        fields=tuple((label, values[name]) for name, label in FIELDS.items() if values[name].strip()),
        sections=tuple((heading, texts[name].replace("\r\n", "\n")) for name, heading in SECTIONS.items()),
        tags=tuple(values["tags"].replace(",", " ").split()),
    )  # fmt: skip


def _number(text: str) -> int | None:
    return runs.whole_number(text) if text else None


def _as_it_was(app: Application, number: int) -> dict[str, str]:
    """The words of an entry that is to be corrected, to be changed where they were wrong."""
    draft = app.log.get(number).draft
    lines, texts = dict(draft.fields), dict(draft.sections)
    known = {
        "title": f"Correction of entry {number}: {draft.title}"[:300],
        "type": draft.type,
        "severity": draft.severity,
    }
    known |= {name: str(draft.facts.get(name) or "") for name in ("service", "host")}
    known |= {name: lines.get(label, "") for name, label in FIELDS.items()}
    return known | {name: texts.get(heading, "") for name, heading in SECTIONS.items() if name != "follow_up"}


def _form(
    request: HttpRequest,
    app: Application,
    values: dict[str, str],
    error: WatchkeeperError | None = None,
    files: bool = False,
) -> HttpResponse:
    vocabulary, inventory = app.log.vocabulary, app.holder.current
    choices = [
        _choice("type", "Type", [word.name for word in vocabulary.types], values.get("type") or usual_type(vocabulary)),
        _choice("severity", "Severity", [word.name for word in vocabulary.severities],
                values.get("severity") or vocabulary.severities[-1].name),
        _choice("status", "Status", [word.name for word in vocabulary.statuses],
                values.get("status") or usual_status(vocabulary)),
        _choice("service", "Service", ["", *inventory.services], values.get("service", "")),
        _choice("host", "Host", ["", *inventory.hosts], values.get("host", "")),
    ]  # fmt: skip
    sections = [
        {"name": name, "heading": heading, "text": values.get(name, ""), "help": HELP[name]}
        for name, heading in SECTIONS.items()
    ]
    context = {
        "values": values, "error": error, "files_lost": files and error is not None, "choices": choices,
        "shown": [each for each in sections if each["name"] in OPEN or each["text"]],
        "more": [each for each in sections if each["name"] not in OPEN and not each["text"]],
        "lines": [{"name": name, "label": label, "text": values.get(name, "")} for name, label in FIELDS.items()],
        "lines_open": any(values.get(name) for name in FIELDS),
    }  # fmt: skip
    status = 200 if error is None else 403 if isinstance(error, Forbidden) else 400
    return pages.render(request, "entry_form.html", pages.shared(app, "log") | context, status)


def _choice(name: str, label: str, words: list[str], chosen: str) -> dict[str, Any]:
    known = [*words, *([chosen] if chosen and chosen not in words else [])]
    return {"name": name, "label": label, "words": [(word, word == chosen) for word in known]}


def download(name: str, data: bytes) -> HttpResponse:
    """Bytes that somebody sent once: only to be kept as a file, never to be shown by a browser as a page of ours."""
    answer = HttpResponse(data, content_type="application/octet-stream")
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._- ") else "_" for each in name)
    answer["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
