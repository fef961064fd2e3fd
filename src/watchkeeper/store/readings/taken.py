"""What a node learns about the checks it takes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.core.checks import Settled


@dataclass(frozen=True, slots=True)
class Taken:
    """By check key: settled state, rule hash of the last judgement, and when it was asked last (epoch seconds).

    A check that nobody ever asked is in none of the three.
    """

    settled: Mapping[str, Settled]
    rules: Mapping[str, str]
    last_asked: Mapping[str, float]
