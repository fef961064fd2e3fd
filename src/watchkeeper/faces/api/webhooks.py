"""Webhooks: who is told of what happens. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.times import utc_text
from watchkeeper.core.webhooks import Webhook, WebhookState
from watchkeeper.faces.api.calling import Empty, actor_of

router = Router()


class Behind(Schema):
    """Begin again behind these numbers; left out: from where it is."""

    event: int | None = None
    entry: int | None = None


@router.get("/webhooks")
def webhooks(request: HttpRequest) -> dict[str, Any]:
    """Every receiver of watchkeeper.yaml, how far it is, and why it is not further."""
    actor_of(request)
    return {"webhooks": [webhook_json(*each) for each in application().webhooks.all()]}


@router.post("/webhooks/{str:name}/test")
def test(request: HttpRequest, name: str, body: Empty | None = None) -> dict[str, Any]:
    """Send one event of the type `test` now."""
    error = application().webhooks.test(name, actor_of(request))
    return {"test": {"webhook": name, "ok": not error, "error": error}}


@router.post("/webhooks/{str:name}/replay")
def replay(request: HttpRequest, name: str, body: Behind) -> dict[str, Any]:
    """Send again what came behind a number, for a receiver that lost what it had."""
    app = application()
    state = app.webhooks.replay(name, body.event, body.entry, actor_of(request))
    webhook = next(each for each, _ in app.webhooks.all() if each.name == name)
    return {"webhook": webhook_json(webhook, state)}


def webhook_json(webhook: Webhook, state: WebhookState) -> dict[str, Any]:
    """A receiver without its address where that is a secret."""
    return {
        "name": webhook.name,
        "url": webhook.url,
        "secret": webhook.secret,
        "events": list(webhook.events),
        "event": state.event,
        "entry": state.entry,
        "delivered_at": utc_text(state.delivered_at) if state.delivered_at else None,
        "tries": state.tries,
        "error": state.error,
        "due_at": utc_text(state.due_at) if state.due_at else None,
    }
