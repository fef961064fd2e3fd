"""The status page as HTML, feed, JSON and badge; and the page on which operators write it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import may
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.status_page import (
    STAGE_WORDS,
    STAGES,
    WORDS,
    PublicComponent,
    PublicNotice,
    PublicPage,
    PublicState,
    listed,
)
from watchkeeper.core.times import format_duration, zone_of
from watchkeeper.faces.web import badges, draw, marks, pages, public_status
from watchkeeper.faces.web.public_status import Answer, answer_of
from watchkeeper.services.status_page.telling import page_json

CSS: dict[PublicState, str] = {
    "works": "ok", "slow": "warn", "down": "crit", "unknown": "unknown", "maintenance": "maint",
}  # fmt: skip
_DRAWN = {"works": State.OK, "slow": State.WARN, "down": State.CRIT, "unknown": State.UNKNOWN}
_HTML = "text/html; charset=utf-8"
NONE = "There is no status page here."


# ---- what the public gets ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One part as the page shows it."""

    component: PublicComponent
    css: str
    words: str
    trace: draw.Drawing
    heading: str


@dataclass(frozen=True, slots=True)
class Told:
    """One incident as the page shows it. lasted: in words, "" while it is open.

    names: of its parts, "" where its title names them.
    """

    notice: PublicNotice
    css: str
    words: str
    updates: tuple[tuple[str, Any], ...]
    lasted: str
    names: str


def public(request: HttpRequest, **named: Any) -> HttpResponse:
    """The same without the ASGI part in front: for the socket's in-process callers and tests."""
    path = request.path.rstrip("/")
    fine = public_status.is_ours(path) and public_status.known(path)
    made = public_status.make(path) if fine else public_status.refusal(NONE)
    if request.method not in ("GET", "HEAD"):
        made = public_status.refusal("This page can only be read.", 405)
    answer = HttpResponse(made.body, status=made.status)
    for name, value in made.plain_headers:
        if name != b"content-length":
            answer[name.decode().title()] = value.decode()
    return answer


def rendered(path: str) -> Answer:
    """One public address. Raises `NotFound`."""
    app = application()
    if path.startswith("/status/history/"):
        return _month(app, path.rpartition("/")[2])
    page = app.status_page.page()
    if page is None:
        raise NotFound(NONE)
    if path == "/status.json":
        return answer_of(200, "application/json", public_status.json_bytes({"status_page": page_json(page)}), True)
    if path.endswith(".xml"):
        return _feed(app, page, rss=path.endswith("/rss.xml"))
    if path.endswith(".svg"):
        return answer_of(200, "image/svg+xml", _badge(page, path).encode(), True)
    return answer_of(200, _HTML, render_to_string("status.html", _context(page)).encode())


def _badge(page: PublicPage, path: str) -> str:
    if path == "/status/badge.svg":
        return badges.of_page(page)
    key, _, days = path.removeprefix("/status/badge/").removesuffix(".svg").partition("/")
    found = next((each for each in page.components if each.key == key), None)
    if found is None:
        raise NotFound(NONE)
    return badges.of_component(found, int(days or 0))


def _context(page: PublicPage) -> dict[str, Any]:
    zone = zone_of(page.timezone)
    now = marks.local(page.at, zone)
    rows, heading = [], ""
    for each in page.components:
        shown = each.group if each.group != heading else ""
        heading = each.group
        rows.append(Row(each, CSS[each.state], WORDS[each.state].capitalize(), trace(each), shown))
    return {
        "page": page, "rows": rows, "css": CSS[page.state], "words": WORDS[page.state].capitalize(), "zone": zone,
        "now_at": page.at, "zone_name": now.tzname() or "UTC", "today": f"{now:%a} {now.day} {now:%b}",
        "open": [told(each) for each in page.open], "past": [told(each) for each in page.past],
        "planned": page.planned, "this_month": f"{now:%Y-%m}",
    }  # fmt: skip


def told(notice: PublicNotice) -> Told:
    """A notice with its words. What is over is calm."""
    lasted = format_duration(notice.ended_at - notice.began_at) if notice.ended_at is not None else ""
    css = CSS[notice.impact] if notice.ended_at is None else ""
    updates = tuple((STAGE_WORDS[each.stage], each) for each in notice.updates)
    names = "" if notice.title.startswith(listed(notice.names)) else ", ".join(notice.names)
    return Told(notice, css, STAGE_WORDS[notice.stage], updates, lasted, names)


def trace(component: PublicComponent) -> draw.Drawing:
    """One bar a day with its worst state; neighbouring days of one state are one path."""
    days = component.days
    paths: dict[str, list[str]] = {}
    position = 0
    while position < len(days):
        state, start = days[position], position
        while position < len(days) and days[position] == state:
            position += 1
        if state is not None:
            paths.setdefault(CSS[state], []).append(_bar(state, start, position))
    share = component.available.get(90)
    shown = "" if share is None else draw.percent(share)
    counted = [
        f"{WORDS[each]} {days.count(each)}" for each in ("down", "slow", "unknown", "maintenance") if each in days
    ]
    label = f"{component.name}, {sum(each is not None for each in days)} days watched: "
    label += f"available {shown} of the known time" if shown else "nothing known"
    label += f"; days with {', '.join(counted)}" if counted else ""
    drawn = tuple((name, "".join(paths[name])) for name in ("ok", "warn", "crit", "unknown", "maint") if name in paths)
    return draw.Drawing(drawn, label, (), shown)


