"""`when=`: a plain comparison on values that decides whether a step runs. A checked tree, never code.

    depth > 100 and service == shop
    restart.state == done or (restart.exit_code != 0 and not mode == safe)

Left of an operator stands a name: a value of the run, or ``STEP.state`` and ``STEP.exit_code`` of an earlier step.
Right of it stands what it is compared with: a number, a word, a text in quotes, or ``$name`` for another value.
Two numbers are compared as numbers; texts only with ``==`` and ``!=``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

EXAMPLE: Final = "Write for example depth > 100 and restart.state == done."
MAX_LENGTH: Final = 500
MAX_DEPTH: Final = 20
STATES: Final = ("planned", "done", "failed", "skipped", "refused", "interrupted", "cancelled")
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<op><=|>=|==|!=|<|>)|(?P<bracket>[()])|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\""
    r"|(?P<word>\$?[A-Za-z0-9_.:/@%+-]+))"
)
_NUMBER: Final = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?")
_NAME: Final = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*")
_OF_STEP: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\.(state|exit_code)")
Operator = Literal["<", "<=", ">", ">=", "==", "!="]


class ConditionError(ValueError):
    """A condition that cannot be read, or cannot be decided with the values there are. str(): the sentence."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a condition: a value of the run (field ``""``), or ``state`` or ``exit_code`` of a step."""

    name: str
    field: Literal["", "state", "exit_code"] = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.field}" if self.field else self.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left operator right``; right is a text, or another value's name."""

    left: Reference
    operator: Operator
    right: str | Reference


@dataclass(frozen=True, slots=True)
class Combined:
    """``and``, ``or`` of two, ``not`` of one."""

    word: Literal["and", "or", "not"]
    parts: tuple[Condition, ...]


Condition = Comparison | Combined


def parse(text: str) -> Condition:
    """The tree of a condition. Raises `ConditionError` with a sentence that names the place and an example."""
    return _Parser(text).whole()


def references(condition: Condition) -> tuple[Reference, ...]:
    """Every name it depends on, in order, once each."""
    if isinstance(condition, Comparison):
        named = (condition.left, condition.right) if isinstance(condition.right, Reference) else (condition.left,)
        return tuple(dict.fromkeys(named))
    return tuple(dict.fromkeys(each for part in condition.parts for each in references(part)))


def holds(condition: Condition, value_of: Callable[[Reference], str | None]) -> bool:
    """Whether it is true. value_of: the text of a name, None while it is not known.

    Raises `ConditionError` when a value that matters is not known, or no number is ordered. `and` and `or` look at their
    second part only when the first one does not decide.
    """
    if isinstance(condition, Comparison):
        return _compared(condition, value_of)
    if condition.word == "not":
        return not holds(condition.parts[0], value_of)
    first = holds(condition.parts[0], value_of)
    if first is (condition.word == "or"):
        return first
    return holds(condition.parts[1], value_of)


def _compared(comparison: Comparison, value_of: Callable[[Reference], str | None]) -> bool:
    left = _known(comparison.left, value_of)
    right = _known(comparison.right, value_of) if isinstance(comparison.right, Reference) else comparison.right
    numbers = _NUMBER.fullmatch(left.strip()) and _NUMBER.fullmatch(right.strip())
    if comparison.operator in ("==", "!="):
        same = float(left) == float(right) if numbers else left == right
        return same is (comparison.operator == "==")
    if not numbers:
        odd = right if _NUMBER.fullmatch(left.strip()) else left
        raise ConditionError(
            f"{comparison.left} {comparison.operator} {comparison.right} compares numbers, and {odd[:60]!r} is none"
        )
    one, other = float(left), float(right)
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[comparison.operator]


def _known(reference: Reference, value_of: Callable[[Reference], str | None]) -> str:
    value = value_of(reference)
    if value is None:
        raise ConditionError(f"{reference} is not known")
    return value


class _Parser:
    """Recursive descent: or < and < not < comparison; the depth is bounded."""

    def __init__(self, text: str) -> None:
        self._text = text
        if len(text) > MAX_LENGTH:
            raise ConditionError(f"The condition is longer than {MAX_LENGTH} characters. {EXAMPLE}")
        self._tokens = self._read(text)
        self._next = 0

    def _read(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            found = _TOKEN.match(text, position)
            if found is None:
                raise ConditionError(f"The condition {text!r} cannot be read at {text[position:][:20]!r}. {EXAMPLE}")
            kind = found.lastgroup or ""
            tokens.append(("quoted" if kind in ("single", "double") else kind, found.group(kind)))
            position = found.end()
        return tokens

    def whole(self) -> Condition:
        """The tree of all tokens."""
        tree = self._either(0)
        if self._next < len(self._tokens):
            raise self._fault(f"has {self._tokens[self._next][1]!r} where and, or, or its end was expected")
        return tree

    def _either(self, depth: int) -> Condition:
        tree = self._both(depth)
        while self._take("word", "or"):
            tree = Combined("or", (tree, self._both(depth)))
        return tree

    def _both(self, depth: int) -> Condition:
        tree = self._one(depth)
        while self._take("word", "and"):
            tree = Combined("and", (tree, self._one(depth)))
        return tree

    def _one(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise self._fault(f"is nested deeper than {MAX_DEPTH}")
        if self._take("word", "not"):
            return Combined("not", (self._one(depth + 1),))
        if self._take("bracket", "("):
            tree = self._either(depth + 1)
            if not self._take("bracket", ")"):
                raise self._fault("has a bracket that is not closed")
            return tree
        return self._comparison()

    def _comparison(self) -> Comparison:
        left = self._reference()
        if self._next >= len(self._tokens) or self._tokens[self._next][0] != "op":
            raise self._fault(f"compares {left} with nothing")
        operator: Operator = self._tokens[self._next][1]  # type: ignore[assignment]  # the token pattern has no others
        self._next += 1
        if self._next >= len(self._tokens):
            raise self._fault("ends after its operator")
        kind, value = self._tokens[self._next]
        if kind not in ("word", "quoted") or (kind == "word" and value in ("and", "or", "not")):
            raise self._fault(f"has {value!r} where a number, a word or a text in quotes was expected")
        self._next += 1
        named = kind == "word" and value.startswith("$")
        if named and not _NAME.fullmatch(value):
            raise self._fault(f"names {value}, which is no name of a value")
        if left.field == "state" and operator in ("==", "!=") and not named and value not in STATES:
            raise self._fault(f"asks for the state {value!r}, and a step is one of {', '.join(STATES)}")
        return Comparison(left, operator, Reference(value[1:]) if named else value)

    def _reference(self) -> Reference:
        kind, value = self._tokens[self._next] if self._next < len(self._tokens) else ("", "")
        if kind == "word" and value not in ("and", "or", "not"):
            of_step = _OF_STEP.fullmatch(value)
            if of_step or _NAME.fullmatch(value):
                self._next += 1
                if of_step is None:
                    return Reference(value.removeprefix("$"))
                return Reference(of_step.group(1), "state" if of_step.group(2) == "state" else "exit_code")
        raise self._fault(f"has {value!r} where the name of a value was expected" if value else "ends too early")

    def _take(self, kind: str, value: str) -> bool:
        if self._next < len(self._tokens) and self._tokens[self._next] == (kind, value):
            self._next += 1
            return True
        return False

    def _fault(self, what: str) -> ConditionError:
        return ConditionError(f"The condition {self._text!r} {what}. {EXAMPLE}")
