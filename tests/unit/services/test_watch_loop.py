"""The watch loop on a virtual clock: seconds pass at once, nothing sleeps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

import pytest

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State
from watchkeeper.core.conditions.rules import parse_rule
from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.inventory.values import Check, Inventory, Probe, Service, Team
from watchkeeper.services.checks import Limits, Watch, ask_once
from watchkeeper.services.checks.book import Book
from watchkeeper.services.checks.lateness import Lateness
from watchkeeper.services.checks.plan import BEAT_S, Plan, fraction
from watchkeeper.services.ports import Ping

T = TypeVar("T")
EPOCH = 1_800_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout > 0:
            self._loop.now += timeout
        return super().select(0)


def check(name: str, every_s: float = 5.0, rule: str = "r1", was: str | None = None, hits: str = "1 of 1") -> Check:
    crit = parse_rule({"when": "status != 200", "for": hits}, "http")
    probe = Probe("http", {"url": "http://127.0.0.1/"})
    return Check(f"shop/{name}", "shop", name, None, "here", probe, every_s, 2.0, None, None, crit, 2, rule, was)


def inventory(*checks: Check, revision: str = "1") -> Inventory:
    service = Service("shop", checks=checks)
    return Inventory(revision, EPOCH, Team(), {}, {"shop": service}, {}, {}, {})


class Probes:
    """A target by hand: a status per check, a duration, and a record of when each was asked."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.status: dict[str, int] = {}
        self.takes_s = 0.01
        self.asked: list[tuple[str, float]] = []
        self.open = self.most = 0

    async def ask(self, check: Check, now: float) -> Reading:
        self.asked.append((check.key, self.loop.time()))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.open -= 1
        if self.status.get(check.key) == -1:
            raise RuntimeError("a mistake in the probe")
        return Reading(check.key, now, self.takes_s, {"status": self.status.get(check.key, 200)})

    def replace(self, hosts: Any, databases: Any, secret: Any) -> None: ...

    async def close(self) -> None: ...

    def times(self, key: str) -> list[float]:
        return [at for asked, at in self.asked if asked == key]


class Store:
    """The readings store by hand."""

    def __init__(self) -> None:
        self.readings: list[Judged] = []
        self.flips: list[Flip] = []
        self.states: dict[str, Settled] = {}
        self.rule_of: dict[str, str] = {}
        self.asked_at: dict[str, float] = {}
        self.pings: list[Ping] = []
        self.alive_at: float | None = None
        self.broken = False
        self.writes = 0

    def write(self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]) -> list[Flip]:
        if self.broken:
            raise OSError("disk full")
        self.writes += 1
        self.readings += readings
        numbered = [replace(flip, seq=len(self.flips) + number) for number, flip in enumerate(flips, 1)]
        self.flips += numbered
        self.states |= settled
        return numbered

    def settled(self) -> dict[str, Settled]:
        return dict(self.states)

    def rules(self) -> dict[str, str]:
        return self.rule_of

    def last_asked(self) -> dict[str, float]:
        return self.asked_at

    def alive(self, now: float) -> None:
        self.alive_at = now

    def gap(self, now: float, longer_than_s: float) -> tuple[float, float] | None:
        if self.alive_at is None or now - self.alive_at <= longer_than_s:
            return None
        return self.alive_at, now

    def ping(self, ping: Ping) -> None:
        self.pings.append(ping)

    def add_pings(self, pings: Sequence[Ping], *, once: bool = False) -> None:
        self.pings += pings

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]:
        return None, None

    def of(self, key: str) -> list[Judged]:
        return [each for each in self.readings if each.reading.check == key]


class Holder:
    """The inventory by hand: set `next` to what the files say now."""

    def __init__(self, current: Inventory | None) -> None:
        self._current = self.next = current
        self.fault = "" if current else "services/shop.yaml, line 1: expected a map, found 'x'."

    @property
    def current(self) -> Inventory:
        if self._current is None:
            raise Invalid(self.fault)
        return self._current

    def refresh(self) -> bool:
        changed = self._current is not self.next
        self._current = self.next
        return changed

    reload = refresh


