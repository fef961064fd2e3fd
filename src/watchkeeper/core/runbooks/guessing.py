"""What a fence without a language may be: a command only when every line of it is one. Unknown is never run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.risk import is_known
from watchkeeper.core.runbooks.shell import Command, Script, read_script
from watchkeeper.core.runbooks.values import FenceKind

_DRAWING: Final = re.compile(r"[─-╿←-⇿▀-◿✓✔✗✘⟶➔✅❌⚠]|<?--+>|==+>|\s->\s|‚Ü[íìêë]|‚ú[ÖîìóÖ]|‚Ä¶|â†[’‘“]|âœ[…“”]|Ã—")
_ENGLISH: Final = words_of(
    "at cat check code column command cut date export file find free go head host install join kill last less local "
    "look make man more patch print read reload restart return service set shift sort source split start status "
    "stop tail test time top touch type users watch which who"
)
"""Programs whose names are plain words: they need something behind them that no sentence has."""
_MORE: Final = words_of(
    "bq ceph chef-client cilium consul crictl ctr dpkg-query etcdctl eval function getopts glsh gsutil htpasswd istioctl "
    "journalctl jsonnet kinit knife kubectx kubens kubeadm kustomize let linkerd mapfile mongo nodetool nomad pgrep pnpm "
    "psql pveam pvesm qm rados rbd rclone sensors smartctl ssh-add ssh-copy-id ssh-keygen ssh-keyscan sshfs stern "
    "systemd-analyze tailscale talosctl tmux tshark ulimit vault virsh wg xfs_repair zcat zfs zpool mongosh htop"
)
_SENTENCE_WORDS: Final = words_of("is are was were the a an of this that has have been will be can should")
_SQL: Final = re.compile(
    r"^\s*(?:select\s.+\s(?:from|;)|select\s+\S+\(|insert\s+into|update\s+\S+\s+set|delete\s+from|create\s+(?:unique\s+)?"
    r"(?:table|index|user|role|database|view|extension)|alter\s+(?:table|user|role|system|database)|drop\s+(?:table|index|"
    r"database|user|role)|grant\s.+\sto\s|revoke\s.+\sfrom\s|set\s+(?:session\s+|local\s+)?\w+\s*(?:=|\bto\b)|vacuum\b|"
    r"reindex\b|explain\b|with\s+\w+\s+as\s*\(|begin\s*;|commit\s*;|show\s+\w+\s*;)",
    re.IGNORECASE,
)
_PATH: Final = re.compile(r"^(?:~?/|\.{1,2}/|[\w.-]+/)[\w.@+/-]+$")
_SCRIPT: Final = re.compile(r"\.(?:sh|bash|py|pl|rb|js|mjs|php)$|(?:^|/)(?:s?bin|init\.d|libexec)/|^\./")
_ACTS: Final = words_of("start stop restart reload status up down run check backup restore version help")
_MOUNTS: Final = re.compile(
    r"^\s*(?:UUID=|LABEL=|/dev/|[\w.-]+:/)\S*\s+/?\S*\s+(?:ext[234]|xfs|nfs4?|btrfs|swap|vfat|cifs|tmpfs)\s"
)
_OPTION: Final = re.compile(r"^--?[A-Za-z][\w-]*(?:=\S*)?$")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a fence without a language seems to be. commands: what of it could run; expected: what stood below it."""

    kind: FenceKind
    why: str
    commands: str = ""
    expected: str = ""


def only_variables(script: Script) -> bool:
    """Whether a text does nothing but set variables."""
    return bool(script.assigned) and not script.commands and not script.broken and not script.writes


def _speaks(line: str, command: bool) -> bool:
    """Whether a line reads as a sentence or output. command: it starts with a program, so signs of a shell count."""
    bare = re.sub(r"\"[^\"]*\"|'[^']*'|`[^`]*`", '""', line).strip()
    words = bare.split()
    if words and words[0][:1].isupper() and "=" not in words[0]:
        return True
    if bare.endswith(("。", "！", "？", "：", "、")):
        return True
    shell = command and re.search(r"(?:^|\s)--?\w|[|<>$=/@]|\s[.:]$", bare)
    return bool(re.search(r"[.!?:]$|, ", bare)) and not shell


