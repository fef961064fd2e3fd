"""The public status page: what it shows, and what operators post. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.errors import NotFound
from watchkeeper.core.status_page import Notice, Update
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import Empty, actor_of
from watchkeeper.services.status_page.reading import Told
from watchkeeper.services.status_page.telling import page_json

router = Router()


class NewUpdate(Schema):
    """What the public shall read of an incident.

    state: investigating, identified, watching or resolved; "" keeps the one before. draft: it waits to be published.
    title, impact (slow, down, unknown), components (their keys): "" and empty take them from the incident.
    """

    text: str
    state: str = ""
    draft: bool = False
    title: str = ""
    impact: str = ""
    components: list[str] = []


class Withdrawal(Schema):
    """Why it goes off the page; the public does not read this."""

    why: str


@router.get("/status-page")
def status_page(request: HttpRequest) -> dict[str, Any]:
    """The page as the public gets it now."""
    actor_of(request)
    page = application().status_page.page()
    if page is None:
        raise NotFound("There is no status page.", "Write the key status_page into watchkeeper.yaml.")
    return {"status_page": page_json(page)}


@router.get("/status-page/notices")
def notices(request: HttpRequest) -> dict[str, Any]:
    """What was told of incidents, with drafts and what was withdrawn; and open incidents of which nothing was."""
    actor_of(request)
    board = application().status_page.board()
    return {
        "notices": [told_json(each) for each in (*board.told, *board.past)],
        "untold": [
            {"incident": each.id, "severity": each.severity, "title": each.title, "components": list(keys)}
            for each, keys in board.untold
        ],
    }


@router.post("/status-page/incidents/{number}/updates")
def post(request: HttpRequest, number: int, body: NewUpdate) -> dict[str, Any]:
    """Say something about an incident, or keep it as a draft. What was said is never changed: the next one says it better."""
    notice, update = application().posting.post(
        number, actor_of(request), body.text, body.state, body.draft, body.title, body.impact, body.components
    )
    return {"notice": notice_json(notice), "update": update_json(update)}


@router.post("/status-page/incidents/{number}/publish")
def publish(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    """An incident goes on the page with watchkeeper's own words; one that was withdrawn comes back."""
    return {"notice": notice_json(application().posting.publish(number, actor_of(request)))}


@router.post("/status-page/incidents/{number}/withdraw")
def withdraw(request: HttpRequest, number: int, body: Withdrawal) -> dict[str, Any]:
    """Take what was said about an incident off the page. Nothing of it is deleted."""
    return {"notice": notice_json(application().posting.withdraw(number, actor_of(request), body.why))}


@router.post("/status-page/updates/{number}/publish")
def publish_update(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    """A draft becomes public."""
    notice, update = application().posting.publish_update(number, actor_of(request))
    return {"notice": notice_json(notice), "update": update_json(update)}


@router.post("/status-page/updates/{number}/discard")
def discard(request: HttpRequest, number: int, body: Empty | None = None) -> dict[str, Any]:
    """A draft that nobody will publish."""
    return {"update": update_json(application().posting.discard(number, actor_of(request)))}


def told_json(told: Told) -> dict[str, Any]:
    """A notice with its updates, oldest first."""
    return notice_json(told.notice) | {"updates": [update_json(each) for each in told.updates]}


def notice_json(notice: Notice) -> dict[str, Any]:
    """What was told of one incident, as those see it who write."""
    return {
        "id": notice.id,
        "incident": notice.incident,
        "title": notice.title,
        "components": list(notice.components),
        "impact": notice.impact,
        "state": notice.stage,
        "public": notice.public,
        "began_at": utc_text(notice.began_at),
        "created_at": utc_text(notice.created_at),
        "created_by": notice.created_by,
        "published_at": utc_text(notice.published_at),
        "ended_at": utc_text(notice.ended_at),
        "proven": notice.proven,
        "withdrawn_at": utc_text(notice.withdrawn_at),
        "withdrawn_by": notice.withdrawn_by,
        "withdrawn_why": notice.withdrawn_why,
    }


def update_json(update: Update) -> dict[str, Any]:
    """One update."""
    return {
        "id": update.id,
        "at": utc_text(update.at),
        "state": update.stage,
        "text": update.text,
        "actor": update.actor,
        "published_at": utc_text(update.published_at),
        "published_by": update.published_by,
        "discarded_at": utc_text(update.discarded_at),
    }
