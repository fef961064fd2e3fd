"""Who is on call, and the escalations that are under way. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.addressing import Way
from watchkeeper.core.errors import Usage
from watchkeeper.core.escalations import Ladder, Policy
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.notifications import MESSAGE_KINDS
from watchkeeper.core.oncall.coverage import Gap
from watchkeeper.core.oncall.values import Override, Shift
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.services.escalations import Preview, remarks
from watchkeeper.services.oncall import OnCallNow, time_of

router = Router()
CALENDAR = "text/calendar; charset=utf-8"


class NewOverride(Schema):
    """Somebody else for a while. since, until: ``2026-12-24 09:00`` in the zone of the schedule, ``18:00``, ``now``, or a
    time with its offset; without `since` from now. Either `until` or `lasts_s`."""

    person: str
    since: str = ""
    until: str = ""
    lasts_s: float | None = None
    why: str = ""


class Swap(Schema):
    """Two people change their next turns with each other."""

    first: str
    second: str
    since: str = ""


@router.get("/oncall")
def on_call(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"oncall": [now_json(each) for each in application().oncall.now()]}


@router.get("/oncall.ics")
def all_calendars(request: HttpRequest) -> HttpResponse:
    actor_of(request)
    return HttpResponse(application().oncall.calendar(), content_type=CALENDAR)


@router.get("/oncall/overrides")
def overrides(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    service = application().oncall
    return {"overrides": [override_json(each) for each in (*service.file_overrides(), *service.overrides())]}


@router.post("/oncall/overrides/{number}/remove")
def remove(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"override": override_json(application().oncall.remove(actor_of(request), number))}


@router.get("/oncall/gaps")
def gaps(request: HttpRequest, days: float = 14.0) -> dict[str, Any]:
    actor_of(request)
    if not 0 < days <= 400:
        raise Usage(f"Gaps are looked for in up to 400 days, not {days:g}.", "Use days=14.")
    return {"gaps": [gap_json(each) for each in application().oncall.gaps(days * 86400.0)]}


@router.get("/oncall/calendar-address")
def calendar_address(request: HttpRequest) -> dict[str, Any]:
    """The address that calendar programs subscribe to; its key opens the calendars and nothing else."""
    app = application()
    key = app.keys.show(actor_of(request), "calendar")
    return {"calendar": {"url": f"{app.holder.current.team.web_url or app.web_url}/calendar/{key}/all.ics"}}


@router.get("/oncall/{name}.ics")
def calendar(request: HttpRequest, name: str) -> HttpResponse:
    actor_of(request)
    return HttpResponse(application().oncall.calendar(name), content_type=CALENDAR)


@router.get("/oncall/{name}/shifts")
def shifts(request: HttpRequest, name: str, days: float = 14.0) -> dict[str, Any]:
    actor_of(request)
    app = application()
    now = app.clock()
    if not 0 < days <= 732:
        raise Usage(f"Shifts are listed for up to 732 days, not {days:g}.", "Use days=14.")
    return {"shifts": [shift_json(each) for each in app.oncall.shifts(name, now, now + days * 86400.0)]}


@router.post("/oncall/{name}/overrides")
def override(request: HttpRequest, name: str, body: NewOverride) -> dict[str, Any]:
    made = application().oncall.override(
        actor_of(request), name, body.person, body.since, body.until, body.lasts_s, body.why
    )
    return {"override": override_json(made)}


@router.post("/oncall/{name}/swap")
def swap(request: HttpRequest, name: str, body: Swap) -> dict[str, Any]:
    made = application().oncall.swap(actor_of(request), name, body.first, body.second, body.since)
    return {"overrides": [override_json(each) for each in made]}


@router.get("/escalations")
def escalations(request: HttpRequest) -> dict[str, Any]:
    """Open incidents on their way through a policy, the next step first."""
    actor_of(request)
    return {"escalations": [ladder_json(*each) for each in application().escalations.standing()]}


@router.get("/escalations/preview")
def preview(
    request: HttpRequest, service: str, severity: str = "P1", kind: str = "opened", at: str = ""
) -> dict[str, Any]:
    """Who would be told, step by step, if an incident of this service opened."""
    actor_of(request)
    app = application()
    if kind not in MESSAGE_KINDS:
        raise Usage(f"{kind[:20]!r} is no kind of message.", f"One of: {', '.join(MESSAGE_KINDS)}.")
    moment = time_of(at, app.holder.current.team.timezone, app.clock()) if at else None
    policy, steps = app.escalations.preview(service, severity, kind, moment)
    return {"preview": {"policy": policy.name if policy else "", "steps": [step_json(each) for each in steps]}}


# ---- rendering -------------------------------------------------------------------------------------------------------------


def now_json(each: OnCallNow) -> dict[str, Any]:
    """One schedule at this moment."""
    held = each.duty
    return {
        "schedule": held.schedule,
        "timezone": each.schedule.timezone,
        "person": held.person or None,
        "since": utc_text(held.since),
        "until": utc_text(held.until),
        "reason": held.reason,
        "following": held.following or None,
        "people": list(each.schedule.people),
        "gap": gap_json(each.gap) if each.gap is not None else None,
    }


def gap_json(gap: Gap) -> dict[str, Any]:
    """A span in which a schedule has nobody."""
    return {"schedule": gap.schedule, "since": utc_text(gap.since), "until": utc_text(gap.until)}


def shift_json(shift: Shift) -> dict[str, Any]:
    """One shift; person null for nobody."""
    return {
        "schedule": shift.schedule,
        "person": shift.person or None,
        "since": utc_text(shift.since),
        "until": utc_text(shift.until),
        "reason": shift.reason,
        "override": shift.override or None,
    }


def override_json(override: Override) -> dict[str, Any]:
    """One override; id null when it stands in the file."""
    return {
        "id": override.id or None,
        "schedule": override.schedule,
        "person": override.person,
        "since": utc_text(override.since),
        "until": utc_text(override.until),
        "made_by": override.made_by or None,
        "made_at": utc_text(override.made_at) if override.id else None,
        "why": override.why,
        "removed_at": utc_text(override.removed_at),
        "removed_by": override.removed_by or None,
    }


def ladder_json(incident: Incident, ladder: Ladder, policy: Policy | None) -> dict[str, Any]:
    """Where an incident stands. step: the next one, from 1; null after the last."""
    more = policy is not None and ladder.step < policy.length
    targets = [str(each) for each in policy.step(ladder.step).targets] if policy is not None and more else []
    return {
        "incident": incident.id,
        "title": incident.title,
        "severity": incident.severity,
        "policy": ladder.policy,
        "step": ladder.step + 1 if more else None,
        "steps": policy.length if policy is not None else 0,
        "to": targets,
        "due_at": utc_text(ladder.due_at),
        "paused_at": utc_text(ladder.paused_at),
        "paused_why": ladder.paused_why or None,
        "told_at": utc_text(ladder.told_at),
    }


def step_json(step: Preview) -> dict[str, Any]:
    """One step of a preview."""
    return {
        "step": step.number + 1,
        "at": utc_text(step.at),
        "to": [_way_json(each) for each in step.found.ways],
        "remarks": remarks(step.found),
    }


def _way_json(way: Way) -> dict[str, Any]:
    return {"who": way.to or None, "channels": list(way.channels)}
