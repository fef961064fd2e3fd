"""The API in a browser: /api/docs tells every route without a script; /api/docs/try asks them by Swagger UI, which comes with
the django-ninja wheel. Both tell nothing of the team, so they need no sign-in; what is asked from there does.
"""

from __future__ import annotations

import gzip
import importlib.resources
import json
import re
from functools import cache
from html import escape
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from watchkeeper.faces.api.caching import tagged

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
ASSETS = {
    "swagger-ui.css": ("ninja", "static/ninja/swagger-ui.css", "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": ("ninja", "static/ninja/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "try.js": ("watchkeeper.faces.api", "static/try.js", "text/javascript; charset=utf-8"),
    "try.css": ("watchkeeper.faces.api", "static/try.css", "text/css; charset=utf-8"),
}


def openapi(request: HttpRequest) -> HttpResponse:
    """/api/v1/openapi.json: the same for every installation."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return tagged(request, HttpResponse(_document(), content_type="application/json"))


def page(request: HttpRequest) -> HttpResponse:
    """/api/docs: every route in words, with real examples; read without a script."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    answer = HttpResponse(_page())
    answer["Cache-Control"] = "private, max-age=300"
    return answer


def asking(request: HttpRequest) -> HttpResponse:
    """/api/docs/try: ask the API with a token of one's own."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    answer = HttpResponse(render_to_string("api_try.html"))
    answer["Content-Security-Policy"] = POLICY
    return answer


def asset(request: HttpRequest, name: str) -> HttpResponse:
    """A file of that page."""
    if name not in ASSETS or request.method not in ("GET", "HEAD"):
        raise Http404
    data, packed = _asset(name)
    small = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(packed if small else data, content_type=ASSETS[name][2])
    answer["Cache-Control"] = "public, max-age=3600"
    answer["Vary"] = "Accept-Encoding"
    if small:
        answer["Content-Encoding"] = "gzip"
    return answer


@cache
def _asset(name: str) -> tuple[bytes, bytes]:
    package, path, _ = ASSETS[name]
    data = importlib.resources.files(package).joinpath(path).read_bytes()
    return data, gzip.compress(data, 9, mtime=0)


@cache
def _document() -> bytes:
    from watchkeeper.faces.api.schemas.document import document

    return json.dumps(document(), separators=(",", ":")).encode()


@cache
def _page() -> str:
    return render_to_string("api_docs.html", {"sections": sections(), "kinds": kinds()})


def kinds() -> list[tuple[str, int, str]]:
    """Each kind of refusal with its status and what it means."""
    from watchkeeper.faces.api.problems import STATUS_OF_KIND, TITLES

    return [(kind, status, TITLES[kind]) for kind, status in STATUS_OF_KIND.items()]


def sections() -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Title, its anchor, and the routes of each section, as the page shows them."""
    from watchkeeper.faces.api.schemas.document import document, operations
    from watchkeeper.faces.api.schemas.reading import kind, requested

    whole = document()
    found: dict[str, list[dict[str, Any]]] = {each["name"]: [] for each in whole["tags"]}
    for method, path, operation in operations(whole):
        answer = operation["responses"]["200"]
        media, content = next(iter(answer["content"].items()))
        example = content.get("example")
        found.setdefault(operation["tags"][0], []).append({
            "method": method, "path": path, "anchor": operation["operationId"].replace("_", "-"),
            "summary": operation["summary"], "description": marked(operation["description"]),
            "fields": list(requested(whole, operation)), "answer": marked(answer["description"]), "media": media,
            "holds": [(name, kind(each)) for name, each in content["schema"].get("properties", {}).items()],
            "example": "" if example is None else json.dumps(example, indent=1, ensure_ascii=False),
        })  # fmt: skip
    return [(title, title.lower().replace(" ", "-").replace(",", ""), each) for title, each in found.items() if each]


def marked(words: str) -> SafeString:
    """Our own words as HTML: what stands in backticks is code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words)))  # escaped just now
