"""Messages: what became of each, how the channels are, and the one button that tries again."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.runs import whole_number

PAGE = 50


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What nobody has taken first, then the newest."""
    app = application()
    before = whole_number(request.GET.get("before"))
    rows = app.deliveries.newest(before=before, limit=PAGE)
    lost = [each for each in app.deliveries.newest(undelivered=True, limit=PAGE) if each.state == "undelivered"]
    context = pages.shared(app, "notifications") | {
        "lost": [] if before else lost,
        "rows": rows,
        "channels": app.deliveries.channels(),
        "more": rows[-1].notification.id if len(rows) == PAGE else None,
        "actor": actor,
    }
    return pages.render(request, "notifications.html", context)


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One message with every attempt."""
    app = application()
    context = pages.shared(app, "notifications")
    context |= {"each": app.deliveries.show(number), "channels": app.deliveries.channels(), "actor": actor}
    return pages.render(request, "notification.html", context)


@pages.act
def retry(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST channel: that one first."""
    channel = request.POST.get("channel", "")
    if len(channel) > 100:
        raise Usage("This is no name of a channel.", "Go back and choose one of the list.")
    application().deliveries.retry(number, actor, channel)
    return pages.go(f"/notifications/{number}")
