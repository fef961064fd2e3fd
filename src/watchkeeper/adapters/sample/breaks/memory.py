"""A program that grows over its memory budget."""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer

PAGES = 400


def memory_limit(places: Places) -> float:
    """A crawler follows "next page" in the search of the handbook until that has used up its memory."""
    at = time.time()
    for page in range(1, PAGES):
        status = _search(places, f"q=the&page={page}")
        if status == 503:
            return at
        if status != 200:
            break
    raise NoAnswer("The search of the handbook did not reach its memory limit.", "Is it up? wk demo --heal.")


def _search(places: Places, query: str) -> int:
    return outside.request(places.ports()["docs"], "GET", f"/search?{query}", timeout_s=10.0)[0]


def _searches_again(after: Aftermath) -> str:
    """Asked from outside: a search that was never asked before needs memory."""
    status = _search(after.places, f"q=printer&page={time.time_ns() % 1_000_000}")
    return "" if status == 200 else f"the handbook answers a new search with {status}"


def mend(places: Places) -> Sequence[str]:
    """A handbook that has no memory left is started again."""
    return () if _search(places, f"q=printer&page={time.time_ns() % 1_000_000}") == 200 else ("docs",)


FAMILY = Family(
    scenarios=(
        Scenario(
            "memory-limit", "closed", "docs", "a crawler filled the memory of the handbook's search", memory_limit,
            "finds the crawler and asks its owner to stop", judge=_searches_again, weight_s=7,
        ),
    ),
    mend=mend,
    responses=("docs/runbooks/docs-memory.md",),
)  # fmt: skip
