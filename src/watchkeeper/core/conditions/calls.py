"""The part of the parser that reads functions: ``p95(latency, 10m) > 400ms``, ``full in < 7d``, ``latency > 2x usual``."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.conditions.errors import ConditionError, fault
from watchkeeper.core.conditions.functions import (
    EXAMPLES,
    FORECAST_KINDS,
    LEAST_WINDOW_S,
    MOST_ERROR_WINDOW_S,
    MOST_WINDOW_S,
    OF_A_NAME,
    SHARES,
    Baseline,
    Call,
    Function,
    compact,
    quantity_of,
)
from watchkeeper.core.conditions.quantities import WRITTEN, Limit, fit, parse_number
from watchkeeper.core.conditions.tokens import EXAMPLE, Token
from watchkeeper.core.conditions.tree import Comparison, Operator, Tree, Usual

if TYPE_CHECKING:
    from watchkeeper.core.conditions.grammar import Parser

ORDER: tuple[Operator, ...] = ("<", "<=", ">", ">=")
FACTOR = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)x", re.IGNORECASE)
_NUMBERS: tuple[Quantity, ...] = ("number", "duration", "percent", "bytes", "days", "any")
_NAMES = ", ".join(("p50", "p90", "p95", "p99", "avg", "min", "max", "change", "error_rate", "time_to"))


class Calls:
    """Reads one function and what it is compared with, at the place where a parser stands."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def read(self) -> Tree | None:
        """The comparison of a function; None when no function begins here. Raises `ConditionError`."""
        first, second, third = (self._parser.ahead(place) for place in range(3))
        if first.kind != "word":
            return None
        if first.text.lower() == "full" and second.text.lower() == "in" and second.kind == "word" and third.text != "(":
            return self._full()
        if second.kind != "sign" or second.text != "(" or first.text in ("and", "or", "not", "in", "contains"):
            return None
        call = self._parser.take()
        self._parser.take()
        if call.text == "error_rate":
            window_s = self._window("error_rate", MOST_ERROR_WINDOW_S)
            return self._compared(Function("error_rate", "", window_s), "percent", "error_rate(5m) > 10%")
        if call.text == "time_to":
            return self._time_to()
        if call.text not in OF_A_NAME:
            raise _unknown(call)
        return self._over_time(call)

    def _over_time(self, call: Token) -> Tree:
        example = EXAMPLES[call.text]
        name, quantity = self._name(example)
        if not self._parser.sign(","):
            found = self._parser.ahead(0)
            raise fault(found.shown, "',' and a time", found.column, example.replace("latency", name))
        window_s = self._window(call.text, MOST_WINDOW_S)
        known: Call = call.text  # type: ignore[assignment]
        own = quantity_of(call.text, quantity)
        limit = WRITTEN[own][1]
        return self._compared(
            Function(known, name, window_s), own, f"{call.text}({name}, {compact(window_s)}) > {limit}"
        )

    def _time_to(self) -> Tree:
        name, quantity = self._name(EXAMPLES["time_to"])
        example = f"time_to({name}, {WRITTEN[quantity][1]}) < 7d"
        if not self._parser.sign(","):
            found = self._parser.ahead(0)
            raise fault(found.shown, "',' and the value that must not be reached", found.column, example)
        token = self._parser.take()
        literal = parse_number(token.text) if token.kind == "number" else None
        target = fit(literal, quantity) if literal is not None else None
        if target is None:
            raise fault(token.shown, f"{WRITTEN[quantity][0]}, as {name} is", token.column, example)
        self._close(example)
        function = Function("time_to", name, 0.0, float(target.value), token.text.replace(" ", ""))
        return self._compared(function, "duration", example)

    def _full(self) -> Tree:
        word = self._parser.take()
        self._parser.take()
        kind = self._parser.kind
        if kind and kind not in FORECAST_KINDS:
            known = ", ".join(FORECAST_KINDS)
            raise fault("'full in'", f"a check of {known}; of other numbers: time_to", word.column, EXAMPLES["time_to"])
        return self._compared(Function("full", "used"), "duration", EXAMPLES["full"])

    def _name(self, example: str) -> tuple[str, Quantity]:
        """A measured name that is a number, with what it is measured in."""
        token = self._parser.ahead(0)
        if token.kind == "number" or (token.kind == "sign" and token.text in (")", ",")):
            raise fault(token.shown, "a measured name first", token.column, example)
        name = self._parser.name()
        quantity: Quantity = self._parser.quantity(name.text)
        if quantity not in _NUMBERS:
            raise fault(f"'{name.text}'", "a name that is a number", name.column, example)
        return name.text, quantity

    def _window(self, call: str, most_s: float) -> float:
        """A time, and the closing parenthesis."""
        token = self._parser.take()
        example = EXAMPLES[call]
        limit = parse_number(token.text) if token.kind == "number" else None
        if limit is None or limit.quantity != "duration":
            meant = f"{token.text}m" if token.kind == "number" and token.text.isdigit() else ""
            raise fault(token.shown, "a time such as 10m", token.column, example, meant)
        window_s = float(limit.value)
        if not LEAST_WINDOW_S <= window_s <= most_s:
            expected = f"a time from {compact(LEAST_WINDOW_S)} to {compact(most_s)}"
            raise fault(token.shown, expected, token.column, example)
        self._close(example)
        return window_s

    def _close(self, example: str) -> None:
        if not self._parser.sign(")"):
            found = self._parser.ahead(0)
            raise fault(found.shown, "')'", found.column, example)

    def _compared(self, function: Function, quantity: Quantity, example: str) -> Tree:
        token = self._parser.take()
        operator = next((each for each in ORDER if token.kind == "sign" and each == token.text), None)
        if operator is None:
            raise fault(token.shown, f"'<' or '>' and a limit of {function.canonical}", token.column, example)
        following = self._parser.ahead(0)
        if following.kind == "number" and FACTOR.fullmatch(following.text):
            if function.call not in SHARES and function.call not in ("avg", "min", "max"):
                raise fault(f"'{following.text}'", WRITTEN[quantity][0], following.column, example)
            return self.usual(function.canonical, operator, quantity, function)
        limit = self._parser.limit(Token("word", function.canonical, token.column), quantity, example)
        return Comparison(
            function.canonical, operator, (_positive(limit, following, quantity, example),), quantity, function
        )

    def usual(self, name: str, operator: Operator, quantity: Quantity, function: Function | None) -> Tree:
        """``2x usual`` after an operator."""
        token = self._parser.take()
        example = f"{name} {operator} 2x usual"
        match = FACTOR.fullmatch(token.text)
        word = self._parser.take()
        if word.kind != "word" or word.text.lower() != "usual":
            meant = "usual" if word.text.lower() in ("baseline", "normal", "average", "before") else ""
            raise fault(word.shown, "'usual': the same hour of the last weeks", word.column, example, meant)
        factor = float(match.group(1)) if match else 0.0
        if not 0.01 <= factor <= 1000:
            raise fault(token.shown, "a factor from 0.01x to 1000x", token.column, example)
        if quantity not in _NUMBERS:
            raise fault(token.shown, f"a name that is a number; {name} is not", token.column, "latency > 2x usual")
        return Usual(name, operator, factor, quantity, Baseline(function.name if function else name, function))


def _positive(limit: Limit, token: Token, quantity: Quantity, example: str) -> Limit:
    """A time is never negative, so a limit below zero is a slip."""
    if quantity == "duration" and float(limit.value) < 0:
        raise fault(token.shown, "a time above zero", token.column, example)
    return limit


def _unknown(token: Token) -> ConditionError:
    """A word before a parenthesis that is no function."""
    known = [*OF_A_NAME, "error_rate", "time_to"]
    close = get_close_matches(token.text.lower(), known, n=1, cutoff=0.5)
    if re.fullmatch(r"p\d{1,2}(?:\.\d+)?", token.text):
        close = ["p99" if token.text > "p97" else "p95"]
    example = EXAMPLES.get(close[0], EXAMPLE) if close else EXAMPLE
    return fault(f"'{token.text}(...)'", f"a measured name, or a function ({_NAMES})", token.column, example, *close)
