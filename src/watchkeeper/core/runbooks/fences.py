"""What a fence is: command, output, configuration, schedule, source or unknown; and which of its lines are commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from watchkeeper.core.runbooks.commands import SHELLS
from watchkeeper.core.runbooks.guessing import Guess, guess, only_variables
from watchkeeper.core.runbooks.languages import CONFIGURATION, CONSOLE_LANGUAGES, OUTPUT, PROSE, SHELL_LANGUAGES, SOURCE
from watchkeeper.core.runbooks.placeholders import inert
from watchkeeper.core.runbooks.risk import is_known
from watchkeeper.core.runbooks.schedules import is_schedule
from watchkeeper.core.runbooks.shell import Command, Script, read_script
from watchkeeper.core.runbooks.stray import stray_rows
from watchkeeper.core.runbooks.values import FenceKind

_BEFORE: Final = r"^\s*(?:\([\w.-]+\)\s*)?(?:\[?[\w.-]+@[\w.-]+(?:[: ][^\s$#%>]*)?\]?\s*|:?~\S*\s*)?"
_DOLLAR: Final = re.compile(_BEFORE + r"\$>?\s+(?=\S)")
_ARROW: Final = re.compile(_BEFORE + r"[❯➜%]\s+(?=\S)")
_ROOT: Final = re.compile(_BEFORE + r"#\s+(?=\S)")
_NAMED_ROOT: Final = re.compile(r"^\s*\[?[\w.-]+@[\w.-]+[: ][^\s$#%>]*\]?\s*#\s+(?=\S)")
_OUTPUT_HEAD = re.compile(
    r"^\s*#\s*(?:(?:expected|sample|example|typical)\s+)?(?:output|result|response|出力|输出)\s*(?:\([^)]*\))?\s*[:：]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one fence turned out to be. commands: the text that could run; rows: for each of its lines the row within
    the fence, empty when they are the fence's own rows.

    expected: output that stood between prompts. guessed: the fence names no language. root: a ``# `` may be a prompt.
    silenced, strays: lines that were turned into comments, because they are output or no shell text.
    """

    kind: FenceKind
    why: str
    commands: str = ""
    rows: tuple[int, ...] = ()
    expected: str = ""
    guessed: bool = False
    root: bool = False
    silenced: int = 0
    strays: int = 0

    def row_of(self, row: int) -> int:
        """The row within the fence of a row of the commands."""
        return self.rows[row] if row < len(self.rows) else row


@dataclass(slots=True)
class _Session:
    """A fence that shows prompts, while it is read: commands with their rows, and the rest as output."""

    commands: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    answered: bool = False

    def command(self, line: str, row: int) -> None:
        self.commands.append(line)
        self.rows.append(row)
        self.answered = False

    def goes_on(self, line: str) -> bool:
        """Whether the last command continues: after a backslash always, with a ``> `` when it is not complete."""
        if not self.commands or self.answered:
            return False
        last = self.commands[-1].rstrip()
        if last.lstrip().startswith("#"):
            return False
        if last.endswith(("\\", "|", "&&", "||")):
            return True
        return bool(re.match(r"^\s*>\s", line)) and read_script(inert("\n".join(self.commands))).broken


def _prompted(text: str, prompts: tuple[re.Pattern[str], ...]) -> _Session:
    """Commands behind prompts with their continuations, and the other lines as output."""
    session = _Session()
    for row, line in enumerate(text.split("\n")):
        match = next((found for pattern in prompts if (found := pattern.match(line))), None)
        if match:
            session.command(line[match.end() :], row)
        elif session.goes_on(line):
            session.command(re.sub(r"^\s*>\s", "", line), row)
        elif line.lstrip().startswith("#") and not session.output:
            session.command(line, row)
        elif line.strip():
            session.output.append(line)
            session.answered = True
    return session


def _silence(text: str) -> tuple[str, int]:
    """Output that follows a lone ``# Output:`` comment becomes comment lines; rows stay. Returns how many."""
    lines, quiet, count = text.split("\n"), False, 0
    for index, line in enumerate(lines):
        if _OUTPUT_HEAD.match(line):
            quiet = True
        elif not line.strip():
            quiet = False
        elif quiet and not line.lstrip().startswith("#"):
            lines[index] = f"# {line}"
            count += 1
    return "\n".join(lines), count


def _is_file_content(text: str) -> str:
    """The path when a fence shows what stands in a file (a comment line that is nothing but a path), else ''."""
    for line in text.split("\n")[:3]:
        match = re.fullmatch(
            r"#\s*(?:file:\s*)?((?:/|~/|\./)[\w./~-]+\.\w+|/etc/[\w./-]+)\s*", line.strip(), re.IGNORECASE
        )
        if match:
            return match.group(1)
        if line.strip() and not line.startswith("#!"):
            return ""
    return ""


