"""What every answer of main carries, and the one check before every page: the Host header must name this machine."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from watchkeeper.core.network import LOOPBACK_NAMES, host_name

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
FOREIGN = """\
This page answers to 127.0.0.1 and localhost only, to the address in watchkeeper.yaml (web), and to what wk up --host names.
Open it by the address that wk open prints.
"""
CLOSED = """\
Nobody has an account here yet, so nothing is shown to others than this machine.
Open the link that wk up printed, or make one: wk open.
"""
OPEN_ELSEWHERE = ("/ack/", "/calendar/", "/static/", "/status/", "/status.json")
"""What people may open by the public address too; the key in the address is their right, a cookie is of no use there."""


BEFORE_ANYBODY = ("/enter", "/static/")
"""All that opens to others before the first account, besides what the session of a first link may."""


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    return host_name(host) in LOOPBACK_NAMES


def is_allowed(host: str, path: str) -> bool:
    """Whether a Host header names this watchkeeper; any other name is a foreign page that was pointed at us.

    The public address of watchkeeper.yaml opens everything where we end TLS or a trusted proxy does; else what stands in
    `OPEN_ELSEWHERE`.
    """
    from watchkeeper.bootstrap.main import application

    name = host_name(host)
    if name in LOOPBACK_NAMES:
        return True
    app = application()
    network, public = app.network, app.holder.current.team.web_url.partition("://")[2].partition("/")[0]
    if name and (name in network.hosts or (name == network.address and network.has_tls)):
        return True
    is_public = bool(public) and name == host_name(public)
    return is_public and (network.has_tls or bool(network.proxies) or path.startswith(OPEN_ELSEWHERE))


def is_closed(path: str, has_cookie: bool) -> bool:
    """Whether nobody has an account yet, others than this machine could come, and this is not the way in of the first one."""
    from watchkeeper.bootstrap.main import application

    app = application()
    if not app.network.is_open or has_cookie or path.startswith(BEFORE_ANYBODY):
        return False
    return not app.accounts.any_person()


class Guard:
    """Middleware: security headers on everything, and nothing at all for a foreign Host."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._refused(request) or self._answer(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        if request.META.get("HTTP_X_WATCHKEEPER_WAY", "tcp") != "tcp":
            return None
        if not is_allowed(str(request.META.get("HTTP_HOST", "")), request.path):
            return _told(400, FOREIGN)
        if is_closed(request.path, settings.SESSION_COOKIE_NAME in request.COOKIES):
            return _told(403, CLOSED)
        return None


def _told(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
