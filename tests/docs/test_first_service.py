"""docs/how-to/your-first-service.md, done word by word: its files, its commands, and what they print."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, Fence, fences

PAGE = DOCS / "how-to" / "your-first-service.md"
PORT = "8010"
LIMIT_S = 25.0


class Reader:
    """A person who follows the page in a directory of their own. Only the port and the intervals are theirs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER")}
        path = f"{Path(sys.executable).parent}:{kept['PATH']}"
        self.environment = {**kept, "PATH": path, "TZ": "UTC", "COLUMNS": "100", "HOME": str(root)}
        self.server: list[str] = []
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.output = ""

    def own(self, text: str) -> str:
        """The text of the page with this reader's port, and asked every second."""
        return text.replace(PORT, self.port).replace("every: 5s", "every: 1s")

    def follow(self, fence: Fence) -> None:
        """Do what one fence says."""
        if fence.kind == "file":
            place = self.root / "ops" / fence.argument
            place.parent.mkdir(exist_ok=True)
            place.write_text(self.own(fence.text))
        elif fence.kind == "background":
            self.background(self.own(fence.text))
        elif fence.kind == "run":
            self.run(fence)
        elif fence.kind == "printed":
            assert not unprinted(self.own(fence.text), self.output), f"{fence}\n--- printed in truth:\n{self.output}"

    def background(self, text: str) -> None:
        """All lines but the last run to their end; the last one stays, without its ampersand."""
        *first, last = text.strip().splitlines()
        for line in first:
            subprocess.run(["sh", "-c", line], cwd=self.root, env=self.environment, check=True)
        words = shlex.split(last.removesuffix("&"))
        if "http.server" in words:
            self.server = words
        self.start(words)

    def start(self, words: list[str]) -> None:
        log = (self.root / f"{words[0]}.log").open("ab")
        self.started[words[0]] = subprocess.Popen(words, cwd=self.root, env=self.environment, stdout=log, stderr=log)

    def run(self, fence: Fence) -> None:
        """Run the commands, again and again when the page says until when."""
        if "the server is stopped" in fence.argument:
            self.end(self.server[0])
        elif "the server is started" in fence.argument:
            self.start(self.server)
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
    """Lines of the page that were not printed, in this order. Numbers and times may differ; ``...`` is anything."""
    left = [plain(line) for line in printed.splitlines()]
    missing = []
    for line in shown.splitlines():
        if line.strip() in ("", "..."):
            continue
        pattern = re.escape(plain(line)).replace(re.escape("..."), ".*")
        at = next((number for number, found in enumerate(left) if re.fullmatch(pattern, found)), None)
        if at is None:
            missing.append(line)
        else:
            left = left[at + 1 :]
    return missing


def plain(line: str) -> str:
    """Without what differs from one time to the next: clock times, numbers with their units, runs of blanks."""
    line = re.sub(r"\d\d:\d\d:\d\d", "TIME", line)
    line = re.sub(r"(?:\b\d+(?:\.\d+)? (?:ms|s|min|h)\b ?)+", "# ", line)
    return " ".join(re.sub(r"\d+(?:\.\d+)?", "#", line).split())


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    found = Reader(tmp_path)
    yield found
    for name in list(found.started):
        found.end(name)


def test_the_page_can_be_followed_word_by_word(reader: Reader) -> None:
    followed = list(fences(PAGE))
    assert len([one for one in followed if one.kind == "printed"]) >= 6
    for fence in followed:
        reader.follow(fence)
    assert '"kind":"opened"' in (reader.root / "ops" / "pages.jsonl").read_text()
    assert "wk" in reader.started, "the watch ran to the end"


def test_a_line_that_was_not_printed_is_found() -> None:
    assert not unprinted("OK  notes/disk  2 ms  free 77.5 %\n...\nAll 3 ...", "OK  notes/disk  41 ms  free 3 %\n\nAll 9 checks.")
    assert unprinted("CRIT  notes/disk", "OK  notes/disk") == ["CRIT  notes/disk"]
    assert unprinted("b\na", "a\nb") == ["a"]
