"""`bash -n` for many texts in few processes. Nothing is ever run: bash reads, and says where it stops.

All texts travel as one script. Each stands in a function of its own, in braces and parentheses, so that what one leaves
open is an error at its own end; behind it stand lines that are an error inside an open quote. Where bash stops, that
one text is asked about alone, and its own answer counts. A text that only disturbs its neighbours is found by halving.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from watchkeeper.core.runbooks.lint import Refusal

MOST_PROCESSES = 200
BATCH = 2000
DEADLINE_S = 10.0
_GUARD = ": ' ;; ) '\n: \" ;; ) \"\n: ` ;; ) `\n"
_LINE = re.compile(r"^[^:\n]*: line (\d+): (.*)$", re.MULTILINE)
_HERE = re.compile(r"(?<!<)<<-?\s*['\"\\]?([A-Za-z_]\w*)")
_NEVER_ENDS = re.compile(r"here-document at line (\d+) delimited by end-of-file")


class BashSyntax:
    """Asks the bash of this machine."""

    def __init__(self, program: str | None = None) -> None:
        self._program = program if program is not None else shutil.which("bash") or ""
        self.processes = 0

    def refusals(self, texts: Sequence[str]) -> list[Refusal | None] | None:
        """One answer per text; None where there is no bash. A text with a zero byte counts as taken."""
        if not self._program:
            return None
        found: dict[str, Refusal | None] = {text: None for text in texts if "\0" not in text}
        self.processes = 0
        waiting: list[str] = []
        for text in found:
            if not _may_swallow(text):
                waiting.append(text)
            elif self.processes < MOST_PROCESSES:
                found[text] = self._alone(text)
        while waiting and self.processes < MOST_PROCESSES:
            self._batch(waiting[:BATCH], found)
            waiting = waiting[BATCH:]
        return [found.get(text) for text in texts]

    def _batch(self, texts: list[str], found: dict[str, Refusal | None]) -> None:
        """Ask about these together; where bash stops, go on behind it."""
        while texts and self.processes < MOST_PROCESSES:
            script, starts = _together(texts)
            said = self._ask(script)
            if not said:
                return
            index = _place(said, starts)
            alone = self._alone(texts[index])
            if alone is None and len(texts) > 1:
                half = len(texts) // 2
                self._batch(texts[:half], found)
                texts = texts[half:]
                continue
            found[texts[index]] = alone
            self._batch(texts[:index], found)  # mostly one question: what is left open there may only show up here
            texts = texts[index + 1 :]

    def _alone(self, text: str) -> Refusal | None:
        said = self._ask(text if text.endswith("\n") else text + "\n")
        if not said:
            return None
        last = text.count("\n")
        ends = _NEVER_ENDS.search(said)
        if ends:
            return Refusal(min(int(ends.group(1)) - 1, last), "a here-document is never ended by its word")
        first = _LINE.search(said)
        if first is None:
            return Refusal(0, said.splitlines()[0][:200])
        return Refusal(min(max(int(first.group(1)) - 1, 0), last), first.group(2)[:200])

    def _ask(self, script: str) -> str:
        """What bash complains about; "" when it takes the script, or cannot be asked."""
        self.processes += 1
        try:
            done = subprocess.run(
                [self._program, "--noprofile", "--norc", "-n"],
                input=script.encode("utf-8", "replace"),
                capture_output=True,
                timeout=DEADLINE_S,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode == 0 and not _NEVER_ENDS.search(said):
            return ""
        return said or f"bash ended with exit code {done.returncode}"


def _may_swallow(text: str) -> bool:
    """Whether a here-document seems to have no end of its own: it would take the texts behind it along."""
    for match in _HERE.finditer(text):
        end = re.compile(rf"^\t*{re.escape(match.group(1))}$", re.MULTILINE)
        if not end.search(text, match.end()):
            return True
    return False


def _together(texts: Sequence[str]) -> tuple[str, list[int]]:
    """One script of all texts, and the line in which each begins."""
    parts: list[str] = []
    starts: list[int] = []
    line = 1
    for number, text in enumerate(texts):
        part = f"wk_{number}() {{\n(\n:\n{text}\n\n)\n}}\n{_GUARD}"
        starts.append(line)
        line += part.count("\n")
        parts.append(part)
    return "".join(parts), starts


def _place(said: str, starts: Sequence[int]) -> int:
    """Index of the text in which bash stopped; of the one whose here-document never ends, when it names one."""
    ends = _NEVER_ENDS.search(said)
    match = _LINE.search(said)
    line = int(ends.group(1)) if ends else int(match.group(1)) if match else 1
    return max((index for index, start in enumerate(starts) if start <= line), default=0)
