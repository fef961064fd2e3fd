"""Conditions: what is read, what it means, and how mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.checks import Value
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.conditions import ConditionError, parse_condition, parse_rule


@pytest.mark.parametrize(
    ("kind", "text", "values", "answer"),
    [
        ("http", "status == 200 and latency < 800ms", {"status": 200, "latency": 0.79}, True),
        ("http", "status == 200 and latency < 800ms", {"status": 200, "latency": 0.8}, False),
        ("http", "status == 200 and latency < 800ms", {"status": 0}, False),  # decided without the missing latency
        ("http", "status == 200 and latency < 800ms", {"status": 200}, None),
        ("http", "status != 200 or latency > 1s", {"status": 500}, True),
        ("http", "status in (200, 204)", {"status": 204}, True),
        ("http", "status not in (200, 204)", {"status": 204}, False),
        ("http", "not (status == 200 or status == 204)", {"status": 301}, True),
        ("http", "not status == 200 and status < 400", {"status": 301}, True),  # not binds tighter than and
        ("http", "status == 1 or status == 2 and size > 1KB", {"status": 1, "size": 0}, True),  # and before or
        ("http", 'body contains "welcome"', {"body": "you are welcome"}, True),
        ("http", "body not contains 'error'", {"body": "an error"}, False),
        ("http", "size >= 1KiB", {"size": 1024}, True),
        ("http", "size >= 1KiB", {"size": 1000}, False),
        ("http", "size >= 1.5 MB", {"size": 1_500_000}, True),
        ("disk", "free < 20%", {"free": 19.99}, True),
        ("disk", "free < 20 %", {"free": 20.0}, False),
        ("disk", "free_bytes > 0", {"free_bytes": 1}, True),
        ("heartbeat", "age < 26h", {"age": 26 * 3600 - 1}, True),
        ("heartbeat", "age < 1h30m", {"age": 5401}, False),
        ("heartbeat", 'status == "fail"', {"status": "fail"}, True),
        ("tls", "trusted and days >= 14", {"trusted": True, "days": 14.0}, True),
        ("tls", "days < 2w", {"days": 13}, True),
        ("tls", "trusted == false", {"trusted": False}, True),
        ("tls", "not trusted", {"trusted": None}, None),
        ("sql", "value > 50", {"value": "51"}, True),  # a number that arrived as text
        ("sql", "value > 50", {"value": "many"}, None),
        ("sql", "value > 50", {"value": None}, None),
        ("sql", "value == 'ready'", {"value": "ready"}, True),
        ("sql", "value > -5", {"value": -4}, True),
        ("command", "value < 80%", {"value": 79}, True),
        ("command", "value", {"value": True}, True),
        ("sql", "value > 50", {"value": float("nan")}, None),
    ],
)
def test_meaning(kind: str, text: str, values: dict[str, Value], answer: bool | None) -> None:
    assert parse_condition(text, kind).holds(values) is answer


@pytest.mark.parametrize(
    ("kind", "text", "column", "expected", "meant"),
    [
        ("http", "status = 200", 8, "'=='", "=="),
        ("http", "status == 200 && size > 1", 15, "'and'", "and"),
        ("http", "status == 200 and latncy < 1s", 19, "measured name (http measures", "latency"),
        ("http", "latency < 800", 11, "a duration, because latency is a duration", ""),
        ("disk", "free < 20", 8, "a percentage, because free is a percentage", ""),
        ("disk", "free < 20s", 8, "a percentage", ""),
        ("disk", "free < 20 percent", 8, "a percentage", ""),
        ("http", "status == ok", 11, "a number", ""),
        ("heartbeat", "status == fail", 11, "text in quotes", '"fail"'),
        ("heartbeat", 'status < "fail"', 8, "'==' or '!='", ""),
        ("http", "200 == status", 1, "a measured name on the left", ""),
        ("http", "1 < 2", 1, "a measured name on the left", ""),
        ("http", "status > 1 > 2", 12, "one comparison at a time", ""),
        ("http", "p97(latency, 10m) < 1s", 1, "a measured name, or a function", "p95"),
        ("http", "len(body) > 1", 1, "or a function (p50, p90", ""),
        ("http", "(status == 200", 15, "')'", ""),
        ("http", "status == 200)", 14, "'and', 'or'", ""),
        ("http", "status", 7, "a comparison of status", ""),
        ("http", "", 1, "a measured name", ""),
        ("http", "status ==", 10, "a number", ""),
        ("http", 'body == "x', 9, 'a closing "', ""),
        ("http", "status == 200; import os", 14, "a measured name, a limit", ""),
        ("http", "__import__('os')", 1, "a measured name, or a function", ""),
        ("http", "status in 200", 11, "'(' and a list", ""),
        ("http", "status == 200 for 2 of 3", 15, "a condition only", ""),
        ("http", "not " * 30 + "connected", 81, "at most 20 levels", ""),
    ],
)
def test_mistakes_have_a_column_and_a_next_step(kind: str, text: str, column: int, expected: str, meant: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(text, kind)
    assert expected in caught.value.expected
    assert caught.value.column == column
    assert caught.value.did_you_mean == meant
    assert caught.value.example
    assert f"column {column}" in caught.value.sentence


@pytest.mark.parametrize(
    ("value", "hits", "window", "text"),
    [
        ("value > 50 for 3 of 5", 3, 5, "value > 50 for 3 of 5"),
        ("value > 50", 1, 1, "value > 50"),
        ({"when": "value > 50", "for": "2 of 3"}, 2, 3, "value > 50 for 2 of 3"),
        ({"when": "value > 50 for 2 of 3"}, 2, 3, "value > 50 for 2 of 3"),
    ],
)
def test_rules(value: object, hits: int, window: int, text: str) -> None:
    rule = parse_rule(value, "sql")
    assert (rule.hits, rule.window, rule.text) == (hits, window, text)
    assert rule.condition.canonical == "value > 50"


@pytest.mark.parametrize(
    "value",
    [
        "value > 50 for 6 of 5",
        "value > 50 for 0 of 5",
        "value > 50 for 3",
        "value > 50 for 3 of 5 of 7",
        "value > 50 for 1 of 1000",
        {"when": "value > 50", "for": 3},
        {"when": "value > 50 for 2 of 3", "for": "2 of 3"},
        {"when": 5},
        {"for": "2 of 3"},
        {"when": "value > 1", "of": "2"},
        None,
        7,
        ["value > 1"],
    ],
)
def test_rules_that_are_none(value: object) -> None:
    with pytest.raises(ConditionError):
        parse_rule(value, "sql")


@pytest.mark.parametrize(
    ("kind", "text", "values", "phrase"),
    [
        (
            "http",
            "status == 200 and latency < 800ms",
            {"status": 200, "latency": 1.24},
            "latency 1.24 s, limit < 0.80 s",
        ),
        ("http", "latency < 800ms", {"latency": 0.9}, "latency 900 ms, limit < 800 ms"),
        ("disk", "free < 20%", {"free": 8.25}, "free 8.25 %, limit < 20 %"),
        ("sql", "value > 50", {"value": 120}, "value 120, limit > 50"),
        ("http", "size < 2GB", {"size": 2_500_000_000}, "size 2.5 GB, limit < 2 GB"),
        ("heartbeat", "age < 26h", {"age": 100_020}, "age 27 h 47 min, limit < 26 h"),
        ("tls", "trusted and days > 7", {"trusted": False, "days": 30}, "trusted: no"),
        ("tls", "not (days < 7)", {"days": 3}, "days 3 days, limit >= 7 days"),
        ("http", 'body contains "ok"', {"body": "secret page"}, 'body does not contain "ok"'),
        ("http", "status == 200", {}, "status was not measured"),
        ("sql", "value == 'a'", {"value": "x\x1b[2Jy\n"}, 'value "x\\u001b[2Jy\\n", limit == "a"'),
    ],
)
def test_the_measured_number_stands_beside_the_rule(
    kind: str, text: str, values: dict[str, Value], phrase: str
) -> None:
    assert parse_condition(text, kind).measured(values) == phrase


def test_one_spelling_per_meaning() -> None:
    spellings = ["latency<800ms", " latency  <  0.8s ", "(latency < 800 ms)"]
    assert len({parse_condition(text, "http").canonical for text in spellings}) == 1
    assert parse_condition("latency < 801ms", "http").canonical != parse_condition("latency < 800ms", "http").canonical


def test_every_default_rule_is_valid() -> None:
    for name, kind in KINDS.items():
        for text in (kind.ok, kind.warn, kind.crit):
            if text:
                parse_rule(text, name)


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.builds("{} {} {}".format, NAMES, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(-3, 3))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=8,
)


@given(TREES, st.dictionaries(NAMES, st.integers(-3, 3), min_size=3))
def test_complete_values_mean_what_python_means(text: str, values: dict[str, int]) -> None:
    """The oracle is Python itself, on texts that were made here."""
    try:
        condition = parse_condition(text)
    except ConditionError as error:
        assert "levels" in error.expected
        return
    assert condition.holds(values) is eval(text, {"__builtins__": {}}, dict(values))
    assert parse_condition(condition.canonical).canonical == condition.canonical


@given(TREES, st.dictionaries(NAMES, st.integers(-3, 3)), st.dictionaries(NAMES, st.integers(-3, 3), min_size=3))
def test_an_answer_without_all_values_never_changes_when_the_rest_arrives(
    text: str, known: dict[str, int], rest: dict[str, int]
) -> None:
    try:
        condition = parse_condition(text)
    except ConditionError:
        return
    answer = condition.holds(known)
    if answer is not None:
        assert condition.holds({**rest, **known}) is answer


@given(st.text(max_size=60))
def test_any_text_gives_a_rule_or_a_clear_mistake(text: str) -> None:
    try:
        parse_rule(text, "http")
    except ConditionError as error:
        assert 1 <= error.column <= len(text) + 1
        assert error.found and error.expected
