"""The bridge: the sentence of truth, what is open, every service, and what was written last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.runs.values import Run
from watchkeeper.faces.web import draw, expiries, pages, service_rows, tasks, track, windows
from watchkeeper.faces.web.service_rows import Asked, Row
from watchkeeper.services.status import Now, Waiting

kept = pages.Kept("bridge.html")
ACTIVE = ("bridge", "incidents", "runs", "runbooks", "log")
COMING_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An open incident as the bridge shows it."""

    incident: Incident
    track: tuple[track.Station, ...]
    run: Run | None
    waiting: tuple[Waiting, ...]
    held: tuple[str, ...]
    suspect: Any


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    seen = pages.look(app)

    wish = service_rows.asked(request.GET)

    def make() -> dict[str, Any]:
        base = pages.shared(app, "bridge", seen)
        base["aside"] = app.quarantines.listed()
        return base | _now(base) | _open(app, base) | _services(app, base, wish) | _side(app, base) | {"actor": actor}

    return kept.answer(request, seen, make) if wish.plain else pages.render(request, "bridge.html", make())


@pages.page
def now(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The sentence and the mark."""
    base = pages.shared(application())
    context = base | _now(base)
    return pages.fragment(request, "parts/now.html", context | {"version": context["now_version"]})


@pages.page
def alarm(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Banner and day line, on every page."""
    active = request.GET.get("page", "")
    base = pages.shared(application(), active if active in ACTIVE else "")
    return pages.fragment(request, "parts/alarm.html", base | {"version": base["alarm_version"]})


@pages.page
def open_incidents(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What is open."""
    app = application()
    base = pages.shared(app)
    context = base | _open(app, base)
    return pages.fragment(request, "parts/open.html", context | {"version": context["open_version"]})


@pages.page
def services(request: HttpRequest, actor: Actor) -> HttpResponse:
    """All services."""
    app = application()
    base = pages.shared(app)
    context = base | _services(app, base, service_rows.asked(request.GET))
    return pages.fragment(request, "parts/services.html", context | {"version": context["services_version"]})


@pages.page
def side(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Log, runs and the watch."""
    app = application()
    base = pages.shared(app)
    context = base | _side(app, base)
    return pages.fragment(request, "parts/side.html", context | {"version": context["side_version"]})


# ---- what the parts show ---------------------------------------------------------------------------------------------------


def _now(base: dict[str, Any]) -> dict[str, Any]:
    now: Now = base["now"]
    checks = [settled for each in now.services for _, settled in each.checks]
    ok = sum(1 for settled in checks if settled and settled.state is State.OK)
    failing = sum(1 for settled in checks if settled and settled.state in (State.CRIT, State.WARN))
    oldest = min((judged.reading.at for judged in now.latest.values()), default=None)
    counts = {
        "checks": len(checks),
        "ok": ok,
        "failing": failing,
        "unseen": len(checks) - ok - failing,
        "oldest": oldest,
    }
    version = pages.version_of(
        now.sentence, base["state_name"], ok, failing, len(checks), now.fault, now.oncall, base["muted_line"]
    )
    return {"counts": counts, "now_version": version}


def _open(app: Application, base: dict[str, Any]) -> dict[str, Any]:
    now: Now = base["now"]
    shown = []
    for incident in now.incidents[:20]:
        found = app.runs.newest(incident=incident.id, limit=1)
        run = found[0] if found else None
        suspects = app.incidents.suspects(incident, 1)
        shown.append(
            OpenIncident(
                incident, track.of_incident(incident, run), run,
                tuple(each for each in now.waiting if each.incident == incident.id),
                tuple(each.service.name for each in now.services if each.held_under == incident.id),
                suspects[0] if suspects else None,
            )
        )  # fmt: skip
    version = pages.version_of(
        [
            (
                each.incident,
                each.run and (each.run.state, [s.state for s in each.run.steps]),
                each.held,
                len(each.waiting),
            )
            for each in shown
        ],
        int(now.at // 60),
    )
    return {"open": shown, "open_version": version}


def _services(app: Application, base: dict[str, Any], wish: Asked) -> dict[str, Any]:
    now: Now = base["now"]
    drawn = draw.traces(app, now.at, base["zone"])
    nothing = draw.Drawing((), "nothing known yet")
    until = windows.until_of(app, now.muted)
    rows = [Row(each, drawn.get(each.service.name, nothing), until.get(each.service.name)) for each in now.services]
    groups = service_rows.arranged(rows, wish)
    shown = [
        (
            each,
            *(
                SafeString("\n".join(service_rows.written(some, base["zone"], now.at)))
                for some in (each.rows, each.folded)
            ),
        )
        for each in groups
    ]
    # hashes, so that half a megabyte of rows is not written out once more to name it
    version = pages.version_of([(each.name, hash(lit), hash(folded)) for each, lit, folded in shown], wish.query)
    return {"groups": shown, "service_count": len(rows), "services_version": version, "wish": wish} | {
        "check_count": sum(len(each.checks) for each in now.services),
        "found_count": sum(len(each.rows) + len(each.folded) for each in groups), "sorts": service_rows.SORTS,
        "headed": len(groups) > 1 or any(each.name for each in groups),
    }  # fmt: skip


def _side(app: Application, base: dict[str, Any]) -> dict[str, Any]:
    now: Now = base["now"]
    entries = app.log.newest(6)
    active = app.runs.newest(active=True, limit=8)
    due = expiries.due(app, now.at)
    board = app.windows.board(limit=1)
    coming = [
        *((each.starts_at, each.why, each.kind) for each in board.next),
        *((span[0], plan.why, plan.kind) for plan, span in board.plans if span is not None),
    ]
    coming = sorted(each for each in coming if now.at < each[0] < now.at + COMING_S)[:4]
    open_tasks, tasks_due = tasks.due_now(app)
    version = pages.version_of(
        [entry.number for entry in entries], [(run.id, run.state) for run in active], now.automation_on, now.inventory.revision,
        bool(now.watch_down), due, open_tasks, [(each.id, each.owner, each.text) for each in tasks_due], now.muted, coming,
    )  # fmt: skip
    lateness = now.watch.get("lateness_p99_s")
    return {"entries": entries, "active_runs": active, "lateness": lateness, "due": due, "side_version": version} | {
        "coming": coming, "open_tasks": open_tasks, "tasks_due": tasks_due[:6], "more_due": max(0, len(tasks_due) - 6),
    }  # fmt: skip
