"""The routes of the API, version 1. Parse, call one service, render."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, Usage, WatchkeeperError
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.runbooks import Runbook, show
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.render import (
    check_json,
    draft_json,
    entry_json,
    incident_json,
    lock_json,
    person_json,
    report_json,
    run_json,
    runbook_json,
    service_json,
    status_json,
    to_json,
)
from watchkeeper.identity.callers import digest, new_token
from watchkeeper.services.ports import Ping
from watchkeeper.services.runbooks import last_proofs

api = NinjaAPI(title="watchkeeper", version="1", docs_url=None, openapi_url="/openapi.json", urls_namespace="api")

journal = logging.getLogger(__name__)

STATUS_OF_KIND = {
    "usage": 400, "invalid": 422, "forbidden": 403, "not_found": 404, "locked": 409, "no_answer": 502, "problem": 400,
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


def actor_of(request: HttpRequest) -> Actor:
    """The caller; raises `Forbidden`. A browser may read the API, but acts through the page's own forms."""
    app = application()
    way = str(request.META.get("HTTP_X_WATCHKEEPER_WAY", "tcp"))
    headers = {
        "X-Watchkeeper-Actor": str(request.META.get("HTTP_X_WATCHKEEPER_ACTOR", "")),
        "Authorization": str(request.META.get("HTTP_AUTHORIZATION", "")),
    }
    caller = app.door.caller(way, request.COOKIES, headers, app.holder.current.sample)
    if caller.way == "browser" and request.method not in ("GET", "HEAD"):
        raise Forbidden("A browser acts through the page, not through the API.", "Use the buttons of the page.")
    return caller.actor


class Empty(Schema):
    """No fields."""


class Reason(Schema):
    """Why."""

    reason: str = ""


class Note(Schema):
    """A note for the timeline."""

    text: str


class Ask(Schema):
    """Check keys, service names, or nothing for all."""

    checks: list[str] = []


class StartRun(Schema):
    """A run started by hand. hosts: only on these; failed_of: only where that run did not get through."""

    runbook: str
    service: str = ""
    params: dict[str, str] = {}
    steps: list[str] = []
    hosts: list[str] = []
    failed_of: int | None = None
    dry_run: bool = False
    digest: str = ""
    pins: str = ""


class Decide(Schema):
    """Which step, and the hash that was shown."""

    step: int | None = None
    binds: str = ""
    reason: str = ""


class Values(Schema):
    """Values for the placeholders of what waits."""

    params: dict[str, str]


class TestChannels(Schema):
    """Which channel gets a test message; all when empty."""

    channel: str = ""


class NewGrant(Schema):
    """A standing grant."""

    response: str
    days: float = 90
    destroy: bool = False


class TakeLock(Schema):
    """A deploy lock."""

    name: str
    lasts_s: float
    why: str


class ReleaseLock(Schema):
    """A lock by its name."""

    name: str


class NewPerson(Schema):
    """A person and a role; without one, that of the team file."""

    name: str
    role: str = ""


class OldPerson(Schema):
    """A person by name."""

    name: str


class Switch(Schema):
    """The kill switch."""

    on: bool
    reason: str = ""


class NewEntry(Schema):
    """An entry written by hand."""

    title: str
    type: str = "Maintenance"
    severity: str = "Low"
    body: str = ""
    corrects: int | None = None


class NewPing(Schema):
    """A heartbeat ping."""

    check: str
    status: str = "success"
    note: str = ""


@api.get("/health")
def health(request: HttpRequest) -> HttpResponse:
    """200 while watchkeeper is alive as a whole, 503 with the reasons when checks, flips, outbox or disk are stuck."""
    faults = application().own.health.faults()
    told: dict[str, Any] = {"health": {"ok": not faults, "faults": faults}}
    if faults:
        told |= {"error": {"kind": "problem", "sentence": " ".join(faults), "hint": "See more: wk doctor."}}
    answer = api.create_response(request, told, status=503 if faults else 200)
    vars(answer)["_has_been_logged"] = True  # Django would write an error into the log each time somebody asks
    return answer


@api.get("/status")
def status(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"status": status_json(application().status.now())}


@api.get("/checks")
def checks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    now = application().status.now()
    return {"checks": [check for each in now.services for check in service_json(each, now)["checks"]]}


@api.post("/checks/ask")
def ask(request: HttpRequest, body: Ask) -> dict[str, Any]:
    actor_of(request)
    return {"checks": [check_json(judged) for judged in application().ask(body.checks)]}


# ---- incidents -------------------------------------------------------------------------------------------------------


@api.get("/incidents")
def incidents(request: HttpRequest, status: str = "", limit: int = 50, before: int | None = None) -> dict[str, Any]:
    actor_of(request)
    if status not in ("", "open", "closed"):
        raise Usage(f"An incident is open or closed, not {status!r}.", "Use status=open or status=closed.")
    found = application().incidents.newest(Status(status) if status else None, min(limit, 500), before)
    return {"incidents": [incident_json(each) for each in found]}


