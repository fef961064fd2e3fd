"""The checked tree of a condition: evaluated over measured values, explained as a phrase. Truth is three-valued."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.checks.values import Value
from watchkeeper.core.conditions.functions import NEVER_S, Baseline, Derived, Function, is_derived
from watchkeeper.core.conditions.quantities import Limit, as_number, as_text, quoted, show

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "not contains"]
Values = Mapping[str, Value]
NOT_YET = "is not known yet"
"""What a reason says of a function that has too few readings."""

_OPPOSITE: dict[Operator, Operator] = {
    "==": "!=",
    "!=": "==",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "in": "not in",
    "not in": "in",
    "contains": "not contains",
    "not contains": "contains",
}
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda measured, limit: measured < limit,
    "<=": lambda measured, limit: measured <= limit,
    ">": lambda measured, limit: measured > limit,
    ">=": lambda measured, limit: measured >= limit,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured name against one limit, or against several with ``in``. function: when the name is that of a function."""

    name: str
    operator: Operator
    limits: tuple[Limit, ...]
    quantity: Quantity
    function: Function | None = None

    def holds(self, values: Values) -> bool | None:
        value = values.get(self.name)
        if value is None:
            return None
        if self.operator in ("==", "in"):
            return self._equal(value)
        if self.operator in ("!=", "not in"):
            return _not(self._equal(value))
        if self.operator == "contains":
            return str(self.limits[0].value) in as_text(value)
        if self.operator == "not contains":
            return str(self.limits[0].value) not in as_text(value)
        measured = as_number(value)
        limit = self.limits[0].value
        return None if measured is None else _ORDER[self.operator](measured, float(limit))

    def _equal(self, value: Value) -> bool | None:
        answers = [_same(value, limit) for limit in self.limits]
        return True if True in answers else None if None in answers else False

    def canonical(self) -> str:
        limits = ", ".join(_canonical(limit) for limit in self.limits)
        return f"{self.name} {self.operator} {f'({limits})' if self.operator in ('in', 'not in') else limits}"


