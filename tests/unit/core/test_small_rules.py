"""Small rules: durations, expectations, retries, suspects, the sentence of truth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.changes import Change, Relations, rank
from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.inventory.values import Check, Probe, Service
from watchkeeper.core.notifications import TRIES_PER_CHANNEL, Message, Notification, next_try
from watchkeeper.core.runs.expectation import met
from watchkeeper.core.status import sentence, service_state
from watchkeeper.core.times import format_duration, parse_duration, utc_text

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1h30m", 5400),
        ("800ms", 0.8),
        ("2d", 172800),
        ("5min", 300),
        ("", None),
        ("30 sec", None),
        ("s", None),
    ],
)
def test_parse_duration(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.24, "240 ms"),
        (4.2, "4.2 s"),
        (840, "14 min"),
        (330, "5 min 30 s"),
        (11100, "3 h 5 min"),
        (1036800, "12 days"),
    ],
)
def test_format_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_utc_text() -> None:
    assert utc_text(0.5) == "1970-01-01T00:00:00.500Z"
    assert utc_text(None) is None


@pytest.mark.parametrize(
    ("expect", "code", "output", "good"),
    [
        ("", 0, "", True), ("", 1, "", False), ("3", 3, "", True), ("3", 0, "", False), ("< 100", 0, "depth\n 31\n", True),
        ("< 100", 0, "131", False), ("< 100", 0, "none", False), ("active", 0, "is active now", True),
        ("active", 1, "active", False), ("[", 0, "a [ b", True), (">= 2", None, "5", False),
    ],
)  # fmt: skip
def test_expectation(expect: str, code: int | None, output: str, good: bool) -> None:
    ok, why = met(expect, code, output)
    assert ok is good
    assert good or why


def test_a_page_is_never_given_up() -> None:
    message = Message("key", "opened", "title", "body")
    page = Notification(1, message, ("duty", "chat"), 0, 0, NOW, NOW)
    now, channels = NOW, []
    for _ in range(TRIES_PER_CHANNEL * 2):
        channels.append(page.channels[page.position])
        page = next_try(page, now)
        now = page.due_at
    assert channels == ["duty"] * TRIES_PER_CHANNEL + ["chat"] * TRIES_PER_CHANNEL
    assert page.failed
    assert page.position == 0
    assert page.due_at > NOW


def test_a_test_message_is_tried_once() -> None:
    test = Notification(1, Message("key", "test", "title", "body"), ("duty", "chat"), 0, 0, NOW, NOW)
    ended = next_try(test, NOW + 1)
    assert (ended.delivered_at, ended.delivered_by, ended.failed) == (NOW + 1, "", False)


def a_change(**changes: object) -> Change:
    return replace(Change(1, NOW - 60, "configuration", "shop.env was edited", "ann", "shop", "app1"), **changes)  # type: ignore[arg-type]


def test_the_changed_file_of_the_same_service_is_the_first_suspect() -> None:
    others = (
        a_change(id=2, kind="commit", service="", host="", at=NOW - 5),
        a_change(id=3, service="docs", host="app1", at=NOW - 5),
        a_change(id=4, own=True, at=NOW - 1),
        a_change(id=5, at=NOW - 90_000),
        a_change(id=6, at=NOW + 600),
    )
    ranked = rank((*others, a_change()), Relations("shop", ("app1",)), NOW)
    assert [suspect.change.id for suspect in ranked] == [1, 3, 2]
    assert ranked[0].score > ranked[1].score


def states(*pairs: tuple[str, State]) -> list[object]:
    found = []
    for name, state in pairs:
        check = Check(f"{name}/web", name, "web", None, "here", Probe("http", {}), 1, 1, None, None, None, 1, "r")
        settled = {check.key: Settled(state, NOW - 120, reason="status 0, limit 200")}
        found.append(service_state(Service(name, checks=(check,)), settled, None))
    return found


def test_the_sentence_of_truth() -> None:
    calm = states(("shop", State.OK), ("docs", State.OK))
    assert sentence(calm, (), 0, "", NOW) == "All 2 checks are OK."  # type: ignore[arg-type]
    bad = states(("shop", State.CRIT), ("docs", State.OK))
    assert sentence(bad, (), 0, "", NOW) == "shop is CRIT for 2 min: web: status 0, limit 200."  # type: ignore[arg-type]
    held, cause = states(("counter", State.CRIT), ("shop", State.WARN))
    both = (replace(held, held_under=3), cause)  # type: ignore[type-var]
    assert sentence(both, (), 0, "", NOW).startswith("shop is WARN for 2 min")  # type: ignore[arg-type]
    fresh = states(("shop", State.OK), ("docs", State.OK))
    later = replace(fresh[1], checks=(("docs/web", None),))  # type: ignore[type-var]
    said = sentence((fresh[0], later), (), 0, "", NOW)  # type: ignore[arg-type]
    assert said == "1 of 2 checks have answered, all of them OK; 1 are being asked for the first time."
    blind = states(("shop", State.UNKNOWN))
    assert sentence(blind, (), 0, "", NOW).startswith("Nothing is known to fail, but shop cannot be seen")  # type: ignore[arg-type]
    assert sentence(bad, (), 0, "the watch is not running.", NOW).startswith("Nobody is watching")  # type: ignore[arg-type]