class World:
    """A watch with everything around it by hand."""

    def __init__(
        self, loop: VirtualLoop, *checks: Check, limits: Limits | None = None, store: Store | None = None
    ) -> None:
        self.loop, self.probes, self.store = loop, Probes(loop), store or Store()
        self.holder = Holder(inventory(*checks) if checks else None)
        self.drift = 0.0

        async def inline(work: Callable[[], T]) -> T:
            return work()

        self.watch = Watch(
            self.holder, self.probes, self.store, self.clock, lambda _: str, limits=limits, monotonic=loop.time,
            offload=inline,
        )  # fmt: skip

    def clock(self) -> float:
        return EPOCH + self.loop.time() + self.drift

    async def during(self, act: Awaitable[T]) -> T:
        """Run the watch while `act` goes on, then stop it as SIGTERM does."""
        running = asyncio.ensure_future(self.watch.run())
        try:
            return await act
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


def play(story: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(story(loop))


def test_each_check_is_asked_at_its_interval_with_phases_spread() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, *(check(f"c{number}") for number in range(100)))
        await world.during(asyncio.sleep(60))
        return world

    world = play(story)
    for number in range(100):
        times = world.probes.times(f"shop/c{number}")
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert len(times) in (12, 11)
        assert all(abs(gap - 5.0) < 0.01 for gap in gaps)
    seconds = [int(world.probes.times(f"shop/c{number}")[0]) for number in range(100)]
    assert all(seconds.count(second) >= 8 for second in range(5))
    assert float(str(world.watch.status()["lateness_max_s"])) < 0.005
    assert len(world.store.readings) == len(world.probes.asked)


def test_ticks_are_written_together_and_a_flip_at_once() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, *(check(f"c{number}", 1.0) for number in range(50)))

        async def act() -> None:
            await asyncio.sleep(10)
            assert world.store.writes <= 10 / 0.15 + 2 < len(world.store.readings) / 5
            world.probes.status["shop/c7"] = 500
            while not world.store.flips:
                await asyncio.sleep(0.001)
            asked = world.probes.times("shop/c7")[-1]
            assert loop.time() - asked < 0.02

        await world.during(act())
        return world

    world = play(story)
    flip = world.store.flips[0]
    assert (flip.seq, flip.check, flip.before, flip.after, flip.rule_hash) == (1, "shop/c7", State.OK, State.CRIT, "r1")
    assert flip.values["status"] == 500


def test_a_slow_target_is_never_asked_twice_at_once_and_does_not_delay_others() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("slow", 1.0), check("quick", 1.0))
        answer = world.probes.ask

        async def ask(asked: Check, now: float) -> Reading:
            world.probes.takes_s = 3.5 if asked.name == "slow" else 0.01
            return await answer(asked, now)

        world.probes.ask = ask  # type: ignore[method-assign]
        await world.during(asyncio.sleep(30))
        return world

    world = play(story)
    times = world.probes.times("shop/slow")
    assert all(later - earlier >= 3.5 for earlier, later in pairwise(times))
    assert len(world.probes.times("shop/quick")) >= 29
    assert int(str(world.watch.status()["overlaps"])) >= 15


def test_open_probes_are_bounded_and_overload_is_told() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, *(check(f"c{number}", 1.0) for number in range(40)), limits=Limits(open_probes=5))
        world.probes.takes_s = 0.45
        await world.during(asyncio.sleep(10))
        return world

    world = play(story)
    assert world.probes.most == 5
    status = world.watch.status()
    assert int(str(status["overload"])) > 0
    assert float(str(status["lateness_p99_s"])) > 0.5


def test_asked_now_is_a_new_question_a_second_after_the_last_and_is_written() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 30.0))

        async def act() -> None:
            first = (await world.watch.ask_now(["shop/web"]))[0]
            assert world.store.of("shop/web")[-1] == first
            world.probes.status["shop/web"] = 500
            called = loop.time()
            second = (await world.watch.ask_now(["shop/web"]))[0]
            assert second.verdict.state is State.CRIT
            assert second.reading.at - first.reading.at >= 1.0
            assert world.probes.times("shop/web")[-1] >= called
            both = await asyncio.gather(world.watch.ask_now([]), world.watch.ask_now(["shop/web"]))
            assert both[0] == both[1]  # two who wait share one question
            with pytest.raises(NotFound, match="shop/none"):
                await world.watch.ask_now(["shop/none"])

        await world.during(act())
        return world

    play(story)


