"""The daily operations document and the records of its issues. Parse, call one service, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.log.daily import markdown
from watchkeeper.faces.api.calling import actor_of

router = Router()


@router.get("/log/daily")
def daily(request: HttpRequest, date: str = "") -> dict[str, Any]:
    """The document of one day, today when no date is given."""
    actor_of(request)
    document = application().daily.document(date)
    return {"daily": {**document, "markdown": markdown(document)}}


@router.get("/log/daily.md")
def daily_markdown(request: HttpRequest, date: str = "") -> HttpResponse:
    """The same as Markdown."""
    actor_of(request)
    return HttpResponse(markdown(application().daily.document(date)), content_type="text/markdown; charset=utf-8")


@router.get("/log/issues")
def issues(request: HttpRequest, date: str = "") -> dict[str, Any]:
    """The issues of one day, numbered for ever."""
    actor_of(request)
    return {"issues": application().daily.issues(date)}
