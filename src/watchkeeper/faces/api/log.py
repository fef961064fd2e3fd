"""The operations log: asked, written, proven. Parse, call one service, render."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Usage
from watchkeeper.core.log.values import Entry
from watchkeeper.core.log.writing import LARGEST_FILE, Written, read_template, template
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import entry_json, to_json
from watchkeeper.services.log.questions import Listed

router = Router()


class Pair(Schema):
    """A line of an entry (label and text), or a section (heading and text, in `label`)."""

    label: str = ""
    heading: str = ""
    text: str = ""


class AttachedFile(Schema):
    """A file to attach, at most 10 MB; its bytes in base64."""

    name: str
    content: str


class NewEntry(Schema):
    """An entry written by hand. markdown: a filled template instead of the other keys. at: when it happened, in the team's
    zone unless it carries an offset; empty: now. body: text of the section Change.
    """

    title: str = ""
    type: str = ""
    severity: str = ""
    status: str = ""
    body: str = ""
    at: str = ""
    fields: list[Pair] = []
    sections: list[Pair] = []
    tags: list[str] = []
    service: str = ""
    host: str = ""
    attachments: list[AttachedFile] = []
    corrects: int | None = None
    markdown: str = ""


class NewStatus(Schema):
    """Another status of an entry, and why."""

    status: str
    why: str = ""


class NewQuery(Schema):
    """A question to be saved for the team; an empty one drops the saved one."""

    name: str
    question: str = ""


@router.get("/log")
def log(
    request: HttpRequest, q: str = "", limit: int = 50, before: int | None = None, text: str = ""
) -> dict[str, Any]:
    """Entries, newest first. q: a question such as `severity>=high since:30d`; before: the number to go on from."""
    actor_of(request)
    answer = application().logbook.questions.ask(q, limit, before, text)
    entries = [listed_json(each) for each in answer.entries]
    return {"entries": entries, "question": answer.question, "total": answer.total, "more": answer.more}


@router.post("/log")
def add_entry(request: HttpRequest, body: NewEntry) -> dict[str, Any]:
    actor = actor_of(request)
    written = written_of(body)
    files = files_of(body.attachments)
    if body.corrects is not None:
        return answered(application().log.correct(actor, body.corrects, written, files))
    return answered(application().log.write(actor, written, files))


@router.post("/log/{int:number}/correct")
def correct_entry(request: HttpRequest, number: int, body: NewEntry) -> dict[str, Any]:
    actor = actor_of(request)
    return answered(application().log.correct(actor, number, written_of(body), files_of(body.attachments)))


@router.post("/log/{int:number}/reply")
def reply_entry(request: HttpRequest, number: int, body: NewEntry) -> dict[str, Any]:
    actor = actor_of(request)
    return answered(application().log.reply(actor, number, written_of(body), files_of(body.attachments)))


@router.post("/log/{int:number}/status")
def status_entry(request: HttpRequest, number: int, body: NewStatus) -> dict[str, Any]:
    actor = actor_of(request)
    return answered(application().log.change_status(actor, number, body.status, body.why))


@router.get("/log/verify")
def verify_log(request: HttpRequest, anchor: str = "") -> dict[str, Any]:
    actor_of(request)
    return {"verification": to_json(application().logbook.anchors.verify(anchor))}


@router.get("/log/export")
def export_log(request: HttpRequest) -> HttpResponse:
    application().audit.note(actor_of(request), "export", "log")
    return HttpResponse(application().log.export(), content_type="text/markdown; charset=utf-8")


@router.get("/log/template")
def entry_template(request: HttpRequest, title: str = "") -> dict[str, Any]:
    """The Markdown template of an entry, and the team's words."""
    actor_of(request)
    vocabulary = application().log.vocabulary
    return {"template": {"text": template(vocabulary, Written(title=title)), "vocabulary": to_json(vocabulary)}}


@router.get("/log/queries")
def saved_queries(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"queries": to_json(application().logbook.questions.saved())}


