"""Functions of conditions beside the rhythm of their check: a window must hold enough readings to say something."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.core.conditions.functions import LEAST_READINGS, Function, compact
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.values import Rule
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.times import format_duration


def windows_hold_readings(rules: Iterable[tuple[str, Rule | None]], every_s: float, node: Node, notes: Notes) -> None:
    """Notes windows in which fewer than LEAST_READINGS readings can lie: such a rule would never be met."""
    for level, rule in rules:
        for each in rule.condition.derived if rule is not None else ():
            if isinstance(each, Function) and 0 < each.window_s < LEAST_READINGS * every_s:
                place = node.get(level) or node
                least = compact(LEAST_READINGS * every_s)
                found = f"{each.canonical} in a check that is asked every {format_duration(every_s)}"
                notes.add(
                    place, found, f"a window that holds {LEAST_READINGS} readings: {least} or longer", "every: 10s"
                )
