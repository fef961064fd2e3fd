"""The state machine of a check against a small reference that looks at the whole history again at every reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.checks import Judged, Reading, Settled, State, Verdict
from watchkeeper.core.checks.flapping import KEPT_TURNS, calm_s
from watchkeeper.core.checks.proof import proof_of
from watchkeeper.core.checks.settling import begun_anew, fixed, gap, memory, settle
from watchkeeper.core.conditions import parse_condition, parse_rule
from watchkeeper.core.inventory.values import Check, Flapping, Probe

OK, WARN, CRIT, UNKNOWN = State.OK, State.WARN, State.CRIT, State.UNKNOWN
VALUES = {OK: 70.0, WARN: 95.0, CRIT: 105.0}
BETWEEN = 85.0
"""Neither bad nor recovered, where the check has a recover threshold of 80."""


def make(
    crit: str = "1 of 1", warn: str | None = None, recover: int = 1, recover_s: float = 0.0, between: bool = False,
    flapping: Flapping | None = None, every_s: float = 10.0,
) -> Check:  # fmt: skip
    crit_rule = parse_rule({"when": "value > 100", "for": crit}, "sql")
    warn_rule = parse_rule({"when": "value > 90", "for": warn}, "sql") if warn else None
    when = parse_condition("value < 80", "sql") if between else None
    return Check(
        "s/c", "s", "c", None, "here", Probe("sql", {}), every_s, 5.0, None, warn_rule, crit_rule, recover, "hash", None, when,
        recover_s, flapping,
    )  # fmt: skip


@dataclass
class Seen:
    at: float
    state: State
    good: bool


@dataclass
class Reference:
    """Everything that was ever seen, and the rules told plainly."""

    check: Check
    state: State | None = None  # by the rules alone
    shown: State | None = None
    history: list[Seen] = field(default_factory=list)
    counted_from: int = 0  # readings before do not count for windows
    counted_hold: int = 0  # nor for anything else: we were away, or the rule was another
    turns: list[float] = field(default_factory=list)
    flaps: bool = False

    def see(self, seen: Seen) -> State:
        self.history.append(seen)
        before = self.state
        after = self._by_rules(before or UNKNOWN)
        if after is OK and before is not None and before is not OK:
            row = next((n for n, each in enumerate(reversed(self.history)) if not each.good), len(self.history))
            self.counted_from = max(self.counted_from, len(self.history) - max(row, 1))
        self.state = after
        self.shown = self._held(before, after, seen.at)
        return self.shown

    def _by_rules(self, state: State) -> State:
        newest, recent = self.history[-1], self.history[self.counted_from :]
        if newest.state is UNKNOWN and (len(recent) == 1 or recent[-2].state is UNKNOWN):
            return UNKNOWN
        if newest.state is CRIT and self._met(self.check.crit, {CRIT}):
            return CRIT
        if state is not CRIT and newest.state in (CRIT, WARN):
            if self.check.warn is None and newest.state is WARN:
                return WARN
            if self.check.warn is not None and self._met(self.check.warn, {CRIT, WARN}):
                return WARN
        if state in (CRIT, WARN):
            row: list[Seen] = []
            for each in reversed(self.history[self.counted_hold :]):
                if not each.good:
                    break
                row.append(each)
            lasted = not self.check.recover_s or (row and newest.at - row[-1].at >= self.check.recover_s)
            return OK if len(row) >= self.check.recover and lasted else state
        return OK if newest.state is OK else state

    def _met(self, rule, counted: set[State]) -> bool:  # type: ignore[no-untyped-def]
        if not rule.hold_s:
            window = self.history[self.counted_from :][-rule.window :]
            return sum(each.state in counted for each in window) >= rule.hits
        first = self.history[-1].at
        for number in range(len(self.history) - 1, -1, -1):
            each = self.history[number]
            unseen = each.state is UNKNOWN
            if (
                (not unseen and each.state not in counted)
                or (unseen and self._blind(number))
                or number < self.counted_hold
            ):
                break
            if not unseen:
                first = each.at
        return self.history[-1].at - first >= rule.hold_s

    def _blind(self, number: int) -> bool:
        """Whether the reading settled the check as UNKNOWN: the second one in a row, or the first of all that count."""
        return number <= self.counted_from or self.history[number - 1].state is UNKNOWN

    def _held(self, before: State | None, after: State, at: float) -> State:
        limits = self.check.flapping
        if limits is None:
            return after
        fell = before is OK and after in (CRIT, WARN)
        rose = before in (CRIT, WARN) and after is OK
        fallen = bool(self.turns)
        self.turns = [turn for turn in self.turns if at - turn <= limits.within_s]
        if fell or (rose and fallen):
            self.turns = [*self.turns, at][-KEPT_TURNS:]
        if not self.flaps:
            self.flaps = fell and len(self.turns) >= limits.flips
        elif not self.turns or at - self.turns[-1] >= limits.quiet_s:
            self.flaps = False
        if not self.flaps or self.shown is None:
            return after
        return self.shown if after is OK or (self.shown is CRIT and after is WARN) else after

    def away(self) -> None:
        self.state = self.shown = UNKNOWN
        self.turns, self.flaps = [], False
        self.counted_from = self.counted_hold = len(self.history)

    def fixed(self) -> None:
        if self.turns:
            self.turns, self.flaps = [], False
            self.shown = self.state

    def edited(self) -> None:
        self.state = self.shown
        self.turns, self.flaps = [], False
        self.counted_from = self.counted_hold = len(self.history)


Act = Literal["ok", "between", "warn", "crit", "unknown", "away", "fixed", "edited"]
ACTS: list[Act] = ["ok", "ok", "ok", "between", "warn", "crit", "crit", "crit", "unknown", "away", "fixed", "edited"]
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.sampled_from([5.0, 10.0, 10.0, 35.0])), min_size=1, max_size=60)
COUNTED = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: f"{min(pair)} of {max(pair)}")
WINDOWS = st.one_of(COUNTED, st.sampled_from(["20s", "45s", "3 in a row"]))
CHECKS = st.builds(
    make, crit=WINDOWS, warn=st.one_of(st.none(), WINDOWS), recover=st.integers(1, 3),
    recover_s=st.sampled_from([0.0, 0.0, 25.0]), between=st.booleans(),
    flapping=st.sampled_from([None, Flapping(3, 300.0, 60.0), Flapping(4, 120.0, 30.0)]),
)  # fmt: skip


def reading(act: str, at: float) -> tuple[Reading, Verdict]:
    if act == "unknown":
        return Reading("s/c", at, 0.1, {}, "no route"), Verdict(UNKNOWN, "no route")
    state = {"ok": OK, "between": OK, "warn": WARN, "crit": CRIT}[act]
    return Reading("s/c", at, 0.1, {"value": BETWEEN if act == "between" else VALUES[state]}), Verdict(state, act)


@settings(max_examples=200)
@given(CHECKS, STEPS)
def test_it_does_what_the_reference_does(check: Check, steps: list[tuple[Act, float]]) -> None:
    reference, settled, at = Reference(check), None, 1_000.0
    for act, wait_s in steps:
        at += wait_s
        before = settled
        flip = None
        if act in ("away", "fixed", "edited"):
            if settled is None:
                continue
            if act == "away":
                settled, flip = gap(check, settled, at - 5, at)
                reference.away()
            elif act == "edited":
                settled = begun_anew(settled)
                reference.edited()
            elif settled.turns:
                settled, flip = fixed(check, settled, at)
                reference.fixed()
            assert settled.state is reference.shown
        else:
            found, verdict = reading(act, at)
            good = act == "ok" or (act == "between" and check.recover_when is None)
            settled, flip = settle(check, before, verdict, found)
            assert settled.state is reference.see(Seen(at, verdict.state, good)), (act, settled)
            assert (settled.by_rules or settled.state) is reference.state
            assert (settled.flapping_since is not None) == reference.flaps
        changed = before is not None and before.state is not settled.state
        assert (flip is not None) == changed or before is None  # the journal tells every change, and nothing else
        if flip is not None:
            assert flip.after is settled.state
        assert len(settled.recent) <= memory(check) and len(settled.turns) <= KEPT_TURNS


@settings(max_examples=150)
@given(CHECKS, STEPS)
def test_ok_is_never_settled_while_the_newest_readings_are_bad(check: Check, steps: list[tuple[Act, float]]) -> None:
    settled: Settled | None = None
    at, past = 1_000.0, []
    for act, wait_s in steps:
        at += wait_s
        if act in ("away", "fixed", "edited"):
            continue
        found, verdict = reading(act, at)
        before = settled
        settled, _ = settle(check, settled, verdict, found)
        past.append(Judged(found, verdict, "hash"))
        if settled.state is OK and (before is None or before.state is not OK):
            assert verdict.state is OK  # it is only entered by a good reading
        if before is not None and before.state in (CRIT, WARN) and settled.state is OK:
            proof = proof_of(past, -1.0, "hash", check)
            assert proof.holds(check)  # what settles it back is at least what an incident calls proof
        if check.crit is not None and not check.crit.hold_s and verdict.state is CRIT:
            newest = [each.verdict.state for each in past[-check.crit.hits :]]
            if newest == [CRIT] * check.crit.hits and len(newest) == check.crit.hits:
                assert settled.state is CRIT
        if [each.verdict.state for each in past[-2:]] == [UNKNOWN, UNKNOWN]:
            assert settled.state is UNKNOWN


# ---- by name


def play(check: Check, acts: list[str], every_s: float = 10.0) -> tuple[list[State], int, Settled]:
    """(settled states, flips, the last settled) of readings in a steady rhythm."""
    settled: Settled | None = None
    seen, flips = [], 0
    for number, act in enumerate(acts):
        found, verdict = reading(act, number * every_s)
        settled, flip = settle(check, settled, verdict, found)
        seen.append(settled.state)
        flips += flip is not None
    assert settled is not None
    return seen, flips, settled


def test_a_hold_takes_its_time_in_every_reading() -> None:
    check = make(crit="30s")
    assert play(check, ["ok", "crit", "crit", "crit", "crit"])[0] == [OK, OK, OK, OK, CRIT]
    assert play(check, ["ok", "crit", "crit", "ok", "crit", "crit"])[0] == [OK] * 6
    assert play(check, ["ok", "crit", "unknown", "crit", "crit"])[0] == [OK, OK, OK, OK, CRIT]
    assert play(check, ["ok", "crit", "unknown", "unknown", "crit", "crit"])[0][-1] is UNKNOWN


def test_between_the_thresholds_nothing_worsens_and_nothing_is_proven() -> None:
    check = make(recover=3, between=True)
    assert play(check, ["ok", "between", "between"])[0] == [OK] * 3
    assert play(check, ["crit", "between", "between", "between", "between"])[0] == [CRIT] * 5
    assert play(check, ["crit", "ok", "ok", "between", "ok", "ok"])[0] == [CRIT] * 6
    assert play(check, ["crit", "between", "ok", "ok", "ok"])[0] == [CRIT, CRIT, CRIT, CRIT, OK]


def test_a_recovery_can_be_asked_to_last() -> None:
    check = make(recover_s=25.0)
    assert play(check, ["crit", "ok", "ok", "ok", "ok"])[0] == [CRIT, CRIT, CRIT, CRIT, OK]


def test_an_hour_of_one_and_zero_flaps_and_the_journal_stays_short() -> None:
    check = make(flapping=Flapping())
    hour = ["ok", "crit"] * 180
    seen, flips, settled = play(check, hour)
    assert seen[-300:] == [CRIT] * 300, "the time counts as down"
    assert flips == 7 and settled.flapping_since is not None
    assert settled.reason == "flapping: at least 64 flips in 10 min; crit"
    seen, flips, settled = play(check, [*hour, *["ok"] * 62])
    assert seen[-3:] == [CRIT, OK, OK] and flips == 8 and settled.flapping_since is None


def test_a_proven_fix_is_no_flap() -> None:
    check = make(flapping=Flapping(3))
    _, _, settled = play(check, ["ok", "crit", "ok", "crit", "ok"])
    assert settled.state is CRIT and settled.by_rules is OK
    settled, flip = fixed(check, settled, 100.0)
    assert settled.state is OK and settled.turns == () and flip is not None and flip.after is OK


def test_worse_is_told_while_it_flaps() -> None:
    check = make(warn="1 of 1", flapping=Flapping(3))
    seen, _, _ = play(check, ["ok", "warn", "ok", "warn", "ok", "crit", "ok", "unknown", "unknown"])
    assert seen == [OK, WARN, OK, WARN, WARN, CRIT, CRIT, CRIT, UNKNOWN]


@pytest.mark.parametrize(
    ("every_s", "calm"), [(1.0, 4.0), (5.0, 20.0), (30.0, 120.0), (60.0, 120.0), (300.0, 450.0), (3600.0, 0.0)]
)
def test_calm_follows_the_rhythm_of_the_check(every_s: float, calm: float) -> None:
    assert calm_s(make(flapping=Flapping(), every_s=every_s)) == calm
    assert calm_s(make(every_s=every_s)) == 0.0
