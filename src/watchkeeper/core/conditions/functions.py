"""Functions over the readings of some time, as conditions know them: ``p95(latency, 10m)``, ``full in``, ``2x usual``.

Only what they are called and which of them exist. Their values are derived by the watch before it judges a reading
(services/checks/derived.py) and stand among the measured values under their canonical name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.checks.kinds import Quantity

Call = Literal["p50", "p90", "p95", "p99", "avg", "min", "max", "error_rate", "change", "full", "time_to"]
SHARES: Mapping[str, float] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
OF_A_NAME: tuple[Call, ...] = ("p50", "p90", "p95", "p99", "avg", "min", "max", "change")
EXAMPLES: Mapping[str, str] = {
    **{name: f"{name}(latency, 10m) > 400ms" for name in ("p50", "p90", "p95", "p99", "avg", "min", "max")},
    "change": "change(latency, 1h) > 20%",
    "error_rate": "error_rate(5m) > 10%",
    "full": "full in < 7d",
    "time_to": "time_to(value, 1000) < 7d",
}
FORECAST_KINDS = ("disk", "folder", "inodes")
LEAST_WINDOW_S, MOST_WINDOW_S = 10.0, 30 * 86_400.0
MOST_ERROR_WINDOW_S = 3600.0
"""The error rate is counted in memory: its readings are not told apart in roll-ups."""
NEVER_S = 1e9
"""The value of a forecast that says: not within any time that counts."""
LEAST_READINGS = 3
"""Fewer readings than that in its window, and a function has no value yet."""


@dataclass(frozen=True, slots=True)
class Function:
    """One call. name: what it is of, "" for error_rate. window_s: over which time; 0 for forecasts. target: of time_to."""

    call: Call
    name: str = ""
    window_s: float = 0.0
    target: float = 0.0
    shown: str = ""

    @property
    def canonical(self) -> str:
        """The name of its value: the same however its window is written."""
        if self.call == "full":
            return "full in"
        if self.call == "time_to":
            return f"time_to({self.name}, {self.shown})"
        inner = [self.name, compact(self.window_s)] if self.name else [compact(self.window_s)]
        return f"{self.call}({', '.join(inner)})"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual at this hour. function: whose value; None for the median of the plain name."""

    name: str
    function: Function | None = None

    @property
    def canonical(self) -> str:
        """The name of its value."""
        return f"usual {self.function.canonical if self.function else self.name}"


Derived = Function | Baseline


def is_derived(name: str) -> bool:
    """Whether a value of this name was derived from several readings."""
    return "(" in name or " " in name


def quantity_of(call: str, quantity: Quantity) -> Quantity:
    """What a call is measured in, from what it is of."""
    if call in ("error_rate", "change"):
        return "percent"
    return "duration" if call in ("full", "time_to") else quantity


def compact(seconds: float) -> str:
    """A window as it is written: ``10m``, ``1h30m``, ``7d``."""
    parts = []
    rest = round(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts) or "0s"