def test_readings_stay_apart_when_somebody_asks_again_and_again() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 1.0))

        async def act() -> None:
            while loop.time() < 20:
                await world.watch.ask_now(["shop/web"])

        await world.during(act())
        return world

    times = play(story).probes.times("shop/web")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.999
    assert max(gaps) < 2.01
    assert len(times) >= 10


def test_a_saved_file_starts_stops_and_changes_checks() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 1.0, hits="2 of 3"), check("old", 1.0))

        async def act() -> None:
            await asyncio.sleep(10)
            world.holder.next = inventory(check("web", 1.0, "r2", hits="2 of 3"), check("new", 1.0), revision="2")
            saved = loop.time()
            await asyncio.sleep(0.6)
            assert world.watch.status()["revision"] == "2"
            await asyncio.sleep(10)
            assert not [at for at in world.probes.times("shop/old") if at > saved + 0.6]
            assert world.probes.times("shop/new")[0] - saved < 2.0
            assert world.store.of("shop/web")[-1].rule_hash == "r2"

        await world.during(act())
        return world

    play(story)


def test_another_rule_empties_the_window_and_a_new_name_keeps_it() -> None:
    store = Store()
    window = (State.OK, State.CRIT)
    store.states = {name: Settled(State.OK, EPOCH - 9, window, 0) for name in ("shop/same", "shop/other", "shop/first")}
    store.rule_of = {"shop/same": "r1", "shop/other": "r0", "shop/first": "r1"}

    async def story(loop: VirtualLoop) -> World:
        checks = [check(name, 9.0, hits="2 of 3") for name in ("same", "other")]
        world = World(loop, *checks, check("second", 9.0, was="first", hits="2 of 3"), store=store)
        world.probes.status = dict.fromkeys(("shop/same", "shop/other", "shop/second"), 500)
        await world.during(asyncio.sleep(8.9))
        return world

    world = play(story)
    assert sorted(flip.check for flip in world.store.flips) == ["shop/same", "shop/second"]


def test_an_answer_that_arrives_after_its_check_was_removed_is_dropped() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 1.0), check("stays", 60.0))
        world.probes.takes_s = 2.0

        async def act() -> None:
            while not world.probes.asked:
                await asyncio.sleep(0.05)
            world.holder.next = inventory(check("stays", 60.0), revision="2")
            await asyncio.sleep(5)

        await world.during(act())
        return world

    assert play(story).store.of("shop/web") == []


def test_broken_files_at_the_start_are_told_and_valid_ones_taken_up() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop)

        async def act() -> None:
            await asyncio.sleep(5)
            assert "line 1" in str(world.watch.status()["fault"])
            world.holder.next, world.holder.fault = inventory(check("web", 1.0)), ""
            await asyncio.sleep(2)

        await world.during(act())
        return world

    world = play(story)
    assert world.store.of("shop/web") and world.watch.status()["fault"] == ""


def test_own_downtime_is_unknown_for_what_was_missed_only() -> None:
    store = Store()
    store.alive_at = EPOCH - 600
    ok = Settled(State.OK, EPOCH - 5000, (State.OK,), 9)
    store.states = {"shop/web": ok, "shop/daily": ok, "shop/dark": replace(ok, state=State.UNKNOWN)}
    store.rule_of = dict.fromkeys(store.states, "r1")
    store.asked_at = dict.fromkeys(store.states, EPOCH - 601)

    async def story(loop: VirtualLoop) -> World:
        checks = (check("web", 5.0), check("daily", 86_400.0), check("dark", 5.0))
        world = World(loop, *checks, store=store)
        await world.during(asyncio.sleep(0.0001))
        return world

    world = play(story)
    assert [(flip.check, flip.after, flip.at) for flip in world.store.flips] == [
        ("shop/web", State.UNKNOWN, EPOCH - 600)
    ]
    assert "down" in world.store.flips[0].reason
    assert world.store.states["shop/daily"].state is State.OK


