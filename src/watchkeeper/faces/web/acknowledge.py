"""The page behind the link in a message: one incident, one button. Opening it does nothing, so a preview does nothing."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Forbidden, WatchkeeperError
from watchkeeper.faces.web import pages

OWN_SITES = ("", "same-origin", "none")


@csrf_exempt  # the key in the address is the right to act; no cookie is asked, so no other page can borrow one
def by_link(request: HttpRequest, key: str) -> HttpResponse:
    """GET shows, POST acknowledges. The Referer never carries the key on."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    try:
        if request.method == "POST":
            if request.headers.get("Sec-Fetch-Site", "") not in OWN_SITES:
                raise Forbidden(
                    "This form was sent by a page of somebody else. Nothing was done.", "Open the link itself."
                )
            application().acknowledgements.accept(key)
            answer = pages.go(f"/ack/{key}")
        else:
            answer = _shown(request, key)
    except Forbidden as error:
        answer = _refused(request, error)
    answer["Referrer-Policy"] = "no-referrer"
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _shown(request: HttpRequest, key: str) -> HttpResponse:
    app = application()
    invitation = app.acknowledgements.look(key)
    incident = invitation.incident
    zone = pages.zone_of(app)
    now = app.clock()
    context = {
        "invitation": invitation,
        "incident": incident,
        "key": key,
        "team": app.holder.current.team.name,
        "zone": zone,
        "now_at": now,
        "open_for": (incident.closed_at or now) - incident.opened_at,
        "state_name": "ok" if incident.closed_at else "crit",
    }
    return pages.render(request, "acknowledge.html", context)


def _refused(request: HttpRequest, error: WatchkeeperError) -> HttpResponse:
    return pages.render(request, "acknowledge.html", {"error": error, "state_name": "unknown"}, 403)
