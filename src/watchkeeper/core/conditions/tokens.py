"""A condition cut into words, numbers with units, texts and signs, each with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.conditions.errors import ConditionError, fault
from watchkeeper.core.conditions.quantities import BYTE_UNITS, DURATION_UNITS

MAX_LENGTH = 1000
TokenKind = Literal["word", "number", "text", "sign", "end"]

_UNITS = "|".join(sorted((*BYTE_UNITS, *DURATION_UNITS), key=len, reverse=True))
_TOKEN = re.compile(
    rf"""\s*(?:
      (?P<number>[-+]?\d+(?:\.\d+)?(?:\s*%|\s*(?:{_UNITS})(?![A-Za-z0-9_])|[A-Za-z][A-Za-z0-9.]*)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>==|!=|<=|>=|<>|=<|=>|=~|&&|\|\||[<>=!()\[\],])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")
_FOREIGN = {
    "=": "==",
    "=<": "<=",
    "=>": ">=",
    "<>": "!=",
    "&&": "and",
    "||": "or",
    "!": "not",
    "[": "(",
    "]": ")",
    "=~": "contains",
}
EXAMPLE = "status == 200 and latency < 800ms"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece. text: as written, without quotes for texts. column counts from 1."""

    kind: TokenKind
    text: str
    column: int

    @property
    def shown(self) -> str:
        """How an error names it."""
        return "the end of the condition" if self.kind == "end" else f"'{self.text}'"


def tokenize(text: str) -> list[Token]:
    """All tokens and an end token. Raises `ConditionError` for signs that no condition knows."""
    if len(text) > MAX_LENGTH:
        raise fault(f"{len(text)} characters", f"at most {MAX_LENGTH} characters", 1, EXAMPLE)
    tokens: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _strange(text, position)
        kind = match.lastgroup
        assert kind is not None
        tokens.append(_token(kind, match.group(kind), match.start(kind) + 1))
        position = match.end()
    tokens.append(Token("end", "", end + 1))
    return tokens


def _token(kind: str, text: str, column: int) -> Token:
    if kind == "sign" and text in _FOREIGN:
        meant = _FOREIGN[text]
        raise fault(f"'{text}'", f"'{meant}'", column, EXAMPLE, did_you_mean=meant)
    if kind == "text":
        return Token("text", _ESCAPE.sub(r"\1", text[1:-1]), column)
    if kind == "number":
        return Token("number", text, column)
    return Token("word" if kind == "word" else "sign", text, column)


def _strange(text: str, position: int) -> ConditionError:
    while text[position].isspace():
        position += 1
    character = text[position]
    if character in "\"'":
        return fault("a text that is never closed", f"a closing {character}", position + 1, 'status == "ok"')
    return fault(f"'{character}'", "a measured name, a limit, 'and', 'or' or 'not'", position + 1, EXAMPLE)
