"""One service: its checks with what was measured against what, and what happened to it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound
from watchkeeper.faces.web import chart, draw, pages


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
        {"check": check, "settled": settled.get(check.key), "latest": base["now"].latest.get(check.key)}
        for check in found.service.checks
    ]
    charts = [
        drawn
        for check in found.service.checks[:8]
        if (drawn := chart.of_check(app, check, base["zone"], base["now_at"]))
    ]
    incidents = [each for each in app.incidents.newest(limit=200) if each.service == name][:10]
    trace = draw.traces(app, base["now_at"], base["zone"]).get(name)
    context = {
        "service": found.service,
        "found": found,
        "rows": rows,
        "charts": charts,
        "incidents": incidents,
        "trace": trace,
    }
    return pages.render(request, "service.html", base | context)
