"""The watch loop: asks every check at its time, judges, writes ticks in one commit, and follows the inventory.

One asyncio loop. Probes never overlap for the same check, the number of open probes is bounded, commits and file
reading run beside the loop (`offload`), so that neither a slow disk nor a large ops repo delays a probe.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from watchkeeper.core.checks import Judged, Reading
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.errors import Invalid, NoAnswer
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.times import utc_text
from watchkeeper.services.checks.book import Book
from watchkeeper.services.checks.lateness import Lateness
from watchkeeper.services.checks.once import named
from watchkeeper.services.checks.plan import Plan, Slot
from watchkeeper.services.checks.share import Share
from watchkeeper.services.ports import Clock, Ping, ProbePort, ReadingsPort

T = TypeVar("T")
log = logging.getLogger(__name__)

APART_S = 1.0  # readings of one check that somebody asks for stay this far apart


class WatchReadings(ReadingsPort, Protocol):
    """The readings store with what the watch needs to go on after a restart."""

    def rules(self) -> dict[str, str]: ...

    def last_asked(self) -> dict[str, float]: ...


class Inventories(Protocol):
    """Holds the last good inventory; `refresh` and `reload` look at the files (blocking) and take over what is valid.

    `current` raises `Invalid` while there has been none yet.
    """

    @property
    def current(self) -> Inventory: ...

    @property
    def fault(self) -> str: ...

    def refresh(self) -> bool: ...

    def reload(self) -> bool: ...


class Offload(Protocol):
    """Runs blocking work beside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and rhythms of the watch, seconds. gap_s: own silence that counts as having been away."""

    open_probes: int = 256
    flush_s: float = 0.15
    refresh_s: float = 0.5
    pulse_s: float = 1.0
    gap_s: float = 5.0
    unseen_s: float = 10.0


class Watch:
    """Asks, judges and writes until it is cancelled. Build one per process; see `run`, `ask_now`, `status`."""

    def __init__(
        self,
        holder: Inventories,
        probes: ProbePort,
        readings: WatchReadings,
        clock: Clock,
        secrets: Callable[[Inventory], Callable[[str], str]],
        *,
        limits: Limits | None = None,
        monotonic: Clock = time.monotonic,
        offload: Offload = asyncio.to_thread,
        share: Share | None = None,
    ) -> None:
        self._holder, self._probes, self._readings, self._clock = holder, probes, readings, clock
        self._secrets = secrets
        self._limits = limits or Limits()
        self._monotonic, self._offload = monotonic, offload
        self._plan, self._book, self._lateness = Plan(), Book(), Lateness()
        self._open = asyncio.Semaphore(self._limits.open_probes)
        self._writing = asyncio.Lock()
        self._flipped, self._replanned, self._begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._share, self._taking = share, asyncio.Lock()
        self._revision: str | None = None
        self._fault = self._store_fault = self._told = ""
        self._started_at = clock()
        self._skipped = self._overload = 0
        self._busy = 0

    # ---- running ----

    async def run(self) -> None:
        """Watch until cancelled; what was measured until then is written before it returns."""
        await self._begin()
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._ask_when_due())
                loops.create_task(self._write_on())
                loops.create_task(self._follow_files())
                loops.create_task(self._pulse_on())
        finally:
            for slot in self._plan.slots.values():
                for task in (slot.running, slot.soon):
                    if task is not None:
                        task.cancel()
            await self.flush()

    async def _begin(self) -> None:
        """Go on from what the store knows. Time in which we were away is unknown, never as it was before."""
        readings = self._readings
        settled = await self._offload(readings.settled)
        self._book.load(settled, await self._offload(readings.rules), await self._offload(readings.last_asked))
        await self._take_over()
        await self._pulse()
        await self.flush()
        self._begun.set()

    async def _ask_when_due(self) -> None:
        while True:
            now = self._monotonic()
            for slot, due in self._plan.take_due(now):
                self._start(slot, due, now)
            following = self._plan.next_due()
            wait_s = 1.0 if following is None else min(1.0, following - self._monotonic())
            try:  # never 0: the loop's own clock moves in whole milliseconds
                async with asyncio.timeout(max(0.001, wait_s)):
                    await self._replanned.wait()
                    self._replanned.clear()
            except TimeoutError:
                pass

    def _start(self, slot: Slot, due: float, now: float) -> None:
        """One due check: begin its ask, unless one is under way or somebody has just had it asked."""
        if slot.running is not None:
            self._skipped += 1
            return
        if slot.soon is not None or now - slot.forced_at < APART_S:
            return
        self._begin_ask(slot, due)

    def _begin_ask(self, slot: Slot, due: float | None) -> asyncio.Task[Judged]:
        task = asyncio.get_running_loop().create_task(self._ask(slot, slot.check, due))
        slot.running = task
        return task

    async def _ask(self, slot: Slot, check: Check, due: float | None) -> Judged:
        """One question from start to book. The answer of a check that changed meanwhile is not taken."""
        try:
            if self._open.locked():
                self._overload += 1
            async with self._open:
                slot.last_start = self._monotonic()
                if due is not None:
                    self._lateness.add(slot.last_start - due)
                self._busy += 1
                try:
                    reading = await self._answer(check)
                finally:
                    self._busy -= 1
        finally:
            slot.running = None
        current = self._plan.slots.get(check.key)
        if current is None or current.check.rule_hash != check.rule_hash:
            return Judged(reading, judge(check, reading), check.rule_hash)
        judged, flip = self._book.take(check, reading)
        if flip is not None:
            log.info("%s %s -> %s: %s", flip.check, flip.before, flip.after, flip.reason)
            self._flipped.set()
        return judged

    async def _answer(self, check: Check) -> Reading:
        at = self._clock()
        try:
            return await self._probes.ask(check, at)
        except Exception as error:  # a probe's own mistake must not end the watch
            log.exception("asking %s failed in a way it should not", check.key)
            return Reading(check.key, at, 0.0, {}, f"The probe itself failed ({type(error).__name__}); see the log.")

    # ---- asked by somebody ----

    async def ask_now(self, keys: Sequence[str]) -> list[Judged]:
        """Ask these checks at once (all when none is named), write, and return the judged readings in that order.

        Each answer is to a question put after this call began. Readings of a check stay a second apart, so this may
        wait that long. Raises `NotFound` for an unknown key.
        """
        await self._begun.wait()
        checks = named(self._known(), keys)
        for check in checks:
            if check.key not in self._plan.slots:
                raise NoAnswer(f"{check.key} is asked by another node.", "Its checks are just moving; try again.")
        found = await asyncio.gather(*(self._soon(self._plan.slots[check.key]) for check in checks))
        await self.flush()
        return list(found)

    def _known(self) -> Mapping[str, Check]:
        """The checks that may be named: those of the plan; of several nodes all, whoever asks them."""
        if self._share is not None:
            return self._holder.current.checks
        return {key: slot.check for key, slot in self._plan.slots.items()}

    async def _soon(self, slot: Slot) -> Judged:
        if slot.soon is None:
            slot.soon = asyncio.get_running_loop().create_task(self._when_apart(slot))
        return await asyncio.shield(slot.soon)

    async def _when_apart(self, slot: Slot) -> Judged:
        """Begin an ask as soon as none is under way and the last one began a second ago."""
        try:
            while slot.running is not None:
                await asyncio.wait([slot.running])
            wait_s = slot.last_start + APART_S - self._monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            slot.forced_at = self._monotonic()
        finally:
            slot.soon = None  # whoever comes from here on wants a newer answer
        return await self._begin_ask(slot, None)

    async def ping(self, ping: Ping) -> None:
        """Store a heartbeat ping durably and look at its check at once. Raises `NotFound` for an unknown check."""
        await self._begun.wait()
        named(self._known(), [ping.check])
        await self._offload(lambda: self._readings.ping(ping))
        slot = self._plan.slots.get(ping.check)
        if slot is not None and slot.running is None and slot.soon is None:
            slot.soon = asyncio.get_running_loop().create_task(self._when_apart(slot))

    # ---- writing ----

    async def _write_on(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._limits.flush_s):
                    await self._flipped.wait()
            except TimeoutError:
                pass
            self._flipped.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write everything measured until now in one commit. When that fails it is kept and tried again."""
        async with self._writing:
            batch = self._book.drain()
            if not batch:
                return
            try:
                await self._offload(lambda: self._readings.write(batch.readings, batch.flips, batch.settled))
                self._store_fault = ""
            except Exception as error:  # a full disk must not blind the watch
                self._book.put_back(batch)
                if not self._store_fault:
                    log.error("readings cannot be written: %s", error)
                self._store_fault = f"Readings cannot be written ({error}); {self._book.unwritten} wait in memory."

    async def _pulse_on(self) -> None:
        while True:
            await asyncio.sleep(self._limits.pulse_s)
            await self._pulse()

    async def _pulse(self) -> None:
        """Mark that we live. When the last mark is old we were away, stopped or frozen: those checks are UNKNOWN."""
        now, longer_than_s = self._clock(), self._limits.gap_s

        def mark() -> tuple[float, float] | None:
            gap = self._readings.gap(now, longer_than_s)
            self._readings.alive(now)
            return gap

        try:
            gap = await self._offload(mark)
        except Exception as error:
            self._store_fault = self._store_fault or f"Readings cannot be written ({error})."
            return
        if gap is not None:
            self._blind(*gap)

    def _blind(self, start: float, end: float) -> None:
        log.warning("watchkeeper was away from %s to %s", utc_text(start), utc_text(end))
        for slot in self._plan.slots.values():
            last = self._book.last_at.get(slot.check.key)
            if last is not None and last <= end:
                self._blind_if_unseen(slot.check, last, end, start)
        self._flipped.set()

    def _blind_if_unseen(self, check: Check, last: float, end: float, start: float | None = None) -> None:
        """UNKNOWN from `start` (its last answer) to `end`, when it was not asked for longer than its rhythm explains."""
        if end - last > 2 * check.every_s + self._limits.unseen_s:
            self._book.blind(check, last if start is None else start, end)

    # ---- following the files ----

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(self._limits.refresh_s)
            await self._look(self._holder.refresh)

    async def reload(self) -> None:
        """Look at the files of the ops repo now; a valid change is taken over, an invalid one changes nothing."""
        await self._look(self._holder.reload)

    async def _look(self, load: Callable[[], bool]) -> None:
        try:
            await self._offload(load)
            self._fault = ""
        except Exception as error:
            if not self._fault:
                log.exception("the ops repo cannot be loaded")
            self._fault = f"The ops repo cannot be loaded ({error})."
            return
        await self._take_over()

    async def _take_over(self) -> None:
        """Watch by the current inventory; without one nothing is asked until the files are valid."""
        fault = self._holder.fault
        if fault != self._told:
            log.log(
                logging.WARNING if fault else logging.INFO, "%s", fault or "the files of the ops repo are fine again"
            )
            self._told = fault
        try:
            inventory = self._holder.current
        except Invalid:
            return
        async with self._taking:
            if self._share is None:
                if inventory.revision != self._revision:
                    self._apply(inventory, inventory.checks.values())
            elif self._share.is_due(inventory.revision, self._monotonic()):
                await self._take_share(self._share, inventory)

    async def _take_share(self, share: Share, inventory: Inventory) -> None:
        """Of several nodes: ask only what this one owns. What is new to it goes on from where its last owner left it."""
        checks = share.of(inventory)
        gained = share.gained(checks)
        try:
            taken = await self._offload(lambda: share.readings.take([check.key for check in gained]))
        except Exception as error:
            log.warning("checks cannot be taken over, it is tried again: %s", error)
            return
        self._book.absorb(taken.settled, taken.rules, taken.last_asked)
        self._apply(inventory, checks)
        share.took(inventory.revision, checks)
        now = self._clock()
        for check in gained:
            self._blind_if_unseen(check, self._book.last_at.get(check.key, now), now)
        self._flipped.set()

    async def assign(self, nodes: Sequence[str]) -> None:
        """Main says which nodes there are; without a word for long the last one holds."""
        if self._share is None:
            return
        self._share.hear(nodes)
        await self._begun.wait()
        await self._take_over()

    def _apply(self, inventory: Inventory, checks: Iterable[Check]) -> None:
        self._revision = inventory.revision
        self._probes.replace(inventory.hosts, inventory.databases, self._secrets(inventory))
        far = {name for name, host in inventory.hosts.items() if host.kind != "local"}
        changed, gone = self._plan.replace(checks, self._monotonic(), far)
        for slot in changed:
            self._book.adopt(slot.check)
        log.info("inventory %s: %d checks, %d new or changed, %d gone", inventory.revision, len(self._plan.slots),
                 len(changed), len(gone))  # fmt: skip
        self._replanned.set()

    # ---- telling ----

    def status(self) -> Mapping[str, object]:
        """Is the watch itself well: plain values, durations in seconds."""
        return {
            "running": True,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "since": utc_text(self._started_at),
            "revision": self._revision or "",
            "checks": len(self._plan.slots),
            "starts": self._lateness.starts,
            **self._lateness.summary(),
            "open_probes": self._busy,
            "open_probes_limit": self._limits.open_probes,
            "overload": self._overload,
            "overlaps": self._skipped,
            "missed": self._plan.missed,
            "unwritten": self._book.unwritten,
            "lost": self._book.lost,
            "fault": self._holder.fault or self._fault or self._store_fault,
            "store_fault": self._store_fault,
        }
