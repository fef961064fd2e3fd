"""Search and the documents of the ops repo. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.search import Document, Found
from watchkeeper.core.times import utc_text
from watchkeeper.faces.api.calling import actor_of

router = Router()
LARGEST_PAGE = 200_000
"""Characters of a document that one answer holds."""


@router.get("/search")
def search(request: HttpRequest, q: str, kind: str = "", limit: int = 20, offset: int = 0) -> dict[str, Any]:
    """The best places for these words: runbooks, documents, queries, routines, services, hosts, and entries of the log.

    kind: only these, with commas. any_word: no place has all the words, so these have some of them.
    """
    actor_of(request)
    kinds = [each.strip() for each in kind.split(",") if each.strip()]
    answer = application().search.ask(q, kinds, limit, offset)
    return {
        "found": [found_json(each) for each in (*answer.found, *answer.entries)],
        "words": list(answer.words),
        "any_word": answer.any_word,
        "more": answer.more,
    }


@router.get("/documents")
def documents(request: HttpRequest) -> dict[str, Any]:
    """Every document, query and routine of the ops repo, by path."""
    actor_of(request)
    return {"documents": [document_json(each) for each in application().search.documents()]}


@router.get("/documents/{path:path}")
def document(request: HttpRequest, path: str, offset: int = 0) -> dict[str, Any]:
    """The text of one document, from a character on; `more` is where to go on. Secrets are taken out."""
    actor_of(request)
    found = application().search.document(path)
    offset = max(0, offset)
    end = offset + LARGEST_PAGE
    more = end if end < len(found.text) else None
    return {"document": {**document_json(found), "text": found.text[offset:end], "more": more}}


def document_json(document: Document) -> dict[str, Any]:
    """A line of the list."""
    return {
        "path": document.path,
        "kind": document.kind,
        "title": document.title,
        "size": len(document.text),
        "digest": document.digest,
    }


def found_json(found: Found) -> dict[str, Any]:
    """One place. link: its page."""
    return {
        "kind": found.kind,
        "name": found.name,
        "title": found.title,
        "heading": found.heading,
        "snippet": found.snippet,
        "entry": found.number,
        "at": utc_text(found.at),
        "link": link_of(found),
    }


def link_of(found: Found) -> str:
    """The page of a place; "" where there is none."""
    if found.kind == "entry":
        return f"/log/{found.number}"
    folder = {"runbook": "/runbooks/", "service": "/services/", "host": "/hosts/"}.get(found.kind, "/documents/")
    return folder + found.name.removeprefix("runbooks/" if found.kind == "runbook" else "")
