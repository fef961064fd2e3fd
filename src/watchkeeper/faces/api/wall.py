"""A screen on a wall: its one-time link."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.faces.api.calling import Empty, actor_of

router = Router()


@router.post("/wall/links")
def link(request: HttpRequest, body: Empty | None = None) -> dict[str, Any]:
    """A link that makes one browser a wall: it sees the wall and nothing else. It works once, within ten minutes."""
    app = application()
    return {"link": {"url": f"{app.web_url}/wall/enter?key={app.walls.make_link(actor_of(request))}"}}
