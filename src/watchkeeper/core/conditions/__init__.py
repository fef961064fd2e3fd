"""Conditions: what a team writes after ``ok:``, ``warn:`` and ``crit:``, parsed once into a checked tree."""

from watchkeeper.core.conditions.errors import ConditionError
from watchkeeper.core.conditions.rules import Condition, measured_names, parse_condition, parse_hits, parse_rule

__all__ = ["Condition", "ConditionError", "measured_names", "parse_condition", "parse_hits", "parse_rule"]
