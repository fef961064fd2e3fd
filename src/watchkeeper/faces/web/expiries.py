"""What runs out, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.expiries import DAY_S, Expiry, due_line
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import marks, pages

NEAR_S = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Row:
    """One thing as the page shows it. css: of the rule beside it."""

    expiry: Expiry
    day: str
    left: str
    css: str


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What has ended or ends within a year: what is near above, the rest below."""
    app = application()
    base = pages.shared(app, "expiries")
    found = app.expiries.listed()
    rows = [_row(each, base["now_at"], base["zone"]) for each in found]
    near = [row for row in rows if row.expiry.ends_at - base["now_at"] <= NEAR_S]
    later = [row for row in rows if row not in near]
    return pages.render(request, "expiries.html", base | {"near": near, "later": later, "count": len(rows)})


def _row(expiry: Expiry, now: float, zone: tzinfo) -> Row:
    left = expiry.ends_at - now
    over = "overdue by" if expiry.kind == "backup" else "ended"
    words = (
        f"{over} {format_duration(-left)}"
        if left <= 0
        else f"{'about ' if expiry.forecast else ''}{format_duration(left)}"
    )
    words += " ago" if left <= 0 and over == "ended" else ""
    near = left <= min(expiry.warn_s, NEAR_S)
    css = "crit" if left <= DAY_S and expiry.kind != "backup" else "warn" if near and expiry.kind != "backup" else ""
    return Row(expiry, f"{marks.local(expiry.ends_at, zone):%Y-%m-%d}", words, css)


def due(app: Application, now: float) -> str:
    """The line of the bridge; "" when nothing is near its end."""
    return due_line([each for each in app.expiries.soon() if each.kind != "backup"], now)
