"""The past as stretches: nothing is up that nobody saw."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from watchkeeper.core.checks.values import Flip, Judged, Settled, State
from watchkeeper.services.history import History, Stretch, fold


@dataclass
class Past:
    """A hand-written `PastPort`."""

    flips: list[Flip] = field(default_factory=list)
    known: dict[str, Settled] = field(default_factory=dict)
    away: list[tuple[float, float]] = field(default_factory=list)
    first: float | None = None

    def newest_flip(self) -> int:
        return max((flip.seq for flip in self.flips), default=0)

    def first_reading(self, check: str) -> float | None:
        return self.first

    def gaps(self, since: float) -> list[tuple[float, float]]:
        return [gap for gap in self.away if gap[1] > since]

    def settled(self) -> dict[str, Settled]:
        return self.known

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        return []


@dataclass
class Whole(Past):
    """A hand-written `AvailabilityPort`."""

    unseen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    alive: float | None = None

    def turns(self, after: int) -> list[tuple[int, str, float, State, State]]:
        return [(each.seq, each.check, each.at, each.before, each.after) for each in self.flips if each.seq > after]

    def last_alive(self) -> float | None:
        return self.alive

    def holes(self, since: float, least_s: float = 7200.0) -> dict[str, list[tuple[float, float]]]:
        return self.unseen


def flip(seq: int, check: str, at: float, before: State, after: State) -> Flip:
    return Flip(seq, check, check.partition("/")[0], None, at, before, after, "", {}, "", "")


def worst(past: Whole, checks: list[str], since: float, until: float) -> list[tuple[float, float, State | None]]:
    found = History(past, lambda: until).worst({"all": checks}, since, until)["all"]
    return [(each.start, each.end, each.state) for each in found]


def test_a_check_without_flips_is_what_it_has_settled_to_since_then() -> None:
    past = Whole(known={"a/x": Settled(State.OK, 40.0)})
    assert worst(past, ["a/x"], 0.0, 100.0) == [(0.0, 40.0, None), (40.0, 100.0, State.OK)]


def test_the_state_before_the_first_flip_counts_from_the_first_reading() -> None:
    past = Whole([flip(1, "a/x", 60.0, State.OK, State.CRIT)], first=20.0)
    assert worst(past, ["a/x"], 0.0, 100.0) == [(0.0, 20.0, None), (20.0, 60.0, State.OK), (60.0, 100.0, State.CRIT)]


def test_the_worst_of_two_checks_and_our_own_gap_is_unknown_not_up() -> None:
    flips = [flip(1, "a/x", -5.0, State.UNKNOWN, State.OK), flip(2, "a/y", -5.0, State.UNKNOWN, State.OK)]
    flips += [flip(3, "a/x", 30.0, State.OK, State.WARN), flip(4, "a/x", 50.0, State.WARN, State.OK)]
    past = Whole(flips, away=[(70.0, 80.0)])
    assert worst(past, ["a/x", "a/y"], 0.0, 100.0) == [
        (0.0, 30.0, State.OK),
        (30.0, 50.0, State.WARN),
        (50.0, 70.0, State.OK),
        (70.0, 80.0, State.UNKNOWN),
        (80.0, 100.0, State.OK),
    ]


def test_nothing_watched_is_nothing_known() -> None:
    assert fold([], 0.0, 10.0) == [Stretch(0.0, 10.0, None)]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_kept_in_memory_answers_as_one_who_reads_everything_anew(seed: int) -> None:
    chance = random.Random(seed)
    checks = ["a/x", "a/y", "b/x", "b/y", "c/x"]
    past = Whole(known={check: Settled(State.OK, 0.0) for check in checks}, first=0.0)
    now, planned = 1000.0, dict[str, list[tuple[float, float]]]()

    def clock() -> float:
        return now

    kept = History(past, clock)
    groups = {"a": checks[:2], "b": checks[2:4], "all": checks}
    states = dict.fromkeys(checks, State.OK)
    for _ in range(40):
        now += chance.random() * 700
        check = chance.choice(checks)
        what = chance.choice(["flip", "flip", "late flip", "gap", "window", "holes", "regrouped", "begun anew"])
        if what in ("flip", "late flip"):  # the watch tells of some downtimes after they began
            after = chance.choice([state for state in State if state is not states[check]])
            at = now if what == "flip" else max([now - 50.0, *(each.at for each in past.flips if each.check == check)])
            past.flips.append(flip(past.newest_flip() + 1, check, at, states[check], after))
            states[check] = after
        elif what == "gap":
            past.away.append((now - 100.0, now))
        elif what == "window":  # also one that is given to a time that is over
            planned.setdefault(check, []).append((chance.random() * now, now + 10.0))
        elif what == "holes":
            past.unseen = {check: [(now - 90.0, now - 20.0)]}
            now += 601.0  # it is looked for them every ten minutes
        elif what == "regrouped":
            groups["a"] = chance.sample(checks, 2)
        elif chance.random() < 0.2:
            past.flips.clear()
            states = dict.fromkeys(checks, State.OK)
        past.alive = now - chance.choice([0.0, 0.0, 45.0])
        since = chance.random() * now
        fresh = History(past, clock)
        assert kept.splits(checks, since, now, planned) == fresh.splits(checks, since, now, planned), what
        assert kept.splits(checks, since, now) == fresh.splits(checks, since, now), what
        for windows in ({}, planned):
            found = kept.split_together(groups, since, now, windows)
            assert found == fresh.split_together(groups, since, now, windows), what