@dataclass(frozen=True, slots=True)
class Truth:
    """A measured name that is true or false by itself, such as ``trusted``."""

    name: str

    def holds(self, values: Values) -> bool | None:
        value = values.get(self.name)
        return value if isinstance(value, bool) else None

    def canonical(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Usual:
    """A measured name against `factor` times what is usual at this hour, see `functions.Baseline`."""

    name: str
    operator: Operator
    factor: float
    quantity: Quantity
    baseline: Baseline

    @property
    def parts(self) -> tuple[Tree, ...]:
        """None: it is a whole."""
        return ()

    def limit(self, values: Values) -> float | None:
        """The limit at this hour; None while nothing is usual yet."""
        usual = as_number(values.get(self.baseline.canonical))
        return None if usual is None else self.factor * usual

    def holds(self, values: Values) -> bool | None:
        measured, limit = as_number(values.get(self.name)), self.limit(values)
        return None if measured is None or limit is None else _ORDER[self.operator](measured, limit)

    def canonical(self) -> str:
        return f"{self.name} {self.operator} {self.factor:g}x usual"


@dataclass(frozen=True, slots=True)
class Not:
    """True where the inner one is false; unknown stays unknown."""

    inner: Tree

    def holds(self, values: Values) -> bool | None:
        return _not(self.inner.holds(values))

    def canonical(self) -> str:
        return f"not ({self.inner.canonical()})"


@dataclass(frozen=True, slots=True)
class Every:
    """``and``: false as soon as one is false, whatever is unknown."""

    parts: tuple[Tree, ...] = field(default_factory=tuple)

    def holds(self, values: Values) -> bool | None:
        answers = [part.holds(values) for part in self.parts]
        return False if False in answers else None if None in answers else True

    def canonical(self) -> str:
        return "(" + " and ".join(part.canonical() for part in self.parts) + ")"


@dataclass(frozen=True, slots=True)
class Some:
    """``or``: true as soon as one is true, whatever is unknown."""

    parts: tuple[Tree, ...] = field(default_factory=tuple)

    def holds(self, values: Values) -> bool | None:
        answers = [part.holds(values) for part in self.parts]
        return True if True in answers else None if None in answers else False

    def canonical(self) -> str:
        return "(" + " or ".join(part.canonical() for part in self.parts) + ")"


Tree = Comparison | Truth | Usual | Not | Every | Some


def names(tree: Tree) -> frozenset[str]:
    """The measured names that a condition reads."""
    if isinstance(tree, Comparison | Truth | Usual):
        return frozenset({tree.name})
    parts = (tree.inner,) if isinstance(tree, Not) else tree.parts
    return frozenset().union(*(names(part) for part in parts))


def derived(tree: Tree) -> frozenset[Derived]:
    """What must be derived from several readings before this can be judged."""
    if isinstance(tree, Comparison):
        return frozenset({tree.function}) if tree.function else frozenset()
    if isinstance(tree, Usual):
        own = tree.baseline.function
        return frozenset({tree.baseline, own} if own else {tree.baseline})
    if isinstance(tree, Truth):
        return frozenset()
    parts = (tree.inner,) if isinstance(tree, Not) else tree.parts
    return frozenset().union(*(derived(part) for part in parts))


def phrases(tree: Tree, values: Values, word: str, negated: bool = False) -> Iterator[str]:
    """What decided the answer: each measured value beside its limit. word: what the limit is called."""
    if isinstance(tree, Not):
        yield from phrases(tree.inner, values, word, not negated)
    elif isinstance(tree, Every | Some):
        answer = tree.holds(values)
        for part in tree.parts:
            if part.holds(values) is answer:
                yield from phrases(part, values, word, negated)
    elif values.get(tree.name) is None:
        yield f"{tree.name} {NOT_YET if is_derived(tree.name) else 'was not measured'}"
    elif isinstance(tree, Usual):
        yield _beside_usual(tree, values, word, negated)
    elif isinstance(tree, Truth):
        yield f"{tree.name}: {show(values[tree.name], 'truth')}"
    else:
        yield _phrase(tree, values[tree.name], word, negated)


def _beside_usual(tree: Usual, values: Values, word: str, negated: bool) -> str:
    operator = _OPPOSITE[tree.operator] if negated else tree.operator
    limit = tree.limit(values)
    if limit is None:
        return f"{tree.name} {show(values[tree.name], tree.quantity)}, what is usual {NOT_YET}"
    measured = show(values[tree.name], tree.quantity, limit)
    usual = show(limit / tree.factor, tree.quantity, limit)
    return f"{tree.name} {measured}, {word} {operator} {show(limit, tree.quantity, limit)} ({tree.factor:g}x usual, {usual})"


def _phrase(tree: Comparison, value: Value, word: str, negated: bool) -> str:
    operator = _OPPOSITE[tree.operator] if negated else tree.operator
    if operator in ("contains", "not contains"):
        held = str(tree.limits[0].value) in as_text(value)
        return f"{tree.name} {'contains' if held else 'does not contain'} {quoted(str(tree.limits[0].value))}"
    number = as_number(value)
    unit = tree.limits[0].quantity if tree.quantity == "any" else tree.quantity
    shown = [_shown_limit(limit, unit, number) for limit in tree.limits]
    limit = tree.limits[0].value
    if tree.function is not None and tree.quantity == "duration" and number == NEVER_S:
        says = "not filling" if tree.function.call == "full" else "not getting there"
        return f"{tree.name}: {says}, {word} {operator} {shown[0]}"
    measured = show(value, unit, limit if isinstance(limit, float) else None)
    if number is None and operator in _ORDER:
        return f"{tree.name} {measured} is not a number, {word} {operator} {shown[0]}"
    several = operator in ("in", "not in")
    return f"{tree.name} {measured}, {word} {operator} {'(' + ', '.join(shown) + ')' if several else shown[0]}"


def _shown_limit(limit: Limit, unit: Quantity, beside: float | None) -> str:
    return quoted(limit.value) if isinstance(limit.value, str) else show(limit.value, unit, beside)


def _same(value: Value, limit: Limit) -> bool | None:
    if isinstance(limit.value, str):
        return as_text(value) == limit.value
    if isinstance(limit.value, bool):
        return value == limit.value if isinstance(value, bool) else None
    measured = as_number(value)
    return None if measured is None else measured == limit.value


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def _canonical(limit: Limit) -> str:
    if isinstance(limit.value, str):
        return quoted(limit.value, 10_000)
    return as_text(limit.value) + {"percent": "%", "duration": "s", "bytes": "B", "days": "d"}.get(limit.quantity, "")
