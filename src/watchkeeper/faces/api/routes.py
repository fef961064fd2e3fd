"""The routes of the API, version 1. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api import (
    access,
    accounts,
    alerts,
    audit,
    availability,
    bounds,
    caching,
    catalogue,
    changes,
    definitions,
    emergency,
    expiries,
    grants,
    heartbeats,
    idempotency,
    incidents,
    locks,
    log,
    log_daily,
    log_digests,
    log_importing,
    log_keeping,
    mcp,
    metrics,
    notifications,
    oncall,
    paging,
    problems,
    quarantine,
    reports,
    runs,
    search,
    shift,
    status_page,
    tasks,
    wall,
    webhooks,
    windows,
)
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import check_json, service_json, status_json, to_json, vitals_json

api = NinjaAPI(
    title="watchkeeper",
    version="1",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
    parser=bounds.BoundedParser(),
)
api.add_decorator(bounds.bounded)
api.add_decorator(paging.paged)
api.add_decorator(caching.revalidated, mode="view")
api.add_decorator(idempotency.once, mode="view")

for _router in (
    access.router, accounts.router, audit.router, emergency.router, alerts.router, metrics.router,
    availability.router, heartbeats.router, incidents.router, runs.router, grants.router, locks.router,
    log_importing.router, log_keeping.router, log_digests.router, log_daily.router, log.router, wall.router,
    windows.router, oncall.router,
    tasks.router, shift.router, status_page.router, reports.router, catalogue.router, search.router, mcp.router,
    changes.router, definitions.router, webhooks.router, expiries.router, quarantine.router, notifications.router,
):  # fmt: skip
    api.add_router("", _router)

problems.handle(api)


class Ask(Schema):
    """Check keys, service names, or nothing for all."""

    checks: list[str] = []


class TestChannels(Schema):
    """Which channel gets a test message; all when empty."""

    channel: str = ""


@api.get("/health")
def health(request: HttpRequest) -> HttpResponse:
    """200 while watchkeeper is alive as a whole, 503 with the reasons when checks, flips, outbox or disk are stuck."""
    vitals = application().own.vitals.now()
    faults = list(vitals.faults)
    whole: dict[str, Any] = {"health": vitals_json(vitals)}
    if faults:
        answer = problems.problem("problem", " ".join(faults), "See more: wk doctor.", 503, **whole)
    else:
        answer = api.create_response(request, whole, status=200)
    vars(answer)["_has_been_logged"] = True  # Django would write an error into the log each time somebody asks
    return answer


@api.get("/status")
def status(request: HttpRequest) -> HttpResponse:
    """The whole truth of one moment; 503, with the same body, while something of watchkeeper itself is stuck."""
    actor_of(request)
    vitals = application().own.vitals.now()
    told = {
        "status": {
            **status_json(application().status.now()),
            "health": vitals_json(vitals),
            "tasks": tasks.glance_json(),
        }
    }
    answer = api.create_response(request, told, status=503 if vitals.faults else 200)
    vars(answer)["_has_been_logged"] = True
    return answer


@api.get("/checks")
def checks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    now = application().status.now()
    return {"checks": [check for each in now.services for check in service_json(each, now)["checks"]]}


@api.post("/checks/ask")
def ask(request: HttpRequest, body: Ask) -> dict[str, Any]:
    assert_allowed(actor_of(request), "checks.ask")
    return {"checks": [check_json(judged) for judged in application().ask(body.checks)]}


@api.get("/doctor")
def doctor(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"doctor": to_json(application().doctor.examine())}


@api.post("/doctor/channels")
def test_channels(request: HttpRequest, body: TestChannels) -> dict[str, Any]:
    return {"tests": to_json(application().channel_tests.send(actor_of(request), body.channel))}


@api.get("/backups")
def backups(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"backups": to_json(application().own.backups.state())}


@api.post("/links")
def link(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    actor = actor_of(request)
    app = application()
    return {"link": {"url": f"{app.web_url}/enter?key={app.door.make_link(actor)}"}}


@api.post("/drill/boundary")
def drill_boundary(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    """The drill of the sample fleet says that one scenario is over: what fails next is not the same trouble coming back."""
    assert_allowed(actor_of(request), "drill.boundary")
    app = application()
    now = app.clock()
    app.store.write(lambda session: session.set_setting("recurrence_after", repr(now)))
    return {"boundary": {"at": utc_text(now)}}
