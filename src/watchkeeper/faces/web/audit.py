"""The audit trail as a page: every act that matters to security, allowed or not; filtered, page by page, as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.audit import AuditEvent
from watchkeeper.core.errors import Usage
from watchkeeper.core.times import parse_duration, utc_text
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.runs import whole_number

PAGE, MOST = 50, 20_000
OUTCOMES = ("done", "refused", "failed")
SPANS = (("24h", "a day"), ("7d", "a week"), ("30d", "a month"), ("366d", "a year"))
COLUMNS = ("id", "at", "actor", "kind", "act", "resource", "outcome", "via", "address", "detail")


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page. actor, act, outcome, since (as 7d), before: an id; form: csv or json for a file."""
    assert_allowed(actor, "audit.read")
    app, asked = application(), request.GET
    chosen = {name: asked.get(name, "")[:80].strip() for name in ("actor", "act", "outcome", "since")}
    since = _since(app, chosen["since"])
    if chosen["outcome"] and chosen["outcome"] not in OUTCOMES:
        raise Usage(f"{chosen['outcome'][:20]!r} is no outcome.", f"There are: {', '.join(OUTCOMES)}.")
    form = asked.get("form", "")
    if form in ("csv", "json"):
        return _file(_all(app, chosen, since), form)
    before = whole_number(asked.get("before"))
    events = app.audit.listed(PAGE + 1, before, chosen["actor"], chosen["act"], since, chosen["outcome"])
    kept = {name: value for name, value in chosen.items() if value}
    older = urlencode(kept | {"before": str(events[PAGE - 1].id)}) if len(events) > PAGE else ""
    context = {
        "events": events[:PAGE], "older": older, "chosen": chosen, "outcomes": OUTCOMES, "spans": SPANS,
        "query": urlencode(kept), "newest": not asked.get("before"),
    }  # fmt: skip
    return pages.render(request, "audit.html", pages.shared(app, "audit") | context)


def _since(app: Application, text: str) -> float | None:
    if not text:
        return None
    length = parse_duration(text)
    if not length:
        raise Usage(f"{text[:20]!r} is no length of time.", "Write 24h or 30d.")
    return app.clock() - length


def _all(app: Application, chosen: dict[str, str], since: float | None) -> list[AuditEvent]:
    found: list[AuditEvent] = []
    before: int | None = None
    while len(found) < MOST:
        more = app.audit.listed(1000, before, chosen["actor"], chosen["act"], since, chosen["outcome"])
        if not more:
            break
        found += more
        before = more[-1].id
    return found[:MOST]


def _file(events: Sequence[AuditEvent], form: str) -> HttpResponse:
    rows = [{**{name: getattr(each, name) for name in COLUMNS}, "at": utc_text(each.at)} for each in events]
    if form == "json":
        answer = HttpResponse(json.dumps({"events": rows}, ensure_ascii=False), content_type="application/json")
    else:
        answer = HttpResponse(_csv(rows), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="audit.{form}"'
    return answer


def _csv(rows: Sequence[dict[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_harmless(row[name]) for name in COLUMNS])
    return out.getvalue()


def _harmless(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
