"""Checks: how an answer is judged, and when a check flips."""

from watchkeeper.core.checks.values import Flip, Judged, Reading, Settled, State, Value, Verdict

__all__ = ["Flip", "Judged", "Reading", "Settled", "State", "Value", "Verdict"]
