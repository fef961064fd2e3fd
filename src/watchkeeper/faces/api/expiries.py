"""What runs out. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import Usage
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json

router = Router()


@router.get("/expiries")
def expiries(request: HttpRequest, days: float = 366.0) -> dict[str, Any]:
    """What runs out within so many days, what ends first on top; what has run out already is always there."""
    actor_of(request)
    if not 0 < days <= 36_600:
        raise Usage(f"Expiries are listed for up to 36600 days, not {days:g}.", "Give days=30.")
    app = application()
    now = app.clock()
    found = app.expiries.listed(days * 86400.0)
    return {"expiries": [{**to_json(each), "left_s": round(each.ends_at - now, 1)} for each in found]}
