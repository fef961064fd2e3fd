"""The parser of conditions: from tokens to a tree whose names, units and operators were checked. Never `eval`.

condition  = both { "or" both }             both = one { "and" one }
one        = "not" one | "(" condition ")" | name operator limit | name ["not"] "in" "(" limit { "," limit } ")"
           | name ["not"] "contains" text | name                (a name that is true or false)
           | function order ( limit | factor "usual" ) | name order factor "usual"       (factor: 2x)
function   = call "(" name "," time ")" | "error_rate" "(" time ")" | "time_to" "(" name "," limit ")" | "full" "in"
order      = "<" | "<=" | ">" | ">="
operator   = "==" | "!=" | "<" | "<=" | ">" | ">="
rule       = condition [ "for" ( hits "of" window | hits "in a row" | time ) ]
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from watchkeeper.core.checks.kinds import Quantity
from watchkeeper.core.conditions.calls import FACTOR, ORDER, Calls
from watchkeeper.core.conditions.errors import fault
from watchkeeper.core.conditions.quantities import WRITTEN, Limit, fit, parse_number
from watchkeeper.core.conditions.tokens import EXAMPLE, Token, tokenize
from watchkeeper.core.conditions.tree import Comparison, Every, Not, Operator, Some, Tree, Truth
from watchkeeper.core.conditions.windows import Window, counted, lasting

MAX_DEPTH = 20
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

    def rule(self) -> tuple[Tree, Window]:
        """The whole text as a condition with an optional ``for N of M``, ``for N in a row`` or ``for 5m``."""
        tree = self._any()
        window = self._window() if self._word("for") else Window()
        self._finish()
        return tree, window

    # for the part that reads functions

    @property
    def kind(self) -> str:
        """The probe kind; "" for any."""
        return self._kind

    def ahead(self, place: int) -> Token:
        """The token that comes `place` after the next one."""
        return self._tokens[min(self._at + place, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token."""
        return self._take()

    def sign(self, sign: str) -> bool:
        """Take this sign if it comes next."""
        return self._sign(sign)

    def name(self) -> Token:
        """A measured name."""
        return self._name()

    def quantity(self, name: str) -> Quantity:
        """What a measured name is measured in."""
        return self._measured[name] if self._measured is not None else "any"

    def limit(self, name: Token, quantity: Quantity, example: str) -> Limit:
        """A limit of this quantity."""
        return self._limit(name, quantity, example)

    # inside

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
        function = Calls(self).read()
        if function is not None:
            return function
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
            if operator in ORDER and self._factor():
                return Calls(self).usual(name.text, operator, quantity, None)
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

    def _factor(self) -> bool:
        """Whether a factor such as 2x follows."""
        return self._now.kind == "number" and FACTOR.fullmatch(self._now.text) is not None

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

    def _window(self) -> Window:
        start = self._now
        limit = parse_number(start.text) if start.kind == "number" else None
        if limit is not None and limit.quantity == "duration":
            return lasting(self._take().text, start.column)
        hits = self._count()
        if self._word("in"):
            for word in ("a", "row"):
                if not self._word(word):
                    raise fault(self._now.shown, "'in a row'", self._now.column, "value > 50 for 3 in a row")
            return counted(hits, hits, f"{hits} in a row", start.column)
        if not self._word("of"):
            raise fault(self._now.shown, "'of'", self._now.column, "value > 50 for 3 of 5")
        window = self._count()
        return counted(hits, window, f"{hits} of {window}", start.column)

    def _count(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 6:
            raise fault(token.shown, "a whole number of readings", token.column, "value > 50 for 3 of 5")
        return int(token.text)


def _called(quantity: Quantity) -> str:
    return WRITTEN[quantity][0] if quantity != "text" else "text"
