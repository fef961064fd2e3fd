"""Looking: what git, documents, tools and commands say. Reads only, each with a deadline."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.shifts.answers import Document, Tree
from watchkeeper.services.ports.blocking import BlockingHostsPort
from watchkeeper.services.ports.documents import DocumentsPort

Here = Callable[[str, float, int], bytes]
"""Runs a read-only text on this machine: (text, deadline in seconds, limit in bytes) -> its output."""
GIT_S = 8.0
LIMIT = 131_072
MARK = "wk-5d1f"
_COMMIT = re.compile(r"[0-9a-f]{40,64}\Z")

# Settings that could start a program of the repository's choice are switched off.
_GIT = """\
LC_ALL=C; GIT_OPTIONAL_LOCKS=0; GIT_TERMINAL_PROMPT=0; export LC_ALL GIT_OPTIONAL_LOCKS GIT_TERMINAL_PROMPT
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
g() {{ git --no-pager -c log.showSignature=false -c core.fsmonitor=false -c core.hooksPath=/dev/null "$@" 2>/dev/null; }}
cd -- {place} 2>/dev/null || {{ echo "{mark} fault it is not there"; exit 0; }}
command -v git >/dev/null || {{ echo "{mark} fault this machine has no git"; exit 0; }}
"""


class Looking:
    """What the checklist asks of this machine, the ops repo and the hosts."""

    def __init__(self, ops: str, here: Here | None, documents: DocumentsPort, hosts: BlockingHostsPort | None) -> None:
        self._ops = ops
        self._here = here
        self._documents = documents
        self._hosts = hosts

    def tree(self, path: str) -> Tree:
        """Branch, commit and uncommitted files of a working tree."""
        place = self._ops if path == "." else path if path.startswith("/") else f"{self._ops}/{path}"
        script = _GIT.format(place=shlex.quote(place), mark=MARK) + (
            f'h=$(g rev-parse --verify HEAD) || {{ echo "{MARK} fault it is no git repository, or has no commit"; exit 0; }}\n'
            f'echo "{MARK} head $h"; echo "{MARK} branch $(g symbolic-ref --short -q HEAD)"\n'
            f'echo "{MARK} status"\n'
            "g status --porcelain --untracked-files=normal -- . ':(exclude).watchkeeper' | head -n 200\n"
            f'echo "{MARK} end"'
        )
        output = self._read(script)
        head, fault = _after(output, "head"), _after(output, "fault")
        if fault or not _COMMIT.match(head):
            return Tree(path, fault=fault or "git did not answer in time")
        _, _, rest = output.partition(f"{MARK} status\n")
        body, ended, _ = rest.partition(f"{MARK} end")
        if not ended:
            return Tree(path, fault="git did not answer in time")
        changed = tuple(each for each in body.splitlines() if each.strip())
        return Tree(path, _after(output, "branch"), head, changed)

    def document(self, path: str, signed: str) -> Document:
        """A document of the ops repo with its version. signed: ``digest commit`` of what was signed last, "" for never."""
        data = self._documents.read(path)
        if data is None:
            return Document(path, fault="is not there")
        digest = hashlib.sha256(data).hexdigest()
        known, _, commit_then = signed.partition(" ")
        quoted = shlex.quote(path)
        script = _GIT.format(place=shlex.quote(self._ops), mark=MARK) + (
            f"echo \"{MARK} commit $(g log -n 1 --no-color --no-decorate --date=short --format='%H %cd' -- {quoted})\"\n"
        )
        if known and known != digest and _COMMIT.match(commit_then):
            script += (
                f'echo "{MARK} stat"\n'
                f"g diff --no-ext-diff --no-textconv --no-color --stat=100 {commit_then} -- {quoted} | head -n 20\n"
            )
        output = self._read(script + f'echo "{MARK} end"')
        commit, _, when = _after(output, "commit").partition(" ")
        since = ""
        if known and known != digest:
            _, _, rest = output.partition(f"{MARK} stat\n")
            since = rest.partition(f"{MARK} end")[0].strip("\n") or f"another text than sha256 {known[:16]}"
        return Document(path, digest, commit if _COMMIT.match(commit) else "", when[:10], since)

    def text(self, path: str) -> str | None:
        """A document as text; None when it is not there."""
        data = self._documents.read(path)
        return None if data is None else data.decode("utf-8", "replace")

    def command(self, text: str, host: str, timeout_s: float) -> tuple[int | None, str]:
        """(exit code, output) of a read command; None when it did not end in time or could not be started."""
        try:
            if host:
                if self._hosts is None:
                    return None, f"{host} cannot be reached from here"
                found = self._hosts.get(host).read(text, deadline_s=timeout_s, limit=LIMIT)
                said = (found.output + found.error).decode("utf-8", "replace")
                return found.exit_code, said
            return self._command_here(text, timeout_s)
        except WatchkeeperError as error:
            return None, error.sentence

    def _command_here(self, text: str, timeout_s: float) -> tuple[int | None, str]:
        """In the ops repo, without input; both streams, and the exit code behind them."""
        if self._here is None:
            return None, "this machine cannot be asked"
        script = f"cd -- {shlex.quote(self._ops)} || exit 1\n(\n{text}\n) </dev/null 2>&1\nprintf '\\n%s %s\\n' {MARK} \"$?\""
        output = self._here(script, timeout_s, LIMIT).decode("utf-8", "replace")
        said, mark, code = output.rpartition(f"\n{MARK} ")
        if not mark:
            return None, output
        return int(code) if code.strip().isdigit() else None, said

    def _read(self, script: str) -> str:
        if self._here is None:
            return f"{MARK} fault this machine cannot be asked"
        try:
            return self._here(script, GIT_S, LIMIT).decode("utf-8", "replace")
        except WatchkeeperError as error:
            return f"{MARK} fault {error.sentence}"


def _after(output: str, word: str) -> str:
    """What stands behind one mark, on its line."""
    found = re.search(rf"^{MARK} {word} (.*)$", output, re.MULTILINE)
    return found.group(1).strip() if found else ""
