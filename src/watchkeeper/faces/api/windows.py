"""Windows and silences. Parse, call one service, render."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.errors import Usage
from watchkeeper.core.recurrence import Plan, dates, local_time
from watchkeeper.core.times import utc_text
from watchkeeper.core.windows import REMIND_S, Kind, Window, scope_words
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.services.windows.acts import Board, Covered, Wish
from watchkeeper.services.windows.carrying_out import scope_of
from watchkeeper.services.windows.past import Figures, Reclassified

router = Router()
_PLURALS: dict[Kind, str] = {"window": "windows", "silence": "silences"}


class NewWindow(Schema):
    """A window or silence. Times: ISO, in the team's zone unless they carry an offset. Durations in seconds.

    cron or rrule make it recurring; past reclassifies time that is over; dry_run only says what it would cover.
    """

    targets: list[str] = []
    why: str = ""
    starts_at: str = ""
    ends_at: str = ""
    lasts_s: float | None = None
    cron: str = ""
    rrule: str = ""
    timezone: str = ""
    excepted: list[str] = []
    until_green: bool = False
    remind_s: float = REMIND_S
    watch_s: float | None = None
    before: list[str] = []
    after: list[str] = []
    past: bool = False
    dry_run: bool = False


class Why(Schema):
    """A reason."""

    why: str = ""


class Extension(Schema):
    """by_s: longer than planned; ends_at: the new end."""

    by_s: float | None = None
    ends_at: str = ""


class Tick(Schema):
    """A line of the checklist, counted from 1."""

    position: int
    done: bool = True


@router.get("/windows")
def windows(request: HttpRequest, limit: int = 20) -> dict[str, Any]:
    actor_of(request)
    return _board("window", limit)


@router.get("/silences")
def silences(request: HttpRequest, limit: int = 20) -> dict[str, Any]:
    actor_of(request)
    return _board("silence", limit)


@router.post("/windows")
def add_window(request: HttpRequest, body: NewWindow) -> dict[str, Any]:
    return _add(request, body, "window")


@router.post("/silences")
def add_silence(request: HttpRequest, body: NewWindow) -> dict[str, Any]:
    return _add(request, body, "silence")


@router.get("/windows/{number}")
def window(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    return {"window": _seen(application(), application().windows.get(number, "window"))}


@router.get("/silences/{number}")
def silence(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    return {"silence": _seen(application(), application().windows.get(number, "silence"))}


@router.post("/windows/{number}/end")
def end_window(request: HttpRequest, number: int, body: Why) -> dict[str, Any]:
    app = application()
    return {"window": _seen(app, app.windows.end(number, actor_of(request), body.why, "window"))}


@router.post("/silences/{number}/end")
def end_silence(request: HttpRequest, number: int, body: Why) -> dict[str, Any]:
    app = application()
    return {"silence": _seen(app, app.windows.end(number, actor_of(request), body.why, "silence"))}


@router.post("/windows/{number}/extend")
def extend_window(request: HttpRequest, number: int, body: Extension) -> dict[str, Any]:
    return {"window": _extend(request, number, body, "window")}


@router.post("/silences/{number}/extend")
def extend_silence(request: HttpRequest, number: int, body: Extension) -> dict[str, Any]:
    return {"silence": _extend(request, number, body, "silence")}


@router.post("/windows/{number}/check")
def check_window(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    """Its checklist's checks are asked now and answer with what they measure."""
    app = application()
    return {"window": _seen(app, app.windows.look(number, actor_of(request)))}


@router.post("/windows/{number}/tick")
def tick_window(request: HttpRequest, number: int, body: Tick) -> dict[str, Any]:
    app = application()
    return {"window": _seen(app, app.windows.tick(number, actor_of(request), body.position, body.done))}


@router.post("/windows/{number}/take-back")
def take_back_window(request: HttpRequest, number: int, body: Why) -> dict[str, Any]:
    app = application()
    return _reclassified(app, app.reclassifications.take_back(number, actor_of(request), body.why))


