"""Two watches over one inventory and one readings store, on a virtual clock: each check has one that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.unit.services.test_watch_loop import EPOCH, Probes, Store, VirtualLoop, check, inventory, play

from watchkeeper.core.checks import Flip, Judged, Settled, State
from watchkeeper.core.errors import NoAnswer, NotFound
from watchkeeper.core.inventory.values import Inventory, Service
from watchkeeper.core.nodes import owner
from watchkeeper.services.checks import Watch
from watchkeeper.services.checks.share import WORD_S, Share
from watchkeeper.services.ports import Ping

BOTH = ("a", "b")


@dataclass
class Known:
    settled: Mapping[str, Settled]
    rules: Mapping[str, str]
    last_asked: Mapping[str, float]


class Side(Store):
    """One node's side of a shared store: what another node took is refused."""

    def __init__(self, shared: Store, owners: dict[str, str], me: str) -> None:
        super().__init__()
        self.shared, self.owners, self.me = shared, owners, me
        self.taken_away: set[str] = set()

    def take(self, checks: Collection[str]) -> Known:
        for key in checks:
            self.owners[key] = self.me
        self.taken_away -= set(checks)
        at = {each.reading.check: each.reading.at for each in self.shared.readings}
        known = [key for key in checks if key in at]
        return Known({key: self.shared.states[key] for key in known}, dict.fromkeys(known, "r1"),
                     {key: at[key] for key in known})  # fmt: skip

    def write(self, readings: Sequence[Judged], flips: Sequence[Flip], settled: Mapping[str, Settled]) -> list[Flip]:
        refused = {key for key in settled if self.owners.get(key, self.me) != self.me}
        self.taken_away |= refused
        return self.shared.write(
            [each for each in readings if each.reading.check not in refused],
            [each for each in flips if each.check not in refused],
            {key: state for key, state in settled.items() if key not in refused},
        )


@dataclass
class Nodes:
    """Watches by node name, over services of one check each."""

    loop: VirtualLoop
    shared: Store = field(default_factory=Store)
    owners: dict[str, str] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    probes: dict[str, Probes] = field(default_factory=dict)
    running: dict[str, asyncio.Future[None]] = field(default_factory=dict)

    def inventory(self) -> Inventory:
        checks = {f"s{number}": replace(check("web", 1.0), key=f"s{number}/web", service=f"s{number}")
                  for number in range(8)}  # fmt: skip
        services = {name: Service(name, checks=(each,)) for name, each in checks.items()}
        return replace(inventory(), services=services)

    def start(self, name: str) -> None:
        side, whole = Side(self.shared, self.owners, name), self.inventory()
        self.probes[name] = Probes(self.loop)

        class Holder:
            current, fault = whole, ""

            def refresh(self) -> bool:
                return False

            reload = refresh

        async def inline(work):  # type: ignore[no-untyped-def]
            return work()

        self.watches[name] = Watch(
            Holder(), self.probes[name], side, lambda: EPOCH + self.loop.time(), lambda _: str,
            monotonic=self.loop.time, offload=inline, share=Share(name, side, self.loop.time),
        )  # fmt: skip
        self.running[name] = asyncio.ensure_future(self.watches[name].run())

    def asked(self, name: str, since: float) -> set[str]:
        return {key.partition("/")[0] for key, at in self.probes[name].asked if at >= since}

    async def stop(self, name: str) -> None:
        self.running[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.running[name]


def share_of(name: str) -> set[str]:
    return {f"s{number}" for number in range(8) if owner(f"s{number}", BOTH) == name}


def test_a_watch_that_hears_nothing_at_its_start_asks_everything_after_a_while() -> None:
    async def story(loop: VirtualLoop) -> None:
        nodes = Nodes(loop)
        nodes.start("a")
        await asyncio.sleep(WORD_S - 1)
        assert nodes.asked("a", 0.0) == set()
        await asyncio.sleep(4)
        assert len(nodes.asked("a", 0.0)) == 8
        await nodes.stop("a")

    play(story)


def test_checks_are_shared_move_with_a_death_and_were_unknown_in_between() -> None:
    async def story(loop: VirtualLoop) -> None:
        nodes = Nodes(loop)
        for name in BOTH:
            nodes.start(name)
            await nodes.watches[name].assign(BOTH)
        await asyncio.sleep(5)
        assert all(nodes.asked(name, 0.0) == share_of(name) for name in BOTH)
        assert all(share_of(name) for name in BOTH)
        await nodes.stop("b")
        await asyncio.sleep(20)  # nobody asks its checks: longer than their rhythm explains
        assert nodes.asked("a", 0.0) == share_of("a")
        died = loop.time()
        await nodes.watches["a"].assign(("a",))
        await asyncio.sleep(3)
        assert len(nodes.asked("a", died)) == 8
        for service in share_of("b"):
            states = [
                each.verdict.state for each in nodes.shared.of(f"{service}/web") if each.reading.at >= EPOCH + died
            ]
            assert states[0] is State.UNKNOWN and states[-1] is State.OK
        for service in share_of("a"):
            assert State.UNKNOWN not in [each.verdict.state for each in nodes.shared.of(f"{service}/web")]
        await nodes.stop("a")

    play(story)


def test_what_was_taken_while_a_node_was_frozen_is_taken_back_at_its_next_word() -> None:
    async def story(loop: VirtualLoop) -> None:
        nodes = Nodes(loop)
        nodes.start("a")
        await nodes.watches["a"].assign(("a",))
        await asyncio.sleep(3)
        lost = "s0/web"
        nodes.owners[lost] = "b"  # another node took it; this one still asks, and is refused
        await asyncio.sleep(3)
        refused_from = len(nodes.shared.of(lost))
        await asyncio.sleep(3)
        assert len(nodes.shared.of(lost)) == refused_from
        await nodes.watches["a"].assign(("a",))
        await asyncio.sleep(3)
        assert nodes.owners[lost] == "a"
        assert len(nodes.shared.of(lost)) > refused_from
        await nodes.stop("a")

    play(story)


def test_a_check_of_another_node_is_known_here_and_asked_there() -> None:
    async def story(loop: VirtualLoop) -> None:
        nodes = Nodes(loop)
        nodes.start("a")
        await nodes.watches["a"].assign(BOTH)
        await asyncio.sleep(1)
        theirs = f"{min(share_of('b'))}/web"
        with pytest.raises(NoAnswer, match="another node"):
            await nodes.watches["a"].ask_now([theirs])
        await nodes.watches["a"].ping(Ping(theirs, EPOCH, "success"))  # durable; its owner looks at it
        with pytest.raises(NotFound):
            await nodes.watches["a"].ask_now(["s99/web"])
        await nodes.stop("a")

    play(story)
