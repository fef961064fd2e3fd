"""What changed: read, and told by deploy scripts. Parse, call one service, render."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Usage
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json
from watchkeeper.services.changes import Told

router = Router()


class NewChange(Schema):
    """A change as a script tells of it. at: UTC text, now when empty. key: told once, however often it is sent."""

    title: str
    kind: str = "deployment"
    service: str = ""
    host: str = ""
    detail: str = ""
    key: str = ""
    at: str = ""


@router.get("/changes")
def changes(
    request: HttpRequest, hours: float = 24.0, service: str = "", kind: str = "", limit: int = 200
) -> dict[str, Any]:
    """Newest first. service: only those on it, its hosts and what it needs. skipped: hosts that are not looked at, and why."""
    actor_of(request)
    app = application()
    now = app.clock()
    if not 0 < hours <= 24 * 366:
        raise Usage(f"Changes are shown of up to 366 days, not of {hours:g} hours.", "Give hours=24.")
    found = app.changes.newest(now - hours * 3600.0, now + 60.0, min(limit, 1000), service, kind)
    skipped = [{"host": host, "why": list(why)} for host, why in app.changes.skipped().items()]
    return {"changes": to_json(found), "skipped": skipped}


@router.post("/changes")
def add_change(request: HttpRequest, body: NewChange) -> dict[str, Any]:
    actor = actor_of(request)
    told = Told(body.kind, body.title, body.service, body.host, body.detail, body.key, _time(body.at))
    return {"change": to_json(application().changes.add(actor, told))}


def _time(text: str) -> float | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Usage(f"{text[:60]!r} is no time.", "Write it in UTC: 2026-11-21T10:20:00Z.")
    return at.timestamp()
