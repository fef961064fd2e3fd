"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.core.checks.values import State


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: name, state, what was found, and what to do about it ("" when well)."""

    name: str
    state: State
    sentence: str
    next: str = ""
