"""The parser of conditions: from tokens to a tree whose names, units and operators were checked. Never `eval`.

condition  = both { "or" both }             both = one { "and" one }
one        = "not" one | "(" condition ")" | name operator limit | name ["not"] "in" "(" limit { "," limit } ")"
           | name ["not"] "contains" text | name                (a name that is true or false)
operator   = "==" | "!=" | "<" | "<=" | ">" | ">="
rule       = condition [ "for" hits "of" window ]
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.conditions.errors import ConditionError, fault
from watchkeeper.core.conditions.quantities import WRITTEN, Limit, fit, parse_number
from watchkeeper.core.conditions.tokens import EXAMPLE, Token, tokenize
from watchkeeper.core.conditions.tree import Comparison, Every, Not, Operator, Some, Tree, Truth

MAX_DEPTH = 20
MAX_WINDOW = 100
KEYWORDS = frozenset({"and", "or", "not", "in", "contains", "for", "of", "true", "false"})
_COMPARE: tuple[Operator, ...] = ("==", "!=", "<=", ">=", "<", ">")
_ORDERED = ("number", "duration", "percent", "bytes", "days", "any")


class Parser:
    """One condition being read. measured: the names that may stand in it and their quantities; None accepts any."""

    def __init__(self, text: str, measured: Mapping[str, Quantity] | None, kind: str = "") -> None:
        self._tokens = tokenize(text)
        self._at = 0
        self._measured = measured
        self._kind = kind
        self._depth = 0

    def condition(self) -> Tree:
        """The whole text as a condition."""
        tree = self._any()
        if self._now.text == "for" and self._now.kind == "word":
            raise fault("'for N of M'", "a condition only", self._now.column, EXAMPLE)
        self._finish()
        return tree

    def rule(self) -> tuple[Tree, int | None, int | None]:
        """The whole text as a condition with an optional ``for N of M``."""
        tree = self._any()
        if not self._word("for"):
            self._finish()
            return tree, None, None
        hits, window = self._hits_of_window()
        self._finish()
        return tree, hits, window

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _word(self, word: str) -> bool:
        if self._now.kind == "word" and self._now.text.lower() == word:
            self._take()
            return True
        return False

    def _sign(self, sign: str) -> bool:
        if self._now.kind == "sign" and self._now.text == sign:
            self._take()
            return True
        return False

    def _finish(self) -> None:
        if self._now.kind != "end":
            raise fault(self._now.shown, "'and', 'or', 'for N of M' or the end", self._now.column, EXAMPLE)

    def _any(self) -> Tree:
        parts = [self._both()]
        while self._word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _both(self) -> Tree:
        parts = [self._one()]
        while self._word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _one(self) -> Tree:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise fault(
                "more nesting", f"at most {MAX_DEPTH} levels of 'not' and parentheses", self._now.column, EXAMPLE
            )
        try:
            if self._word("not"):
                return Not(self._one())
            if self._sign("("):
                inner = self._any()
                if not self._sign(")"):
                    raise fault(self._now.shown, "')'", self._now.column, "(status == 200 or status == 204)")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Tree:
        name = self._name()
        quantity: Quantity = self._measured[name.text] if self._measured is not None else "any"
        example = f"{name.text} {'==' if quantity in ('text', 'truth') else '<'} {WRITTEN[quantity][1]}"
        token = self._now
        if token.kind == "sign" and token.text in _COMPARE:
            self._take()
            operator = _COMPARE[_COMPARE.index(token.text)]
            if operator not in ("==", "!=") and quantity not in _ORDERED:
                raise fault(
                    f"'{operator}'", f"'==' or '!=', because {name.text} is {_called(quantity)}", token.column, example
                )
            return self._chain_end(
                Comparison(name.text, operator, (self._limit(name, quantity, example),), quantity), operator
            )
        negated = self._word("not")
        if self._word("in"):
            return Comparison(name.text, "not in" if negated else "in", self._limits(name, quantity, example), quantity)
        if self._word("contains"):
            return self._contains(name, quantity, negated, token)
        if not negated and quantity in ("truth", "any") and (quantity == "truth" or self._ends_here()):
            return Truth(name.text)
        raise fault(self._now.shown, f"a comparison of {name.text} with {_called(quantity)}", self._now.column, example)

    def _ends_here(self) -> bool:
        return self._now.kind == "end" or self._now.text in ("and", "or", "for", ")")

    def _chain_end(self, tree: Comparison, operator: str) -> Comparison:
        if self._now.kind == "sign" and self._now.text in _COMPARE:
            example = f"{tree.name} > 10 and {tree.name} < 20"
            raise fault(
                f"a second '{self._now.text}'", "one comparison at a time, joined by 'and'", self._now.column, example
            )
        return tree

    def _contains(self, name: Token, quantity: Quantity, negated: bool, token: Token) -> Comparison:
        if quantity not in ("text", "any"):
            raise fault(
                "'contains'", f"a comparison, because {name.text} is {_called(quantity)}", token.column, EXAMPLE
            )
        text = self._take()
        if text.kind != "text":
            raise fault(text.shown, "text in quotes", text.column, f'{name.text} contains "ready"')
        limit = Limit(text.text, "text", text.text)
        return Comparison(name.text, "not contains" if negated else "contains", (limit,), quantity)

    def _name(self) -> Token:
        token = self._take()
        if token.kind == "word" and self._now.kind == "sign" and self._now.text == "(" and token.text not in KEYWORDS:
            raise _function(token)
        if token.kind in ("number", "text"):
            raise fault(token.shown, "a measured name on the left of the comparison", token.column, EXAMPLE)
        if token.kind != "word" or token.text.lower() in KEYWORDS:
            raise fault(token.shown, "a measured name", token.column, EXAMPLE)
        if self._measured is None or token.text in self._measured:
            return token
        known = sorted(self._measured)
        close = get_close_matches(token.text.lower(), known, n=1, cutoff=0.5)
        of = f" ({self._kind} measures {', '.join(known)})" if self._kind else f" ({', '.join(known)})"
        raise fault(token.shown, f"a measured name{of}", token.column, EXAMPLE, close[0] if close else "")

    def _limits(self, name: Token, quantity: Quantity, example: str) -> tuple[Limit, ...]:
        example = f"{name.text} in (200, 204)" if quantity == "number" else f'{name.text} in ("a", "b")'
        if not self._sign("("):
            raise fault(self._now.shown, "'(' and a list", self._now.column, example)
        limits = [self._limit(name, quantity, example)]
        while self._sign(","):
            limits.append(self._limit(name, quantity, example))
        if not self._sign(")"):
            raise fault(self._now.shown, "',' or ')'", self._now.column, example)
        return tuple(limits)

    def _limit(self, name: Token, quantity: Quantity, example: str) -> Limit:
        token = self._take()
        found: Limit | None = None
        if token.kind == "number":
            found = parse_number(token.text)
        elif token.kind == "text":
            found = Limit(token.text, "text", token.text)
        elif token.kind == "word" and token.text.lower() in ("true", "false"):
            found = Limit(token.text.lower() == "true", "truth", token.text)
        fitting = fit(found, quantity) if found is not None else None
        if fitting is not None:
            return fitting
        meant = f'"{token.text}"' if token.kind == "word" and quantity in ("text", "any") else ""
        because = f", because {name.text} is {_called(quantity)}" if self._measured is not None else ""
        raise fault(token.shown, f"{WRITTEN[quantity][0]}{because}", token.column, example, meant)

    def _hits_of_window(self) -> tuple[int, int]:
        start = self._now.column
        hits = self._count()
        if not self._word("of"):
            raise fault(self._now.shown, "'of'", self._now.column, "value > 50 for 3 of 5")
        window = self._count()
        if not 1 <= hits <= window <= MAX_WINDOW:
            expected = f"N of M with 1 <= N <= M <= {MAX_WINDOW}"
            raise fault(f"'{hits} of {window}'", expected, start, "value > 50 for 3 of 5")
        return hits, window

    def _count(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 6:
            raise fault(token.shown, "a whole number of readings", token.column, "value > 50 for 3 of 5")
        return int(token.text)


def _called(quantity: Quantity) -> str:
    return WRITTEN[quantity][0] if quantity != "text" else "text"


def _function(token: Token) -> ConditionError:
    if token.text.lower() in ("p50", "p90", "p95", "p99", "percentile"):
        expected = "a measured name; percentiles come with a later version"
        return fault(f"'{token.text}(...)'", expected, token.column, "latency < 800ms for 4 of 5")
    return fault(f"'{token.text}(...)'", "a measured name; there are no functions", token.column, EXAMPLE)
