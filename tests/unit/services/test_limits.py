"""What agents may do in an hour, on a clock that can be set."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from watchkeeper.core.actors import AGENT, DRILL, LOCAL, WATCHKEEPER, Actor
from watchkeeper.core.errors import TooMany
from watchkeeper.services.limits import DEFAULTS, LOOK_S, MOST_AGENTS, Limits

BOT = Actor("agent", "bot", "operator")


class Hour:
    """Limits of one agent, and the clock."""

    def __init__(self, **given: float) -> None:
        self.now, self.given, self.asked = 1_800_000_000.0, dict(given), 0
        self.limits = Limits(lambda: self.now, self.look)

    def look(self, name: str) -> Mapping[str, float]:
        self.asked += 1
        return self.given if name == "bot" else {}


def test_the_last_hour_counts_and_the_refusal_says_when_again() -> None:
    hour = Hour(requests_per_hour=2)
    hour.limits.requested(BOT)
    hour.now += 600
    hour.limits.requested(BOT)
    with pytest.raises(TooMany) as refused:
        hour.limits.requested(BOT)
    assert refused.value.sentence == "bot is an agent and has asked for a run 2 times within an hour; its limit is 2."
    assert refused.value.hint.startswith("Again in 50 min") and refused.value.details["retry_after_s"] == 3000
    hour.now += 3000
    hour.limits.requested(BOT)
    with pytest.raises(TooMany):
        hour.limits.requested(BOT)


def test_what_was_refused_is_not_counted() -> None:
    hour = Hour(calls_per_hour=1)
    hour.limits.called(BOT)
    for _ in range(50):
        with pytest.raises(TooMany):
            hour.limits.called(BOT)
    hour.now += 3600
    hour.limits.called(BOT)


def test_people_and_watchkeeper_are_not_counted() -> None:
    hour = Hour(calls_per_hour=1)
    for actor in (LOCAL, DRILL, WATCHKEEPER, Actor("person", "bot", "viewer")):
        for _ in range(5):
            hour.limits.called(actor)
        assert hour.limits.left(actor) == {}


def test_each_agent_and_each_kind_has_its_own_count() -> None:
    hour = Hour(calls_per_hour=3, requests_per_hour=1)
    hour.limits.called(BOT)
    hour.limits.requested(BOT)
    hour.limits.requested(AGENT)
    assert hour.limits.left(BOT) == {"calls_per_hour": 2, "requests_per_hour": 0}
    assert hour.limits.left(AGENT) == {
        "calls_per_hour": DEFAULTS["calls_per_hour"], "requests_per_hour": DEFAULTS["requests_per_hour"] - 1,
    }  # fmt: skip


def test_a_changed_limit_counts_after_a_moment_and_is_not_looked_up_at_each_call() -> None:
    hour = Hour(calls_per_hour=50)
    for _ in range(40):
        hour.limits.called(BOT)
    assert hour.asked == 1
    hour.given["calls_per_hour"] = 10
    hour.now += LOOK_S
    with pytest.raises(TooMany, match="40 times within an hour; its limit is 10"):
        hour.limits.called(BOT)


def test_a_clock_that_jumps_back_locks_nobody_out() -> None:
    hour = Hour(calls_per_hour=1)
    hour.limits.called(BOT)
    hour.now -= 86_400
    hour.limits.called(BOT)


def test_many_names_are_bounded() -> None:
    hour = Hour()
    for number in range(MOST_AGENTS * 2):
        hour.limits.called(Actor("agent", f"a{number}"))
    assert len(hour.limits._seen) <= MOST_AGENTS and len(hour.limits._looked) <= MOST_AGENTS