@api.get("/incidents/{number}")
def incident(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    return {"incident": _whole(app, app.incidents.get(number))}


def _whole(app: Application, incident: Incident) -> dict[str, Any]:
    with app.store.read() as session:
        told: list[dict[str, Any]] = [
            {**to_json(each), "attempts": to_json(session.attempts(each.id))}
            for each in session.notifications(incident=incident.id)
        ]
    return {
        **incident_json(incident),
        "timeline": to_json(app.incidents.timeline(incident.id)),
        "suspects": to_json(app.incidents.suspects(incident)),
        "runs": [run_json(run, app.approvals.of_run(run.id)) for run in app.runs.newest(incident=incident.id)],
        "notifications": told,
    }


@api.post("/incidents/{number}/ack")
def acknowledge(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.acknowledge(number, actor_of(request)))}


@api.post("/incidents/{number}/escalate")
def escalate(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.escalate(number, actor_of(request), body.reason))}


@api.post("/incidents/{number}/close")
def close(request: HttpRequest, number: int, body: Reason) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.close_unproven(number, actor_of(request), body.reason))}


@api.post("/incidents/{number}/note")
def note(request: HttpRequest, number: int, body: Note) -> dict[str, Any]:
    return {"incident": incident_json(application().incidents.note(number, actor_of(request), body.text))}


# ---- runbooks and runs -----------------------------------------------------------------------------------------------


@api.get("/runbooks")
def runbooks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"runbooks": [runbook_json(*each) for each in application().runbooks.catalogue()]}


@api.get("/runbooks/{path:path}")
def runbook(request: HttpRequest, path: str) -> dict[str, Any]:
    actor_of(request)
    file, read, services = application().runbooks.get(path)
    return {"runbook": {**runbook_json(file, read, services), **_shown(read)}}


@api.get("/proofs")
def proofs(request: HttpRequest) -> dict[str, Any]:
    """When each response was last proven."""
    actor_of(request)
    rows = last_proofs(application().store, application().holder)
    return {
        "proofs": [
            {
                "response": each.response,
                "runbook": each.runbook,
                "proven_at": utc_text(each.proven_at),
                "within_s": each.within_s,
            }
            for each in rows
        ]
    }


def _shown(runbook: Runbook) -> dict[str, Any]:
    whole: Any = show(runbook)["runbook"]
    steps = [step for procedure in whole["procedures"] for step in procedure["steps"]]
    return {**whole, "steps": steps}


@api.post("/runs")
def start_run(request: HttpRequest, body: StartRun) -> dict[str, Any]:
    actor = actor_of(request)
    app = application()
    runs, hosts = app.runs, body.hosts or (app.runs.failed_hosts(body.failed_of) if body.failed_of is not None else ())
    if body.dry_run:
        draft = runs.plan(body.runbook, body.service, body.params, body.steps, actor, hosts)
        return {"run": draft_json(draft, app.holder.current.hosts)}
    started = runs.start(body.runbook, body.service, body.params, body.steps, actor, body.digest, body.pins, hosts)
    return {"run": run_json(started)}


@api.get("/runs")
def list_runs(
    request: HttpRequest, incident: int | None = None, active: bool = False, limit: int = 50
) -> dict[str, Any]:
    actor_of(request)
    return {"runs": [run_json(run) for run in application().runs.newest(incident, active, min(limit, 500))]}


@api.get("/runs/{number}")
def run(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    app = application()
    return {"run": run_json(app.runs.get(number), app.approvals.of_run(number))}


@api.get("/runs/{number}/steps/{index}/output")
def output(request: HttpRequest, number: int, index: int, offset: int = 0, attempt: int | None = None) -> HttpResponse:
    actor_of(request)
    data, following, done = application().runs.output(number, index, max(0, offset), attempt=attempt)
    answer = HttpResponse(data, content_type="application/octet-stream")
    answer["X-Next-Offset"] = str(following)
    answer["X-Done"] = "1" if done else "0"
    return answer


@api.post("/runs/{number}/approve")
def approve(request: HttpRequest, number: int, body: Decide) -> dict[str, Any]:
    approvals = application().approvals
    run = approvals.approve(number, actor_of(request), body.step, body.binds)
    return {"run": run_json(run, approvals.of_run(number))}


@api.post("/runs/{number}/values")
def give_values(request: HttpRequest, number: int, body: Values) -> dict[str, Any]:
    approvals = application().approvals
    return {"run": run_json(approvals.fill(number, actor_of(request), body.params), approvals.of_run(number))}


@api.post("/runs/{number}/deny")
def deny(request: HttpRequest, number: int, body: Decide) -> dict[str, Any]:
    return {"run": run_json(application().approvals.deny(number, actor_of(request), body.reason))}


@api.post("/runs/{number}/cancel")
def cancel(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.cancel(number, actor_of(request)))}


