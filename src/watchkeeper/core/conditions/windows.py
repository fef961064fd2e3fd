"""What stands behind ``for``: ``2 of 3``, ``3 in a row``, or a time such as ``5m``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchkeeper.core.conditions.errors import fault
from watchkeeper.core.times import parse_duration

MAX_WINDOW = 100
MAX_HOLD_S = 7 * 86400.0
_HITS = re.compile(r"\s*(\d{1,6})\s+of\s+(\d{1,6})\s*")
_ROW = re.compile(r"\s*(\d{1,6})\s+in\s+a\s+row\s*")
EXPECTED = f"N of M with 1 <= N <= M <= {MAX_WINDOW}, N in a row, or a time up to 7d"
EXAMPLE = "2 of 3"


@dataclass(frozen=True, slots=True)
class Window:
    """`hits` of the last `window` readings; or, with hold_s above 0, every reading for that long."""

    hits: int = 1
    window: int = 1
    hold_s: float = 0.0


def counted(hits: int, window: int, shown: str, column: int = 1) -> Window:
    """N of M within bounds. Raises `ConditionError`."""
    if not 1 <= hits <= window <= MAX_WINDOW:
        raise fault(f"'{shown}'", f"N of M with 1 <= N <= M <= {MAX_WINDOW}", column, EXAMPLE)
    return Window(hits, window)


def lasting(text: str, column: int = 1) -> Window:
    """A time within bounds. Raises `ConditionError`."""
    hold_s = parse_duration(text.replace(" ", ""))
    if hold_s is None or not 0 < hold_s <= MAX_HOLD_S:
        raise fault(f"'{text}'", EXPECTED, column, "value > 50 for 5m")
    return Window(hold_s=hold_s)


def parse_window(value: object) -> Window:
    """``2 of 3``, ``3 in a row`` or ``5m``. Raises `ConditionError`."""
    text = str(value)
    match = _HITS.fullmatch(text)
    if match:
        return counted(int(match.group(1)), int(match.group(2)), text)
    match = _ROW.fullmatch(text)
    if match:
        return counted(int(match.group(1)), int(match.group(1)), text)
    return lasting(text)
