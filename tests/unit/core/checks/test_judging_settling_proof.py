"""From readings to verdicts, from verdicts to flips, from good readings to proof."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Value, Verdict
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.checks.proof import count_proof
from watchkeeper.core.checks.settling import gap, memory, settle
from watchkeeper.core.conditions import parse_rule
from watchkeeper.core.inventory.values import Check, Probe

OK, WARN, CRIT, UNKNOWN = State.OK, State.WARN, State.CRIT, State.UNKNOWN


def make(kind: str = "sql", ok: str = "", warn: str = "", crit: str = "", recover: int = 1) -> Check:
    ok_rule, warn_rule, crit_rule = (parse_rule(text, kind) if text else None for text in (ok, warn, crit))
    return Check(
        "shop/x", "shop", "x", "app1", "host", Probe(kind, {}), 5.0, 5.0, ok_rule, warn_rule, crit_rule, recover, "hash"
    )


def read(at: float = 0.0, error: str | None = None, latency_s: float = 0.1, **values: Value) -> Reading:
    return Reading("shop/x", at, latency_s, values, error)


# ---- judging


@pytest.mark.parametrize(
    ("check", "reading", "state", "reason"),
    [
        (make("disk", warn="free < 20%", crit="free < 10%"), read(free=5.0), CRIT, "free 5 %, crit < 10 %"),
        (make("disk", warn="free < 20%", crit="free < 10%"), read(free=15.0), WARN, "free 15 %, warn < 20 %"),
        (make("disk", warn="free < 20%", crit="free < 10%"), read(free=45.0), OK, "free 45 %, warn < 20 %"),
        (make("http", ok="status == 200"), read(status=500), WARN, "status 500, limit == 200"),
        (make("http", ok="status == 200", crit="status == 0"), read(status=0), CRIT, "status 0, crit == 0"),
        (make("http", ok="latency < 800ms"), read(latency_s=1.24), WARN, "latency 1.24 s, limit < 0.80 s"),
        (make("http", crit="status == 0"), read(error="no route to app1"), UNKNOWN, "no route to app1"),
        (make("tls", crit="days < 7"), read(trusted=True), UNKNOWN, "days was not measured"),
        (make("tls", crit="not trusted or days < 7"), read(trusted=False), CRIT, "trusted: no"),
        (make("tls", warn="days < 14", crit="not trusted"), read(trusted=False), CRIT, "trusted: no"),
        (make("tls", ok="trusted", warn="days < 14"), read(trusted=False), WARN, "trusted: no"),
        (make("sql"), read(value=1), OK, "answered"),
        (
            make("http", crit="status == 0"),
            read(status=0, problem="127.0.0.1 refused the connection."),
            CRIT,
            "127.0.0.1 refused the connection; status 0, crit == 0",
        ),
    ],
)
def test_judging(check: Check, reading: Reading, state: State, reason: str) -> None:
    assert judge(check, reading) == Verdict(state, reason)


# ---- settling


def play(check: Check, states: Sequence[State], settled: Settled | None = None) -> tuple[list[State], list[Flip]]:
    """The settled state after each verdict, and all flips."""
    seen, flips = [], []
    for at, state in enumerate(states):
        settled, flip = settle(check, settled, Verdict(state, f"at {at}"), read(float(at), value=at))
        seen.append(settled.state)
        flips += [flip] if flip else []
    return seen, flips


def test_a_first_good_reading_settles_silently() -> None:
    assert play(make(crit="value > 1"), [OK]) == ([OK], [])


def test_a_first_bad_reading_is_a_flip_from_unknown() -> None:
    seen, (flip,) = play(make(crit="value > 1"), [CRIT])
    assert seen == [CRIT]
    assert (flip.before, flip.after, flip.reason, flip.rule_hash) == (UNKNOWN, CRIT, "at 0", "hash")
    assert (flip.rule, flip.values, flip.at, flip.seq) == ("value > 1", {"value": 0}, 0.0, 0)
    assert (flip.check, flip.service, flip.host) == ("shop/x", "shop", "app1")


def test_a_first_unknown_reading_is_a_flip() -> None:
    seen, (flip,) = play(make(crit="value > 1"), [UNKNOWN])
    assert seen == [UNKNOWN] and (flip.before, flip.after) == (UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(
    ("check", "states", "expected"),
    [
        (make(crit="value > 1 for 2 of 3"), [OK, CRIT, OK, CRIT], [OK, OK, OK, CRIT]),
        (make(crit="value > 1 for 2 of 3"), [OK, CRIT, OK, OK, CRIT], [OK, OK, OK, OK, OK]),
        (make(crit="value > 1 for 2 of 3"), [CRIT, CRIT], [UNKNOWN, CRIT]),
        (make(crit="value > 1 for 2 of 3"), [CRIT, OK], [UNKNOWN, OK]),
        (make(crit="value > 9 for 2 of 3", warn="value > 5"), [OK, CRIT, CRIT], [OK, WARN, CRIT]),
        (make("tls", crit="not trusted for 2 of 3", warn="days < 5"), [OK, CRIT, CRIT], [OK, OK, CRIT]),
        (make(crit="value > 9", warn="value > 5"), [WARN, CRIT, WARN, OK], [WARN, CRIT, CRIT, OK]),
        (make(crit="value > 1", recover=2), [CRIT, OK, CRIT, OK, OK], [CRIT, CRIT, CRIT, CRIT, OK]),
        (make(crit="value > 1", recover=2), [CRIT, OK, UNKNOWN, OK, OK], [CRIT, CRIT, CRIT, CRIT, OK]),
        (make(crit="value > 1"), [OK, UNKNOWN, OK], [OK, OK, OK]),
        (make(crit="value > 1"), [OK, UNKNOWN, UNKNOWN, OK], [OK, OK, UNKNOWN, OK]),
        (make(crit="value > 1 for 2 of 3"), [CRIT, CRIT, OK, CRIT], [UNKNOWN, CRIT, OK, OK]),  # the old ones are gone
        (make(crit="value > 1 for 2 of 3"), [OK, CRIT, UNKNOWN, CRIT], [OK, OK, OK, CRIT]),
        (make(crit="value > 1 for 2 of 2"), [OK, CRIT, UNKNOWN, CRIT], [OK, OK, OK, OK]),
        (make(ok="value < 1"), [OK, WARN, OK], [OK, WARN, OK]),
        (make(ok="value < 1", crit="value > 9 for 2 of 3"), [OK, CRIT, WARN], [OK, OK, WARN]),
        (make(warn="value > 5 for 3 of 5", crit="value > 9 for 3 of 5"), [WARN, WARN, CRIT], [UNKNOWN, UNKNOWN, WARN]),
    ],
)
def test_settling(check: Check, states: list[State], expected: list[State]) -> None:
    seen, _ = play(check, states)
    assert seen == expected


def test_own_downtime_is_unknown_and_forgets_the_window() -> None:
    check = make(crit="value > 1 for 2 of 3")
    settled, flip = gap(check, Settled(OK, 1.0, (OK, CRIT), 0, "fine"), 100.0, 160.0)
    assert settled == Settled(UNKNOWN, 100.0, (), 0, "watchkeeper itself was down for 1 min")
    assert flip is not None and (flip.before, flip.after, flip.at) == (OK, UNKNOWN, 100.0)
    assert gap(check, settled, 200.0, 260.0)[1] is None
    assert gap(check, None, 200.0, 260.0)[0].state is UNKNOWN
    assert settle(check, settled, Verdict(CRIT, ""), read(1.0))[0].state is UNKNOWN


def test_long_texts_do_not_fill_the_journal() -> None:
    _, flip = settle(make("http", crit="status == 0"), None, Verdict(CRIT, "x"), read(body="y" * 65536))
    assert flip is not None and flip.values["body"] == "y" * 400


STATES = st.lists(st.sampled_from(list(State)), min_size=1, max_size=40)
RULES = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: (min(pair), max(pair)))


@given(STATES, RULES, RULES, st.integers(1, 4))
def test_settling_keeps_its_promises(
    states: list[State], crit: tuple[int, int], warn: tuple[int, int], recover: int
) -> None:
    check = make(
        crit=f"value > 9 for {crit[0]} of {crit[1]}", warn=f"value > 5 for {warn[0]} of {warn[1]}", recover=recover
    )
    settled: Settled | None = None
    for index, state in enumerate(states):
        before = settled.state if settled else None
        settled, flip = settle(check, settled, Verdict(state, ""), read(float(index)))
        past = states[: index + 1]
        if flip is not None:  # a flip says exactly what changed
            assert flip.before is (before or UNKNOWN) and flip.after is settled.state and settled.since == index
            assert index == 0 or flip.before is not flip.after
        else:
            assert before is settled.state or index == 0
        if settled.state is CRIT and before is not CRIT:  # CRIT is only entered on enough readings
            assert past[-crit[1] :].count(CRIT) >= crit[0] and state is CRIT
        if before in (CRIT, WARN) and settled.state is OK:  # and only left after enough good ones
            assert past[-recover:] == [OK] * recover
        if before is CRIT:
            assert settled.state in (CRIT, OK, UNKNOWN)
        if past[-2:] == [UNKNOWN, UNKNOWN]:
            assert settled.state is UNKNOWN
        if before is OK and state is OK:  # good readings never make it worse
            assert settled.state is OK
        assert len(settled.recent) <= memory(check)


# ---- proof


def judged(at: float, state: State = OK, rule_hash: str = "h") -> Judged:
    return Judged(Reading("shop/x", at, 0.1), Verdict(state, ""), rule_hash)


@pytest.mark.parametrize(
    ("readings", "after", "count"),
    [
        ([], 0.0, 0),
        ([judged(1), judged(2), judged(3)], 0.0, 3),
        ([judged(1), judged(2), judged(3)], 1.0, 2),  # asked after, not at
        ([judged(1), judged(2, CRIT), judged(3)], 0.0, 1),
        ([judged(1), judged(2), judged(3, UNKNOWN)], 0.0, 0),
        ([judged(1), judged(2, OK, "other"), judged(3)], 0.0, 1),
        ([judged(1), judged(1.2), judged(1.9), judged(2.0)], 0.0, 2),  # a burst is not more proof
        ([judged(1.0), judged(1.5), judged(2.5)], 0.0, 2),
        ([judged(1_700_000_000.1), judged(1_700_000_001.1)], 0.0, 2),
        ([judged(5), judged(6)], 10.0, 0),
    ],
)
def test_proof(readings: list[Judged], after: float, count: int) -> None:
    assert count_proof(readings, after, "h") == count


TIMES = st.lists(st.integers(0, 200), max_size=30).map(lambda numbers: [number / 10 for number in sorted(numbers)])


@given(TIMES, st.data())
def test_proof_never_counts_too_much(times: list[float], data: st.DataObject) -> None:
    readings = [judged(at, data.draw(st.sampled_from([OK, OK, OK, CRIT, UNKNOWN]))) for at in times]
    after = data.draw(st.integers(-1, 20))
    count = count_proof(readings, after, "h")
    row: list[Judged] = []
    for each in readings:  # the oracle, read forwards: what is left after the last thing that breaks a row
        row = [*row, each] if each.verdict.state is OK and each.reading.at > after else []
    assert count <= len(row)
    assert (count == 0) == (not row)
    if row:
        span = row[-1].reading.at - row[0].reading.at
        assert count <= span + 1.001  # n readings at least 1 s apart take n - 1 seconds
    assert count_proof([*readings, judged(times[-1] + 5 if times else 5, CRIT)], after, "h") == 0
    assert count_proof([*readings, judged(300.0)], after, "h") == count + 1


@given(TIMES, st.floats(0, 20))
def test_a_later_fix_never_makes_more_proof(times: list[float], after: float) -> None:
    readings = [judged(at) for at in times]
    assert count_proof(readings, after + 1, "h") <= count_proof(readings, after, "h")
