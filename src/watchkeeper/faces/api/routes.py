"""The routes of the API, version 1. Parse, call one service, render."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api import (
    alerts,
    availability,
    changes,
    expiries,
    grants,
    heartbeats,
    incidents,
    locks,
    log,
    log_daily,
    log_digests,
    log_importing,
    log_keeping,
    metrics,
    notifications,
    oncall,
    quarantine,
    runs,
    shift,
    tasks,
    windows,
)
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.faces.api.render import check_json, service_json, status_json, to_json, vitals_json

api = NinjaAPI(title="watchkeeper", version="1", docs_url=None, openapi_url="/openapi.json", urls_namespace="api")

for _router in (
    alerts.router, metrics.router,
    availability.router, heartbeats.router, incidents.router, runs.router, grants.router, locks.router,
    log_importing.router, log_keeping.router, log_digests.router, log_daily.router, log.router,
    windows.router, oncall.router,
    tasks.router, shift.router,
    changes.router, expiries.router, quarantine.router, notifications.router,
):  # fmt: skip
    api.add_router("", _router)

journal = logging.getLogger(__name__)

STATUS_OF_KIND = {
    "usage": 400, "invalid": 422, "forbidden": 403, "second_factor": 403, "not_found": 404, "locked": 409, "outcast": 409,
    "no_answer": 502, "store_away": 502, "problem": 400,
}  # fmt: skip


@api.exception_handler(WatchkeeperError)
def _told(request: HttpRequest, error: WatchkeeperError) -> HttpResponse:
    body = {"error": {"kind": error.kind, "sentence": error.sentence, "hint": error.hint}}
    return api.create_response(request, body, status=STATUS_OF_KIND.get(error.kind, 400))


@api.exception_handler(DatabaseError)
def _store_fault(request: HttpRequest, error: DatabaseError) -> HttpResponse:
    journal.error("the main store cannot be used at %s: %s", request.path, error)
    sentence = f"The main store cannot be used: {(str(error).splitlines() or ['no reason given'])[0].rstrip('.')}."
    hint = "See that its disk has room; a damaged main.db is put back from a backup: wk restore self."
    return api.create_response(request, {"error": {"kind": "problem", "sentence": sentence, "hint": hint}}, status=500)


@api.exception_handler(Exception)
def _own_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    journal.exception("a request failed: %s %s", request.method, request.path)
    sentence = f"watchkeeper met a fault of its own at {request.method} {request.path}: {type(error).__name__}."
    body = {"error": {"kind": "problem", "sentence": sentence, "hint": "The trace is in the log of main."}}
    return api.create_response(request, body, status=500)


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
    told: dict[str, Any] = {"health": vitals_json(vitals)}
    if faults:
        told |= {"error": {"kind": "problem", "sentence": " ".join(faults), "hint": "See more: wk doctor."}}
    answer = api.create_response(request, told, status=503 if faults else 200)
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
    actor_of(request)
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
    if not actor.is_person:
        raise Forbidden(f"{actor.name} is not a person, and only a person opens the page.")
    app = application()
    return {"link": {"url": f"{app.web_url}/enter?key={app.door.make_link(actor)}"}}


@api.post("/drill/boundary")
def drill_boundary(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    """The drill of the sample fleet says that one scenario is over: what fails next is not the same trouble coming back."""
    actor = actor_of(request)
    if actor.kind != "drill":
        raise Forbidden("Only the drill of the sample fleet may set a boundary.")
    app = application()
    now = app.clock()
    app.store.write(lambda session: session.set_setting("recurrence_after", repr(now)))
    return {"boundary": {"at": utc_text(now)}}
