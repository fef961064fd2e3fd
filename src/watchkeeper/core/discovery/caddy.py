"""Sites of Caddy, from the addresses at the top level of its Caddyfile."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.findings import Site
from watchkeeper.core.discovery.text import lines, number

_LINE = re.compile(r"(/[^:]+):(\d+):(.*)\Z")
_ADDRESS = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[A-Za-z0-9*][A-Za-z0-9.*-]*)?(?::(?P<port>\d{1,5}))?(?:/.*)?\Z"
)


def read_caddy(output: bytes) -> tuple[Site, ...]:
    """The answer to ``caddy``. A name without a scheme is served with TLS, as Caddy does."""
    found: list[Site] = []
    block: list[tuple[bool, str, int, str, int]] = []
    upstream, depth, top = "", 0, list[str]()
    started = 0
    for line in lines(output):
        match = _LINE.match(line)
        if not match:
            continue
        text, file, place = match[3], match[1], number(match[2])
        if depth == 0 and text.strip() and not text.startswith(("{", "}", " ", "(")):
            top += text.replace("{", " ").replace(",", " ").split()
            started = started or place
        elif depth > 0 and text.split()[:1] == ["reverse_proxy"]:
            upstream = upstream or next((w for w in text.split()[1:] if re.match(r"[\w.:/\[\]-]*\d\Z", w)), "")
        depth = max(0, depth + text.count("{") - text.count("}"))
        if depth > 0 and top:
            block = [_address(word, file, started) for word in top if _ADDRESS.match(word)]
            top, started = [], 0
        if depth == 0 and block:
            found += _sites(block, upstream)
            block, upstream = [], ""
    if top and started:  # a Caddyfile with one site may leave the braces out
        block = [_address(word, "/etc/caddy/Caddyfile", started) for word in top[:1] if _ADDRESS.match(word)]
        found += _sites(block, upstream)
    return tuple(found)


def _address(word: str, file: str, line: int) -> tuple[bool, str, int, str, int]:
    match = _ADDRESS.match(word)
    assert match is not None
    port = number(match["port"] or "")
    host = match["host"] or ""
    secure = match["scheme"] == "https" or (
        match["scheme"] is None and port != 80 and bool(host) and host != "localhost"
    )
    return secure, host, port or (443 if secure else 80), file, line


def _sites(block: list[tuple[bool, str, int, str, int]], upstream: str) -> list[Site]:
    merged: dict[tuple[bool, int], list[tuple[bool, str, int, str, int]]] = {}
    for each in block:
        merged.setdefault((each[0], each[2]), []).append(each)
    bare = re.sub(r"^[a-z]+://", "", upstream)
    return [
        Site(
            "caddy",
            tuple(each[1] for each in group if "*" not in each[1]) or ("",),
            "127.0.0.1",
            port,
            secure,
            group[0][3],
            group[0][4],
            "",
            f"127.0.0.1{bare}" if bare.startswith(":") else bare,
        )
        for (secure, port), group in merged.items()
    ]
