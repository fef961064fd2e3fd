"""Hosts: the list, and one host with what runs there, whether it answers, what changed on it, and who holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.status import ServiceState
from watchkeeper.core.windows import covers_host
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.services import STATES, asked_of, fits, state_of

DAY_S = 86_400.0
MOST_RUNS = 10
HOW = {"local": "this machine", "ssh": "over SSH", "container": "a container"}


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a host answers. state: OK, CRIT, or UNKNOWN where nothing asks it. at: of the newest answer, or failure."""

    state: State
    words: str
    at: float | None


@dataclass(frozen=True, slots=True)
class HostView:
    """A host with the services that run on it and the worst state of its checks."""

    host: Host
    services: tuple[ServiceState, ...]
    state: State
    reach: Reach
    how: str


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """q, state and sort choose and order."""
    app, asked = application(), asked_of(request)
    base = pages.shared(app, "hosts")
    views = [view_of(base, host) for host in app.holder.current.hosts.values()]
    found = [
        each
        for each in views
        if (not asked.state or each.state == asked.state)
        and fits(asked.words, each.host.name, each.how, *(f"{a}={b}" for a, b in each.host.labels.items()),
                 *(service.service.name for service in each.services))
    ]  # fmt: skip
    if asked.sort == "state":
        found.sort(key=lambda each: -each.state.rank)
    elif asked.sort == "name":
        found.sort(key=lambda each: each.host.name)
    return pages.render(
        request, "hosts.html", base | {"rows": found, "asked": asked, "count": len(views), "states": STATES}
    )


@pages.page
def one(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """Everything about one host."""
    app = application()
    return pages.render(request, "host.html", _whole(app, name) | {"actor": actor})


def view_of(base: dict[str, Any], host: Host) -> HostView:
    """The host as the newest answers tell of it."""
    services = tuple(each for each in base["now"].services if host.name in each.service.hosts)
    settled = [state for each in services for key, state in each.checks if _runs_on(base, key, host.name)]
    worst = max((state_of(each) for each in settled), key=lambda each: each.rank, default=State.OK)
    reach = reach_of(base, host)
    worst = State.CRIT if reach.state is State.CRIT else worst
    how = HOW[host.kind] + (
        f", {host.user}@{host.address}" if host.kind == "ssh" else f" {host.address}" if host.address else ""
    )
    return HostView(host, services, worst, reach, how)


def _runs_on(base: dict[str, Any], key: str, name: str) -> bool:
    check = base["now"].inventory.checks.get(key)
    return check is not None and check.host in (name, None)


def reach_of(base: dict[str, Any], host: Host) -> Reach:
    """By the newest answer of what is asked on the host itself: a check from elsewhere says nothing about its shell."""
    asked = [
        (latest.reading.at, latest)
        for check in base["now"].inventory.checks.values()
        if check.host == host.name
        and check.where == "host"
        and (latest := base["now"].latest.get(check.key)) is not None
    ]
    if not asked:
        words = "this machine" if host.kind == "local" else "nothing is asked on it, so nobody knows"
        return Reach(State.OK if host.kind == "local" else State.UNKNOWN, words, None)
    at, newest = max(asked, key=lambda each: each[0])
    if _unreachable(newest, host.name):
        return Reach(State.CRIT, newest.reading.error or "it cannot be reached", at)
    return Reach(State.OK, "it answers", at)


def _unreachable(judged: Judged, name: str) -> bool:
    return judged.reading.values.get("unreachable") == name


def _whole(app: Application, name: str) -> dict[str, Any]:
    inventory = app.holder.current
    host = inventory.hosts.get(name)
    if host is None:
        raise NotFound(f"There is no host {name} in the ops repo.", "All hosts are on /hosts.")
    base = pages.shared(app, "hosts")
    until = base["now_at"] + 60.0
    changes = app.changes.newest(until - 7 * DAY_S, until, 500)
    board = app.windows.board(limit=30)
    latest = base["now"].latest
    rows = [
        {"check": check, "settled": dict(each.checks).get(check.key), "latest": latest.get(check.key)}
        for each in base["now"].services
        for check in each.service.checks
        if check.host == name
    ]
    here = {each.service.name for each in base["now"].services if name in each.service.hosts}
    return base | {
        "view": view_of(base, host), "host": host, "rows": rows,
        "changes": [each for each in changes if each.host == name][:20],
        "incidents": [each for each in app.incidents.newest(limit=200) if each.host == name or each.service in here][:10],
        "runs": [run for run in app.runs.newest(limit=200) if any(step.plan.host == name for step in run.steps)][:MOST_RUNS],
        "locks": [each for each in app.locks.held() if each.name == f"host:{name}"],
        "windows": [each for each in (*board.now, *board.next) if covers_host(each.targets, name, inventory)],
        "entries": app.logbook.questions.ask(f'host:"{name}"', 8).entries,
        "behind": [each for each in inventory.hosts.values() if each.via == name],
    }  # fmt: skip