def test_a_frozen_process_notices_that_it_was_away() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 5.0))

        async def act() -> None:
            await asyncio.sleep(20)
            world.drift = 120.0  # SIGSTOP, or a laptop that slept
            await asyncio.sleep(3)

        await world.during(act())
        return world

    flips = play(story).store.flips
    assert flips[0].after is State.UNKNOWN
    assert 118 < float(flips[0].values["down_s"] or 0) < 125


def test_a_full_disk_does_not_stop_the_watch_and_nothing_is_lost() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 1.0))

        async def act() -> None:
            await asyncio.sleep(5)
            world.store.broken = True
            world.probes.status["shop/web"] = 500
            await asyncio.sleep(5)
            assert "disk full" in str(world.watch.status()["fault"])
            world.store.broken = False
            await asyncio.sleep(1)
            assert world.watch.status()["fault"] == ""

        await world.during(act())
        return world

    world = play(story)
    assert len(world.store.readings) == len(world.probes.asked)
    assert [flip.after for flip in world.store.flips] == [State.CRIT]


def test_a_probe_with_a_mistake_of_its_own_is_unknown_and_the_watch_goes_on() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("web", 1.0))
        world.probes.status["shop/web"] = -1
        await world.during(asyncio.sleep(5))
        return world

    world = play(story)
    assert len(world.store.readings) >= 4
    assert {each.verdict.state for each in world.store.readings} == {State.UNKNOWN}
    assert "RuntimeError" in str(world.store.readings[0].reading.error)


def test_what_was_measured_is_written_when_the_watch_is_stopped() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, *(check(f"c{number}", 1.0) for number in range(20)), limits=Limits(flush_s=1000.0))
        await world.during(asyncio.sleep(0.9))
        return world

    world = play(story)
    assert world.store.writes >= 1
    assert len(world.store.readings) >= 15


def test_a_ping_is_stored_and_its_check_asked_at_once() -> None:
    async def story(loop: VirtualLoop) -> World:
        world = World(loop, check("backup", 3600.0))

        async def act() -> None:
            await asyncio.sleep(31)
            before = len(world.probes.asked)
            await world.watch.ping(Ping("shop/backup", world.clock(), "success"))
            await asyncio.sleep(0.1)
            assert len(world.probes.asked) == before + 1
            with pytest.raises(NotFound):
                await world.watch.ping(Ping("shop/none", world.clock(), "success"))

        await world.during(act())
        return world

    assert len(play(story).store.pings) == 1


def test_the_plan_counts_whole_intervals_missed_and_keeps_the_phase() -> None:
    plan = Plan()
    plan.replace([check("web", 2.0)], 0.0)
    part = plan.next_due()
    assert part is not None and 0.0 <= part - fraction("shop/web") * 2.0 < BEAT_S
    assert [due for _, due in plan.take_due(part)] == [part]
    found = plan.take_due(part + 7.0)
    assert len(found) == 1 and plan.missed == 2
    assert plan.next_due() == pytest.approx(part + 8.0)


def test_a_rare_check_is_asked_soon_after_the_start_and_then_in_its_rhythm() -> None:
    plan = Plan()
    plan.replace([check("certificate", 43_200.0)], 0.0)
    first = plan.next_due()
    assert first is not None and first <= 30.0
    plan.take_due(first)
    assert plan.next_due() == pytest.approx(fraction("shop/certificate") * 43_200.0, abs=BEAT_S)


def moments(plan: Plan, until: float) -> dict[str, list[float]]:
    """When each check is asked, in one walk through the plan."""
    times: dict[str, list[float]] = {}
    while (now := plan.next_due()) is not None and now <= until:
        for slot, due in plan.take_due(now + 0.001):
            times.setdefault(slot.check.key, []).append(due)
    return times


def on_host(name: str, host: str, every_s: float) -> Check:
    return replace(check(name, every_s), key=f"shop/{name}@{host}", host=host, where="host")


