"""Services: the list, and one service with its checks, charts, dependencies, availability and what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.status import ServiceState
from watchkeeper.core.windows import Window, covered_checks
from watchkeeper.faces.web import availability, draw, heartbeats, pages
from watchkeeper.faces.web.charts import graph, ranges

MOST_CHARTS = 8
SORTS: dict[str, tuple[str, Callable[[ServiceState], Any]]] = {
    "": ("as declared", lambda each: 0),
    "state": ("worst first", lambda each: -each.state.rank),
    "name": ("by name", lambda each: each.service.name),
    "tier": ("by tier", lambda each: each.service.tier),
    "since": ("newest state first", lambda each: -(each.since or 0.0)),
}
STATES = ("CRIT", "WARN", "UNKNOWN", "OK")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list was asked for: words that must stand in a row, a state, an order."""

    words: str
    state: str
    sort: str


def asked_of(request: HttpRequest) -> Asked:
    """The filters of a list, as the address says them; what it cannot mean is left out."""
    state, sort = request.GET.get("state", "").upper(), request.GET.get("sort", "")
    words = request.GET.get("q", "").strip()[:100]
    return Asked(words, state if state in STATES else "", sort if sort in SORTS else "")


def fits(words: str, *texts: str) -> bool:
    """Whether every word stands somewhere in the texts, in any case."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words.casefold().split())


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """q, state and sort choose and order."""
    app, asked = application(), asked_of(request)
    base = pages.shared(app, "services")
    traces = draw.traces(app, base["now_at"], base["zone"])
    found = [
        each
        for each in base["now"].services
        if (not asked.state or each.state == asked.state) and fits(asked.words, *_texts(each))
    ]
    found.sort(key=SORTS[asked.sort][1])
    rows = [{"state": each, "trace": traces.get(each.service.name)} for each in found]
    counts = [(state, sum(each.state == state for each in base["now"].services)) for state in STATES]
    context = {
        "rows": rows,
        "asked": asked,
        "counts": counts,
        "sorts": [(name, said) for name, (said, _) in SORTS.items()],
    }
    return pages.render(request, "services.html", base | context)


def _texts(each: ServiceState) -> tuple[str, ...]:
    labels = (f"{name}={value}" for name, value in each.service.labels.items())
    return each.service.name, each.service.description, each.service.owner, *each.service.hosts, *labels


@pages.page
def one(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """Everything about one service. range: of its charts."""
    return pages.render(request, "service.html", _whole(application(), name, request) | {"actor": actor})


@pages.page
def charts(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """Its charts, for live views."""
    app = application()
    base = pages.shared(app)
    context = _charts(app, _found(base, name), request, base)
    return pages.fragment(request, "parts/service_charts.html", base | context | {"version": context["charts_version"]})


def _found(base: dict[str, Any], name: str) -> ServiceState:
    found: ServiceState | None = next((each for each in base["now"].services if each.service.name == name), None)
    if found is None:
        raise NotFound(f"There is no service {name} in the ops repo.", "All services are on /services.")
    return found


def _whole(app: Application, name: str, request: HttpRequest) -> dict[str, Any]:
    base = pages.shared(app, "services")
    found = _found(base, name)
    settled = dict(found.checks)
    rows = [
        {
            "check": check, "settled": settled.get(check.key), "latest": base["now"].latest.get(check.key),
            "flapping": flapping(settled.get(check.key)),
        }
        for check in found.service.checks
    ]  # fmt: skip
    until = base["now_at"] + 60.0
    inventory = app.holder.current
    states = {each.service.name: each.state for each in base["now"].services}
    board = app.windows.board(limit=30)
    return base | _charts(app, found, request, base) | {
        "availability": availability.rows(app, name, base["now_at"]),
        "target": availability.target_words(found.service.target),
        "changes": app.changes.newest(until - 7 * 86400.0, until, 12, name),
        "service": found.service,
        "found": found,
        "jobs": heartbeats.jobs(app, name),
        "rows": rows,
        "incidents": of_service(app, name),
        "trace": draw.traces(app, base["now_at"], base["zone"]).get(name),
        "graphs": graph.drawings(inventory, name, states),
        "unknown_needs": [each for each in found.service.depends_on if each not in inventory.services],
        "windows": [each for each in (*board.now, *board.next) if covers(each, name, app)],
        "entries": app.logbook.questions.ask(f'service:"{name}"', 8).entries,
        "locks": [each for each in app.locks.held() if each.name == f"deploy:{name}"],
    }  # fmt: skip


def _charts(app: Application, found: ServiceState, request: HttpRequest, base: dict[str, Any]) -> dict[str, Any]:
    span = ranges.range_of(request.GET.get("range"))
    checks = found.service.checks[:MOST_CHARTS]
    drawn = [made for each in checks if (made := ranges.of_check(app, each, span, base["zone"], base["now_at"]))]
    return {
        "service": found.service, "charts": [(each, each.rows[:12]) for each in drawn], "span": span, "ranges": ranges.RANGES,
        "renew_s": min((ranges.renewed_s(each, span) for each in checks), default=60),
        "not_drawn": found.service.checks[MOST_CHARTS:],
        "charts_version": pages.version_of(span.name, [each.version for each in drawn]),
    }  # fmt: skip


def covers(window: Window, name: str, app: Application) -> bool:
    """Whether a window or silence covers a check of this service."""
    inventory = app.holder.current
    return any(inventory.checks[key].service == name for key in covered_checks(window.targets, inventory))


def of_service(app: Application, name: str, most: int = 10) -> list[Any]:
    """The newest incidents of a service."""
    return [each for each in app.incidents.newest(limit=200) if each.service == name][:most]


def flapping(settled: Settled | None) -> str:
    """``flapping: 9 flips in 12 min``; the reason begins with it while a check flaps."""
    return settled.reason.partition("; ")[0] if settled is not None and settled.flapping_since is not None else ""


def state_of(settled: Settled | None) -> State:
    """The settled state; UNKNOWN before the first answer."""
    return settled.state if settled is not None else State.UNKNOWN
