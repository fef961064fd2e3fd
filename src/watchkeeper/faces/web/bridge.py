"""The bridge: the sentence of truth, what is open, every service, and what was written last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.runs.values import Run
from watchkeeper.core.status import ServiceState
from watchkeeper.faces.web import draw, expiries, pages, tasks, track, windows
from watchkeeper.services.status import Now, Waiting

kept = pages.Kept("bridge.html")
ACTIVE = ("bridge", "incidents", "runs", "runbooks", "log")


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An open incident as the bridge shows it."""

    incident: Incident
    track: tuple[track.Station, ...]
    run: Run | None
    waiting: tuple[Waiting, ...]
    held: tuple[str, ...]
    suspect: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One service with its trace. maintenance: until when a window covers it as a whole."""

    state: ServiceState
    trace: draw.Drawing
    maintenance: float | None = None


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    seen = pages.look(app)

    def make() -> dict[str, Any]:
        base = pages.shared(app, "bridge", seen)
        base["aside"] = app.quarantines.listed()
        return base | _now(base) | _open(app, base) | _services(app, base) | _side(app, base) | {"actor": actor}

    return kept.answer(request, seen, make)


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
    context = base | _services(app, base)
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


def _services(app: Application, base: dict[str, Any]) -> dict[str, Any]:
    now: Now = base["now"]
    drawn = draw.traces(app, now.at, base["zone"])
    nothing = draw.Drawing((), "nothing known yet")
    until = windows.until_of(app, now.muted)
    rows = [Row(each, drawn.get(each.service.name, nothing), until.get(each.service.name)) for each in now.services]
    rows.sort(key=lambda row: -row.state.state.rank)
    version = pages.version_of(
        [
            (
                row.state.service.name,
                row.state.state,
                row.state.reason,
                row.state.held_under,
                row.trace.share,
                row.maintenance,
            )
            for row in rows
        ]
    )
    return {"rows": rows, "services_version": version}


def _side(app: Application, base: dict[str, Any]) -> dict[str, Any]:
    now: Now = base["now"]
    entries = app.log.newest(6)
    active = app.runs.newest(active=True, limit=8)
    due = expiries.due(app, now.at)
    open_tasks, tasks_due = tasks.due_now(app)
    version = pages.version_of(
        [entry.number for entry in entries], [(run.id, run.state) for run in active], now.automation_on, now.inventory.revision,
        bool(now.watch_down), due, open_tasks, [(each.id, each.owner, each.text) for each in tasks_due],
    )  # fmt: skip
    lateness = now.watch.get("lateness_p99_s")
    return {"entries": entries, "active_runs": active, "lateness": lateness, "due": due, "side_version": version} | {
        "open_tasks": open_tasks, "tasks_due": tasks_due[:6], "more_due": max(0, len(tasks_due) - 6),
    }  # fmt: skip
