"""Conditions: what a team writes after ``ok:``, ``warn:`` and ``crit:``, parsed once into a checked tree."""

from watchkeeper.core.conditions.errors import ConditionError
from watchkeeper.core.conditions.rules import Condition, measured_names, parse_condition, parse_rule, windowed
from watchkeeper.core.conditions.windows import Window, parse_window

__all__ = [
    "Condition",
    "ConditionError",
    "Window",
    "measured_names",
    "parse_condition",
    "parse_rule",
    "parse_window",
    "windowed",
]
