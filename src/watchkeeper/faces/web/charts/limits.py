"""Which measured name of a check is drawn, and the limits of its rules beside it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.core.checks.kinds import KINDS, Quantity
from watchkeeper.core.conditions.quantities import as_number, show
from watchkeeper.core.conditions.tree import Comparison, Not, Tree, Truth
from watchkeeper.core.inventory.values import Check

_ORDERED = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Line:
    """A limit: its value, the class, and the word beside it. above: what lies above it is bad."""

    value: float
    css: str
    word: str
    text: str
    above: bool


def measured(check: Check | None) -> tuple[str, Quantity, list[Line]]:
    """Which measured name is drawn: the first with an ordered limit, crit before warn before ok."""
    if check is None:
        return "latency", "duration", []
    lines: list[Line] = []
    name = ""
    quantity: Quantity = "number"
    for css, word, rule in (
        ("crit", "critical", check.crit),
        ("warn", "warning", check.warn),
        ("ok", "limit", check.ok),
    ):
        if rule is None:
            continue
        for each, negated in _comparisons(rule.condition.tree):
            value = as_number(each.limits[0].value)
            if each.operator not in _ORDERED or value is None or (name and each.name != name) or _ahead(each):
                continue
            name, quantity = each.name, each.quantity
            bad_above = (each.operator in (">", ">=")) is not negated
            if css == "ok":
                bad_above = not bad_above
            if not any(line.value == value for line in lines):
                kind = "warn" if css == "ok" else css
                lines.append(Line(value, kind, word, show(each.limits[0].value, each.quantity), bad_above))
    if name:
        return name, quantity, lines
    main = KINDS[check.probe.kind].main
    return main, KINDS[check.probe.kind].values[main].quantity, []


def _ahead(tree: Comparison) -> bool:
    """A forecast is no line to draw: the number it is about is."""
    return tree.function is not None and tree.function.call in ("full", "time_to")


def _comparisons(tree: Tree, negated: bool = False) -> list[tuple[Comparison, bool]]:
    if isinstance(tree, Comparison):
        return [(tree, negated)]
    if isinstance(tree, Truth):
        return []
    if isinstance(tree, Not):
        return _comparisons(tree.inner, not negated)
    return [found for part in tree.parts for found in _comparisons(part, negated)]
