"""Who looks at this page, and how he likes it: time zone, theme, single keys. Set for the time of one request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest

from watchkeeper.identity import signing_in


@dataclass(frozen=True, slots=True)
class Viewer:
    """name: "" for nobody, ``local`` before accounts. zone: "" for the team's. theme: "" for what the device says."""

    name: str = ""
    zone: str = ""
    theme: str = ""
    single_keys: bool = True

    @property
    def looks(self) -> tuple[str, str, bool]:
        """What makes the same page look different: pages kept for several viewers are kept apart by it."""
        return self.zone, self.theme, self.single_keys


NOBODY = Viewer()
_viewer: ContextVar[Viewer] = ContextVar("viewer", default=NOBODY)


def viewer() -> Viewer:
    """Of the request that is answered now."""
    return _viewer.get()


@contextmanager
def looking(request: HttpRequest, name: str = "") -> Iterator[None]:
    """While this request is answered. name: of the actor, when he is not signed in with an account."""
    user = request.user
    found = Viewer(name)
    if user.is_authenticated:
        found = Viewer(user.get_username(), user.time_zone, user.theme, user.single_keys)
    token = _viewer.set(found)
    try:
        yield
    finally:
        _viewer.reset(token)


def asked_at(request: HttpRequest) -> str:
    """The page whose button was pressed, with the act's own place on it: where one comes back to after a factor."""
    if request.method in ("GET", "HEAD"):
        return signing_in.own(request.get_full_path())
    said = urlsplit(request.headers.get("Referer", ""))
    same = said.netloc.lower() == request.get_host().lower()
    page = signing_in.own(said.path + (f"?{said.query}" if said.query else "")) if same else "/"
    parts, step = request.path.strip("/").split("/"), str(request.POST.get("step", ""))
    if len(parts) == 3 and parts[0] == "runs" and parts[2] == "approve" and step.isdigit():
        return f"{page}#approve-{parts[1]}-{step}"
    return page
