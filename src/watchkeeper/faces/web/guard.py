"""What every answer of main carries, and the one check before every page: the Host header must name this machine."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine; any other name is a foreign page that was pointed at us."""
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    return name.lower() in LOOPBACK and (not port or port.isdigit())


OPEN_ELSEWHERE = ("/ack/", "/calendar/", "/static/")
"""What people may open by the public address too; the key in the address is their right, a cookie is of no use there."""


def is_public(request: HttpRequest) -> bool:
    """Whether the Host header is that of the public address in watchkeeper.yaml, behind a proxy that ends TLS."""
    if not request.path.startswith(OPEN_ELSEWHERE):
        return False
    from watchkeeper.bootstrap.main import application

    address = application().holder.current.team.web_url
    return bool(address) and str(request.META.get("HTTP_HOST", "")).lower() == address.partition("://")[2].lower()


class Guard:
    """Middleware: security headers on everything, and nothing at all for a foreign Host."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._refused(request) or self._answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        if request.META.get("HTTP_X_WATCHKEEPER_WAY") == "unix":
            return None
        try:
            fine = is_loopback(request.get_host())
        except DisallowedHost:
            fine = False
        if fine or is_public(request):
            return None
        text = "This page answers to 127.0.0.1 and localhost only.\nOpen it by the address that wk open prints.\n"
        return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