@router.post("/windows/plans/{number}/end")
def end_plan(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    app = application()
    kept = app.windows.end_plan(number, actor_of(request))
    return {"plan": plan_json(kept.plan, None)}


# ---- what is asked for ---------------------------------------------------------------------------------------------------


def _add(request: HttpRequest, body: NewWindow, kind: Kind) -> dict[str, Any]:
    app, actor = application(), actor_of(request)
    zone = body.timezone or app.holder.current.team.timezone
    starts_at = local_time(body.starts_at, zone) if body.starts_at and not body.rrule else None
    ends_at = local_time(body.ends_at, zone) if body.ends_at else None
    if body.past:
        if kind != "window" or starts_at is None or (ends_at is None and body.lasts_s is None):
            raise Usage(
                "Only a window with its beginning and end reclassifies time that is over.",
                "Give: wk window add shop --from 2026-11-20T02:00 --to 2026-11-20T04:00 --past --why TEXT.",
            )
        end = ends_at if ends_at is not None else starts_at + (body.lasts_s or 0.0)
        found = app.reclassifications.add(body.targets, starts_at, end, body.why, actor, body.dry_run)
        return _reclassified(app, found)
    wish = Wish(
        kind, tuple(body.targets), body.why, starts_at, ends_at, body.lasts_s, body.until_green, body.remind_s,
        body.watch_s, tuple(body.before), tuple(body.after),
    )  # fmt: skip
    if body.dry_run:
        return {"covered": covered_json(app.windows.covered(wish.targets))}
    before = app.windows.covered(wish.targets) if wish.targets else None  # what holds besides, without the new one
    if body.cron or body.rrule:
        kept, following = app.windows.add_plan(
            wish, actor, body.cron, body.rrule, body.starts_at, body.timezone, dates(body.excepted)
        )
        return {"plan": plan_json(kept.plan, following), "covered": covered_json(before)}
    made = app.windows.add(wish, actor)
    return {kind: _seen(app, made), "covered": covered_json(before)}


def _extend(request: HttpRequest, number: int, body: Extension, kind: Kind) -> dict[str, Any]:
    app = application()
    ends_at = local_time(body.ends_at, app.holder.current.team.timezone) if body.ends_at else None
    return _seen(app, app.windows.extend(number, actor_of(request), body.by_s, ends_at, kind))


# ---- what is shown -------------------------------------------------------------------------------------------------------


def _board(kind: Kind, limit: int) -> dict[str, Any]:
    app = application()
    board: Board = app.windows.board(kind, min(max(limit, 1), 1000))
    rows = [*board.now, *board.next, *board.past]
    return {
        _PLURALS[kind]: [_seen(app, each) for each in rows],
        "plans": [plan_json(plan, following) for plan, following in board.plans],
    }


def _seen(app: Application, window: Window) -> dict[str, Any]:
    return window_json(window, app.clock())


def state_of(window: Window, now: float) -> str:
    """planned, now, ended, cancelled (before it began), past (a reclassification), or taken_back."""
    if window.taken_back_at is not None:
        return "taken_back"
    if window.past:
        return "past"
    if window.ended_at is not None:
        return "ended" if window.begun_at is not None else "cancelled"
    return "planned" if window.starts_at > now else "now" if now < window.ends_at else "ended"


def window_json(window: Window, now: float) -> dict[str, Any]:
    """One window or silence as JSON."""
    watch_until = window.ended_at + window.watch_s if window.ended_at is not None and window.watch_s else None
    return {
        "id": window.id,
        "kind": window.kind,
        "state": state_of(window, now),
        "targets": list(window.targets),
        "scope": scope_of(window),
        "why": window.why,
        "actor": window.actor,
        "name": window.name,
        "starts_at": utc_text(window.starts_at),
        "ends_at": utc_text(window.ends_at),
        "lasts_s": round(window.ends_at - window.starts_at, 3),
        "begun_at": utc_text(window.begun_at),
        "ended_at": utc_text(window.ended_at),
        "ended_by": window.ended_by,
        "ended_why": window.ended_why,
        "until_green": window.until_green,
        "remind_s": window.remind_s,
        "watch_s": window.watch_s,
        "watch_until": utc_text(watch_until),
        "watch_over": window.watched_at is not None,
        "flips_after": window.flips_after,
        "entry": window.entry,
        "taken_back_by": window.taken_back_by,
        "checklist": [
            {
                "position": position, "when": item.when, "text": item.text, "check": item.check, "ok": item.ok,
                "answer": item.answer, "by": item.by, "at": utc_text(item.at),
            }
            for position, item in enumerate(window.items, 1)
        ],
    }  # fmt: skip


def plan_json(plan: Plan, following: tuple[float, float] | None) -> dict[str, Any]:
    """A recurring one as JSON, with its next time."""
    return {
        "key": plan.key,
        "number": int(plan.key[5:]) if plan.key.startswith("plan:") else None,
        "name": plan.name,
        "kind": plan.kind,
        "targets": list(plan.targets),
        "scope": scope_words(plan.targets),
        "why": plan.why,
        "actor": plan.actor,
        "cron": plan.cron,
        "rrule": plan.rrule,
        "timezone": plan.timezone,
        "lasts_s": plan.lasts_s,
        "words": plan.words(),
        "next_at": utc_text(following[0]) if following else None,
        "expires_at": utc_text(plan.expires_at),
    }


def covered_json(covered: Covered | None) -> dict[str, Any]:
    """What is muted, or would be."""
    if covered is None:
        return {"checks": [], "failing": [], "incidents": [], "besides": []}
    return {
        "checks": list(covered.checks),
        "failing": list(covered.failing),
        "incidents": [{"id": each.id, "title": each.title, "severity": each.severity} for each in covered.incidents],
        "besides": [{"id": each.id, "kind": each.kind, "ends_at": utc_text(each.ends_at)} for each in covered.besides],
    }


def _reclassified(app: Application, found: Reclassified) -> dict[str, Any]:
    return {
        "window": _seen(app, found.window),
        "before": _figures(found.before),
        "after": _figures(found.after),
    }


def _figures(figures: Sequence[Figures]) -> list[dict[str, Any]]:
    names = ("up_s", "degraded_s", "down_s", "unknown_s", "maintenance_s")
    return [
        {"service": each.service, "words": each.words()} | {name: round(getattr(each, name), 3) for name in names}
        for each in figures
    ]
