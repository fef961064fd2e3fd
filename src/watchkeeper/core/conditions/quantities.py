"""Quantities: what a measured name is measured in, how limits are written, how both are shown to people."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.checks.values import Value
from watchkeeper.core.times import format_duration, parse_duration

BYTE_UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
DURATION_UNITS = ("ms", "s", "m", "min", "h", "d", "w")
_NUMBER_AND_UNIT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*([A-Za-z%]*)")
_SMALLER_UNITS = {unit.lower(): unit for unit in BYTE_UNITS}

WRITTEN: dict[Quantity, tuple[str, str]] = {
    "number": ("a number", "50"),
    "duration": ("a duration", "800ms"),
    "percent": ("a percentage", "20%"),
    "bytes": ("a size", "200MB"),
    "days": ("a number of days", "14"),
    "text": ("text in quotes", '"ready"'),
    "truth": ("true or false", "true"),
    "any": ("a number or text in quotes", "50"),
}
"""How a limit of each quantity is called, and an example."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit. value: in base units (seconds, bytes, percent points, days). quantity: what its unit says."""

    value: float | str | bool
    quantity: Quantity
    text: str


def parse_size(text: str) -> int | None:
    """Bytes of a size such as ``200MB``, ``1.5 GiB`` or ``4096``; None when the text is not one."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match is None or match.group(1).startswith("-"):
        return None
    unit = _SMALLER_UNITS.get(match.group(2).lower()) if match.group(2) else "B"
    return None if unit is None else round(float(match.group(1)) * BYTE_UNITS[unit])


def parse_number(text: str) -> Limit | None:
    """A number with its unit, such as ``20%``, ``800ms``, ``1h30m``, ``2GB`` or ``50``; None when it is not one."""
    negative = text.startswith("-")
    body = text.lstrip("+-")
    match = _NUMBER_AND_UNIT.fullmatch(body)
    found: tuple[float, Quantity] | None = None
    if match is not None and match.group(2) in ("", "%"):
        found = (float(match.group(1)), "percent" if match.group(2) else "number")
    elif (seconds := parse_duration(body.replace(" ", ""))) is not None:
        found = (seconds, "duration")
    elif (size := parse_size(body)) is not None:
        found = (float(size), "bytes")
    if found is None or not math.isfinite(found[0]):
        return None
    return Limit(-found[0] if negative else found[0], found[1], text)


def fit(literal: Limit, quantity: Quantity) -> Limit | None:
    """The limit in the units of the measured name; None when it is of another quantity."""
    if quantity == "any" or literal.quantity == quantity:
        return literal
    if literal.quantity == "number" and (literal.value == 0 or quantity in ("bytes", "days")):
        return Limit(literal.value, quantity, literal.text)
    if literal.quantity == "duration" and quantity == "days":
        assert not isinstance(literal.value, str)
        return Limit(literal.value / 86400.0, quantity, literal.text)
    return None


def as_number(value: Value) -> float | None:
    """A measured value as a finite number; text that is written as a number counts."""
    if value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_text(value: Value) -> str:
    """A measured value as text, as it would be written in a condition."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def show(value: Value, quantity: Quantity, beside: float | None = None) -> str:
    """A value for people. beside: the number it is compared with, so that both get the same unit."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = None if isinstance(value, str) and quantity in ("text", "any") else as_number(value)
    if number is None:
        return quoted(str(value))
    if quantity == "duration":
        return _show_duration(number, beside)
    if quantity == "bytes":
        return show_size(number, beside)
    if quantity == "percent":
        return f"{_short(number)} %"
    if quantity == "days":
        return f"{_short(number)} days"
    return _short(number)


def quoted(text: str, limit: int = 80) -> str:
    """Untrusted text on one line, in quotes, control characters escaped, cut at `limit`."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    shown = json.dumps(cut, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in shown)


def _short(number: float) -> str:
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.3g}"


def _show_duration(seconds: float, beside: float | None) -> str:
    larger = max(abs(seconds), abs(beside if beside is not None else 0.0))
    if larger >= 60:
        return format_duration(seconds)
    return f"{seconds:.2f} s" if larger >= 1 else f"{seconds * 1000:.0f} ms"


def show_size(size: float, beside: float | None = None) -> str:
    """Bytes for people: ``180 MB``. beside: a size near it gets the same unit."""
    larger = max(abs(size), abs(beside)) if beside and 0.01 < abs(size / beside) < 100 else abs(size)
    for unit in ("TB", "GB", "MB", "KB"):
        if larger >= BYTE_UNITS[unit]:
            number = size / BYTE_UNITS[unit]
            return f"{number:.3g} {unit}" if abs(number) < 100 else f"{number:.0f} {unit}"
    return f"{size:.0f} B"
