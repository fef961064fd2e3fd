"""A person who follows a page of the documentation word by word, in a directory of their own."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.docs.pages import Fence

PORT = "8010"
LIMIT_S = 60.0


class Reader:
    """Follows one page. Only the port of the example and its intervals are theirs."""

    def __init__(self, root: Path, columns: int = 100) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.environment = {**kept, "PATH": path, "TZ": "UTC", "COLUMNS": str(columns), "HOME": str(root)}
        self.server: list[str] = []
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.output = ""

    def own(self, text: str) -> str:
        """The text of the page with this reader's port, and asked every second."""
        return text.replace(PORT, self.port).replace("every: 5s", "every: 1s").replace("every: 60s", "every: 1s")

    def follow(self, fence: Fence) -> None:
        """Do what one fence says."""
        if fence.kind == "file":
            place = self.root / "ops" / fence.argument
            place.parent.mkdir(exist_ok=True)
            place.write_text(self.own(fence.text))
        elif fence.kind == "background":
            self.background(self.own(fence.text), fence.argument.partition("until ")[2])
        elif fence.kind == "run":
            self.run(fence)
        elif fence.kind == "printed":
            missing = unprinted(self.own(fence.text), self.output)
            assert not missing, f"{fence}: {missing}\n--- printed in truth:\n{self.output}"

    def background(self, text: str, awaited: str) -> None:
        """All lines but the last run to their end; the last one stays, without its ampersand."""
        *first, last = text.strip().splitlines()
        for line in first:
            subprocess.run(["sh", "-c", line], cwd=self.root, env=self.environment, check=True)
        words = shlex.split(last.removesuffix("&"))
        if "http.server" in words:
            self.server = words
        log = self.start(words)
        deadline = time.monotonic() + LIMIT_S
        while awaited not in log.read_text():
            assert time.monotonic() < deadline, f"'{awaited}' never came\n{log.read_text()}"
            time.sleep(0.2)
        self.output = log.read_text()

    def start(self, words: list[str]) -> Path:
        """Start a program that stays; returns the file of its output."""
        path = self.root / f"{Path(words[0]).name}.log"
        with path.open("ab") as log:
            self.started[words[0]] = subprocess.Popen(
                words, cwd=self.root, env=self.environment, stdout=log, stderr=log
            )
        return path

    def run(self, fence: Fence) -> None:
        """Run the commands, again and again when the page says until when."""
        if "the server is stopped" in fence.argument:
            self.end(self.server[0])
        elif "the server is started" in fence.argument:
            self.start(self.server)
        for name, value in re.findall(r"^export (\w+)=(\S+)$", fence.text, re.MULTILINE):
            self.environment[name] = value
        awaited = fence.argument.partition("until ")[2]
        deadline = time.monotonic() + LIMIT_S
        while True:
            done = subprocess.run(
                ["sh", "-c", self.own(fence.text)], cwd=self.root, env=self.environment, capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            self.output = done.stdout + done.stderr
            if not awaited:
                assert done.returncode == 0, f"{fence}: exit code {done.returncode}\n{self.output}"
                return
            if awaited in self.output:
                return
            assert time.monotonic() < deadline, f"{fence}: '{awaited}' never came\n{self.output}"
            time.sleep(0.3)

    def end(self, name: str) -> None:
        """Stop one of the programs that stay."""
        process = self.started.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unprinted(shown: str, printed: str) -> list[str]:
    """Lines of the page that were not printed, in this order. Numbers, times and line breaks may differ; ``...`` is
    anything."""
    left = plain(printed)
    missing = []
    for line in shown.splitlines():
        if line.strip() in ("", "..."):
            continue
        pattern = re.escape(plain(line)).replace(re.escape("..."), ".*?")
        found = re.search(rf"(?:^| ){pattern}(?: |$)", left)
        if found is None:
            missing.append(line)
        else:
            left = left[found.end() - 1 :]
    return missing


def plain(text: str) -> str:
    """On one line, and without what differs from one time to the next: times, digests, numbers with their units."""
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{16}(?:[0-9a-f]{48})?\b", "DIGEST", text)
    text = re.sub(r"(?:\b\d+(?:\.\d+)? (?:ms|s|min|h)\b ?)+", "# ", text)
    return " ".join(re.sub(r"\d+(?:\.\d+)?", "#", text).split())