@router.post("/log/queries")
def save_query(request: HttpRequest, body: NewQuery) -> dict[str, Any]:
    actor = actor_of(request)
    questions = application().logbook.questions
    if not body.question.strip():
        questions.drop(actor, body.name)
        return {"queries": to_json(questions.saved())}
    questions.save(actor, body.name, body.question)
    return {"queries": to_json(questions.saved())}


@router.post("/log/index")
def rebuild_index(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    """Make what the log is asked by anew from the log itself."""
    return {"index": {"entries": application().log.rebuild_index(actor_of(request))}}


@router.get("/log/{int:number}")
def entry(request: HttpRequest, number: int) -> dict[str, Any]:
    """One entry with what was said about it since."""
    actor_of(request)
    whole = application().logbook.questions.whole(number)
    told = listed_json(whole.listed)
    told["thread_entries"] = [entry_json(each) for each in whole.thread]
    told["corrections"] = [entry_json(each) for each in whole.corrections]
    told["statuses"] = [entry_json(each) for each in whole.statuses]
    return {"entry": told}


@router.get("/log/{int:number}/attachments/{str:name}")
def attachment(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """The bytes of an attachment, checked against their digest."""
    actor_of(request)
    return download(*application().log.file(number, name))


# ---- rendering -------------------------------------------------------------------------------------------------------


def listed_json(listed: Listed) -> dict[str, Any]:
    """An entry with its present status and the numbers of the entries that speak of it."""
    links = listed.links
    told = entry_json(listed.entry)
    return told | {
        "altered": told["altered"] and listed.entry.absence is None,
        "status_now": listed.status,
        "corrected_by": list(links.corrected_by),
        "status_by": list(links.status_by),
        "answered_by": list(links.answered_by),
        "gone": listed.entry.absence.reason if listed.entry.absence else None,
    }


def answered(entry: Entry) -> dict[str, Any]:
    """The entry that was written. redacted: something that looks like a secret was taken out of it."""
    told = entry_json(entry)
    return {"entry": told | {"redacted": "[redacted]" in repr(entry.draft)}}


def download(name: str, data: bytes) -> HttpResponse:
    """Bytes that somebody sent once: only to be kept as a file, never to be shown by a browser as a page of ours."""
    answer = HttpResponse(data, content_type="application/octet-stream")
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._- ") else "_" for each in name)
    answer["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def written_of(body: NewEntry) -> Written:
    """What the keys say, or what the filled template says. Raises `Usage` that names every line that cannot be read."""
    if body.markdown.strip():
        written, slips = read_template(body.markdown)
        if slips:
            raise Usage(" ".join(slip.sentence for slip in slips), "Nothing was written; mend these lines.")
        given = {
            name: getattr(body, name) for name in ("title", "type", "severity", "status", "at") if getattr(body, name)
        }
        return _joined(written, given, body)
    return _joined(
        Written(), {name: getattr(body, name) for name in ("title", "type", "severity", "status", "at")}, body
    )


def _joined(written: Written, given: dict[str, str], body: NewEntry) -> Written:
    from dataclasses import replace

    sections = tuple((each.heading or each.label, each.text) for each in body.sections)
    change = (("Change", body.body.strip()),) if body.body.strip() else ()
    return replace(
        written,
        **given,  # type: ignore[arg-type]
        fields=(*written.fields, *((each.label or each.heading, each.text) for each in body.fields)),
        sections=(*change, *written.sections, *sections),
        tags=(*written.tags, *body.tags),
        service=body.service or written.service,
        host=body.host or written.host,
    )


def files_of(sent: Sequence[AttachedFile]) -> list[tuple[str, bytes]]:
    """Names and bytes. Raises `Usage` for what is no base64."""
    found = []
    for each in sent:
        if len(each.content) > LARGEST_FILE * 4 // 3 + 8:
            raise Usage(f"{each.name[:60]} is larger than 10 MB.", "Pack it, or name the place where it is.")
        try:
            found.append((each.name, base64.b64decode(each.content, validate=True)))
        except (binascii.Error, ValueError):
            raise Usage(f"The bytes of {each.name[:60]} are not in base64.", "Send them as base64 text.") from None
    return found
