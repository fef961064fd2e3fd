"""Alerts of other programs: Alertmanager's webhook, and what Prometheus posts to an Alertmanager. Parse, hand over."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.alerts import Alert, read_posted, read_webhook
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.core.watching import place_alerts
from watchkeeper.faces.api.calling import actor_of

MOST_BYTES = 1_048_576
router = Router()


@router.post("/alerts/alertmanager")
def alertmanager(request: HttpRequest) -> dict[str, Any]:
    """Alertmanager's webhook, version 4, with ``Authorization: Bearer`` and the key of `wk keys show alerts`."""
    may_send(request)
    return {"alerts": {"taken": hand_over(read_webhook(_body(request), application().clock()))}}


@csrf_exempt
def posted(request: HttpRequest) -> HttpResponse:
    """/api/v2/alerts, as Prometheus posts there. Its answer has no body on success."""
    if request.method != "POST":
        return JsonResponse({"code": 405, "message": "Alerts are posted here."}, status=405, headers={"Allow": "POST"})
    try:
        may_send(request)
        hand_over(read_posted(_body(request), application().clock()))
    except Forbidden as refused:
        return JsonResponse({"code": 403, "message": str(refused)}, status=403)
    except WatchkeeperError as error:
        status = 503 if error.kind in ("no_answer", "store_away") else 400  # it sends again after a 5xx
        return JsonResponse({"code": status, "message": str(error)}, status=status)
    return HttpResponse(status=200)


def may_send(request: HttpRequest) -> None:
    """Whoever shows the key of the alerts, or may call the API and is no browser. Raises `Forbidden`."""
    kind, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if kind.lower() == "bearer":
        try:
            application().keys.subject_of("alerts", token.strip())
            return
        except Forbidden:
            pass  # it may be a token of somebody who may
    try:
        actor = actor_of(request)
    except Forbidden:
        raise Forbidden(
            "Alerts come with their key: Authorization: Bearer KEY.", "wk keys show alerts prints it."
        ) from None
    assert_allowed(actor, "alerts.send")


def hand_over(alerts: list[Alert]) -> int:
    """To the watch, placed on the checks of their services; how many. Durable when it returns."""
    app = application()
    inventory = app.holder.current
    app.watch.alerts(place_alerts(alerts, inventory.team.alerts, inventory.checks.values()))
    return len(alerts)


def _body(request: HttpRequest) -> bytes:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if not length.isdigit() or int(length) > MOST_BYTES:
        from watchkeeper.core.errors import Usage

        raise Usage(f"More than {MOST_BYTES} bytes of alerts came at once.", "Send them in groups.")
    return request.body
