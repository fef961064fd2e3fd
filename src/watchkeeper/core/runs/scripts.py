"""Which script files a step's text starts, and how a host is asked for their bytes' hashes in one read command.

A path is kept as the text means it: absolute, below the home directory (``~/``), or relative to where a step begins.
Where a text changes directory, a relative path counts from each directory it could mean; those that exist are hashed.
Programs of the distribution (/usr/bin and the like) are not scripts of the team, and are left out.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.runbooks.commands import SHELLS, all_commands
from watchkeeper.core.runbooks.shell import Command, read_script
from watchkeeper.core.runs.values import PlanStep, ScriptFile

MAX_SCRIPTS = 40
"""Most script files of one step that are looked at."""
MAX_DIRECTORIES = 4
MAX_FILE = 16 * 1024 * 1024
"""Bytes of one script file that are hashed at most; a bigger one is said."""

NOWHERE = "\0"
"""A directory whose path is not known; no path holds this character."""
UNKNOWN_PATH = "its path is known only when the step runs"
ELSEWHERE = "it is on another machine or in a container, where it is not looked at"
TOO_MANY = "it names more script files than are looked at"
UNREADABLE_TEXT = "this text cannot be read as shell, so it may start script files that are not known"

_INTERPRETERS = re.compile(
    r"(python|pypy|perl|ruby|node|deno|bun|php|lua|luajit|tclsh|Rscript|pwsh|osascript|expect|guile|groovy)[\d.]*\Z"
)
_TAKES_NEXT = {"python": "WX", "perl": "IMm", "ruby": "IrC", "node": "r", "php": "dcz"}
_NO_FILE = {"python": "cm", "pypy": "cm", "perl": "eE", "ruby": "e", "node": "ep", "php": "r", "lua": "e"}
_WITH_FILE = {
    "awk": "-f",
    "gawk": "-f",
    "mawk": "-f",
    "sed": "-f",
    "psql": "-f",
    "make": "-f",
    "gmake": "-f",
    "java": "-jar",
}
_FED = frozenset({"psql", "mysql", "mariadb", "sqlite3", "redis-cli", "mongosh", "at", "batch"})
_SYSTEM = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/dev/", "/proc/")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Named:
    """A script file that a text names. paths: what it may mean, the likeliest first; empty: `note` says why."""

    word: str
    paths: tuple[str, ...] = ()
    note: str = ""


def named_scripts(text: str, environment: Mapping[str, str] | None = None) -> tuple[Named, ...]:
    """Every script file that this shell text starts, in its order, each once. environment: values it will have."""
    script = read_script(text)
    found: dict[str, Named] = {}
    directories = [""]
    values = dict(environment or {})
    commands = all_commands(script)
    for command in commands:
        if command.name in ("cd", "pushd") and len(command.words) > 1:
            _enter(command, directories, values)
    for command in commands:
        for word in _files_of(command, text):
            if word not in found:
                found[word] = _meant(word, command, directories, values)
    named = [each for each in found.values() if each.paths or each.note]
    if script.broken and (named or re.search(r"[./]\S*\.(sh|py|pl|rb)\b", text)):
        named.append(Named("", note=UNREADABLE_TEXT))
    return tuple(named[:MAX_SCRIPTS]) + ((Named("", note=TOO_MANY),) if len(named) > MAX_SCRIPTS else ())


def _enter(command: Command, directories: list[str], values: Mapping[str, str]) -> None:
    """A change of directory: a relative path may be meant from there or from where it was, whichever holds the file."""
    target = _filled(next((word for word in command.arguments if not word.startswith("-")), ""), values)
    there = NOWHERE if target is None else posixpath.join(directories[0], target)
    if there not in directories:
        directories.insert(0, there if len(directories) < MAX_DIRECTORIES else NOWHERE)


def _files_of(command: Command, text: str) -> Iterator[str]:
    """The words of one simple command that are script files, as written."""
    if not command.words:
        return
    program, name = command.words[0], command.name
    if "/" in program and not program.startswith(_SYSTEM):
        yield program
    if name in ("source", ".") and len(command.words) > 1:
        yield command.words[1]
    elif name in SHELLS or _INTERPRETERS.match(name):
        yield from _interpreted(command)
    elif name in _WITH_FILE:
        yield from _after(command.words, _WITH_FILE[name])
    elif name in ("ansible-playbook", "sshpass", "cscript") and len(command.words) > 1:
        yield from [word for word in command.arguments if not word.startswith("-")][:1]
    if name in SHELLS or name in _FED or _INTERPRETERS.match(name):
        yield from _read_from(command, text)


def _interpreted(command: Command) -> Iterator[str]:
    """The script of ``bash x.sh`` or ``python3 y.py``: the first word that is no option."""
    base = re.sub(r"[\d.]+\Z", "", command.name)
    takes, without = (
        _TAKES_NEXT.get(base, "oO" if command.name in SHELLS else ""),
        _NO_FILE.get(base, "c" if command.name in SHELLS else ""),
    )
    words, index = command.words, 1
    while index < len(words):
        word = words[index]
        if word == "--":
            index += 1
            break
        if not word.startswith(("-", "+")) or word == "-":
            break
        if not word.startswith("--") and any(letter in word[1:] for letter in without):
            return
        index += 2 if len(word) == 2 and word[1] in takes else 1
    if index < len(words) and words[index] != "-":
        yield words[index]


def _after(words: Sequence[str], option: str) -> Iterator[str]:
    for index, word in enumerate(words):
        if word == option and index + 1 < len(words):
            yield words[index + 1]
        elif word.startswith(option) and len(word) > len(option) and len(option) == 2:
            yield word[len(option) :]


def _read_from(command: Command, text: str) -> Iterator[str]:
    """What a program that does what it reads is fed with: ``bash < x.sh``, ``cat x.sql | psql``."""
    if command.stdin == "file":
        yield from (match.strip("\"'") for match in re.findall(r"(?<![<&])<\s*([^\s<>&();|]+)", text))
    elif command.stdin == "pipe":
        for upstream in read_script(command.fed).commands:
            if upstream.name in ("cat", "tail", "head", "envsubst", "sed", "zcat"):
                yield from (
                    word for word in upstream.arguments if not word.startswith("-") and re.search(r"[./]", word)
                )


def _filled(word: str, values: Mapping[str, str]) -> str | None:
    """The word with known values put in; None when it holds an expansion whose value is not known."""
    text = re.sub(r"^\$\{?HOME\}?(?=/|$)", "~", word)
    text = _VARIABLE.sub(lambda match: values.get(match.group(1) or match.group(2), match.group(0)), text)
    return None if re.search(r"[$`*?]|\[", text) else text


def _meant(word: str, command: Command, directories: Sequence[str], values: Mapping[str, str]) -> Named:
    if command.remote:
        return Named(word, note=ELSEWHERE)
    path = _filled(word, values)
    if path is None:
        return Named(word, note=UNKNOWN_PATH)
    if not path or path.startswith(_SYSTEM):
        return Named(word)
    if path.startswith(("/", "~/")):
        return Named(word, (posixpath.normpath(path),))
    if re.match(r"~\w", path) or NOWHERE in directories:
        return Named(word, note=UNKNOWN_PATH)
    paths = dict.fromkeys(posixpath.normpath(posixpath.join(each, path)) for each in directories)
    return Named(word, tuple(paths))


_HASH = (
    "h() { "
    'if [ ! -e "$2" ]; then echo "$1 missing"; return; fi; '
    'if [ ! -f "$2" ]; then echo "$1 nofile"; return; fi; '
    'if [ ! -r "$2" ]; then echo "$1 unreadable"; return; fi; '
    's=$(wc -c < "$2" 2>/dev/null) || s=0; '
    f'if [ "$s" -gt {MAX_FILE} ]; then echo "$1 big"; return; fi; '
    'd=$( (sha256sum || shasum -a 256 || openssl dgst -sha256 -r) < "$2" 2>/dev/null ); '
    f'case "$d" in {"?" * 64}*) echo "$1 ok ${{d%% *}}";; *) echo "$1 nohash";; esac; }}'
)
"""A shell function: index and path in, one line ``index word digest`` out."""


def question(paths: Sequence[str]) -> str:
    """The read command that hashes these paths: a line ``index word digest`` each. It never fails and changes nothing."""
    lines = [_HASH]
    for index, path in enumerate(paths):
        place = '"$HOME"/' + shlex.quote(path[2:]) if path.startswith("~/") else shlex.quote(_safe(path))
        lines.append(f"h {index} {place}")
    return "\n".join([*lines, "exit 0"])


def _safe(path: str) -> str:
    return f"./{path}" if path.startswith("-") else path


_NOTES = {
    "missing": "there is no such file",
    "nofile": "it is not a file",
    "unreadable": "it cannot be read",
    "big": f"it is bigger than {MAX_FILE >> 20} MB",
    "nohash": "the host has no program for sha256",
}


def answered(output: str) -> dict[int, tuple[str, str]]:
    """(digest, note) by index, from what the host printed. A line that does not fit counts as no answer."""
    told: dict[int, tuple[str, str]] = {}
    for line in output.splitlines():
        match = re.fullmatch(r"(\d{1,4}) (?:ok ([0-9a-f]{64})|(missing|nofile|unreadable|big|nohash))", line.strip())
        if match:
            told[int(match.group(1))] = (match.group(2) or "", _NOTES.get(match.group(3) or "", ""))
    return told


def asked_paths(named: Sequence[Named]) -> list[str]:
    """All paths that are looked at, each once."""
    return list(dict.fromkeys(path for each in named for path in each.paths))


def script_files(
    host: str, named: Sequence[Named], told: Mapping[str, tuple[str, str]], unknown: str
) -> tuple[ScriptFile, ...]:
    """The script files of one host. told: (digest, note) by path. unknown: the note of a path without an answer.

    Of the paths that one word may mean, those that are there count; when none is, the likeliest is told as missing.
    """
    files: dict[str, ScriptFile] = {}
    for each in named:
        if not each.paths:
            files.setdefault(each.word or each.note, ScriptFile(host, each.word or "the text", "", each.note))
            continue
        answers = {path: told.get(path, ("", unknown)) for path in each.paths}
        there = {
            path: answer for path, answer in answers.items() if answer[1] not in (_NOTES["missing"], _NOTES["nofile"])
        }
        for path, (digest, note) in (there or dict(list(answers.items())[:1])).items():
            files.setdefault(path, ScriptFile(host, path, digest, note))
    return tuple(files.values())


def of_step(step: PlanStep) -> tuple[Named, ...]:
    """The script files of a plan step; none of one that a person does by hand."""
    return () if step.manual else named_scripts(step.text, step.environment)
