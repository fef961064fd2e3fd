"""The sample fleet for tests that watch it from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.adapters.sample import fleet
from watchkeeper.adapters.sample.fleet import Places


@contextmanager
def running_fleet(folder: Path) -> Iterator[Places]:
    """A fleet of its own below `folder`, well at the start and ended after it."""
    found = Places.of(folder)
    assert fleet.start(found)
    try:
        assert fleet.wait_until_well(found)
        yield found
    finally:
        fleet.stop(found)


def eventually(question: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.05)
    return False
