"""The audit trail, for admins. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.audit import AuditEvent
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of

router = Router()


@router.get("/audit")
def audit(
    request: HttpRequest, actor: str = "", act: str = "", outcome: str = "", since_s: float | None = None,
    limit: int = 50, before: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Acts that matter to security, newest first. since_s: so many seconds back; before: older than this id."""
    assert_allowed(actor_of(request), "audit.read")
    app = application()
    since = None if since_s is None else app.clock() - since_s
    return {"events": [event_json(each) for each in app.audit.listed(limit, before, actor, act, since, outcome)]}


def event_json(event: AuditEvent) -> dict[str, Any]:
    """One act."""
    return {
        "id": event.id, "at": utc_text(event.at), "actor": event.actor, "kind": event.kind, "act": event.act,
        "resource": event.resource, "outcome": event.outcome, "via": event.via, "address": event.address,
        "detail": event.detail,
    }  # fmt: skip
