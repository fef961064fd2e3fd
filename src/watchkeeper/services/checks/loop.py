"""The watch loop: asks every check at its time, judges, writes ticks in one commit, and follows the inventory.

One asyncio loop. Probes never overlap for the same check, the number of open probes is bounded (`lanes`), commits and
file reading run beside the loop (`offload`), so that neither a slow disk nor a large ops repo delays a probe.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Judged, Reading, Settled, State
from watchkeeper.core.checks.groups import reading_of
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.errors import Invalid, NoAnswer, NotFound
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.core.times import utc_text
from watchkeeper.core.watching import PingPlan, known_names, place_alerts
from watchkeeper.services.checks.book import Book
from watchkeeper.services.checks.derived import Deriving
from watchkeeper.services.checks.groups import Groups
from watchkeeper.services.checks.guard import Guard
from watchkeeper.services.checks.intake import Intake
from watchkeeper.services.checks.lanes import Lanes
from watchkeeper.services.checks.lateness import Lateness
from watchkeeper.services.checks.needs import Inventories, Limits, Offload, WatchReadings
from watchkeeper.services.checks.once import named
from watchkeeper.services.checks.overload import overloaded
from watchkeeper.services.checks.plan import Plan, Slot
from watchkeeper.services.checks.share import Share
from watchkeeper.services.ports import Clock, Ping, ProbePort

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOKS_PER_S = 20
APART_S = 1.0  # readings of one check that somebody asks for stay this far apart


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
        intake: Intake | None = None,
    ) -> None:
        self._holder, self._probes, self._readings, self._clock = holder, probes, readings, clock
        self._secrets = secrets
        self._limits = limits or Limits()
        self._monotonic, self._offload = monotonic, offload
        self._plan, self._book, self._lateness = Plan(), Book(), Lateness()
        self._deriving = Deriving(self._book.derived, lambda: self._book.settled, readings, clock, offload)
        self._lanes = Lanes(self._limits.open_probes, self._limits.slow_probes, self._limits.slow_after_s, monotonic)
        self._guard, self._groups = Guard(probes, clock, monotonic), Groups()
        self._writing = asyncio.Lock()
        self._flipped, self._replanned, self._begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._share, self._taking = share, asyncio.Lock()
        self.intake = intake or Intake(readings, offload)
        self._heartbeats: tuple[str, Mapping[str, str]] = ("", {})
        self._looks = (0, 0)
        self.listening_fault = ""
        """Why nobody can ping over HTTP; set by the ping server."""
        self._revision: str | None = None
        self._fault = self._store_fault = self._told = ""
        self._started_at = clock()
        self._skipped = 0

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
                loops.create_task(self.intake.drain_on())
                loops.create_task(self._deriving.run())
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
        await self._deriving.once()
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
        if self._is_early(slot):
            return
        self._begin_ask(slot, due)

    def _begin_ask(self, slot: Slot, due: float | None) -> asyncio.Task[Judged]:
        task = asyncio.get_running_loop().create_task(self._ask(slot, slot.check, due))
        slot.running = task
        return task

    async def _ask(self, slot: Slot, check: Check, due: float | None) -> Judged:
        """One question from start to book. The answer of a check that changed meanwhile is not taken."""
        try:
            place = await self._lanes.enter(slot.hung)
            try:
                slot.last_start = self._monotonic()
                if due is not None:
                    self._lateness.add(slot.last_start - due, slot.last_start)
                reading = await self._answer(check)
            finally:
                self._lanes.leave(place)
                slot.hung = self._monotonic() - slot.last_start > self._limits.slow_after_s
            self._guard.saw(check, reading)
            reading = await self._guard.doubted(check, reading)
        finally:
            slot.running = None
        current = self._plan.slots.get(check.key)
        if current is None or current.check.rule_hash != check.rule_hash:
            return Judged(reading, judge(check, reading), check.rule_hash)
        first = check.key not in self._book.settled
        judged, flip = self._book.take(check, reading)
        if flip is not None:
            log.info("%s %s -> %s: %s", flip.check, flip.before, flip.after, flip.reason)
            self._flipped.set()
        if first or flip is not None:
            for key in self._groups.of(check.key):
                self._ask_group_soon(self._plan.slots.get(key))
        return judged

    async def _answer(self, check: Check) -> Reading:
        at = self._clock()
        try:
            if check.probe.kind == "group":
                return reading_of(check, await self._states(check), at)
            return await self._probes.ask(check, at)
        except Exception as error:  # a probe's own mistake must not end the watch
            log.exception("asking %s failed in a way it should not", check.key)
            return Reading(check.key, at, 0.0, {}, f"The probe itself failed ({type(error).__name__}); see the log.")

    async def _states(self, group: Check) -> Mapping[str, Settled]:
        """Where the members of a group stand; those that another node asks are looked up in the store."""
        if all(key in self._plan.slots for key in self._groups.members(group.key)):
            return self._book.settled
        stored = await self._offload(self._readings.settled)
        return stored | {key: settled for key, settled in self._book.settled.items() if key in self._plan.slots}

    def _is_early(self, slot: Slot) -> bool:
        """Whether this is a group with members that are being asked for the first time: their answers will ask it."""
        members = self._groups.members(slot.check.key)
        return any(key in self._plan.slots and key not in self._book.settled for key in members)

    def _ask_group_soon(self, slot: Slot | None) -> None:
        if slot is not None and not self._is_early(slot):
            self._ask_soon(slot)

    def _ask_soon(self, slot: Slot | None) -> None:
        """Begin an ask as soon as the last one is a second old; nobody waits for it."""
        if slot is not None and slot.soon is None:
            slot.soon = asyncio.get_running_loop().create_task(self._when_apart(slot))

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
        if ping.check not in self._plan.slots:
            named(self._known(), [ping.check])
        await self.intake.take(ping)
        settled = self._book.settled.get(ping.check)
        if ping.status == "fail" or settled is None or settled.state is not State.OK or self._has_time():
            self._look_soon(ping.check)

    def _has_time(self) -> bool:
        """Pings that change nothing are looked at as well, some each second; under load at the check's own rhythm."""
        second = int(self._monotonic())
        if second != self._looks[0]:
            self._looks = second, 0
        self._looks = second, self._looks[1] + 1
        return self._looks[1] <= LOOKS_PER_S

    async def take_alerts(self, alerts: Sequence[Alert]) -> None:
        """Store what others say of our services, durably, and look at those checks at once. Raises `Invalid`."""
        await self._begun.wait()
        inventory = self._holder.current
        placed = place_alerts(alerts, inventory.team.alerts, inventory.checks.values())
        await self.intake.take_alerts(placed, self._clock())
        for check in {alert.check for alert in placed}:
            self._look_soon(check)

    def heartbeat(self, name: str) -> str:
        """The key of a heartbeat check by its name, or by the one it had before. Raises `NotFound`."""
        inventory = self._holder.current
        if self._heartbeats[0] != inventory.revision:
            self._heartbeats = inventory.revision, known_names(tuple(inventory.checks.values()))
        key = self._heartbeats[1].get(name)
        if key is None:
            raise NotFound(f"There is no heartbeat check {name} any more.", "Declare it again, or take the job away.")
        return key

    def ping_plan(self) -> PingPlan:
        """Where pings are to be taken over HTTP, as the files say now."""
        try:
            return self._holder.current.team.pings or PingPlan()
        except Invalid:
            return PingPlan()

    def _look_soon(self, key: str) -> None:
        slot = self._plan.slots.get(key)
        if slot is not None and slot.running is None:
            self._ask_soon(slot)

    async def changed(self, checks: Mapping[str, float]) -> None:
        """Something was repaired for these checks at that time: what they measured before says nothing any more."""
        await self._begun.wait()
        for key, at in checks.items():
            self._book.derived.changed(key, at)

    async def fixed(self, keys: Sequence[str]) -> None:
        """A fix was proven by these checks: what they did before is no flapping."""
        await self._begun.wait()
        for key in keys:
            slot = self._plan.slots.get(key)
            if slot is not None and self._book.fixed(slot.check, self._clock()) is not None:
                self._flipped.set()

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
        self._guard.replace(inventory)
        self._groups.replace(inventory)
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
        overload = overloaded(self._lateness, self._lanes, self._monotonic())
        return {
            "running": True,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "since": utc_text(self._started_at),
            "revision": self._revision or "",
            "checks": len(self._plan.slots),
            "starts": self._lateness.starts,
            **self._lateness.summary(),
            "open_probes": self._lanes.open,
            "open_probes_slow": self._lanes.slow,
            "open_probes_limit": self._lanes.limit,
            "waiting": self._lanes.waiting,
            "overload": self._lanes.waited,
            "overlaps": self._skipped,
            "missed": self._plan.missed,
            "unwritten": self._book.unwritten,
            "lost": self._book.lost,
            "fault": self._holder.fault or self._fault or self._store_fault,
            "store_fault": self._store_fault,
            "cut_off_since": utc_text(self._guard.since),
            "warnings": [each for each in (overload, self._guard.warning()) if each],
            "ping_fault": self.intake.fault or self.listening_fault,
            "pings": self.intake.taken.pings,
            "ping_commits": self.intake.taken.commits,
        }
