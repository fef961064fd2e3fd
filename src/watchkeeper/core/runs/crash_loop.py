"""A service that is mended, proven, and fails again, over and over: another restart is no answer then."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.core.runs.results import Result

WITHIN_S = 3600.0
LIMIT = 3
"""So often it may be proven and fail again within the time; then a person is asked."""


def crash_loop(service: str, results: Iterable[Result], now: float, since: float = 0.0) -> str:
    """The sentence that it fails again after LIMIT proofs within the last hour; "" while it does not.

    Called when the service fails at this moment, so every proof of that hour was followed by a failure. since: what
    ended before does not count.
    """
    proofs = sum(1 for each in results if each.outcome == "proven" and each.at > max(since, now - WITHIN_S))
    if proofs < LIMIT:
        return ""
    return (
        f"{service} was mended and proven {proofs} times within the last hour and fails again: it is in a crash loop, "
        "so doing the same once more is no answer"
    )
