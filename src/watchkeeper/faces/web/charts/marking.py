"""What stands beside a line in every chart: flips as marks, changes dotted, spans as surfaces."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.core.checks.values import State
from watchkeeper.faces.web import marks
from watchkeeper.faces.web.charts.scale import TOP, Scale

MOST_FLIPS = 16
"""More marks than this say nothing any more; the strip at the foot shows every verdict."""
_SHAPES = {
    "crit": "M{x} {y}l5 5-5 5-5-5z", "warn": "M{x} {y}l5 9h-10z", "unknown": "M{l} {t}h8v6h-8z", "ok": "M{l} {m}h8v2h-8z",
}  # fmt: skip


def box(scale: Scale, span: tuple[float, float], top: float, foot: float) -> str:
    """A surface from one time to another, at least two units wide."""
    x = round(scale.x(span[0]))
    return f"M{x} {top:g}h{max(round(scale.x(span[1])) - x, 2)}v{foot - top:g}H{x}z"


def dotted(scale: Scale, times: Sequence[float]) -> str:
    """A line from top to foot at each time."""
    return "".join(f"M{round(scale.x(at))} {TOP}V{scale.base:g}" for at in times)


def flip_marks(scale: Scale, flips: Sequence[tuple[float, State]]) -> list[tuple[str, str]]:
    """(class, path) of the shapes above the foot: a diamond for CRIT, a triangle for WARN, a dash for OK."""
    paths: dict[str, str] = {}
    for at, state in flips if len(flips) <= MOST_FLIPS else ():
        x, y, css = round(scale.x(at)), round(scale.base) - 12, marks.css_class(state)
        place = {"x": x, "y": y, "l": x - 4, "t": y + 3, "m": y + 6}
        paths[css] = paths.get(css, "") + _SHAPES[css].format(**place)
    return list(paths.items())
