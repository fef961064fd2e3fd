"""What a step's result must look like (`expect=`), and whether it does."""

from __future__ import annotations

import re

_COMPARE = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def met(expect: str, exit_code: int | None, output: str) -> tuple[bool, str]:
    """Whether a step ended as expected, and the sentence when it did not.

    Empty: exit code 0. A bare integer: that exit code. ``< 100``: the last number of the output compares so.
    Anything else: a regular expression found in the output (an invalid one is looked for as plain text); exit code 0 too.
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
    try:
        found = re.search(wanted, output, re.MULTILINE) is not None
    except re.error:
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
