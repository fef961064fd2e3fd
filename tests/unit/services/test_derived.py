"""What the watch derives before it judges: windows, what is usual, forecasts; and how proof works with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from watchkeeper.core.checks import Judged, Reading, Settled, State, Verdict
from watchkeeper.core.checks.proof import count_proof
from watchkeeper.core.conditions import parse_rule
from watchkeeper.core.conditions.functions import NEVER_S
from watchkeeper.core.inventory.values import Check, Probe
from watchkeeper.core.readings.rollup import Rollup
from watchkeeper.core.readings.sketch import Sketch, sketch_of
from watchkeeper.services.checks.book import Book
from watchkeeper.services.checks.derived import fetch

NOW = 1_763_000_000.0
DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0


def check(kind: str = "http", recover: int = 1, **rules: str) -> Check:
    parsed = {level: parse_rule(rules[level], kind) if level in rules else None for level in ("ok", "warn", "crit")}
    return Check("s/c", "s", "c", None, "here", Probe(kind, {}), 30.0, 10.0, **parsed, recover=recover, rule_hash="r")


@dataclass
class Past:
    """A hand-written `RollupsPort` over plain samples of one name."""

    samples: list[tuple[float, float]] = field(default_factory=list)
    name: str = "latency"
    asked: int = 0

    def readings(self, key: str, since: float, limit: int = 1000, until: float = float("inf")) -> list[Judged]:
        self.asked += 1
        return [
            Judged(
                Reading(key, at, value, {"status": 200} if self.name == "latency" else {self.name: value}),
                Verdict(State.OK, ""),
                "r",
            )
            for at, value in self.samples
            if since <= at < until
        ][:limit]  # fmt: skip

    def sketch(self, key: str, name: str, since: float, until: float) -> Sketch:
        self.asked += 1
        return sketch_of(value for at, value in self.samples if name == self.name and since <= at < until)

    def hours(self, key: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        found = []
        for hour in range(int(since // 3600) + 1, int(until // 3600)):
            sketch = self.sketch(key, self.name, hour * 3600.0, hour * 3600.0 + 3600)
            if sketch.count:
                found.append((hour * 3600.0, Rollup(sketches={self.name: sketch})))
        return found

    def days(self, key: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        return []


def book_of(one: Check, past: Past, now: float = NOW, settled: Settled | None = None) -> Book:
    book = Book()
    book.load({one.key: settled} if settled else {}, {one.key: "r"}, {})
    book.adopt(one)
    refresh(book, past, now)
    return book


def refresh(book: Book, past: Past, now: float) -> None:
    wants = book.derived.wanted(now)
    book.derived.put(fetch(wants, past, now), book.settled, now)


def ask(
    book: Book, one: Check, at: float, latency_s: float = 0.1, status: int = 200, error: str | None = None
) -> Judged:
    values = {} if error else {"status": status}
    return book.take(one, Reading(one.key, at, latency_s, values, error))[0]


def test_a_percentile_is_that_of_its_window_exactly() -> None:
    one = check(crit="p95(latency, 10m) > 400ms")
    book = book_of(one, Past())
    judged: list[Judged] = []
    for number in range(40):
        judged.append(ask(book, one, NOW + 30 * number, 0.1 + 0.01 * number))
    assert "p95(latency, 10m)" not in judged[1].reading.values  # two readings say nothing
    assert judged[2].reading.values["p95(latency, 10m)"] == pytest.approx(0.12)
    assert judged[-1].reading.values["p95(latency, 10m)"] == pytest.approx(0.1 + 0.01 * 38)  # 19th of the last 20
    assert judged[-1].verdict.state is State.CRIT
    assert judged[-1].verdict.reason == "p95(latency, 10m) 480 ms, crit > 400 ms"


def test_one_slow_answer_does_not_make_a_percentile_bad() -> None:
    one = check(crit="p90(latency, 10m) > 400ms")
    book = book_of(one, Past())
    states = [ask(book, one, NOW + 30 * number, 3.0 if number == 15 else 0.1).verdict.state for number in range(30)]
    assert set(states) == {State.OK}


def test_the_error_rate_counts_what_failed_and_never_its_own_verdict() -> None:
    one = check(warn="error_rate(5m) > 10%")
    book = book_of(one, Past())
    for number in range(10):
        ask(book, one, NOW + 30 * number)
    bad = [ask(book, one, NOW + 300 + 30 * number, status=503 if number == 0 else 200) for number in range(14)]
    assert bad[0].reading.values["error_rate(5m)"] == pytest.approx(10.0)
    assert bad[0].verdict.state is State.OK  # 10 % is not more than 10 %
    assert bad[-1].reading.values["error_rate(5m)"] == 0.0
    away = ask(book, one, NOW + 800, error="no route")
    assert away.verdict.state is State.UNKNOWN and away.reading.values["error_rate(5m)"] > 10


def test_after_a_restart_the_window_goes_on_from_the_store() -> None:
    one = check(crit="p50(latency, 10m) > 400ms")
    past = Past([(NOW - 600 + 30 * number, 0.9) for number in range(20)])
    book = book_of(one, past, settled=Settled(State.CRIT, NOW - 5000))
    assert ask(book, one, NOW, 0.1).verdict.state is State.CRIT
    asked = past.asked
    refresh(book, past, NOW + 5)
    assert past.asked == asked  # loaded once


def test_after_a_change_the_window_begins_there_once_it_says_something() -> None:
    """A 10-minute percentile would be bad for ten more minutes; proof needs readings after the change, and only those."""
    one = check(recover=2, crit="p95(latency, 10m) > 400ms")
    book = book_of(one, Past())
    for number in range(20):
        last = ask(book, one, NOW + 30 * number, 2.0)
    assert last.verdict.state is State.CRIT and book.settled["s/c"].state is State.CRIT
    changed = NOW + 600
    book.derived.changed("s/c", changed)
    after = [ask(book, one, changed + 1 + number, 0.1) for number in range(5)]
    assert [each.verdict.state for each in after] == [State.CRIT, State.CRIT, State.OK, State.OK, State.OK]
    assert count_proof([last, *after], changed, "r") == 3
    assert book.settled["s/c"].state is State.OK


def test_a_change_that_repaired_nothing_proves_nothing() -> None:
    one = check(crit="p95(latency, 10m) > 400ms")
    book = book_of(one, Past())
    for number in range(20):
        ask(book, one, NOW + 30 * number, 2.0)
    book.derived.changed("s/c", NOW + 600)
    after = [ask(book, one, NOW + 601 + number, 1.5) for number in range(6)]
    assert {each.verdict.state for each in after} == {State.CRIT}


def test_a_restart_after_the_proof_does_not_bring_the_bad_readings_back() -> None:
    one = check(crit="p95(latency, 10m) > 400ms")
    past = Past(
        [*((NOW - 300 + number, 2.0) for number in range(100)), *((NOW - 60 + number, 0.1) for number in range(50))]
    )
    book = book_of(one, past, settled=Settled(State.OK, NOW - 58))
    assert ask(book, one, NOW).verdict.state is State.OK


def test_what_is_usual_is_the_median_of_the_same_hour_of_the_last_weeks() -> None:
    one = check(crit="latency > 3x usual")
    samples = []
    for week, value in ((1, 0.1), (2, 0.2), (3, 5.0)):  # an outage three weeks ago
        samples += [(NOW - week * WEEK_S - 3000 + 30 * number, value) for number in range(90)]
    past = Past(samples)
    book = book_of(one, past)
    fine, slow = ask(book, one, NOW, 0.5), ask(book, one, NOW + 30, 0.7)
    assert fine.reading.values["usual latency"] == pytest.approx(0.2, rel=0.01)
    assert (fine.verdict.state, slow.verdict.state) == (State.OK, State.CRIT)
    assert "(3x usual, " in slow.verdict.reason
    young = book_of(one, Past([(NOW - 60, 0.1)]))
    assert ask(young, one, NOW, 9.0).verdict.state is State.OK  # nothing is usual yet


def test_windows_of_days_come_from_roll_ups_and_are_asked_seldom() -> None:
    one = check(crit="p95(latency, 1d) > 400ms")
    past = Past([(NOW - 80_000 + 30 * number, 0.9) for number in range(2000)])
    book = book_of(one, past)
    assert ask(book, one, NOW).verdict.state is State.CRIT
    asked = past.asked
    refresh(book, past, NOW + 30)
    assert past.asked == asked
    refresh(book, past, NOW + 3000)
    assert past.asked > asked


@pytest.mark.parametrize(("per_day", "state"), [(5.0, State.WARN), (0.0, State.OK), (-3.0, State.OK)])
def test_a_disk_that_fills_is_told_before_it_is_full(per_day: float, state: State) -> None:
    one = check("disk", warn="full in < 7d", crit="free < 5%")
    past = Past(
        [(NOW - 10 * DAY_S + 1800 * number, 70 + per_day * (number / 48 - 10)) for number in range(480)], "used"
    )
    book = book_of(one, past)
    book.take(one, Reading(one.key, NOW, 0.0, {"used": 70.0, "free": 30.0}))
    refresh(book, past, NOW + 700)
    judged, _flip = book.take(one, Reading(one.key, NOW + 700, 0.0, {"used": 70.0, "free": 30.0}))
    assert judged.verdict.state is state
    found = judged.reading.values["full in"]
    assert found == (pytest.approx(6 * DAY_S, rel=0.05) if per_day > 0 else NEVER_S)


def test_a_store_that_fails_is_asked_again_and_stops_nothing() -> None:
    class Broken(Past):
        def readings(self, *_: object, **__: object) -> list[Judged]:
            raise OSError("disk")

    one = check(crit="p95(latency, 10m) > 400ms")
    book = book_of(one, Broken())
    assert ask(book, one, NOW).verdict.state is State.OK
    assert len(book.derived.wanted(NOW + 1)) == 1


def test_memory_is_bounded_and_checks_without_functions_cost_nothing() -> None:
    one, plain = check(crit="max(latency, 1h) > 5s"), check(crit="status != 200")
    book = book_of(one, Past())
    for number in range(6000):
        ask(book, one, NOW + 0.2 * number)
    kept: Sequence[object] = book.derived._kept["s/c"].samples["latency"]
    assert len(kept) == 4096
    book.adopt(plain)
    assert book.derived.wanted(NOW) == [] and dict(book.derived.of(plain, Reading("s/c", NOW, 0.1))) == {}
