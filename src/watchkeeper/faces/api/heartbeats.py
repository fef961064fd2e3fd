"""Heartbeats of jobs and the lasting keys. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.services.access import on_check
from watchkeeper.services.heartbeats import Heartbeat

router = Router()


class NewPing(Schema):
    """A heartbeat ping. status: success, start, fail or log; an exit code says it too."""

    check: str
    status: str = "success"
    note: str = ""
    rid: str = ""
    exit_code: int | None = None
    duration_s: float | None = None
    body: str = ""


class KeyOf(Schema):
    """Whose key. subject: of a ping key its check; else nothing."""

    subject: str = ""


@router.post("/pings")
def ping(request: HttpRequest, body: NewPing) -> dict[str, Any]:
    actor = actor_of(request)
    app = application()
    assert_allowed(actor, "heartbeats.ping", *on_check(app.holder.current, body.check))
    more = {"rid": body.rid, "exit_code": body.exit_code, "duration_s": body.duration_s, "body": body.body}
    found = app.heartbeats.ping(body.check, body.status, body.note, source=f"wk ping by {actor.name}", **more)
    return {"ping": {"check": found.check, "status": found.status, "at": utc_text(found.at)}}


@router.get("/heartbeats")
def heartbeats(request: HttpRequest) -> dict[str, Any]:
    actor_of(request)
    return {"heartbeats": [heartbeat_json(each) for each in application().heartbeats.all()]}


@router.get("/heartbeats/show/{path:check}")
def heartbeat(request: HttpRequest, check: str, limit: int = 20) -> dict[str, Any]:
    actor_of(request)
    return {"heartbeat": heartbeat_json(application().heartbeats.one(check, min(max(limit, 1), 200)))}


@router.get("/heartbeats/url/{path:check}")
def heartbeat_url(request: HttpRequest, check: str) -> dict[str, Any]:
    """The answer holds a key: only to people who may start things."""
    return {"url": application().heartbeats.url(actor_of(request), check)}


@router.post("/heartbeats/rotate/{path:check}")
def rotate_heartbeat(request: HttpRequest, check: str, body: Empty | None = None) -> dict[str, Any]:
    """A new URL for the job; the old one is refused from now on."""
    return {"url": application().heartbeats.rotate(actor_of(request), check)}


@router.get("/keys/{purpose}")
def key(request: HttpRequest, purpose: str, subject: str = "") -> dict[str, Any]:
    """The answer holds a key: only to people who may start things."""
    return {"key": application().keys.show(actor_of(request), purpose, subject)}


@router.post("/keys/{purpose}/rotate")
def rotate_key(request: HttpRequest, purpose: str, body: KeyOf | None = None) -> dict[str, Any]:
    """A new key; the old one is refused from now on."""
    return {"key": application().keys.rotate(actor_of(request), purpose, body.subject if body else "")}


def heartbeat_json(each: Heartbeat) -> dict[str, Any]:
    """A job with its pings, newest first."""
    values = {_named(name): value for name, value in each.values.items()}
    return {
        "check": each.check.key, "state": each.state.value, "schedule": each.schedule.words, **values,
        "pings": [_ping_json(ping, took_s) for ping, took_s in each.pings],
    }  # fmt: skip


def _named(value: str) -> str:
    """Durations carry their unit in their name."""
    return {"age": "age_s", "duration": "duration_s", "usual": "usual_s"}.get(value, value)


def _ping_json(ping: Ping, took_s: float | None) -> dict[str, Any]:
    return {
        "at": utc_text(ping.at), "status": ping.status, "rid": ping.rid, "exit_code": ping.exit_code,
        "took_s": None if took_s is None else round(took_s, 3), "note": ping.note, "body": ping.body, "source": ping.source,
    }  # fmt: skip
