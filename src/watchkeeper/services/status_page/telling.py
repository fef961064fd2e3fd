"""The public page as plain values for JSON: what `/status.json`, the API and the command line show."""

from __future__ import annotations

from typing import Any

from watchkeeper.core.status_page import WORDS, PublicComponent, PublicNotice, PublicPage, PublicWindow
from watchkeeper.core.times import utc_text


def page_json(page: PublicPage) -> dict[str, Any]:
    """Times UTC with Z; shares 0..1; days oldest first, null where nothing was watched."""
    return {
        "title": page.title,
        "description": page.description,
        "state": page.state,
        "words": WORDS[page.state],
        "sentence": page.sentence,
        "at": utc_text(page.at),
        "seen_at": utc_text(page.seen_at),
        "timezone": page.timezone,
        "days_from": utc_text(page.days[0][0]) if page.days else None,
        "components": [_component(each) for each in page.components],
        "incidents": [notice_json(each) for each in page.open],
        "maintenance": [_window(each) for each in page.planned],
        "past": [notice_json(each) for each in page.past],
    }


def _component(one: PublicComponent) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "description": one.description,
        "group": one.group,
        "state": one.state,
        "words": WORDS[one.state],
        "since_at": utc_text(one.since),
        "until_at": utc_text(one.until),
        "availability": {f"{days}d": _rounded(share) for days, share in one.available.items()},
        "days": list(one.days),
    }


def _rounded(share: float | None) -> float | None:
    """Never rounded up to 1."""
    return None if share is None else 1.0 if share >= 1.0 else min(round(share, 6), 0.999999)


def notice_json(one: PublicNotice) -> dict[str, Any]:
    """One incident as the public gets it."""
    return {
        "id": one.id,
        "title": one.title,
        "components": list(one.names),
        "impact": one.impact,
        "state": one.stage,
        "began_at": utc_text(one.began_at),
        "ended_at": utc_text(one.ended_at),
        "proven": one.proven,
        "updates": [
            {"id": each.id, "at": utc_text(each.at), "state": each.stage, "text": each.text} for each in one.updates
        ],
    }


def _window(one: PublicWindow) -> dict[str, Any]:
    return {"components": list(one.names), "starts_at": utc_text(one.starts_at), "ends_at": utc_text(one.ends_at)}
