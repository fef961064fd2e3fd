"""What a fence is: command, output, configuration, schedule, source or unknown; and which of its lines are commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.runbooks.placeholders import inert
from watchkeeper.core.runbooks.risk import CHANGES, DESTROYS, READS, is_known
from watchkeeper.core.runbooks.shell import Script, read_script
from watchkeeper.core.runbooks.values import FenceKind

SHELL_LANGUAGES: Final = frozenset(["bash", "sh", "shell", "zsh", "ksh", "shellscript"])
CONSOLE_LANGUAGES: Final = frozenset(
    ["console", "shell-session", "shellsession", "sh-session", "bash-session", "terminal"]
)
_CONFIGURATION: Final = frozenset(
    [
        "yaml",
        "yml",
        "json",
        "json5",
        "jsonc",
        "toml",
        "ini",
        "conf",
        "cfg",
        "env",
        "dotenv",
        "properties",
        "xml",
        "nginx",
        "apache",
        "dockerfile",
        "docker",
        "hcl",
        "tf",
        "terraform",
        "caddyfile",
        "systemd",
        "service",
        "editorconfig",
        "gitignore",
        "csv",
        "tsv",
        "makefile",
        "cron",
        "crontab",
        "proto",
        "graphql",
        "html",
        "css",
        "scss",
    ]
)
_OUTPUT: Final = frozenset(
    ["text", "txt", "plain", "plaintext", "output", "log", "logs", "out", "stdout", "stderr", "none", "raw"]
)
_PROSE: Final = frozenset(
    [
        "markdown",
        "md",
        "mermaid",
        "plantuml",
        "dot",
        "graphviz",
        "diff",
        "patch",
        "ascii",
        "art",
        "asciidoc",
        "rst",
        "http",
    ]
)
_SOURCE: Final = frozenset(
    [
        "python",
        "py",
        "python3",
        "javascript",
        "js",
        "typescript",
        "ts",
        "tsx",
        "jsx",
        "node",
        "ruby",
        "rb",
        "perl",
        "php",
        "go",
        "rust",
        "java",
        "c",
        "cpp",
        "csharp",
        "cs",
        "lua",
        "r",
        "sql",
        "psql",
        "mysql",
        "plsql",
        "sqlite",
        "promql",
        "logql",
        "powershell",
        "ps1",
        "pwsh",
        "bat",
        "batch",
        "cmd",
        "fish",
        "awk",
        "sed",
        "kotlin",
        "scala",
        "swift",
        "elixir",
        "erlang",
        "clojure",
        "lisp",
        "haskell",
        "groovy",
        "jq",
        "lua",
        "vim",
        "viml",
    ]
)
_CRON = re.compile(
    r"^\s*(?:@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)|(?:(?:\*|[0-9]+(?:-[0-9]+)?|"
    r"[A-Za-z]{3}(?:-[A-Za-z]{3})?)(?:/[0-9]+)?(?:,[0-9*/-]+)*\s+){5})\s*\S"
)
_PROMPT = re.compile(r"^\s*(?:\([\w.-]+\)\s*)?(?:\[?[\w.-]+@[\w.-]+(?:[: ][^\s$#%>]*)?\]?\s*)?[$❯➜%]\s+(?=\S)")
_DOLLAR = re.compile(r"^\s*(?:\([\w.-]+\)\s*)?(?:\[?[\w.-]+@[\w.-]+(?:[: ][^\s$#%>]*)?\]?\s*)?[$❯➜]\s+(?=\S)")
_ROOT = re.compile(r"^\s*(?:\[?[\w.-]+@[\w.-]+(?:[: ][^\s$#%>]*)?\]?\s*)?#\s+(?=\S)")
_DRAWING = re.compile(r"[─-╿←-⇿▀-◿✓✔✗✘⟶➔✅❌⚠]|<?--+>|==+>|\s->\s|‚Ü[íìêë]|‚ú[ÖîìóÖ]|‚Ä¶|â†[’‘“]|âœ[…“”]|Ã—")
_ENGLISH: Final = frozenset(
    [
        "find",
        "make",
        "test",
        "time",
        "kill",
        "sort",
        "cut",
        "watch",
        "top",
        "install",
        "start",
        "stop",
        "date",
        "host",
        "who",
        "last",
        "at",
        "split",
        "service",
        "set",
        "users",
        "free",
        "join",
        "which",
        "type",
        "read",
        "more",
        "less",
        "man",
        "code",
        "file",
        "column",
        "restart",
        "reload",
        "status",
        "check",
        "touch",
        "head",
        "tail",
        "cat",
        "set",
        "command",
        "return",
        "shift",
        "source",
        "export",
        "local",
        "patch",
        "print",
        "go",
        "less",
        "at",
        "look",
        "host",
        "test",
    ]
)
_OUTPUT_HEAD = re.compile(
    r"^\s*#\s*(?:(?:expected|sample|example|typical)\s+)?(?:output|result|response|出力|输出)\s*(?:\([^)]*\))?\s*[:：]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one fence turned out to be. commands: the text that could run; row: its first row within the fence.

    expected: output that stood between prompts. guessed: the fence names no language. root: a ``# `` may be a prompt.
    """

    kind: FenceKind
    why: str
    commands: str = ""
    row: int = 0
    expected: str = ""
    guessed: bool = False
    root: bool = False
    silenced: int = 0


