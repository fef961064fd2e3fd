"""The operations log: asked, by day; one entry with what was said about it since; Markdown out."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.log.chain import canonical, digest_of
from watchkeeper.core.log.values import Entry
from watchkeeper.core.log.vocabulary import Vocabulary, folded
from watchkeeper.faces.web import marks, pages, runs
from watchkeeper.services.log.questions import Answer, Listed, Questions, Saved

PAGE = 50
_RULES = ("crit", "crit", "warn")
"""Classes of the worst severities, in their order."""
CHIPS = (
    ("Important", "severity>=high"), ("Deployments", "type:deployment"), ("Incidents", "type:incident"),
    ("Not finished", 'status:"in progress",planned,partial,failed'), ("Corrected", "is:corrected"),
    ("This week", "on:this-week"), ("By people", "-is:own"),
)  # fmt: skip


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Newest first, under their days; `q` is a question, `text` a text that must stand in them."""
    app = application()
    base = pages.shared(app, "log")
    asked, text = request.GET.get("q", "").strip()[:1000], request.GET.get("text", "").strip()[:200]
    fault: WatchkeeperError | None = None
    try:
        answer = app.logbook.questions.ask(asked, PAGE, runs.whole_number(request.GET.get("before")), text)
    except WatchkeeperError as error:
        answer, fault = Answer(asked, (), None, None), error
    vocabulary = app.log.vocabulary
    days = []
    for _, group in groupby(answer.entries, lambda each: marks.local(each.entry.draft.at, base["zone"]).date()):
        same = list(group)
        moment = marks.local(same[0].entry.draft.at, base["zone"])
        year = f" {moment.year}" if moment.year != marks.local(base["now_at"], base["zone"]).year else ""
        days.append(
            {"name": f"{moment:%a} {moment.day} {moment:%b}{year}", "rows": [row(each, vocabulary) for each in same]}
        )
    query = {name: value for name, value in (("q", asked), ("text", text)) if value}
    context = {
        "days": days, "asked": asked, "text": text, "fault": fault, "total": app.log.count(),
        "found": answer.total if answer.total is not None else len(answer.entries),
        "at_least": answer.total is None and answer.more is not None,
        "chips": chips(asked, app.logbook.questions), "operators_may": app.log.may_write(actor),
        "older": f"/log?{urlencode(query | {'before': str(answer.more)})}" if answer.more else "",
    }  # fmt: skip
    return pages.render(request, "log.html", base | context)


def chips(asked: str, questions: Questions) -> list[dict[str, Any]]:
    """Questions of one click: ours, then those the team saved. One that is asked already takes itself back."""
    saved = [(f"@{each.name}", f"@{each.name}") for each in _saved(questions)]
    found = []
    for name, question in (*CHIPS, *saved):
        on = f" {question} " in f" {asked} "
        wanted = " ".join(f" {asked} ".replace(f" {question} ", " ").split()) if on else f"{asked} {question}".strip()
        found.append({"name": name, "on": on, "link": f"/log?{urlencode({'q': wanted})}" if wanted else "/log"})
    return found


def _saved(questions: Questions) -> tuple[Saved, ...]:
    return questions.saved()[:12]


def row(listed: Listed, vocabulary: Vocabulary) -> dict[str, Any]:
    """An entry with its marks and the class of its rule."""
    draft, rank = listed.entry.draft, vocabulary.rank(listed.entry.draft.severity)
    kind = vocabulary.type_of(draft.type)[0]
    css = _RULES[rank] if kind == "Incident" and rank < min(len(_RULES), len(vocabulary.severities) - 1) else ""
    if not css and kind in ("Deployment", "Migration", "Configuration", "Runbook", "Maintenance"):
        css = "fix"
    return {
        "entry": listed.entry,
        "draft": draft,
        "links": listed.links,
        "status": listed.status,
        "severe": rank < 2 and bool(draft.severity),
        "changed": bool(listed.links.status_by),
        "css": css,
        "incident": draft.facts.get("incident"),
        "run": draft.facts.get("run"),
        "gone": listed.entry.absence.reason if listed.entry.absence else "",
    }


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One entry: its words as they were written, files, what was said since, its thread, its place in the chain."""
    app = application()
    whole = app.logbook.questions.whole(number)
    draft = whole.listed.entry.draft
    context = row(whole.listed, app.log.vocabulary) | {
        "corrections": whole.corrections,
        "statuses": [(each, _why(each)) for each in whole.statuses],
        "thread": [each for each in whole.thread if each.number != number],
        "written": {name: f", written {word}" for name, word in draft.words.items()},
        "altered": not whole.listed.entry.absence and digest_of(canonical(draft)) != whole.listed.entry.digest,
        "choices": [
            word.name for word in app.log.vocabulary.statuses if folded(word.name) != folded(whole.listed.status)
        ],
        "may": app.log.may_write(actor),
    }
    return pages.render(request, "entry.html", pages.shared(app, "log") | context)


def _why(entry: Entry) -> str:
    return next((text for heading, text in entry.draft.sections if heading == "Reason"), "")


@pages.page
def attachment(request: HttpRequest, actor: Actor, number: int, name: str) -> HttpResponse:
    """The bytes of a file, to be kept; checked against their digest."""
    from watchkeeper.faces.web.log_writing import download

    return download(*application().log.file(number, name))


@pages.page
def export(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The whole log as a Markdown file."""
    answer = HttpResponse(application().log.export(), content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="OPERATIONS_LOG.md"'
    return answer