def _session(text: str, language: str, guessed: bool) -> Reading | None:
    """A fence that shows prompts; None when it shows none."""
    lines = text.split("\n")
    if any(_DOLLAR.match(line) or _NAMED_ROOT.match(line) for line in lines):
        session = _prompted(text, (_DOLLAR, _NAMED_ROOT))
    else:
        first = _ARROW.match(next((line for line in lines if line.strip()), ""))
        if not first or not is_known(Command(tuple(first.string[first.end() :].split()[:1]))):
            return _root_session(text) if language in CONSOLE_LANGUAGES else None
        session = _prompted(text, (_ARROW,))
    commands = "\n".join(session.commands)
    if not read_script(inert(commands)).commands:
        return None
    expected = "\n".join(session.output)
    return Reading("command", "lines with a prompt", commands, tuple(session.rows), expected, guessed)


def _root_session(text: str) -> Reading | None:
    if not any(_ROOT.match(line) for line in text.split("\n")):
        return None
    session = _prompted(text, (_ROOT,))
    commands, expected = "\n".join(session.commands), "\n".join(session.output)
    return Reading("command", "`# ` may be a root prompt", commands, tuple(session.rows), expected, root=True)


def _shell_reading(text: str, guessed: bool, language: str) -> Reading:
    if guessed and re.match(r"\s*#!\s*/\S*(?:/|env\s+)(?:ba|z|k|da)?sh\b", text):
        guessed, language = False, "sh"
    session = _session(text, language, guessed)
    if session is not None:
        return session
    if is_schedule(text):
        return Reading("schedule", "crontab lines")
    path = _is_file_content(text)
    if path:
        return Reading("configuration", f"the content of {path}")
    quiet, silenced = _silence(text)
    script = read_script(inert(quiet))
    if guessed or language in CONSOLE_LANGUAGES:
        made, strays = _guessed(quiet, script)
        return Reading(
            made.kind, made.why, made.commands, (), made.expected, guessed=True, silenced=silenced, strays=strays
        )
    if only_variables(script):
        return Reading("configuration", "only variables")
    if not script.broken and not script.commands and not script.statements:
        return Reading("text", "only comments" if text.strip() else "empty")
    return _tagged(quiet, script, language, silenced)


def _guessed(text: str, script: Script) -> tuple[Guess, int]:
    """A guess, and how many lines of prose in other letters than a shell's stand between the commands."""
    made = guess(text, script)
    rows = text.split("\n")
    prose = {
        row for row, line in enumerate(rows) if (first := line.lstrip()[:1]) and not first.isascii() and first.isalpha()
    }
    if made.kind == "command" or not prose:
        return made, 0
    quiet = "\n".join(f"# {line}" if row in prose else line for row, line in enumerate(rows))
    again = guess(quiet, read_script(inert(quiet)))
    return (again, len(prose)) if again.kind == "command" else (made, 0)


def _tagged(text: str, script: Script, language: str, silenced: int) -> Reading:
    """A fence that says it is shell text. Lines that cannot be commands become comments, so that they never run."""
    strays = stray_rows(inert(text), script)
    if not strays:
        return Reading("command", f"tagged {language}", text, silenced=silenced)
    rows = text.split("\n")
    said = {row for row, line in enumerate(rows) if line.strip() and not line.lstrip().startswith("#")}
    if said <= strays:
        return Reading("output", f"tagged {language}, but no line of it is a command")
    quiet = "\n".join(f"# {line}" if row in strays and line.strip() else line for row, line in enumerate(rows))
    why = f"tagged {language}; {len(strays)} of its lines are no commands"
    return Reading("command", why, quiet, silenced=silenced, strays=len(strays))


def _program(command_line: str) -> str:
    """The program of an ``interpreter=`` or ``#!`` line, without its directory and ``env``."""
    names = [word.rsplit("/", 1)[-1] for word in command_line.split() if not word.startswith("-")]
    return next((name for name in names if name != "env"), "")


def _foreign(text: str, interpreter: str) -> Reading | None:
    """A fence that another program than a shell runs, by its attribute or its first line; None for all others."""
    shebang = re.match(r"#!\s*(\S[^\n]*)", text.lstrip())
    program = _program(interpreter or (shebang.group(1) if shebang else ""))
    if not program or program in SHELLS:
        return None
    return Reading("source", f"a script for {program}", text if interpreter else "")


def read_fence(language: str, text: str, *, annotated: bool, interpreter: str = "") -> Reading:
    """Classify one fence. annotated: it carries a name or an interpreter, so its author means it to run."""
    foreign = _foreign(text, interpreter)
    if foreign is not None:
        return foreign
    if interpreter and language not in SHELL_LANGUAGES:
        language = "bash"
    if language in SHELL_LANGUAGES | CONSOLE_LANGUAGES:
        return _shell_reading(text, False, language)
    if not language:
        return _shell_reading(text, not annotated, language)
    if language in SOURCE:
        return Reading("source", f"written in {language}", text if annotated else "")
    if language in CONFIGURATION:
        kind: FenceKind = "schedule" if is_schedule(text) else "configuration"
        return Reading(kind, f"tagged {language}")
    if language in OUTPUT:
        return Reading("output", f"tagged {language}")
    if language in PROSE:
        return Reading("text", f"tagged {language}")
    return Reading("unknown", f"the language {language} is not known", text if annotated else "")
