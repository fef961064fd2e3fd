"""The kill switch as a form."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.faces.web import pages


@pages.act
def switch(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST on=1 or on=0, with a reason."""
    wanted = request.POST.get("on", "")
    if wanted not in ("0", "1"):
        raise Usage("The form does not say whether automation shall be on or off.", "Use the buttons on the bridge.")
    application().automation.switch(wanted == "1", actor, request.POST.get("reason", "")[:500])
    return pages.go("/#automation")
