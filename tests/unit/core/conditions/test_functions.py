"""Functions in conditions: how they are written, what they say, and that every slip is told with an example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.checks.judging import judge
from watchkeeper.core.checks.values import Reading, State
from watchkeeper.core.conditions import ConditionError, parse_condition, parse_rule
from watchkeeper.core.conditions.functions import NEVER_S
from watchkeeper.core.inventory.values import Check, Probe


def check(kind: str = "http", **rules: str) -> Check:
    parsed = {level: parse_rule(rules[level], kind) if level in rules else None for level in ("ok", "warn", "crit")}
    return Check(
        "shop/web", "shop", "web", None, "here", Probe(kind, {}), 30.0, 10.0, **parsed, recover=1, rule_hash="r"
    )


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("http", "p95(latency, 10m) > 400ms", "p95(latency, 10m) > 0.4s"),
        ("http", "P95 (latency,600s) > 0.4s", None),
        ("http", "p95( latency , 600s )>0.4s", "p95(latency, 10m) > 0.4s"),
        ("http", "error_rate(300s) >= 10%", "error_rate(5m) >= 10%"),
        ("http", "not p50(latency, 90m) < 1s", "not (p50(latency, 1h30m) < 1s)"),
        ("http", "status != 200 or p99(latency, 1h) > 2x usual", "(status != 200 or p99(latency, 1h) > 2x usual)"),
        ("http", "latency > 1.5x usual", "latency > 1.5x usual"),
        ("disk", "full in < 1w", "full in < 604800s"),
        ("disk", "time_to(used_bytes, 200 GB) < 7d", "time_to(used_bytes, 200GB) < 604800s"),
        ("sql", "change(value, 1h) > 20% and max(value, 1d) > 5", "(change(value, 1h) > 20% and max(value, 1d) > 5)"),
    ],
)
def test_one_spelling_for_each_meaning(kind: str, text: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(ConditionError):
            parse_condition(text, kind)
    else:
        assert parse_condition(text, kind).canonical == canonical


@pytest.mark.parametrize(
    ("kind", "text", "column", "expected", "example"),
    [
        ("http", "p95(latency) > 400ms", 12, "',' and a time", "p95(latency, 10m) > 400ms"),
        ("http", "p95(10m) > 400ms", 5, "a measured name first", "p95(latency, 10m) > 400ms"),
        ("http", "p95(latency, 10) > 1s", 14, "a time such as 10m", "p95(latency, 10m) > 400ms"),
        ("http", "p95(latency, 1s) > 1s", 14, "a time from 10s to 30d", "p95(latency, 10m) > 400ms"),
        ("http", "p95(latency, 31d) > 1s", 14, "a time from 10s to 30d", "p95(latency, 10m) > 400ms"),
        ("http", "p95(latency, 10m) == 1s", 19, "'<' or '>' and a limit", "p95(latency, 10m) > 800ms"),
        ("http", "p95(latency, 10m)", 18, "'<' or '>' and a limit", "p95(latency, 10m) > 800ms"),
        ("http", "p95(latency, 10m) > 20%", 21, "a duration", "p95(latency, 10m) > 800ms"),
        ("http", "p95(body, 10m) > 1s", 5, "a name that is a number", "p95(latency, 10m) > 400ms"),
        ("http", "error_rate(2h) > 1%", 12, "a time from 10s to 1h", "error_rate(5m) > 10%"),
        ("http", "error_rate(5m) > 2x usual", 18, "a percentage", "error_rate(5m) > 10%"),
        ("http", "full in < 7d", 1, "a check of disk, folder, inodes", "time_to(value, 1000) < 7d"),
        ("disk", "full in < 7", 11, "a duration", "full in < 7d"),
        ("disk", "full in < -3d", 11, "a time above zero", "full in < 7d"),
        ("http", "latency > 2x baseline", 14, "'usual'", "latency > 2x usual"),
        ("http", "latency > 0x usual", 11, "a factor from", "latency > 2x usual"),
        ("sql", "time_to(value) < 1d", 14, "',' and the value", "time_to(value, 50) < 7d"),
        ("sql", "time_to(value, soon) < 1d", 16, "a number", "time_to(value, 50) < 7d"),
    ],
)
def test_every_slip_has_its_column_and_an_example(
    kind: str, text: str, column: int, expected: str, example: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_rule(text, kind)
    assert caught.value.column == column and expected in caught.value.expected and caught.value.example == example


@given(st.text(alphabet="p95()latency,10m<>=x usual fullin error_rate%\"' ", max_size=40))
def test_whatever_is_written_is_read_or_told(text: str) -> None:
    for kind in ("http", "disk", None):
        try:
            found = parse_rule(text, kind)
        except ConditionError as error:
            assert error.column >= 1 and str(error)
        else:
            again = parse_condition(found.condition.canonical, None)
            assert again.canonical == found.condition.canonical


def test_reasons_show_the_value_beside_its_limit() -> None:
    slow = {"latency": 0.9, "p95(latency, 10m)": 0.512, "p99(latency, 1h)": 0.9, "usual p99(latency, 1h)": 0.3}
    assert (
        parse_condition("p95(latency, 10m) > 400ms").measured(slow, "crit") == "p95(latency, 10m) 512 ms, crit > 400 ms"
    )
    usual = parse_condition("p99(latency, 1h) > 2x usual", "http")
    assert usual.holds(slow) is True
    assert usual.measured(slow, "crit") == "p99(latency, 1h) 900 ms, crit > 600 ms (2x usual, 300 ms)"
    full = parse_condition("full in < 7d", "disk")
    assert full.measured({"full in": NEVER_S}, "warn") == "full in: not filling, warn < 7 days"
    assert full.holds({"full in": NEVER_S}) is False and full.holds({"full in": 3600.0}) is True


def test_a_rule_without_history_is_not_met_and_pages_nobody() -> None:
    verdict = judge(check(crit="p95(latency, 10m) > 400ms"), Reading("shop/web", 1.0, 0.9, {"status": 200}))
    assert verdict.state is State.OK and verdict.reason == "p95(latency, 10m) is not known yet"
    verdict = judge(check(ok="status == 200 and error_rate(5m) < 5%"), Reading("shop/web", 1.0, 0.9, {"status": 200}))
    assert verdict.state is State.OK
    verdict = judge(check(ok="status == 200 and error_rate(5m) < 5%"), Reading("shop/web", 1.0, 0.9, {"status": 503}))
    assert verdict.state is State.WARN  # what is known decides
    verdict = judge(check("disk", crit="full in < 7d or free < 5%"), Reading("shop/web", 1.0, 0.1, {"free": 3.0}))
    assert verdict.state is State.CRIT
    verdict = judge(check("disk", crit="free < 5% or full in < 7d"), Reading("shop/web", 1.0, 0.1, {}))
    assert verdict.state is State.UNKNOWN  # free itself was not measured


def test_the_hash_of_a_plain_rule_is_what_it_was() -> None:
    assert parse_condition("status == 200 and latency < 800ms").canonical == "(status == 200 and latency < 0.8s)"
    assert parse_condition("latency < 800ms").derived == frozenset()