def test_the_checks_of_one_far_host_come_due_at_the_same_moments() -> None:
    plan, hosts = Plan(), [f"app{number}" for number in range(20)]
    intervals = {"cpu": 30.0, "memory": 30.0, "disk": 60.0, "worker": 10.0, "rare": 3600.0}
    checks = [on_host(name, host, every_s) for host in hosts for name, every_s in intervals.items()]
    plan.replace(checks[:-1], 1000.0, hosts)
    plan.replace(checks, 1007.0, hosts)  # the last one came later, and joins the others
    times = moments(plan, 1000.0 + 7300.0)
    for host in hosts:
        of_host = {name: times[f"shop/{name}@{host}"] for name in intervals}
        assert of_host["cpu"] == pytest.approx(of_host["memory"])
        for name, every_s in intervals.items():
            gaps = [later - earlier for earlier, later in pairwise(of_host[name])]
            assert all(gap == pytest.approx(every_s) for gap in gaps[1:]) and gaps[0] < every_s + 0.001
            assert of_host[name][0] <= 1000.0 + 7.0 * (host == hosts[-1]) + min(every_s, 30.0)
        ticks = {round(moment, 3) for moment in of_host["worker"]}
        others = [moment for name in ("cpu", "disk", "rare") for moment in of_host[name][1:]]
        assert others and all(round(moment, 3) in ticks for moment in others)
    seconds = [int(times[f"shop/cpu@{host}"][0] - 1000) for host in hosts]
    assert len(set(seconds)) > 8  # the hosts themselves are spread


def test_a_host_with_very_many_checks_has_several_moments() -> None:
    plan = Plan()
    plan.replace([on_host(f"c{number}", "app1", 30.0) for number in range(300)], 0.0, ["app1"])
    times = [due[0] for due in moments(plan, 30.0).values()]
    most = max(times.count(moment) for moment in set(times))
    assert len(times) == 300 and len(set(times)) == 10 and most < 60
    plan = Plan()
    plan.replace([on_host(f"c{number}", "here", 30.0) for number in range(300)], 0.0, ["app1"])
    times = [due[0] for due in moments(plan, 30.0).values()]  # a local host's are asked in this process
    assert len(set(times)) > 240 and max(times.count(moment) for moment in set(times)) < 6


def test_checks_come_due_on_beats_and_stay_there() -> None:
    plan = Plan()
    plan.replace([check(f"c{number}", 30.0) for number in range(10_000)], 1000.01, [])
    times = moments(plan, 1000.0 + 90.0)
    beats = {round(moment / BEAT_S) for due in times.values() for moment in due[:2]}
    assert len(beats) <= 60.1 / BEAT_S + 2  # far fewer wakings than checks
    for due in times.values():
        assert all(moment == pytest.approx(round(moment / BEAT_S) * BEAT_S, abs=1e-6) for moment in due)
        assert all(later - earlier == pytest.approx(30.0) for earlier, later in pairwise(due))
        assert 1000.01 <= due[0] < 1000.01 + 30.0 + BEAT_S


def test_lateness_percentiles() -> None:
    lateness = Lateness()
    assert lateness.summary()["lateness_p99_s"] == 0.0
    for number in range(1, 1001):
        lateness.add(number / 1000, 0.0)
    assert lateness.summary() == {"lateness_p50_s": 0.501, "lateness_p99_s": 0.99, "lateness_max_s": 1.0}


def test_asking_once_without_a_store() -> None:
    async def story(loop: VirtualLoop) -> None:
        probes = Probes(loop)
        probes.status["shop/web"] = 500
        held = inventory(check("web"), check("docs"))
        found = await ask_once(held, probes, clock=lambda: EPOCH)
        assert [(each.reading.check, each.verdict.state) for each in found] == [
            ("shop/web", State.CRIT),
            ("shop/docs", State.OK),
        ]
        with pytest.raises(NotFound):
            await ask_once(held, probes, ["shop/none"])

    play(story)


def test_what_a_failed_commit_gives_back_goes_before_what_came_meanwhile() -> None:
    book, web = Book(), check("web")
    for status in (200, 500):
        book.take(web, Reading(web.key, EPOCH + status, 0.0, {"status": status}))
    failed = book.drain()
    for number in (1, 2):
        book.take(web, Reading(web.key, EPOCH + 600 + number, 0.0, {"status": 200}))
    book.put_back(failed)
    again = book.drain()
    assert [flip.after for flip in again.flips] == [State.CRIT, State.OK]
    assert [each.reading.at - EPOCH for each in again.readings] == [200, 500, 601, 602]
    assert again.settled[web.key].state is State.OK
    assert not book.drain()
