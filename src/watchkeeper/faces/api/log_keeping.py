"""The operations log kept and proven: archive, legal holds, purge, anchors, the chain as a file. Parse, call, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from watchkeeper.bootstrap.main import application
from watchkeeper.core.log.absence import spans
from watchkeeper.core.log.keeping import Hold, Leaving, words_of
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.faces.api.render import to_json

router = Router()


class Archive(Schema):
    """dry_run: only say what would move."""

    dry_run: bool = False


class NewHold(Schema):
    """What to hold: entries as 1-40,43, or a question as in `wk log list`, or both."""

    name: str
    query: str = ""
    entries: str = ""
    why: str = ""


class Why(Schema):
    """The reason."""

    why: str = ""


class Part(Schema):
    """A part of a file that is to be imported. offset: its first byte."""

    offset: int
    text: str


class Whole(Schema):
    """digest: sha256 of all parts."""

    digest: str


@router.post("/log/archive")
def archive(request: HttpRequest, body: Archive) -> dict[str, Any]:
    """Move what is older than its severity's time into docs/archive of the ops repo."""
    actor, app = actor_of(request), application()
    moved = app.logbook.keeping.planned() if body.dry_run else app.logbook.keeping.archive(actor)
    policy = words_of(app.holder.current.team.log.keeping)
    return {"archives": [leaving_json(each) for each in moved], "dry_run": body.dry_run, "policy": policy}


@router.get("/log/holds")
def holds(request: HttpRequest) -> dict[str, Any]:
    """Legal holds, also those that ended, oldest first."""
    actor_of(request)
    return {"holds": [hold_json(each) for each in application().logbook.keeping.holds()]}


@router.post("/log/holds")
def add_hold(request: HttpRequest, body: NewHold) -> dict[str, Any]:
    made = application().logbook.keeping.hold(actor_of(request), body.name, body.query, body.entries, body.why)
    return {"hold": hold_json(made)}


@router.post("/log/holds/{number}/release")
def release_hold(request: HttpRequest, number: int, body: Why) -> dict[str, Any]:
    return {"hold": hold_json(application().logbook.keeping.release(actor_of(request), number, body.why))}


@router.get("/log/{number}/purge")
def purge_plan(request: HttpRequest, number: int) -> dict[str, Any]:
    """What a purge would take away; nothing is changed."""
    plan = application().logbook.keeping.purge_plan(actor_of(request), number)
    entry = plan.entry
    shown = {"number": entry.number, "at": utc_text(entry.draft.at), "title": entry.draft.title, "digest": entry.digest}
    shown["archived"] = entry.absence.place if entry.absence else ""
    return {"purge": {"entry": shown, "elsewhere": list(plan.elsewhere)}}


@router.post("/log/{number}/purge")
def purge(request: HttpRequest, number: int, body: Why) -> dict[str, Any]:
    done = application().logbook.keeping.purge(actor_of(request), number, body.why)
    shown = {"number": number, "digest": done.entry.digest, "named_by": done.named_by}
    return {"purge": {"entry": shown, "elsewhere": list(done.elsewhere)}}


@router.get("/log/anchors")
def anchors(request: HttpRequest) -> dict[str, Any]:
    """Heads of the chain that are kept outside: in commits, and the last one that the webhook took; newest first."""
    actor_of(request)
    return {"anchors": [to_json(each) | {"at": utc_text(each.at)} for each in application().logbook.anchors.known()]}


@router.get("/log/head")
def head(request: HttpRequest) -> dict[str, Any]:
    """The last entry, and the line of a commit that anchors it; of an empty log number 0 and no line."""
    actor_of(request)
    number, hash_ = application().logbook.anchors.head()
    return {"head": {"number": number, "hash": hash_, "trailer": application().logbook.anchors.trailer()}}


@router.get("/log/chain")
def chain(request: HttpRequest, after: int = 0, limit: int = 500) -> HttpResponse:
    """A page of the chain as JSON lines; X-Next-After says where the next one begins, 0 that this was the last."""
    actor_of(request)
    lines = application().logbook.chain.page(after, limit)
    answer = HttpResponse("".join(f"{line}\n" for line in lines), content_type="application/jsonl; charset=utf-8")
    answer["X-Next-After"] = str(after + len(lines) if lines else 0)
    return answer


@router.post("/log/chain/parts")
def chain_part(request: HttpRequest, body: Part) -> dict[str, Any]:
    return {"received": application().logbook.chain.receive(actor_of(request), body.offset, body.text)}


@router.post("/log/chain/import")
def chain_import(request: HttpRequest, body: Whole) -> dict[str, Any]:
    """Make the received chain the log; only of an empty one."""
    return {"verification": to_json(application().logbook.chain.take_over(actor_of(request), body.digest))}


def leaving_json(each: Leaving) -> dict[str, Any]:
    """Entries that move together."""
    return {
        "place": each.place, "count": len(each.numbers), "entries": spans(each.numbers),
        "since": utc_text(each.since), "until": utc_text(each.until), "severities": dict(each.severities),
    }  # fmt: skip


def hold_json(each: Hold) -> dict[str, Any]:
    """A hold by the number of its entry."""
    return {
        "hold": each.entry, "name": each.name, "query": each.query, "entries": spans(each.numbers),
        "at": utc_text(each.at), "by": each.by, "why": each.why, "released_by": each.released_by,
    }  # fmt: skip