def _prompted(text: str, pattern: re.Pattern[str]) -> tuple[str, int, str]:
    """Commands behind prompts with their continuations, the first row, and the other lines as output."""
    commands: list[str] = []
    output: list[str] = []
    first, going_on = -1, False
    for row, line in enumerate(text.split("\n")):
        match = pattern.match(line)
        if match:
            commands.append(line[match.end() :])
            first = row if first < 0 else first
        elif going_on or (commands and not output_since(commands, output, line) and re.match(r"^\s*>\s", line)):
            commands.append(re.sub(r"^\s*>\s?", "", line))
        elif line.lstrip().startswith("#") and not output:
            commands.append(line)
            first = row if first < 0 else first
        else:
            if line.strip():
                output.append(line)
            continue
        going_on = commands[-1].rstrip().endswith("\\") and not commands[-1].lstrip().startswith("#")
    return "\n".join(commands), max(first, 0), "\n".join(output)


def output_since(commands: list[str], output: list[str], line: str) -> bool:
    """Whether a ``> `` line cannot continue a command because it looks like quoted output."""
    return bool(output) and not line.startswith(">")


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


def is_schedule(text: str) -> bool:
    """Whether all lines that say something are crontab lines or their variables."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    cron = [line for line in lines if _CRON.match(line)]
    return bool(cron) and all(_CRON.match(line) or re.match(r"\s*[A-Z_]+\s*=", line) for line in lines)


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


def _only_variables(script: Script) -> bool:
    return bool(script.assigned) and not script.commands and not script.broken and not script.writes


def _speaks(line: str) -> bool:
    """Whether an untagged line reads as a sentence or output rather than a command."""
    words = line.split()
    return (
        bool(re.search(r"[.!?:]$|, ", line.strip()))
        or bool(_DRAWING.search(line))
        or bool(words and words[0][:1].isupper() and "=" not in words[0])
    )


def _command_line(name: str, line: str) -> bool:
    if name not in READS | CHANGES | DESTROYS and not re.match(r"(\./|/|~/|\.\./)[\w.-]", name):
        return False
    rest = line.split(name, 1)[-1].split()
    if name in _ENGLISH:
        return bool(rest) and bool(re.match(r"[-./$\"'~<*]", rest[0]) or re.search(r"[./=_\d-]", rest[0]))
    return True


def _shape(lines: list[str]) -> FenceKind | None:
    """Configuration or output by the shape of the lines; None when they have none."""
    if re.match(r"\s*\[[A-Z]+\]\s+\w", lines[0]):
        return "output"
    if re.match(r"\s*[\[{<]", lines[0]):
        return "configuration"
    named = [line for line in lines if re.match(r"\s*[\w.\" -]+:(\s|$)", line)]
    if len(named) * 2 <= len(lines):
        return None
    return "output" if all(line.strip()[0].isupper() for line in named) else "configuration"


def _untagged(text: str, script: Script) -> tuple[FenceKind, str]:
    """A guess for a fence without a language: command only when every line is one."""
    lines = [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return "text", "only comments"
    if _only_variables(script):
        return "configuration", "only variables"
    if any(_DRAWING.search(line) for line in lines):
        return "text", "a drawing or marked output"
    shaped = _shape(lines)
    if shaped:
        return (
            shaped,
            "looks like a file's content" if shaped == "configuration" else "lines that begin with a name or a tag",
        )
    if script.broken:
        return "output", "not a shell text"
    first = [command for command in script.commands if command.words and not command.inner]
    speaking = any(_speaks(line) for line in lines)
    rows = text.split("\n")
    good = [
        command
        for command in first
        if _command_line(command.words[0], rows[command.row] if command.row < len(rows) else "")
    ]
    if first and len(good) == len(first) and not speaking:
        return "command", "every line starts with a known program"
    return (
        ("unknown", "some lines look like commands, others do not")
        if good and any(is_known(one) for one in good)
        else ("output", "no line is a known command")
    )


def _shell_reading(text: str, guessed: bool, language: str) -> Reading:
    if any(_DOLLAR.match(line) for line in text.split("\n")):
        commands, row, output = _prompted(text, _DOLLAR)
        if read_script(inert(commands)).commands:
            return Reading("command", "lines with a prompt", commands, row, output, guessed)
    if language in CONSOLE_LANGUAGES and any(_ROOT.match(line) for line in text.split("\n")):
        commands, row, output = _prompted(text, _ROOT)
        return Reading("command", "`# ` may be a root prompt", commands, row, output, root=True)
    if is_schedule(text):
        return Reading("schedule", "crontab lines")
    path = _is_file_content(text)
    if path:
        return Reading("configuration", f"the content of {path}")
    quiet, silenced = _silence(text)
    script = read_script(inert(quiet))
    if guessed or language in CONSOLE_LANGUAGES:
        kind, why = _untagged(quiet, script)
        return Reading(kind, why, quiet if kind == "command" else "", guessed=True, silenced=silenced)
    if _only_variables(script):
        return Reading("configuration", "only variables")
    if not script.broken and not script.commands and not script.statements:
        return Reading("text", "only comments" if text.strip() else "empty")
    return Reading("command", f"tagged {language}", quiet, silenced=silenced)


def read_fence(language: str, text: str, *, annotated: bool) -> Reading:
    """Classify one fence. annotated: it carries a name or an interpreter, so its author means it to run."""
    if language in SHELL_LANGUAGES | CONSOLE_LANGUAGES:
        return _shell_reading(text, False, language)
    if not language:
        return _shell_reading(text, not annotated, language)
    if language in _SOURCE:
        return Reading("source", f"written in {language}", text if annotated else "")
    if language in _CONFIGURATION:
        kind: FenceKind = "schedule" if is_schedule(text) else "configuration"
        return Reading(kind, f"tagged {language}")
    if language in _OUTPUT:
        return Reading("output", f"tagged {language}")
    if language in _PROSE:
        return Reading("text", f"tagged {language}")
    return Reading("unknown", f"the language {language} is not known", text if annotated else "")
