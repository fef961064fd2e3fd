"""Our own files: sheet, script, marks, and htmx from the django-htmx wheel. Hashed names, cached for ever, gzip made once."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse

_HERE = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file with its address."""

    address: str
    kind: str
    data: bytes
    packed: bytes


def _sources() -> list[tuple[str, Path]]:
    import django_htmx

    htmx = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
    own = [(path.name, path) for path in sorted(_HERE.iterdir()) if path.suffix in _TYPES]
    return [*own, ("htmx.js", htmx)]


@cache
def _assets() -> dict[str, Asset]:
    found = {}
    for name, path in _sources():
        data = path.read_bytes()
        stem, dot, ending = name.rpartition(".")
        address = f"/static/{stem}.{hashlib.sha256(data).hexdigest()[:12]}{dot}{ending}"
        found[name] = Asset(address, _TYPES[dot + ending], data, gzip.compress(data, 9, mtime=0))
    return found


def address(name: str) -> str:
    """The address of a file; raises KeyError for a name that does not exist."""
    return _assets()[name].address


def serve(request: HttpRequest, name: str) -> HttpResponse:
    """One file by its hashed name. They hold no secret, so they need no cookie: the refusal page uses them too."""
    asset = next((each for each in _assets().values() if each.address == request.path), None)
    if asset is None or request.method not in ("GET", "HEAD"):
        raise Http404
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(asset.packed if packed else asset.data, content_type=asset.kind)
    answer["Cache-Control"] = _FOR_EVER
    answer["Vary"] = "Accept-Encoding"
    if packed:
        answer["Content-Encoding"] = "gzip"
    return answer
