"""Escalation rules of documents as the keys of watchkeeper.yaml that would do the same, for a person to complete."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from watchkeeper.core.importing.naming import name_of
from watchkeeper.core.runbooks.values import EscalationRule

MOST = 8
"""People, severities and steps that are drafted; documents that name more are for a person to read."""
_SEVERITY = re.compile(r"P\s*[-]?([1-4])\Z", re.IGNORECASE)
_TIER = re.compile(r"(?:L|T|level|tier|stage)\s*[-#:]?\s*([0-5])\Z", re.IGNORECASE)
_BUSINESS = re.compile(r"(?:next|business|working)\s+(?:business\s+|working\s+)?(?:day|hours)", re.IGNORECASE)
_EVERYBODY = "everybody"


def drafted_keys(rules: Sequence[EscalationRule]) -> list[str]:
    """Lines of YAML without comment signs; empty when the rules name neither a severity nor a tier.

    A severity becomes a policy and a route, tiers become the steps of the default policy. Whom no rule names is everybody.
    """
    people = list(dict.fromkeys(name for rule in rules for name in _names(rule)))[:MOST]
    by_severity = {number: [rule for rule in rules if _number(_SEVERITY, rule) == number] for number in "1234"}
    severities = {f"P{number}": found for number, found in by_severity.items() if found}
    tiers = _tiers(rules)
    if not severities and not tiers:
        return []
    lines = ["people:", *(f"  {name}: {{channels: [mail]}}" for name in people)] if people else []
    lines.append("escalations:")
    for name, found in severities.items():
        lines.append(f"  {name.lower()}: [{', '.join(_steps(found, people, name in ('P3', 'P4')))}]")
    if tiers:
        lines.append(f"  default: [{', '.join(_climbing(tiers, people))}]")
    if severities:
        lines.append("routes:")
        lines += [f"  - {{severity: {name}, escalation: {name.lower()}}}" for name in severities]
    return lines


def _number(pattern: re.Pattern[str], rule: EscalationRule) -> str:
    match = pattern.match(rule.level.strip())
    return match.group(1) if match else ""


def _tiers(rules: Iterable[EscalationRule]) -> list[EscalationRule]:
    """Rules of tiers of people, the first tier first."""
    return sorted((rule for rule in rules if _number(_TIER, rule)), key=lambda rule: _number(_TIER, rule))[:MOST]


def _names(rule: EscalationRule) -> list[str]:
    """Who a rule names, as names of people; "and" and commas part them."""
    parts = re.split(r",|;|/|\band\b|\bthen\b|&", rule.who)
    return [name_of(part.strip(), 30, "person") for part in parts if re.search(r"\w", part)][:MOST]


def _to(rule: EscalationRule, people: Sequence[str]) -> str:
    named = [name for name in _names(rule) if name in people]
    return ", ".join(named) or _EVERYBODY


def _steps(rules: Sequence[EscalationRule], people: Sequence[str], in_hours: bool) -> list[str]:
    """The first step at once, so that a limit to answer is one; who has a later time comes then."""
    business = in_hours or any(_BUSINESS.search(f"{rule.text} {rule.when}") for rule in rules)
    hours = ", hours: business" if business else ""
    found: dict[str, float] = {}
    for rule in rules:
        found.setdefault(_to(rule, people), rule.within_s or 0.0)
    if len(found) > 1:
        found.pop(_EVERYBODY, None)
    ordered = sorted(found.items(), key=lambda each: each[1])[:MOST]
    return [
        f"{{after: {'0s' if not place else _length(after)}, to: [{who}]{hours}}}"
        for place, (who, after) in enumerate(ordered)
    ]


def _climbing(tiers: Sequence[EscalationRule], people: Sequence[str]) -> list[str]:
    """Each tier after the time that those before it have."""
    after, found = 0.0, []
    for rule in tiers:
        found.append(f"{{after: {_length(after)}, to: [{_to(rule, people)}]}}")
        after += rule.within_s if rule.within_s else 900.0
    return found


def _length(seconds: float) -> str:
    whole = int(seconds)
    if whole and whole % 3600 == 0:
        return f"{min(whole // 3600, 720)}h"
    return f"{whole // 60}m" if whole and whole % 60 == 0 else f"{whole}s"
