"""Taking pings and alerts: durable before the reply, many of them in one commit, also while the store is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks.heartbeats import NOTE_LENGTH, RUN_ID_LENGTH, Ping, cut_body, last_line
from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.services.ports.pings import PingRows

T = TypeVar("T")
log = logging.getLogger(__name__)

GATHER_S = 0.002
"""How long a commit waits for more, when one is not under way already."""
MANY, GATHER_MANY_S = 3, 0.010
"""After a commit of so many the next one waits as well: a commit costs as much as ten pings, whatever it holds."""
AT_ONCE, MOST_WAITING = 500, 20_000
DRAIN_S = 3.0


class Offload(Protocol):
    """Runs blocking work beside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Journal(Protocol):
    """Where pings go while the store is away. All methods block."""

    def add(self, pings: Sequence[Ping]) -> None: ...

    def waiting(self) -> list[Ping]: ...

    def forget(self) -> None: ...

    @property
    def is_empty(self) -> bool: ...


@dataclass(slots=True)
class Taken:
    """Counts since the start. aside: taken while the store was away. commits: how many commits they took."""

    pings: int = 0
    commits: int = 0
    aside: int = 0
    refused: int = 0


class Intake:
    """One per watch. redact: takes secrets out of a text; blocking, called beside the loop.

    journal: None where there is none; then pings are refused while the store is away.
    """

    def __init__(
        self, store: PingRows, offload: Offload = asyncio.to_thread, journal: Journal | None = None,
        redact: Callable[[str], str] = str, gather_s: float = GATHER_S,
    ) -> None:  # fmt: skip
        self._store, self._offload, self._journal, self._redact = store, offload, journal, redact
        self._gather_s = gather_s
        self._waiting: list[tuple[Ping, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._fault = ""
        self.taken = Taken()

    @property
    def fault(self) -> str:
        """Why pings are kept aside; "" when they go into the store."""
        return self._fault

    async def take(self, ping: Ping) -> None:
        """Returns once the ping is durable. Raises `NoAnswer` when it cannot be kept anywhere."""
        if len(self._waiting) >= MOST_WAITING:
            self.taken.refused += 1
            raise NoAnswer(f"{MOST_WAITING} pings wait for the disk already.", "Send it again in some seconds.")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ping, done))
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit_on())
        await done

    async def take_alerts(self, alerts: Sequence[Alert], now: float) -> None:
        """Returns once the alerts are durable. Raises what the store raises: their sender sends them again."""
        clean = await self._offload(lambda: [replace(each, summary=self._redact(each.summary)) for each in alerts])
        await self._offload(lambda: self._store.put_alerts(clean, now))

    async def drain_on(self) -> None:
        """Move what was kept aside into the store, as soon as it can be reached; never returns."""
        while True:
            await self.drain()
            await asyncio.sleep(DRAIN_S)

    async def drain(self) -> None:
        """Try once."""
        if self._journal is None:
            return
        try:
            moved = await self._offload(self._move)
        except Exception as error:  # still away; the file keeps them
            self._fault = self._fault or f"Pings are kept in a file: {_told(error)}"
            return
        if moved:
            log.info("%d pings that were kept aside are in the readings store", moved)
            self._fault = ""

    def _move(self) -> int:
        assert self._journal is not None
        moved = 0
        while not self._journal.is_empty:  # of two files the older one first
            pings = self._journal.waiting()
            for start in range(0, len(pings), AT_ONCE):
                self._store.add_pings(pings[start : start + AT_ONCE], once=True)
            self._journal.forget()
            moved += len(pings)
        return moved

    async def _commit_on(self) -> None:
        """Commit until nothing waits. While one commit is under way, and a little longer under load, the next group
        gathers by itself."""
        try:
            await asyncio.sleep(self._gather_s)
            while self._waiting:
                group, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                await self._commit(group)
                if len(group) >= MANY and self._gather_s:
                    await asyncio.sleep(GATHER_MANY_S)
        finally:
            self._committing = None

    async def _commit(self, group: list[tuple[Ping, asyncio.Future[None]]]) -> None:
        try:
            aside = await self._offload(lambda: self._keep([ping for ping, _done in group]))
        except BaseException as error:
            self.taken.refused += len(group)
            self._fault = f"Pings cannot be kept: {_told(error)}"
            log.error("%s", self._fault)
            refusal = NoAnswer("The ping was not kept: the disk or the store takes nothing.", "Send it again.")
            for _ping, done in group:
                if not done.done():
                    done.set_exception(refusal)
            if not isinstance(error, Exception):
                raise
            return
        self.taken.commits += 1
        self.taken.pings += len(group)
        if aside:
            self.taken.aside += len(group)
        elif self._journal is None or self._journal.is_empty:
            self._fault = ""
        for _ping, done in group:
            if not done.done():
                done.set_result(None)

    def _keep(self, pings: list[Ping]) -> bool:
        """Blocking. True when they went aside. What was kept aside before them is in the store first or they follow it."""
        clean = [self._clean(ping) for ping in pings]
        try:
            self._store.add_pings(clean)
            return False
        except Exception as error:
            if self._journal is None:
                raise
            self._journal.add(clean)
            if not self._fault:
                self._fault = f"Pings are kept in a file: {_told(error)}"
                log.warning("%s", self._fault)
            return True

    def _clean(self, ping: Ping) -> Ping:
        """Bounded, and without secrets: nothing else is ever written. The note is the last line where none was told."""
        if not (ping.note or ping.body) and ping.rid.isascii() and ping.source.isascii():
            return ping
        whole = self._redact(_writable(ping.body)) if ping.body else ""
        note = (self._redact(_writable(ping.note)) if ping.note else last_line(whole))[:NOTE_LENGTH]
        rid, source = _writable(ping.rid)[:RUN_ID_LENGTH], _writable(ping.source)
        return replace(ping, note=note, body=cut_body(whole), rid=rid, source=source)


def _writable(text: str) -> str:
    """Without halves of character pairs, which no store takes: they would take the whole group with them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _told(error: BaseException) -> str:
    return error.sentence if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"
