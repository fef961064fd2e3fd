"""Search, and a document of the ops repo as a page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.search import KINDS, LONGEST_QUESTION, Found
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.prose import document as markdown

PAGE = 20
LARGEST = 400_000
NAMES = {
    "runbook": "Runbooks", "document": "Documents", "query": "Queries", "routine": "Routines", "service": "Services",
    "host": "Hosts", "entry": "Log entries",
}  # fmt: skip
ONE = {"query": "Query", "entry": "Log entry"} | {
    kind: name.removesuffix("s") for kind, name in NAMES.items() if kind not in ("query", "entry")
}
_FOLDERS = {"service": "/services/", "host": "/hosts/"}


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """`q`: words or a question; `kind`: only these; `from`: leave out so many of the best."""
    app = application()
    asked = request.GET.get("q", "").strip()[:LONGEST_QUESTION]
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    start = request.GET.get("from", "0")
    offset = int(start) if start.isascii() and start.isdigit() and len(start) < 5 else 0
    context: dict[str, Any] = {"asked": asked, "kind": kind, "rows": [], "fault": None, "chips": _chips(asked, kind)}
    if asked:
        try:
            answer = app.search.ask(asked, (kind,) if kind else (), PAGE, offset)
        except WatchkeeperError as error:
            context["fault"] = error
        else:
            context["rows"] = [_row(each) for each in (*answer.found, *answer.entries)]
            context["any_word"] = answer.any_word
            more = {"q": asked, "kind": kind, "from": str(answer.more)}
            context["more"] = f"/search?{urlencode(more)}" if answer.more else ""
    return pages.render(request, "search.html", pages.shared(app, "search") | context)


def _chips(asked: str, kind: str) -> list[dict[str, Any]]:
    chips = [("", "Everything"), *NAMES.items()]
    return [
        {
            "name": name,
            "on": key == kind,
            "link": f"/search?{urlencode({'q': asked, 'kind': key} if key else {'q': asked})}",
        }
        for key, name in chips
    ]


def _row(found: Found) -> dict[str, Any]:
    heading = found.heading if found.heading != found.title else ""
    return {"found": found, "link": link_of(found), "heading": heading, "kind": ONE[found.kind]}


def link_of(found: Found) -> str:
    """The page of a place."""
    if found.kind == "entry":
        return f"/log/{found.number}"
    if found.kind == "runbook":
        return f"/runbooks/{found.name.removeprefix('runbooks/')}"
    return _FOLDERS.get(found.kind, "/documents/") + found.name


@pages.page
def document(request: HttpRequest, actor: Actor, path: str) -> HttpResponse:
    """One document, query or routine of the ops repo."""
    app = application()
    found = app.search.document(path)
    text = found.text[:LARGEST]
    context = {
        "document": found,
        "text": text if found.kind == "query" else markdown(text),
        "cut": len(found.text) > LARGEST,
        "code": found.kind == "query",
    }
    return pages.render(request, "document.html", pages.shared(app, "search") | context)


@pages.page
def documents(request: HttpRequest, actor: Actor) -> HttpResponse:
    """All of them by path."""
    app = application()
    return pages.render(request, "documents.html", pages.shared(app, "search") | {"documents": app.search.documents()})
