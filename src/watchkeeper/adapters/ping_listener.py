"""Where the ping server listens: follows the plan of the team file, keeps its port over restarts, renews its certificate."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchkeeper.adapters.ping_requests import Requests
from watchkeeper.adapters.ping_server import Bounds, PingServer
from watchkeeper.core.watching import PING_PORT, PingPlan, is_loopback

log = logging.getLogger(__name__)
URL_FILE = "ping.url"
LOOK_S = 1.0
BACKLOG = 1024


class PingListener:
    """One per watch. plan: what the team file says now. `fault`: why nobody can reach it, "" when all is as planned."""

    def __init__(
        self, requests: Requests, state: Path, plan: Callable[[], PingPlan], bounds: Bounds | None = None
    ) -> None:
        self._requests, self._state, self._plan, self._bounds = requests, state, plan, bounds
        self._server: asyncio.Server | None = None
        self._now: tuple[PingPlan, object] | None = None
        self._doors: set[PingServer] = set()
        self.fault = ""
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen while the context is open."""
        await self.look()
        looking = asyncio.ensure_future(self._look_on())
        try:
            yield
        finally:
            looking.cancel()
            self._close()
            for door in self._doors:
                door.close()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception:
                log.exception("the ping server cannot follow its plan; it is tried again")

    async def look(self) -> None:
        """Follow the plan: open, close, or open anew when it or a file of the certificate changed."""
        plan = self._plan()
        wanted = (plan, _marks(plan))
        if wanted == self._now and (self._server is not None or not plan.host):
            return
        self._close()
        self._now = wanted
        if not plan.host:
            self._say("")
            return
        try:
            tls = _context(plan)
            _refuse_open(plan, tls)
            self._server = await self._listen(plan, tls)
        except (OSError, ValueError) as error:
            self._now = None  # tried again at the next look
            self._say(f"Pings over HTTP are not taken: {_why(error, plan)}")
            return
        self._say("")
        port = int(self._server.sockets[0].getsockname()[1])
        self._tell(plan, port, tls is not None)

    async def _listen(self, plan: PingPlan, tls: ssl.SSLContext | None) -> asyncio.Server:
        candidates = [plan.port] if plan.port else self._ports()
        door = PingServer(self._requests, plan.trusted, self._bounds)
        self._doors = {each for each in self._doors if each.is_used} | {door}
        for port in candidates:
            try:
                return await asyncio.get_running_loop().create_server(
                    door.line, plan.host, port, ssl=tls, backlog=BACKLOG,
                    ssl_handshake_timeout=10.0 if tls is not None else None,
                )  # fmt: skip
            except OSError:
                if port == candidates[-1]:
                    raise
        raise AssertionError("there is always a candidate")

    def _ports(self) -> list[int]:
        """The one it had before, since crontabs hold it; then the usual one; then one of its own; then any."""
        before = 0
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            before = int(json.loads((self._state / URL_FILE).read_text())["port"])
        own = PING_PORT + 1 + zlib.crc32(str(self._state).encode()) % 90
        return [*([before] if 0 < before < 65_536 else []), PING_PORT, own, 0]

    def _tell(self, plan: PingPlan, port: int, tls: bool) -> None:
        host = f"[{plan.host}]" if ":" in plan.host else plan.host
        self.url = plan.url or f"{'https' if tls else 'http'}://{host}:{port}"
        log.info("pings are taken at %s", self.url)
        path = self._state / URL_FILE
        with contextlib.suppress(OSError):
            path.write_text(json.dumps({"url": self.url, "port": port}))
            path.chmod(0o600)

    def _say(self, fault: str) -> None:
        if fault and fault != self.fault:
            log.error("%s", fault)
        self.fault = fault

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self.url = ""


def _refuse_open(plan: PingPlan, tls: ssl.SSLContext | None) -> None:
    """A name may lead off loopback although it looked like here: what listens decides, not what was written."""
    if tls is None and not plan.trusted and not is_loopback(plan.host):
        raise ValueError(f"{plan.host} is not loopback, and neither tls nor trusted_proxies is given")


def _context(plan: PingPlan) -> ssl.SSLContext | None:
    if not plan.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name in (plan.certificate, plan.key):
        with open(name, "rb"):  # the error of the library does not say which file
            pass
    context.load_cert_chain(plan.certificate, plan.key)
    return context


def _marks(plan: PingPlan) -> object:
    """Changes when a file of the certificate does."""
    found = []
    for name in (plan.certificate, plan.key):
        with contextlib.suppress(OSError):
            stat = Path(name).stat() if name else None
            found.append((stat.st_ino, stat.st_mtime_ns) if stat else None)
    return tuple(found)


def _why(error: Exception, plan: PingPlan) -> str:
    place = f"{plan.host}:{plan.port or PING_PORT}"
    if isinstance(error, ssl.SSLError):
        return f"the certificate {plan.certificate} and its key cannot be used together ({error.reason or 'damaged'})."
    if isinstance(error, OSError):
        return f"{error.filename or place}: {(error.strerror or str(error)).lower()}."
    return f"{error}."
