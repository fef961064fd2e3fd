"""Who guesses waits; who has the right key never does."""

from __future__ import annotations

import pytest

from watchkeeper.core.errors import TooMany
from watchkeeper.identity.tries import MOST_NAMES, Tries, neighbourhood


class At:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_ten_failures_close_a_minute() -> None:
    clock = At()
    tries = Tries(clock, 3, 60.0, "Too many")
    for _ in range(3):
        tries.assert_free("a")
        tries.failed("a")
        clock.now += 10
    with pytest.raises(TooMany) as refused:
        tries.assert_free("a")
    assert refused.value.details["retry_after_s"] == 30
    tries.assert_free("b")
    clock.now += 30
    tries.assert_free("a")
    tries.failed("a")
    with pytest.raises(TooMany):
        tries.assert_free("a")
    tries.forgive("a")
    tries.assert_free("a")


def test_what_is_remembered_is_bounded() -> None:
    tries = Tries(At(), 1, 60.0, "Too many")
    for number in range(MOST_NAMES + 10):
        tries.failed(str(number))
    assert len(tries._failed) == MOST_NAMES
    tries.assert_free("0")


def test_one_caller_of_ipv6_has_a_whole_network() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") == "192.0.2.1"
    assert neighbourhood("unix 1000") == "unix 1000" and len(neighbourhood("x" * 500)) == 64
