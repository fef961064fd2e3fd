"""command: runs a read command on the host (or on this machine) and measures how it ended.

Values: ``exit_code`` (124 when it was ended at the deadline, like the timeout program says), ``value`` (the last
number-like word of the last line of its output, None when there is none), ``output`` (first 400 characters) and
``timed_out``. A command that cannot be started (exit codes 126 and 127) was not asked: UNKNOWN.
"""

from __future__ import annotations

import re

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Check

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_TIMED_OUT = 124


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return CommandAsker(tools)


class CommandAsker:
    """Holds nothing between asks; connections belong to the hosts."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        text = text_option(check, "command") or text_option(check, "text") or text_option(check, "run")
        if not text.strip():
            raise Usage(f"{check.key} has no command to run.")
        shell = text_option(check, "shell", "sh")
        result = await self._tools.commands(check).read(text, deadline_s=check.timeout_s, shell=shell, limit=65_536)
        if result.timed_out or result.exit_code is None:
            problem = f"The command did not end within {check.timeout_s:g} s and was ended."
            values: dict[str, Value] = {"exit_code": _TIMED_OUT, "timed_out": True, "problem": problem}
            return Answer(values, latency_s=result.duration_s)
        if result.exit_code in (126, 127):
            said = last_line(result.error) or f"exit code {result.exit_code}"
            return Answer(error=f"The command cannot be run on {place(check)} ({said}).", latency_s=result.duration_s)
        output = result.output.decode("utf-8", "replace").strip()
        values = {"exit_code": result.exit_code, "value": number_in(output), "output": output[:400], "timed_out": False}
        if result.exit_code != 0 and result.error:
            values["problem"] = last_line(result.error)
        return Answer(values, latency_s=result.duration_s)

    async def close(self) -> None:
        """Nothing is kept open."""


def number_in(output: str) -> Value:
    """The last number-like word of the last line with text: ``42``, ``queue: 7``, ``0.5``; None when there is none."""
    lines = output.splitlines()
    found = [match for match in _NUMBER.finditer(lines[-1]) if _alone(lines[-1], match.start())] if lines else []
    if not found:
        return None
    number = float(found[-1].group())
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _alone(line: str, start: int) -> bool:
    """True unless the number is the tail of a word such as ``app1``."""
    return start == 0 or not (line[start - 1].isalnum() or line[start - 1] in "._")