@api.post("/runs/{number}/resume")
def resume(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.resume(number, actor_of(request)))}


@api.post("/runs/{number}/undo")
def undo(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"run": run_json(application().runs.undo(number, actor_of(request)))}


# ---- grants and automation -------------------------------------------------------------------------------------------


@api.get("/grants")
def grants(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"grants": to_json(application().grants.newest())}


@api.post("/grants")
def add_grant(request: HttpRequest, body: NewGrant) -> dict[str, Any]:
    return {"grant": to_json(application().grants.add(body.response, actor_of(request), body.days, body.destroy))}


@api.post("/grants/{number}/revoke")
def revoke_grant(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    return {"grant": to_json(application().grants.revoke(number, actor_of(request)))}


@api.get("/automation")
def automation(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    on, why = application().automation.state()
    return {"automation": {"on": on, "why": why}}


@api.get("/automation/report")
def automation_report(request: HttpRequest, days: float = 14.0) -> dict[str, Any]:
    actor_of(request)
    return {"report": report_json(application().automation_reports.make(days))}


@api.post("/automation")
def switch_automation(request: HttpRequest, body: Switch) -> dict[str, Any]:
    on, why = application().automation.switch(body.on, actor_of(request), body.reason)
    return {"automation": {"on": on, "why": why}}


# ---- locks and people -------------------------------------------------------------------------------------------------


@api.get("/locks")
def locks(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"locks": [lock_json(each) for each in application().locks.held()]}


@api.post("/locks")
def take_lock(request: HttpRequest, body: TakeLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.take(body.name, actor_of(request), body.lasts_s, body.why))}


@api.post("/locks/release")
def release_lock(request: HttpRequest, body: ReleaseLock) -> dict[str, Any]:
    return {"lock": lock_json(application().locks.release(body.name, actor_of(request)))}


@api.get("/users")
def users(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"users": [person_json(*each) for each in application().people.all()]}


@api.post("/users")
def add_user(request: HttpRequest, body: NewPerson) -> dict[str, Any]:
    """The answer holds the token, this once; only its digest is kept."""
    token = new_token()
    person = application().people.add(body.name, body.role, digest(token), actor_of(request))
    return {"user": person_json(person, person.role), "token": token}


@api.post("/users/remove")
def remove_user(request: HttpRequest, body: OldPerson) -> dict[str, Any]:
    person = application().people.remove(body.name, actor_of(request))
    return {"user": person_json(person, person.role)}


# ---- log -------------------------------------------------------------------------------------------------------------


@api.get("/log")
def log(request: HttpRequest, limit: int = 50, before: int | None = None, text: str = "") -> dict[str, Any]:
    actor_of(request)
    return {"entries": [entry_json(each) for each in application().log.newest(min(limit, 500), before, text)]}


@api.post("/log")
def add_entry(request: HttpRequest, body: NewEntry) -> dict[str, Any]:
    actor = actor_of(request)
    entry = application().log.add(actor, body.type, body.title, body.severity, body.body, body.corrects)
    return {"entry": entry_json(entry)}


@api.get("/log/verify")
def verify_log(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"verification": to_json(application().log.verify())}


@api.get("/log/export")
def export_log(request: HttpRequest) -> HttpResponse:
    actor_of(request)
    return HttpResponse(application().log.export(), content_type="text/markdown; charset=utf-8")


@api.get("/log/{number}")
def entry(request: HttpRequest, number: int) -> dict[str, Any]:
    actor_of(request)
    return {"entry": entry_json(application().log.get(number))}


# ---- the rest --------------------------------------------------------------------------------------------------------


@api.post("/pings")
def ping(request: HttpRequest, body: NewPing) -> dict[str, Any]:
    actor_of(request)
    found = application().ping(body.check, body.status, body.note)
    return {"ping": _ping_json(found)}


def _ping_json(ping: Ping) -> dict[str, Any]:
    return {"check": ping.check, "status": ping.status, "at": utc_text(ping.at)}


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


@api.get("/notifications")
def notifications(request: HttpRequest, undelivered: bool = False, limit: int = 50) -> dict[str, Any]:
    actor_of(request)
    with application().store.read() as session:
        return {"notifications": to_json(session.notifications(undelivered=undelivered, limit=min(limit, 500)))}


@api.get("/changes")
def changes(request: HttpRequest, hours: float = 24.0) -> dict[str, Any]:
    actor_of(request)
    app = application()
    now = app.clock()
    return {"changes": to_json(app.changes.newest(now - min(hours, 24 * 90) * 3600.0, now))}


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
