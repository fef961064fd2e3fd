"""One service: its checks with what was measured against what, and what happened to it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Settled
from watchkeeper.core.errors import NotFound
from watchkeeper.faces.web import availability, chart, draw, heartbeats, pages


@pages.page
def one(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """Its checks, its responses, its incidents."""
    app = application()
    base = pages.shared(app, "bridge")
    found = next((each for each in base["now"].services if each.service.name == name), None)
    if found is None:
        raise NotFound(f"There is no service {name} in the ops repo.", "All services are on the bridge.")
    settled = dict(found.checks)
    rows = [
        {
            "check": check, "settled": settled.get(check.key), "latest": base["now"].latest.get(check.key),
            "flapping": _flapping(settled.get(check.key)),
        }
        for check in found.service.checks
    ]  # fmt: skip
    charts = [
        drawn
        for check in found.service.checks[:8]
        if (drawn := chart.of_check(app, check, base["zone"], base["now_at"]))
    ]
    incidents = [each for each in app.incidents.newest(limit=200) if each.service == name][:10]
    trace = draw.traces(app, base["now_at"], base["zone"]).get(name)
    until = base["now_at"] + 60.0
    context = {
        "availability": availability.rows(app, name, base["now_at"]),
        "changes": app.changes.newest(until - 7 * 86400.0, until, 12, name),
        "service": found.service,
        "found": found,
        "jobs": heartbeats.jobs(app, name),
        "rows": rows,
        "charts": charts,
        "incidents": incidents,
        "trace": trace,
    }
    return pages.render(request, "service.html", base | context)


def _flapping(settled: Settled | None) -> str:
    """``flapping: 9 flips in 12 min``; the reason begins with it while a check flaps."""
    return settled.reason.partition("; ")[0] if settled is not None and settled.flapping_since is not None else ""
