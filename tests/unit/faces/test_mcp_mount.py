"""What /mcp refuses before anything is read or imported, and what it passes on."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

from watchkeeper.faces.mcp.bounds import clean, quoted
from watchkeeper.faces.mcp.calls import Refused, part, path_of, with_query
from watchkeeper.faces.mcp.inside import Inside
from watchkeeper.faces.mcp.mount import LARGEST_BODY, Mount, refusal

FINE = {
    "host": "127.0.0.1:8600",
    "authorization": "Bearer wk_1",
    "content-type": "application/json",
    "content-length": "20",
}


@pytest.mark.parametrize(
    ("changed", "status"),
    [({}, 0), ({"authorization": ""}, 401), ({"authorization": "Basic abc"}, 401), ({"origin": "http://evil.example.org"}, 403),
     ({"origin": "null"}, 403), ({"origin": "http://127.0.0.1:8600"}, 0),
     ({"origin": "http://127.0.0.1:8600.evil.example.org"}, 403),
     ({"content-type": "text/plain"}, 415), ({"content-length": "abc"}, 400), ({"content-length": str(LARGEST_BODY + 1)}, 413),
     ({"content-length": "9" * 40}, 413), ({"authorization": "", "x-watchkeeper-way": "unix"}, 0)],
)  # fmt: skip
def test_a_stranger_is_refused_unread(changed: dict[str, str], status: int) -> None:
    found = refusal("POST", FINE | changed)
    assert (found[0] if found else 0) == status
    assert found is None or (found[1].endswith(".") and found[2])


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"])
def test_nothing_but_post(method: str) -> None:
    found = refusal(method, FINE)
    assert found is not None and found[0] == 405


def ask(
    mount: Mount, headers: dict[str, str], path: str = "/mcp", body: bytes = b"{}"
) -> tuple[int, dict[str, str], bytes]:
    """One request through the mount."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "POST", "path": path, "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("192.0.2.7", 1), "server": ("127.0.0.1", 8600), "scheme": "http", "query_string": b"", "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(mount(scope, receive, send))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(each.get("body", b"") for each in sent[1:])


def test_what_the_api_refuses_is_passed_on_and_the_sdk_is_not_asked() -> None:
    seen: list[dict[str, Any]] = []

    def handler(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(environ)
        start("403 Forbidden", [("Content-Type", "application/problem+json"), ("Set-Cookie", "a=b")])
        return [b'{"kind": "forbidden"}']

    async def elsewhere(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    mount = Mount(elsewhere, lambda: handler)
    status, headers, body = ask(
        mount, FINE | {"cookie": "sessionid=1", "x-watchkeeper-way": "tcp", "x-forwarded-for": "1.2.3.4"}
    )
    assert status == 403 and json.loads(body)["kind"] == "forbidden" and headers["cache-control"] == "no-store"
    (environ,) = seen
    assert environ["HTTP_AUTHORIZATION"] == "Bearer wk_1" and environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["HTTP_X_WATCHKEEPER_WAY"] == "tcp" and "HTTP_COOKIE" not in environ
    assert environ["PATH_INFO"] == "/api/v1/mcp" and environ["HTTP_HOST"] == "127.0.0.1:8600"
    assert ask(mount, FINE, "/mcpx")[0] == 204 and ask(mount, FINE, "/api/v1/mcp")[0] == 204


def test_main_does_not_import_the_sdk() -> None:
    code = (
        "import sys; from watchkeeper.faces.mcp.mount import Mount; import watchkeeper.faces.cli.mcp; "
        "sys.exit(any(name.split('.')[0] in ('mcp', 'mcp_types') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_argument_never_becomes_another_address() -> None:
    assert part("a/../b?x=1#y") == "a%2F..%2Fb%3Fx%3D1%23y" and part("..") == "%2E%2E" and part(".") == "%2E"
    assert path_of("runbooks/a b.md") == "runbooks/a%20b.md"
    for bad in ("..", "a/../b", "./a", "", "/", "a\\b", "a\0b"):
        with pytest.raises(Refused):
            path_of(bad)
    assert with_query("/log", {"q": "a&b=c", "limit": 3, "before": None, "x": ""}) == "/log?q=a%26b%3Dc&limit=3"


def test_paths_are_given_to_django_as_bytes_of_utf8() -> None:
    seen: list[str] = []

    def handler(environ: dict[str, Any], start: Any) -> list[bytes]:
        seen.append(environ["PATH_INFO"])
        start("200 OK", [])
        return [b"{}"]

    Inside(handler, {"headers": []}).request("GET", "/api/v1/documents/docs/%C3%A9t%C3%A9.md?offset=1")
    assert seen == ["/api/v1/documents/docs/été.md".encode().decode("latin-1")]


def test_hidden_characters_and_escapes_go() -> None:
    assert clean("a\x1b[31mb\x1b]0;title\x07c\r\nd\u202ee\U000e0049\u200bf\x00") == "abc\ndef"
    assert clean("naïve Ünïcode 日本 ✓\tend") == "naïve Ünïcode 日本 ✓\tend"
    first, second = quoted("x", "y"), quoted("x", "y")
    assert first != second and first.splitlines()[1] == "y"
