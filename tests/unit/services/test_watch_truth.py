"""Groups, our own network and overload in the real watch loop, on the virtual clock of `test_watch_loop`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.services.test_watch_loop import EPOCH, VirtualLoop, World, check, play

from watchkeeper.core.checks import Reading, State
from watchkeeper.core.conditions import parse_rule
from watchkeeper.core.inventory.finishing import finished
from watchkeeper.core.inventory.groups import circles, resolved
from watchkeeper.core.inventory.values import Check, ConnectivityPlan, Inventory, Probe, Service, Team
from watchkeeper.services.checks import Limits, ask_once
from watchkeeper.services.checks.lanes import Lanes
from watchkeeper.services.checks.lateness import Lateness

OK, WARN, CRIT, UNKNOWN = State.OK, State.WARN, State.CRIT, State.UNKNOWN


def group(name: str, of: list[str], at_least: int, every_s: float = 30.0, **options: Any) -> Check:
    probe = Probe("group", {"of": of, "at_least": at_least, **options})
    warn, crit = parse_rule("bad > 0", "group"), parse_rule("missing > 0", "group")
    return Check(f"shop/{name}", "shop", name, None, "here", probe, every_s, 5.0, None, warn, crit, 1, f"g-{name}")


def remote(name: str, every_s: float = 5.0) -> Check:
    return replace(check(name, every_s), probe=Probe("http", {"url": "http://198.51.100.7/"}))


def house(*checks: Check, plan: ConnectivityPlan | None = None) -> Inventory:
    services, mistakes = finished({"shop": Service("shop", checks=checks)}, plan, {})
    assert not mistakes
    return Inventory("1", EPOCH, Team(connectivity=plan), {}, services, {}, {}, {})


def world(loop: VirtualLoop, inventory: Inventory, limits: Limits | None = None) -> World:
    made = World(loop, check("nothing"), limits=limits)
    made.holder._current = made.holder.next = inventory
    return made


# ---- groups


def test_a_group_counts_and_is_asked_when_a_member_flips() -> None:
    members = [f"shop/m{number}" for number in (1, 2, 3)]

    async def story(loop: VirtualLoop) -> World:
        made = world(loop, house(*(check(f"m{n}", 5.0) for n in (1, 2, 3)), group("all", members, 2)))

        async def act() -> None:
            await asyncio.sleep(40)
            assert made.store.states["shop/all"].state is OK
            made.probes.status["shop/m1"] = 500
            await asyncio.sleep(7)
            assert made.store.states["shop/all"].state is WARN, "seen, and nobody is paged"
            made.probes.status["shop/m2"] = 500
            await asyncio.sleep(7)
            assert made.store.states["shop/all"].state is CRIT, "within one interval of the member, not of the group"

        await made.during(act())
        return made

    made = play(story)
    flips = [flip for flip in made.store.flips if flip.check == "shop/all"]
    assert [flip.after for flip in flips] == [WARN, CRIT], "and no flip while the members are asked for the first time"
    assert flips[-1].reason.startswith("1 of 3 is OK: shop/m1 CRIT (status 500, crit != 200), shop/m2 CRIT")
    assert "shop/all" not in {key for key, _ in made.probes.asked}, "a group asks nobody"


def test_members_that_nobody_can_see_make_it_unknown_only_where_they_decide() -> None:
    broken = -1  # the probe fails, so the reading is UNKNOWN

    async def story(loop: VirtualLoop, blind: int) -> State:
        members = [f"shop/m{number}" for number in (1, 2, 3)]
        made = world(loop, house(*(check(f"m{n}", 1.0) for n in (1, 2, 3)), group("all", members, 2, 1.0)))
        for number in range(blind):
            made.probes.status[members[number]] = broken
        await made.during(asyncio.sleep(20))
        return made.store.states["shop/all"].state

    assert play(lambda loop: story(loop, 1)) is WARN  # two of three work, whatever the third one does
    assert play(lambda loop: story(loop, 2)) is UNKNOWN


def test_a_group_asked_once_asks_its_members_along() -> None:
    async def story(loop: VirtualLoop) -> None:
        made = World(loop)
        made.probes.status["shop/m2"] = 500
        held = house(check("m1"), check("m2"), group("all", ["shop/m1", "shop/m2"], 1))
        (found,) = await ask_once(held, made.probes, ["shop/all"], clock=lambda: EPOCH)
        assert (found.verdict.state, found.reading.values["ok"], found.reading.values["bad"]) == (WARN, 1, 1)
        assert len(made.probes.asked) == 2

    play(story)


def test_members_are_known_at_load_and_belong_to_the_rule() -> None:
    one = Service("a", checks=(replace(check("x"), key="a/x@h1", service="a", host="h1"),))
    both = replace(one, checks=(*one.checks, replace(check("x"), key="a/x@h2", service="a", host="h2")))
    watching = Service("g", checks=(replace(group("q", ["a/x"], 1, alone="quiet"), key="g/q", service="g"),))
    small, large = (resolved({"a": service, "g": watching}) for service in (one, both))
    assert large["g"].checks[0].probe.options["members"] == {"a/x@h1": ["a/x@h1"], "a/x@h2": ["a/x@h2"]}
    assert small["g"].checks[0].rule_hash != large["g"].checks[0].rule_hash, "another member is another rule"
    assert [each.spoken_for for each in large["a"].checks] == ["g/q", "g/q"]


def test_a_group_is_never_a_part_of_itself() -> None:
    chain = (group("a", ["shop/b"], 1), group("b", ["shop/c"], 1), group("c", ["shop/a"], 1), group("d", ["shop/a"], 1))
    found = circles(resolved({"shop": Service("shop", checks=chain)}).values())
    assert {key for key, _ in found} == {"shop/a", "shop/b", "shop/c"}


# ---- our own network


class Network:
    """The reference addresses of `remote` checks: answering or not."""

    def __init__(self, made: World) -> None:
        self.up, self.references, self._ask = True, 0, made.probes.ask
        made.probes.ask = self.ask  # type: ignore[method-assign]

    async def ask(self, asked: Check, now: float) -> Reading:
        if asked.probe.kind == "connectivity":
            self.references += 1
            await asyncio.sleep(0.01 if self.up else 3.0)
            return Reading(asked.key, now, 0.01, {"answering": 2 if self.up else 0, "total": 2})
        found = await self._ask(asked, now)
        if not self.up and asked.name.startswith("far"):
            return replace(found, values={"status": 0, "connected": False, "problem": "no route"})
        return found


def test_while_we_are_cut_off_others_are_unknown_and_one_warning_says_so() -> None:
    async def story(loop: VirtualLoop) -> tuple[World, Network]:
        plan = ConnectivityPlan(("198.51.100.1:53", "https://www.example.org"), 10.0, 3.0)
        checks = [*(remote(f"far{number}") for number in range(30)), check("near")]
        made = world(loop, house(*checks, plan=plan))
        network = Network(made)

        async def act() -> None:
            await asyncio.sleep(35)
            network.up = False
            made.probes.status["shop/near"] = 500
            await asyncio.sleep(60)
            states = {key: settled.state for key, settled in made.store.states.items()}
            assert {states[f"shop/far{number}"] for number in range(30)} == {UNKNOWN}
            assert states["shop/near"] is CRIT, "what is on this machine goes on being judged"
            assert states["watchkeeper/connectivity"] is CRIT
            warnings = made.watch.status()["warnings"]
            assert isinstance(warnings, list) and len(warnings) == 1 and "cut off" in warnings[0]
            network.up = True
            made.probes.status["shop/near"] = 200
            await asyncio.sleep(30)
            assert {settled.state for settled in made.store.states.values()} == {OK}
            assert made.watch.status()["warnings"] == []

        await made.during(act())
        return made, network

    made, network = play(story)
    crit = [flip.check for flip in made.store.flips if flip.after is CRIT]
    assert sorted(crit) == ["shop/near", "watchkeeper/connectivity"], "one page for our network, not thirty"
    assert network.references < 60, "one look serves all that fail at the same time"
    told = [flip.reason for flip in made.store.flips if flip.check == "shop/far3" and flip.after is UNKNOWN]
    assert told == ["watchkeeper itself is cut off: none of its 2 reference addresses answers, so nobody can see"]


def test_a_target_that_fails_while_others_answer_is_down() -> None:
    async def story(loop: VirtualLoop) -> World:
        made = world(loop, house(remote("far"), plan=ConnectivityPlan(("198.51.100.1:53",))))
        network = Network(made)
        inner = made.probes.ask

        async def ask(asked: Check, now: float) -> Reading:
            found = await inner(asked, now)
            return replace(found, values={"status": 0, "connected": False}) if asked.name == "far" else found

        made.probes.ask = ask  # type: ignore[method-assign]
        assert network.up
        await made.during(asyncio.sleep(20))
        return made

    assert play(story).store.states["shop/far"].state is CRIT


# ---- overload


def test_targets_that_hang_do_not_starve_the_others() -> None:
    """10,000 checks in 30 s, a third of them hanging for 10 s: ten times as many open as the quick lane holds."""

    async def story(loop: VirtualLoop) -> World:
        made = World(
            loop, *(check(f"{'slow' if number % 3 == 0 else 'quick'}{number}", 3.0) for number in range(300)),
            limits=Limits(open_probes=20, slow_probes=1000),
        )  # fmt: skip

        async def ask(asked: Check, now: float) -> Reading:
            made.probes.asked.append((asked.key, loop.time()))
            took = 10.0 if asked.name.startswith("slow") else 0.01
            await asyncio.sleep(took)
            return Reading(asked.key, now, took, {"status": 200})

        made.probes.ask = ask  # type: ignore[method-assign]
        await made.during(asyncio.sleep(200))
        return made

    status = play(story).watch.status()
    assert float(str(status["lateness_p99_s"])) < 0.01, "only the first round of those that hang is in anybody's way"


def test_overload_is_said_in_a_sentence_and_ends() -> None:
    async def story(loop: VirtualLoop) -> None:
        limits = Limits(open_probes=2, slow_probes=0)
        made = World(loop, *(check(f"c{number}", 5.0) for number in range(40)), limits=limits)
        made.probes.takes_s = 1.0

        async def act() -> None:
            await asyncio.sleep(60)
            (warning,) = made.watch.status()["warnings"]  # type: ignore[misc]
            assert (
                warning.startswith("The watch is overloaded: in the last minute ")
                and "2 of 2 probes are open" in warning
            )
            made.probes.takes_s = 0.001
            await asyncio.sleep(120)
            assert made.watch.status()["warnings"] == []

        await made.during(act())

    play(story)


def test_overload_is_said_also_while_nothing_can_begin() -> None:
    async def story(loop: VirtualLoop) -> None:
        checks = [check(f"c{number}", 5.0) for number in range(4)]
        made = World(loop, *checks, limits=Limits(open_probes=1, slow_probes=1))
        made.probes.takes_s = 3600.0

        async def act() -> None:
            await asyncio.sleep(300)
            (warning,) = made.watch.status()["warnings"]  # type: ignore[misc]
            assert (
                "2 questions wait, the first for 4 min" in warning and "all 2 probes that may be open hang" in warning
            )

        await made.during(act())

    play(story)


def test_places_are_taken_in_turn_and_given_back_when_somebody_gives_up() -> None:
    async def story(loop: VirtualLoop) -> None:
        lanes = Lanes(1, 1, 1.0, loop.time)
        first = await lanes.enter()
        turns: list[str] = []

        async def come(name: str) -> None:
            place = await lanes.enter()
            turns.append(name)
            await asyncio.sleep(0.1)
            lanes.leave(place)

        waiting = [asyncio.ensure_future(come(name)) for name in "abc"]
        await asyncio.sleep(0.5)
        assert (lanes.open, lanes.waiting, turns) == (1, 3, [])
        waiting[0].cancel()
        await asyncio.sleep(0.7)  # the first has been open for a second by now, so it moves over
        assert (lanes.slow, turns[:1]) == (1, ["b"])
        await asyncio.gather(*waiting, return_exceptions=True)
        lanes.leave(first)
        assert (lanes.open, lanes.waiting, lanes.slow, turns) == (0, 0, 0, ["b", "c"])

    play(story)


@pytest.mark.parametrize(("late", "starts", "told"), [(4, 10, 0), (5, 10, 5), (5, 1000, 0), (20, 1000, 20)])
def test_overload_needs_a_number_and_a_share(late: int, starts: int, told: int) -> None:
    lateness = Lateness()
    for number in range(starts):
        lateness.add(2.5 if number < late else 0.0, 100.0 + number * 0.01)
    assert lateness.overload(110.0)[0] == told
    assert lateness.overload(300.0)[0] == 0, "a minute later it is over"
