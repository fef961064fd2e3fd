"""Heads of the operations log in the commits of the ops repo: the trailer ``Operations-Log-Head``, read from git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from watchkeeper.core.log.proof import TRAILER, Anchor, read_value

DEADLINE_S = 20.0
MOST = 20_000


class CommittedAnchors:
    """Implements `AnchorsPort` for the directory `root`. Only reads; hooks and configuration of the user are passed over."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def committed(self) -> list[Anchor]:
        """Newest first; empty where there is no git or no such commit."""
        command = ["git", "--no-pager", "-c", "log.showSignature=false", "-C", str(self._root), "log", f"-n{MOST}"]
        command += ["--no-color", "--no-decorate", "-F", f"--grep={TRAILER}: "]
        command += [f"--format=%h%x1f%ct%x1f%(trailers:key={TRAILER},valueonly,separator=%x1f)%x1e"]
        environment = {**os.environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
        for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            environment.pop(name, None)
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=DEADLINE_S, stdin=subprocess.DEVNULL, env=environment, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
        return _anchors(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else []


def _anchors(output: str) -> list[Anchor]:
    found = []
    for record in output.split("\x1e"):
        short, _, rest = record.strip("\n").partition("\x1f")
        at, _, values = rest.partition("\x1f")
        for value in values.split("\x1f"):
            read = read_value(value)
            if read and at.isdigit():
                found.append(Anchor(*read, float(at), f"commit {short}"))
    return found