def is_command(command: Command, line: str) -> bool:
    """Whether one simple command, which stands in `line`, is one rather than a sentence, a path or output."""
    name, arguments = command.words[0], command.arguments
    if not name.isascii():
        return False
    if _PATH.match(name) and "/" in name:
        acts = any(word.startswith("-") or word in _ACTS for word in arguments) and name.count("/") > 1
        return bool(_SCRIPT.search(name)) or (acts and not re.search(r"/$|\.\w{2,5}$", name))
    if name == "set":
        return bool(arguments) and arguments[0].startswith(("-", "+"))
    if is_known(command) or command.name in _MORE or re.search(r"\.(?:sh|py)$", name):
        if name not in _ENGLISH:
            return True
        behind = line.split(name, 1)[-1].split()
        return any(re.match(r"[-./$\"'~<>|*+]|.*[./=_\d-]", first) for first in (*behind[:1], *arguments[:1]))
    if not re.fullmatch(r"[a-z][a-z0-9_.+-]{1,30}", name) or name.endswith((".", "-")):
        return False
    return any(_OPTION.match(word) for word in arguments) and not _SENTENCE_WORDS & set(arguments)


def _shape(lines: list[str]) -> FenceKind | None:
    """Configuration or output by the shape of the lines; None when they have none."""
    if re.match(r"\s*\[[A-Z]+\]\s+\w", lines[0]):
        return "output"
    if re.match(r"\s*[\[{<]", lines[0]) and not re.match(r"\s*\[\[?\s", lines[0]):
        return "configuration"
    if all(_MOUNTS.match(line) for line in lines):
        return "configuration"
    named = [line for line in lines if re.match(r"\s*[\w.\" -]+:(\s|$)", line)]
    if len(named) * 2 <= len(lines):
        return None
    return "output" if all(line.strip()[0].isupper() for line in named) else "configuration"


def answered_lines(lines: list[str]) -> int:
    """How many lines at the top are commands when the rest is a table that they print; 0 when it is not so."""
    count = 0
    for line in lines:
        script = read_script(line)
        tops = [command for command in script.commands if command.words and not command.inner]
        strong = bool(tops) and tops[0].words[0] not in _ENGLISH and len(tops[0].words) > 1 and not script.broken
        if not strong or _speaks(line, True) or not all(is_command(one, line) for one in tops):
            break
        count += 1
    rest = lines[count:]
    tabular = sum(bool(re.search(r"\S {2,}\S|\S\t+\S", line)) for line in rest)
    return count if count and len(rest) > 1 and tabular * 2 > len(rest) else 0


def _heads(rows: list[str], script: Script) -> list[str]:
    """The first lines of all statements, without the lines of here-documents."""
    return [rows[first] for first, _ in script.statements if first < len(rows) and rows[first].strip()]


def guess(text: str, script: Script) -> Guess:
    """A guess for a fence without a language. script: of the text, its placeholders made inert."""
    rows = text.split("\n")
    lines = [line for line in rows if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        return Guess("text", "only comments")
    if only_variables(script):
        return Guess("configuration", "only variables")
    if any(_DRAWING.search(line) for line in lines):
        return Guess("text", "a drawing or marked output")
    if _SQL.match(lines[0]):
        return Guess("source", "SQL statements")
    shaped = _shape(_heads(rows, script) or lines if "<<" in text and not script.broken else lines)
    if shaped == "configuration":
        return Guess(shaped, "looks like a file's content")
    if shaped:
        return Guess(shaped, "lines that begin with a name or a tag")
    answered = answered_lines(lines)
    if answered and not any(line.lstrip().startswith("#") for line in rows):
        return Guess(
            "command", "a command and the table it prints", "\n".join(lines[:answered]), "\n".join(lines[answered:])
        )
    if script.broken:
        return Guess("output", "not a shell text")
    return _by_lines(text, rows, lines, script)


def _by_lines(text: str, rows: list[str], lines: list[str], script: Script) -> Guess:
    first = [command for command in script.commands if command.words and not command.inner]
    good = [one for one in first if is_command(one, rows[one.row] if one.row < len(rows) else "")]
    starts = {one.row for one in good}
    inside = {row for begin, end in script.statements for row in range(begin + 1, end + 1)}
    speaking = any(_speaks(line, row in starts) for row, line in enumerate(rows) if line in lines and row not in inside)
    if first and len(good) == len(first) and not speaking:
        return Guess("command", "every line starts with a known program", text)
    if good and any(is_known(one) for one in good):
        return Guess("unknown", "some lines look like commands, others do not")
    return Guess("output", "no line is a known command")
