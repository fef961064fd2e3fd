"""What stands around an incident on its page: its clock, who is blocked, tasks, links, and what was like it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.errors import Usage
from watchkeeper.core.hours import DAY_S, moment
from watchkeeper.core.incidents.records import address_of, words_of
from watchkeeper.core.incidents.severity import LEVELS, promise_words
from watchkeeper.core.incidents.stages import WORDS
from watchkeeper.core.incidents.values import Incident, Status


@dataclass(frozen=True, slots=True)
class Response:
    """The promised answer. late: it is, or came, too late. words: how it stands."""

    due: float
    words: str
    late: bool


def response_of(incident: Incident, now: float) -> Response | None:
    """Until when somebody acknowledges, in words; None where nothing was promised."""
    if incident.respond_by is None:
        return None
    answered = min((at for at in (incident.acknowledged_at, incident.closed_at) if at is not None), default=None)
    words = promise_words(incident.respond_by, incident.opened_at, now, answered)
    return Response(incident.respond_by, words, (answered if answered is not None else now) > incident.respond_by)


def around(app: Application, incident: Incident) -> dict[str, Any]:
    """The context of these parts."""
    alike, remedies = app.incidents.alike(incident)
    stages = app.incidents.stages_of(incident)
    parts = {each.service: each for each in app.incidents.parts(incident)}
    blocked = app.incidents.impact(incident) if incident.status is Status.OPEN else ()
    named = {each.service for each in blocked}
    return {
        "clock": [(WORDS[stage.name], stage) for stage in stages],
        "blocked": [(each, parts.get(each.service)) for each in blocked],
        "parts": [each for each in parts.values() if each.service not in named],
        "tasks": app.incidents.tasks(incident.id),
        "links": [(address_of(link), words_of(link), link) for link in app.incidents.links(incident.id)],
        "alike": alike,
        "remedies": remedies,
        "levels": LEVELS,
    }


def end_of_day(text: str, timezone: str) -> float | None:
    """The end of a date as a form sends it; None when it is empty."""
    if not text.strip():
        return None
    try:
        return moment(date.fromisoformat(text.strip()), DAY_S, timezone)
    except ValueError:
        raise Usage(f"{text[:40]!r} is no date.", "Write it as 2026-12-01.") from None