def _bar(state: PublicState, start: int, end: int) -> str:
    if state == "maintenance":
        return "".join(f"M{day * 3} 18h3v6h-3zM{day * 3} 12h3v3h-3z" for day in range(start, end))
    if state == "unknown":
        return "".join(draw.bar(State.UNKNOWN, day * 3, 3, draw.TRACE_HEIGHT) for day in range(start, end))
    return draw.bar(_DRAWN[state], start * 3, (end - start) * 3, draw.TRACE_HEIGHT)


def _month(app: Application, month: str) -> Answer:
    found = app.status_page.month(month)
    if found is None:
        raise NotFound(NONE)
    title, notices, (before, after) = found
    zone = zone_of(app.holder.current.team.timezone)
    now = app.clock()
    context = {
        "title": title, "month": month, "past": [told(each) for each in notices], "before": before, "after": after,
        "zone": zone, "now_at": now, "zone_name": marks.local(now, zone).tzname() or "UTC",
    }  # fmt: skip
    return answer_of(200, _HTML, render_to_string("status_month.html", context).encode())


def _feed(app: Application, page: PublicPage, rss: bool) -> Answer:
    """One item per update, so that a reader shows each; newest first."""
    base = app.public_url
    link = f"{base}/status"
    address = f"{base}/status/{'rss' if rss else 'feed'}.xml"
    kind = Rss201rev2Feed if rss else Atom1Feed
    feed = kind(page.title, link, page.description or page.title, feed_url=address)
    items = [(each, update) for each in (*page.open, *page.past) for update in each.updates]
    for notice, update in sorted(items, key=lambda item: -item[1].at)[:50]:
        moment = datetime.fromtimestamp(update.at, UTC)
        feed.add_item(
            f"{notice.title}: {STAGE_WORDS[update.stage]}", f"{link}#incident-{notice.id}", update.text, pubdate=moment,
            updateddate=moment, unique_id=f"{link}#update-{update.id}", unique_id_is_permalink=False,
        )  # fmt: skip
    text: str = feed.writeString("utf-8")
    return answer_of(200, f"application/{'rss' if rss else 'atom'}+xml; charset=utf-8", text.encode(), True)


# ---- where operators write -----------------------------------------------------------------------------------------------


@pages.page
def board(request: HttpRequest, actor: Actor) -> HttpResponse:
    """What is on the page, what waits, what is over."""
    app = application()
    base = pages.shared(app, "public")
    found = app.status_page.board()
    names = {each.key: each.name for each in found.policy.components} if found.policy else {}
    chosen = request.GET.get("incident", "")
    context = {
        "board": found, "stages": [(each, STAGE_WORDS[each]) for each in STAGES if each != "resolved"], "chosen": chosen,
        "told": [_mine(each, names) for each in found.told], "over": [_mine(each, names) for each in found.past],
        "untold": [(incident, ", ".join(names.get(key, key) for key in keys)) for incident, keys in found.untold],
        "policy": found.policy, "names": names, "writes": may(actor, "status_page.write") or bool(actor.roles),
        "after": format_duration(found.policy.after_s) if found.policy else "",
        "severities": listed(found.policy.severities) if found.policy else "",
    }  # fmt: skip
    return pages.render(request, "public.html", base | context)


def _mine(each: Any, names: dict[str, str]) -> dict[str, Any]:
    notice = each.notice
    return {
        "notice": notice, "incident": each.incident, "names": ", ".join(names.get(key, key) for key in notice.components),
        "css": CSS[notice.impact] if notice.public and notice.ended_at is None else "",
        "words": STAGE_WORDS[notice.stage],
        "drafts": [one for one in each.updates if one.published_at is None and one.discarded_at is None],
        "updates": [(STAGE_WORDS[one.stage], one) for one in reversed(each.updates) if one.published_at is not None],
    }  # fmt: skip


@pages.act
def post(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST text; state, title; draft=1 keeps it back."""
    form = request.POST
    application().posting.post(
        number, actor, form.get("text", "")[:20_000], form.get("state", "")[:20], form.get("draft") == "1",
        form.get("title", "")[:500], form.get("impact", "")[:20], _components(form.getlist("component")),
    )  # fmt: skip
    return pages.go(f"/public#i{number}")


def _components(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(each[:100] for each in given[:100] if each)


@pages.act
def publish(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: an incident goes on the page, or back on it."""
    application().posting.publish(number, actor)
    return pages.go(f"/public#i{number}")


@pages.act
def withdraw(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST why."""
    application().posting.withdraw(number, actor, request.POST.get("why", "")[:2000])
    return pages.go(f"/public#i{number}")


@pages.act
def publish_draft(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: a draft becomes public."""
    notice, _ = application().posting.publish_update(number, actor)
    return pages.go(f"/public#i{notice.incident}")


@pages.act
def discard(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: a draft is not published."""
    application().posting.discard(number, actor)
    return pages.go("/public")
