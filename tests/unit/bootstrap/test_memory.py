"""What was loaded is out of the collector's sight; what nobody holds any more is freed all the same."""

from __future__ import annotations

import gc
import weakref

import pytest

from watchkeeper.bootstrap.memory import keep_loaded


class Thing:
    """Something that can be watched going away."""


@pytest.fixture(autouse=True)
def thawed() -> object:
    yield
    gc.unfreeze()


def test_what_is_loaded_is_not_looked_at_again() -> None:
    kept = [Thing() for _ in range(1000)]
    keep_loaded()
    assert gc.get_freeze_count() > 1000 and not any(
        each in kept[:3] for each in gc.get_objects() if type(each) is Thing
    )
    gone = weakref.ref(kept[0])
    kept.clear()
    assert gone() is None  # by its last reference, frozen or not


def test_circles_that_an_earlier_load_left_are_collected_at_the_next() -> None:
    keep_loaded()
    circle = Thing()
    circle.itself = circle  # type: ignore[attr-defined]
    gone = weakref.ref(circle)
    keep_loaded()
    del circle
    assert gone() is not None
    keep_loaded()
    assert gone() is None
