"""What a step's result must look like (`expect=`), and whether it does."""

from __future__ import annotations

import fnmatch
import re
from typing import Final

from watchkeeper.core.runs.patterns import PatternError, UnboundedError, compiled

LOOKED_AT: Final = 65_536
"""Bytes at the end of the output that are compared."""
_COMPARE = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SHOWN: Final = 120


def unusable(expect: str) -> str:
    """Why an expectation cannot be checked, as part of a sentence; "" when it can. Asked before a run starts."""
    for line in expect.strip().splitlines():
        pattern = line.removesuffix(" (re)") if line.endswith(" (re)") else line if "\n" not in expect.strip() else ""
        try:
            if pattern and not _COMPARE.match(pattern):
                compiled(pattern)
        except UnboundedError as error:
            return str(error)
        except PatternError as error:
            if line.endswith(" (re)"):
                return str(error)
    return ""


def met(expect: str, exit_code: int | None, output: str) -> tuple[bool, str]:
    """Whether a step ended as expected, and the sentence when it did not.

    Empty: exit code 0. A bare integer: that exit code. ``< 100``: the last number of the output compares so.
    Several lines: the output line by line, as cram writes it (see `_lines`). Anything else: a regular expression found
    in the output (an invalid one is looked for as plain text). All but the bare integer want exit code 0 too.
    """
    wanted = expect.strip()
    if wanted.isdigit():
        return exit_code == int(wanted), f"ended with exit code {exit_code}, expected {wanted}"
    if exit_code != 0:
        return False, f"ended with exit code {exit_code}, expected 0"
    if not wanted:
        return True, ""
    compare = _COMPARE.match(wanted)
    if compare:
        return _compares(compare, output, wanted)
    if "\n" in wanted or wanted == "..." or wanted.endswith((" (re)", " (glob)")):
        return _lines(wanted.splitlines(), output)
    try:
        found = compiled(wanted).found(output)
    except PatternError:
        found = wanted in output
    return found, f"its output does not match {wanted!r}"


def _compares(compare: re.Match[str], output: str, wanted: str) -> tuple[bool, str]:
    numbers = _NUMBER.findall(output)
    if not numbers:
        return False, f"its output holds no number to compare with {wanted}"
    value, limit = float(numbers[-1]), float(compare.group(2))
    holds = {
        "<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit,
        "==": value == limit, "!=": value != limit,
    }[compare.group(1)]  # fmt: skip
    return holds, f"its output ends with {numbers[-1]}, expected {wanted}"


def _lines(wanted: list[str], output: str) -> tuple[bool, str]:
    """Line by line: a line ``...`` stands for any number of lines (also none), ``...`` inside a line for any text.

    A line that ends with `` (re)`` or `` (glob)`` is a pattern for one whole line.

    A line is compared without white space at its end. Each part between two ``...`` is looked for at the first place
    behind the last one, which finds a way whenever there is one, and never looks at a line more often than it is wanted.
    """
    lines = [line.rstrip() for line in output.rstrip().splitlines()] if output.strip() else []
    wanted = [line.rstrip() for line in wanted]
    parts: list[list[str]] = [[]]
    for line in wanted:
        if line.strip() == "...":
            parts.append([])
        else:
            parts[-1].append(line)
    head, rest = parts[0], parts[1:]
    at = 0
    for line in head:
        if at >= len(lines) or not _fits(line, lines[at]):
            return False, _differs(at, line, lines)
        at += 1
    if not rest:
        return at == len(lines), _differs(at, None, lines)
    for part in rest[:-1]:
        found = _first(part, lines, at)
        if found is None:
            return False, _nowhere(part, at)
        at = found + len(part)
    last = rest[-1]
    start = len(lines) - len(last)
    if start < at:
        return False, _nowhere(last, at)
    for offset, line in enumerate(last):
        if not _fits(line, lines[start + offset]):
            return False, _differs(start + offset, line, lines)
    return True, ""


def _first(part: list[str], lines: list[str], since: int) -> int | None:
    """Where these lines stand together for the first time."""
    for start in range(since, len(lines) - len(part) + 1):
        if all(_fits(line, lines[start + offset]) for offset, line in enumerate(part)):
            return start
    return None


def _fits(wanted: str, line: str) -> bool:
    if wanted.endswith(" (re)"):
        try:
            return compiled(wanted.removesuffix(" (re)")).fits(line)
        except PatternError:
            return False
    if wanted.endswith(" (glob)"):
        try:
            return compiled(_of_glob(wanted.removesuffix(" (glob)"))).fits(line)
        except PatternError:
            return fnmatch.fnmatchcase(line, wanted.removesuffix(" (glob)")) if wanted.count("*") < 3 else False
    if line == wanted or "..." not in wanted:
        return line == wanted
    try:
        return compiled(".*".join(re.escape(part) for part in wanted.split("..."))).fits(line)
    except PatternError:
        return False


def _of_glob(glob: str) -> str:
    """``*`` any characters, ``?`` one, a backslash takes the next one as it is, as cram has it."""
    parts, index = [], 0
    while index < len(glob):
        one = glob[index]
        if one == "\\" and index + 1 < len(glob) and glob[index + 1] in "*?\\":
            index += 1
            parts.append(re.escape(glob[index]))
        else:
            parts.append({"*": ".*", "?": "."}.get(one) or re.escape(one))
        index += 1
    return "".join(parts)


def _differs(at: int, wanted: str | None, lines: list[str]) -> str:
    found = f"{lines[at][:_SHOWN]!r}" if at < len(lines) else "the end of the output"
    expected = f"{wanted[:_SHOWN]!r}" if wanted is not None else "the end of the output"
    return f"line {at + 1} of its output is {found}, expected {expected}"


def _nowhere(part: list[str], since: int) -> str:
    return (
        f"its output has no line {part[0][:_SHOWN]!r} as expected after line {since}" if part else "its output is short"
    )
