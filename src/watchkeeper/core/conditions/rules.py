"""Conditions and rules as the rest of watchkeeper uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from watchkeeper.core.checks.kinds import KINDS, Quantity
from watchkeeper.core.checks.values import Value
from watchkeeper.core.conditions.errors import fault
from watchkeeper.core.conditions.functions import Derived, is_derived
from watchkeeper.core.conditions.grammar import Parser
from watchkeeper.core.conditions.tokens import EXAMPLE
from watchkeeper.core.conditions.tree import Tree, derived, names, phrases
from watchkeeper.core.conditions.windows import Window, parse_window
from watchkeeper.core.inventory.values import Rule

KEPT = 4096
"""Texts whose rules are remembered: many checks of a team say the same, and so share one tree."""
RULE_EXAMPLE = "{when: status != 200, for: 2 of 3}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition. text: as the team wrote it; canonical: the same for every way to write the same tree."""

    text: str
    tree: Tree

    @property
    def names(self) -> frozenset[str]:
        """The measured names that it reads."""
        return names(self.tree)

    @property
    def canonical(self) -> str:
        """One spelling per meaning, for hashes: units are base units, spaces do not count."""
        return self.tree.canonical()

    def holds(self, values: Mapping[str, Value]) -> bool | None:
        """Whether it is true of these values; None when a name that decides it was not measured."""
        return self.tree.holds(values)

    @property
    def derived(self) -> frozenset[Derived]:
        """What must be derived from several readings before it can be judged."""
        return derived(self.tree)

    def met(self, values: Mapping[str, Value], otherwise: bool) -> bool | None:
        """As `holds`; `otherwise` while all that is missing are functions that have too few readings yet."""
        answer = self.tree.holds(values)
        if answer is not None:
            return answer
        missing = [name for name in self.names if values.get(name) is None]
        return otherwise if all(is_derived(name) for name in missing) else None

    def measured(self, values: Mapping[str, Value], word: str = "limit") -> str:
        """Each deciding value beside its limit: ``latency 1.24 s, limit < 0.80 s``. word: what the limit is called."""
        return "; ".join(dict.fromkeys(phrases(self.tree, values, word)))


def measured_names(kind: str | None) -> Mapping[str, Quantity] | None:
    """The names a probe kind measures; None for no kind. Raises KeyError for a kind that does not exist."""
    return None if kind is None else {name: measure.quantity for name, measure in KINDS[kind].values.items()}


@lru_cache(KEPT)
def parse_condition(text: str, kind: str | None = None) -> Condition:
    """Read a condition. kind: probe kind whose measured names it may use, None for any. Raises `ConditionError`."""
    return Condition(text, Parser(text, measured_names(kind), kind or "").condition())


def parse_rule(value: object, kind: str | None = None) -> Rule:
    """Read ``"value > 50 for 3 of 5"`` or ``{"when": ..., "for": "2 of 3"}``. Raises `ConditionError`.

    The column of an error counts within the text that holds the condition, or what stands behind ``for``.
    """
    if isinstance(value, str):
        return _rule_of(value, kind)
    if not isinstance(value, Mapping):
        raise fault(f"'{value}'", "a condition", 1, EXAMPLE)
    when, window_text = value.get("when"), value.get("for")
    if not isinstance(when, str) or set(value) - {"when", "for"}:
        raise fault("other keys", "'when' with a condition, and 'for' with N of M", 1, RULE_EXAMPLE)
    if window_text is None:
        return parse_rule(when, kind)
    return windowed(parse_condition(when, kind), parse_window(window_text), str(window_text))


@lru_cache(KEPT)
def _rule_of(text: str, kind: str | None) -> Rule:
    tree, window = Parser(text, measured_names(kind), kind or "").rule()
    return Rule(Condition(text, tree), window.hits, window.window, text.strip(), window.hold_s)


@lru_cache(KEPT)
def windowed(condition: Condition, window: Window, text: str) -> Rule:
    """The rule of a condition and of what was written behind its ``for``."""
    said = f"{condition.text.strip()} for {text.strip()}"
    return Rule(condition, window.hits, window.window, said, window.hold_s)
