"""Regular expressions that always end: an automaton over sets of states, so time grows with the text and never explodes.

A pattern of a document meets output of a host; neither is trusted, and one bad pair would stop a program for hours with
the usual matcher. What needs looking around or back references is refused with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_PATTERN: Final = 1000
MAX_STATES: Final = 1500
MAX_SETS: Final = 2000
"""Remembered sets of states; past that they are forgotten and made again."""
MAX_DEPTH: Final = 40
Test = Callable[[str], bool]

_CLASSES: Final[dict[str, Test]] = {
    "d": str.isdecimal,
    "w": lambda one: one.isalnum() or one == "_",
    "s": str.isspace,
}
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}


class PatternError(ValueError):
    """A pattern that is no regular expression. str(): the sentence, without a full stop."""


class UnboundedError(PatternError):
    """A regular expression whose matching cannot be bounded (looking around, back references)."""


@dataclass(slots=True)
class _State:
    """One state: either it takes a character that passes `test`, or it goes on at once to `then`.

    anchor: it goes on only at such a place: ``^``, ``$``, ``b``, ``B``.
    """

    test: Test | None = None
    then: tuple[int, ...] = ()
    anchor: str = ""


class Pattern:
    """A regular expression. `found` searches lines as `re.search` with MULTILINE would; `fits` matches a whole text."""

    def __init__(self, text: str) -> None:
        reader = _Reader(text)
        self._states = reader.states
        self._begin = reader.begin
        self._end = reader.end
        self._fold = reader.fold
        self._moves: dict[tuple[frozenset[int], str, str], frozenset[int]] = {}
        self._closed: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def found(self, text: str) -> bool:
        """Whether it occurs anywhere in the text."""
        return self._run(text, anywhere=True)

    def fits(self, text: str) -> bool:
        """Whether the whole text matches."""
        return self._run(text, anywhere=False)

    def _run(self, text: str, anywhere: bool) -> bool:
        before = ""
        start = frozenset((self._begin,))
        now: frozenset[int] = frozenset()
        for index in range(len(text) + 1):
            after = text[index] if index < len(text) else ""
            here = now | start if anywhere or not index else now
            now = self._close(here, _place(before, after))
            if self._end in now and (anywhere or not after):
                return True
            if not after or (not now and not anywhere):
                return False
            now = self._step(now, after.lower() if self._fold else after)
            before = after
        return False

    def _close(self, states: frozenset[int], place: str) -> frozenset[int]:
        """All states reachable without a character at such a place."""
        known = self._closed.get((states, place))
        if known is not None:
            return known
        seen = set(states)
        waiting = list(states)
        while waiting:
            state = self._states[waiting.pop()]
            if state.test is None and (not state.anchor or state.anchor in place):
                new = [each for each in state.then if each not in seen]
                seen.update(new)
                waiting += new
        if len(self._closed) > MAX_SETS:
            self._closed.clear()
        closed = self._closed[states, place] = frozenset(seen)
        return closed

    def _step(self, states: frozenset[int], one: str) -> frozenset[int]:
        key = (states, one, "")
        known = self._moves.get(key)
        if known is not None:
            return known
        moved = frozenset(
            each
            for number in states
            if (test := self._states[number].test) is not None and test(one)
            for each in self._states[number].then
        )
        if len(self._moves) > MAX_SETS:
            self._moves.clear()
        self._moves[key] = moved
        return moved


def _place(before: str, after: str) -> str:
    """Which anchors hold between two characters ("" is the edge of the text)."""
    word = bool(before and _CLASSES["w"](before)) is not bool(after and _CLASSES["w"](after))
    first = "A^" if not before else "^" if before == "\n" else ""
    last = "Z$" if not after else "$" if after == "\n" else ""
    return first + last + ("b" if word else "B")


@lru_cache(maxsize=64)
def compiled(text: str) -> Pattern:
    """The pattern, remembered. Raises `PatternError` or `UnboundedError`."""
    return Pattern(text)


class _Reader:
    """From the text of a pattern to states (Thompson's construction)."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise UnboundedError(f"the pattern is longer than {MAX_PATTERN} characters")
        self.states: list[_State] = []
        self.fold = False
        self._text = text
        self._at = 0
        for flag in ("(?i)", "(?m)"):
            if text.startswith(flag):
                self.fold, self._at = flag == "(?i)", len(flag)
        self.begin, self.end = self._either(0)
        if self._at < len(text):
            raise PatternError("it has a ) without a (")

    def _add(self, test: Test | None = None, anchor: str = "") -> int:
        if len(self.states) >= MAX_STATES:
            raise UnboundedError("its repeats are too many")
        self.states.append(_State(test, (), anchor))
        return len(self.states) - 1

    def _join(self, begin: int, *ends: int) -> None:
        self.states[begin].then += ends

    def _peek(self) -> str:
        return self._text[self._at] if self._at < len(self._text) else ""

    def _either(self, depth: int) -> tuple[int, int]:
        """``a|b``."""
        if depth > MAX_DEPTH:
            raise UnboundedError(f"its groups are nested deeper than {MAX_DEPTH}")
        begin, end = self._row(depth)
        while self._peek() == "|":
            self._at += 1
            other, over = self._row(depth)
            fork, joined = self._add(), self._add()
            self._join(fork, begin, other)
            self._join(end, joined)
            self._join(over, joined)
            begin, end = fork, joined
        return begin, end

    def _row(self, depth: int) -> tuple[int, int]:
        """One after the other."""
        begin = end = self._add()
        while self._peek() not in ("", "|", ")"):
            first, last = self._repeated(depth)
            self._join(end, first)
            end = last
        return begin, end

    def _repeated(self, depth: int) -> tuple[int, int]:
        start = self._at
        begin, end = self._one(depth)
        after = self._at
        limits = self._limits()
        if limits is None:
            return begin, end
        least, most = limits
        if self._peek() in ("?", "+"):
            if self._peek() == "+":
                raise UnboundedError("it holds a possessive repeat")
            self._at += 1  # a lazy repeat finds the same texts
        if self._limits() is not None:
            raise PatternError("it repeats a repeat")
        rest = self._at
        begin = end = self._add()
        for _ in range(least):
            end = self._again(start, after, end, depth)
        if most is None:
            fork = self._add()
            self._join(end, fork)
            self._join(self._again(start, after, fork, depth), fork)
            end = self._add()
            self._join(fork, end)
        else:
            over = self._add()
            for _ in range(most - least):
                self._join(end, over)
                end = self._again(start, after, end, depth)
            self._join(end, over)
            end = over
        self._at = rest
        return begin, end

    def _again(self, start: int, after: int, end: int, depth: int) -> int:
        """The repeated part once more, behind `end`; gives its own end."""
        self._at = start
        first, last = self._one(depth)
        assert self._at == after
        self._join(end, first)
        return last

    def _limits(self) -> tuple[int, int | None] | None:
        """``*``, ``+``, ``?`` or ``{m,n}`` at this place; a brace that is no repeat is a plain character."""
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self._peek() in simple:
            self._at += 1
            return simple[self._text[self._at - 1]]
        close = self._text.find("}", self._at) if self._peek() == "{" else -1
        if close < 0:
            return None
        low, comma, high = self._text[self._at + 1 : close].partition(",")
        if not (low + high).isdigit() or not (low + high).isascii() or len(low) > 4 or len(high) > 4:
            return None
        least, most = int(low or 0), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            raise PatternError("a repeat ends before it begins")
        self._at = close + 1
        return least, most

    def _one(self, depth: int) -> tuple[int, int]:
        """One character, class, anchor or group."""
        one = self._peek()
        self._at += 1
        if one == "(":
            return self._group(depth)
        if one in "*+?":
            raise PatternError("there is nothing to repeat")
        if one == "[":
            return self._takes(self._class())
        if one == ".":
            return self._takes(lambda letter: letter != "\n")
        if one in "^$":
            return self._anchored(one)
        if one == "\\":
            return self._escape()
        return self._takes(self._is(one))

    def _group(self, depth: int) -> tuple[int, int]:
        if self._text.startswith("?", self._at):
            if self._text.startswith("?:", self._at):
                self._at += 2
            elif self._text.startswith("?P<", self._at) and ">" in self._text[self._at :]:
                self._at = self._text.index(">", self._at) + 1
            else:
                raise UnboundedError("it looks around, refers back, or sets a flag inside")
        begin, end = self._either(depth + 1)
        if self._peek() != ")":
            raise PatternError("a group is not closed")
        self._at += 1
        return begin, end

    def _escape(self) -> tuple[int, int]:
        one = self._peek()
        if not one:
            raise PatternError("it ends with a backslash")
        if one in "123456789":
            raise UnboundedError("it refers back to a group")
        if one in "bBAZ":
            self._at += 1
            return self._anchored(one)
        return self._takes(self._escaped())

    def _escaped(self) -> Test:
        """The test of what stands behind a backslash, outside or inside a class."""
        one = self._peek()
        self._at += 1
        if one.lower() in _CLASSES:
            test = _CLASSES[one.lower()]
            return test if one.islower() else lambda letter: not test(letter)
        if one in "xu":
            length = 2 if one == "x" else 4
            digits = self._text[self._at : self._at + length]
            if len(digits) < length or any(each not in "0123456789abcdefABCDEF" for each in digits):
                raise PatternError(f"\\{one} needs {length} hexadecimal digits")
            self._at += length
            return self._is(chr(int(digits, 16)))
        if one in _ESCAPED:
            return self._is(_ESCAPED[one])
        if one.isalnum():
            raise PatternError(f"\\{one} means nothing")
        return self._is(one)

    def _class(self) -> Test:
        """``[a-z_]``; the opening bracket is taken already."""
        refuse = self._peek() == "^"
        self._at += refuse
        tests: list[Test] = []
        first = True
        while first or self._peek() != "]":
            if not self._peek():
                raise PatternError("a [ is not closed")
            first = False
            tests.append(self._member())
        self._at += 1
        kept = tuple(tests)
        return lambda letter: any(test(letter) for test in kept) is not refuse

    def _member(self) -> Test:
        low = self._letter()
        if low is None:
            self._at += 1
            return self._escaped()
        if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 1
            high = self._letter()
            if high is None or high < low:
                raise PatternError("a range in [ ] ends before it begins")
            bottom, top = low, high
            if self.fold:
                return lambda letter: bottom <= letter <= top or bottom <= letter.upper() <= top
            return lambda letter: bottom <= letter <= top
        return self._is(low)

    def _letter(self) -> str | None:
        """A plain character of a class, also an escaped one; None before ``\\d`` and the like."""
        if self._peek() != "\\":
            self._at += 1
            return self._text[self._at - 1]
        escaped = self._text[self._at + 1 : self._at + 2]
        if not escaped:
            raise PatternError("it ends with a backslash")
        if escaped.isalnum():
            return None
        self._at += 2
        return escaped

    def _is(self, one: str) -> Test:
        if self.fold:
            folded = one.lower()
            return lambda letter: letter == folded
        return lambda letter: letter == one

    def _takes(self, test: Test) -> tuple[int, int]:
        begin, end = self._add(test), self._add()
        self._join(begin, end)
        return begin, end

    def _anchored(self, anchor: str) -> tuple[int, int]:
        begin, end = self._add(anchor=anchor), self._add()
        self._join(begin, end)
        return begin, end
