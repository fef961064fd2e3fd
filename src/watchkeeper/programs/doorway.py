"""The first thing that a request meets: by which socket it came, from where, and what it may not claim about that."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from watchkeeper.core.network import Network, is_within

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OURS, SAID_BY_CALLER = b"x-watchkeeper-", b"x-watchkeeper-actor"
FORWARDED = b"x-forwarded-"
HSTS = (b"strict-transport-security", b"max-age=31536000")
_DIRECT = "This address is served through its proxy only.\n"


class PeerProtocol(H11Protocol):
    """HTTP over a Unix socket; ``scope["client"]`` is (number of the Unix user on the other side, 0), from the kernel."""

    def connection_made(self, transport: Any) -> None:
        """Ask the kernel, once for each connection; nothing that the other side sends can change it."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        _pid, user, _group = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        self.client = (str(user & 0xFFFFFFFF), 0)


class Doorway:
    """Tells the application which way a request came; what the caller claims about that is dropped.

    way: ``unix``, ``agent`` (the socket for all) or ``tcp``. On TCP the headers of a proxy count from `network.proxies` only,
    and where there is no TLS of ours nobody else comes in from outside.
    """

    def __init__(self, app: App, way: str, network: Network | None = None) -> None:
        self._app, self._way, self._network = app, way.encode(), network or Network()
        self._behind = ProxyHeadersMiddleware(app, list(self._network.proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = [pair for pair in scope["headers"] if not _is_ours(pair[0])]
        if self._way == b"tcp":
            await self._from_outside({**scope, "headers": [*headers, (OURS + b"way", self._way)]}, receive, send)
            return
        peer = str((scope.get("client") or ("", 0))[0])
        headers = [pair for pair in headers if not pair[0].lower().startswith(FORWARDED)]
        headers += [(OURS + b"way", self._way), (OURS + b"peer", peer.encode())]
        await self._app({**scope, "headers": headers, "client": ("unix", 0), "server": ("localhost", 0)}, receive, send)

    async def _from_outside(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = str((scope.get("client") or ("", 0))[0])
        is_proxy = is_within(address, self._network.proxies)
        if is_proxy:
            named = [value for name, value in scope["headers"] if name.lower() == b"x-forwarded-host"]
            kept = [pair for pair in scope["headers"] if not (named and pair[0].lower() == b"host")]
            scope["headers"] = [*kept, *((b"host", value.split(b",")[0].strip()) for value in named[-1:])]
            await self._behind(scope, receive, self._secured(scope, send))  # type: ignore[arg-type]
            return
        scope["headers"] = [pair for pair in scope["headers"] if not pair[0].lower().startswith(FORWARDED)]
        if self._network.proxies and not self._network.has_tls and not is_within(address, ("127.0.0.0/8", "::1/128")):
            await _refuse(send)
            return
        await self._app(scope, receive, self._secured(scope, send))

    def _secured(self, scope: Scope, send: Send) -> Send:
        """Answers that go out by TLS say that this name is never asked without it."""

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and scope.get("scheme") == "https":
                message["headers"] = [*message.get("headers", ()), HSTS]
            await send(message)

        return sent


def _is_ours(name: bytes) -> bool:
    """Whether only we may say this; WSGI reads an underscore and a dash as the same."""
    plain = name.lower().replace(b"_", b"-")
    return plain.startswith(OURS) and plain != SAID_BY_CALLER


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": _DIRECT.encode()})
