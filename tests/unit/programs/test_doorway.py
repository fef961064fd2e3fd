"""What a caller claims about his way, his address and his host, and what of it comes through."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from watchkeeper.core.network import Network
from watchkeeper.programs.doorway import Doorway

PROXY = Network(proxies=("10.0.0.0/24",))
FORGED = [
    (b"X-Watchkeeper-Way", b"state"), (b"x_watchkeeper_way", b"state"), (b"X-Watchkeeper_Way", b"unix"),
    (b"x-watchkeeper-peer", b"0"), (b"X_WATCHKEEPER_PEER", b"0"), (b"x-watchkeeper-anything", b"1"),
]  # fmt: skip


def come(
    way: str,
    headers: list[tuple[bytes, bytes]],
    network: Network | None = None,
    client: str = "192.0.2.9",
    scheme: str = "http",
) -> tuple[dict[str, Any], dict[bytes, bytes], list[Any]]:
    """(scope, headers as the application sees them, messages sent)."""
    seen: dict[str, Any] = {}
    sent: list[Any] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        seen.update(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": headers, "client": (client, 1), "scheme": scheme}
    asyncio.run(Doorway(app, way, network)(scope, None, send))  # type: ignore[arg-type]
    return seen, dict(seen.get("headers", [])), sent


@pytest.mark.parametrize("way", ["unix", "agent", "tcp"])
def test_nobody_says_by_which_way_he_comes(way: str) -> None:
    scope, headers, _ = come(way, [*FORGED, (b"x-watchkeeper-actor", b"drill"), (b"accept", b"*/*")], client="1234")
    ours = {name: value for name, value in headers.items() if b"watchkeeper" in name.lower()}
    expected = {b"x-watchkeeper-way": way.encode(), b"x-watchkeeper-actor": b"drill"}
    assert ours == (expected if way == "tcp" else expected | {b"x-watchkeeper-peer": b"1234"})
    names = [name.lower().replace(b"_", b"-") for name, _ in scope["headers"]]
    assert names.count(b"x-watchkeeper-way") == 1 and b"x-watchkeeper-anything" not in names


FORWARDED = [
    (b"host", b"127.0.0.1:8600"), (b"x-forwarded-for", b"203.0.113.5, 198.51.100.7"), (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"ops.example.org"),
]  # fmt: skip


def test_a_proxy_is_believed_where_it_was_named_only() -> None:
    scope, headers, sent = come("tcp", FORWARDED, PROXY, "10.0.0.4")
    assert scope["client"][0] == "198.51.100.7", "what the caller himself put in front is not believed"
    assert scope["scheme"] == "https" and headers[b"host"] == b"ops.example.org"
    assert (b"strict-transport-security", b"max-age=31536000") in sent[0]["headers"]
    for network in (None, Network(address="0.0.0.0", certificate="c", key="k", proxies=("10.9.0.0/16",))):
        scope, headers, sent = come("tcp", FORWARDED, network, "10.0.0.4")
        assert scope["client"][0] == "10.0.0.4" and scope["scheme"] == "http" and headers[b"host"] == b"127.0.0.1:8600"
        assert not any(name.startswith(b"x-forwarded") for name in headers)
        assert sent[0]["headers"] == [(b"x", b"y")]


def test_beside_the_proxy_only_this_machine_comes_in() -> None:
    scope, _, sent = come("tcp", FORWARDED, PROXY, "192.0.2.9")
    assert scope == {} and sent[0]["status"] == 403
    assert come("tcp", [], PROXY, "127.0.0.1")[0]["client"][0] == "127.0.0.1"
    assert come("tcp", [], PROXY, "::1")[0] != {}


def test_by_tls_of_our_own_answers_ask_for_tls_ever_after() -> None:
    _, _, sent = come("tcp", [], Network(address="0.0.0.0", certificate="c", key="k"), scheme="https")
    assert (b"strict-transport-security", b"max-age=31536000") in sent[0]["headers"]
