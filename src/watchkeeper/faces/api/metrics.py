"""Metrics as OpenMetrics text, for Prometheus and what speaks like it: GET /metrics. The library is loaded at the first ask."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Forbidden
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.openmetrics import Collected

router = Router()


@router.get("/metrics", include_in_schema=True)
def metrics(request: HttpRequest) -> HttpResponse:
    """OpenMetrics text. On loopback with ``Authorization: Bearer`` and the key of `wk keys show metrics`."""
    may_read(request)
    return written(request)


def whole(request: HttpRequest) -> HttpResponse:
    """The same at /metrics, where Prometheus looks by itself."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        may_read(request)
    except Forbidden as refused:
        answer = HttpResponse(f"{refused}\n", status=401, content_type="text/plain; charset=utf-8")
        answer["WWW-Authenticate"] = 'Bearer realm="watchkeeper"'
        return answer
    return written(request)


def may_read(request: HttpRequest) -> None:
    """Whoever may call the API, or shows the key of the metrics. Raises `Forbidden`."""
    kind, _, token = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if kind.lower() == "bearer":
        try:
            application().keys.subject_of("metrics", token.strip())
            return
        except Forbidden:
            pass  # it may be a token of somebody who may
    try:
        actor_of(request)
    except Forbidden:
        raise Forbidden(
            "The metrics are read with their key: Authorization: Bearer KEY.", "wk keys show metrics prints it."
        ) from None


def written(request: HttpRequest) -> HttpResponse:
    """The text in the form that the caller understands: OpenMetrics when it says so, else that of Prometheus."""
    from prometheus_client.exposition import choose_encoder

    encode, kind = choose_encoder(str(request.META.get("HTTP_ACCEPT", "")))
    answer = HttpResponse(encode(Collected(application().metrics.families())))
    answer["Content-Type"] = kind
    return answer
