"""The watch as a process of its own: one per state directory, its socket, its end, and what it never loads."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.adapters.watch_socket import WatchClient
from watchkeeper.core.checks import State
from watchkeeper.core.errors import NoAnswer, NotFound, Usage
from watchkeeper.services.ports import Ping
from watchkeeper.store.readings.reader import ReadingsReader

SERVICE = """
service: shop
hosts: [app1]
checks:
  - name: door
    tcp: 127.0.0.1:{port}
    from: host
    every: 1s
  - name: alive
    command: echo 5
    every: 1s
    ok: value == {wanted}
  - name: backup
    heartbeat: {{every: 1h}}
    every: 1s
"""


class Running:
    """One watch over an ops repo of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.ops, self.state, self.port = folder / "ops", folder / "state", port
        (self.ops / "services").mkdir(parents=True)
        (self.ops / "watchkeeper.yaml").write_text("team: test\ntimezone: UTC\n")
        (self.ops / "hosts.yaml").write_text("hosts:\n  app1: {local: true}\n")
        self.save(5)
        self.client = WatchClient(self.state / "watch.sock", short_s=2.0)
        self.process: subprocess.Popen[str] | None = None

    def save(self, wanted: int) -> None:
        (self.ops / "services/shop.yaml").write_text(SERVICE.format(port=self.port, wanted=wanted))

    def spawn(self) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "watchkeeper.programs.watch",
            "--ops",
            str(self.ops),
            "--state",
            str(self.state),
        ]
        environment = os.environ | {"PYTHONPATH": "src"}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def start(self) -> None:
        self.process = self.spawn()
        stderr = self.process.stderr
        assert stderr is not None
        threading.Thread(target=stderr.read, daemon=True).start()
        self.until(lambda: self.client.status()["checks"] == 3)

    def until(self, holds: Callable[[], object], within_s: float = 10.0) -> None:
        ends = time.monotonic() + within_s
        while time.monotonic() < ends:
            with contextlib.suppress(NoAnswer):
                if holds():
                    return
            time.sleep(0.05)
        raise AssertionError(f"it did not come true within {within_s:g} s")

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def door() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield listener


@pytest.fixture
def running(tmp_path: Path, door: socket.socket) -> Iterator[Running]:
    watch = Running(tmp_path, door.getsockname()[1])
    watch.start()
    yield watch
    if watch.process is not None and watch.process.poll() is None:
        watch.process.kill()
        watch.process.wait()


def test_it_asks_writes_and_answers(running: Running) -> None:
    found = {judged.reading.check: judged for judged in running.client.ask([])}
    assert {key: judged.verdict.state for key, judged in found.items()} == dict.fromkeys(found, State.OK)
    journal = ReadingsReader(running.state / "readings.db")
    latest = journal.latest()
    assert all(latest[key].reading.at >= judged.reading.at for key, judged in found.items())
    assert [each.reading.check for each in running.client.ask(["shop/alive"])] == ["shop/alive"]
    with pytest.raises(NotFound, match="shop/none"):
        running.client.ask(["shop/none"])
    status = running.client.status()
    assert running.process is not None and status["pid"] == running.process.pid
    assert (status["running"], status["fault"]) == (True, "")
    assert oct((running.state / "watch.sock").stat().st_mode & 0o777) == "0o600"


def test_a_failing_check_is_a_flip_in_the_journal_within_seconds(running: Running, door: socket.socket) -> None:
    journal = ReadingsReader(running.state / "readings.db")
    running.client.ask([])
    assert journal.flips(0) == []
    door.close()
    running.until(lambda: journal.flips(0), 4.0)
    flip = journal.flips(0)[0]
    assert (flip.check, flip.after, flip.values["error_kind"]) == ("shop/door", State.CRIT, "refused")


def test_a_second_watch_is_refused_with_exit_code_5(running: Running) -> None:
    second = running.spawn()
    _, said = second.communicate(timeout=10)
    assert second.returncode == 5
    assert running.process is not None and str(running.process.pid) in said
    assert "Traceback" not in said
    assert running.client.status()["running"] is True


def test_a_saved_file_is_taken_up_within_two_seconds_and_a_broken_one_is_told(running: Running) -> None:
    assert running.client.ask(["shop/alive"])[0].verdict.state is State.OK
    running.save(6)
    running.until(lambda: running.client.ask(["shop/alive"])[0].verdict.state is State.WARN, 3.5)
    revision = running.client.status()["revision"]
    (running.ops / "services/shop.yaml").write_text("service: [")
    running.until(lambda: "shop.yaml" in str(running.client.status()["fault"]), 3.0)
    assert running.client.status()["revision"] == revision
    assert len(running.client.ask([])) == 3


def test_pings_are_durable_and_judged_at_once(running: Running) -> None:
    journal = ReadingsReader(running.state / "readings.db")
    running.client.ask(["shop/backup"])
    running.client.ping(Ping("shop/backup", time.time(), "fail", "disk full"))
    running.until(lambda: any(flip.check == "shop/backup" for flip in journal.flips(0)), 4.0)
    with pytest.raises(NotFound):
        running.client.ping(Ping("shop/none", time.time(), "success"))


def test_sigterm_ends_it_cleanly_and_leaves_no_socket(running: Running) -> None:
    assert running.stop() == 0
    assert not (running.state / "watch.sock").exists()
    with pytest.raises(NoAnswer, match="not running"):
        running.client.status()


def test_after_kill_9_it_goes_on_where_it_was(running: Running, door: socket.socket) -> None:
    journal = ReadingsReader(running.state / "readings.db")
    door.close()
    running.until(lambda: journal.flips(0), 4.0)
    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(NoAnswer):
        running.client.status()
    running.start()
    running.client.ask([])
    assert journal.settled()["shop/door"].state is State.CRIT
    assert [flip.check for flip in journal.flips(0)] == ["shop/door"]  # nothing flips again


def test_a_removed_socket_is_made_again(running: Running) -> None:
    (running.state / "watch.sock").unlink()
    running.until(lambda: running.client.status()["running"], 4.0)


def test_a_frozen_watch_is_a_sentence_after_the_timeout(running: Running) -> None:
    assert running.process is not None
    running.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(NoAnswer, match=r"no answer within 2 s"):
            running.client.status()
    finally:
        running.process.send_signal(signal.SIGCONT)
    running.until(lambda: running.client.status()["running"])


def test_a_client_that_stalls_or_talks_nonsense_disturbs_nobody(running: Running) -> None:
    address = str(running.state / "watch.sock")
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            silent = stack.enter_context(socket.socket(socket.AF_UNIX))
            silent.connect(address)
            silent.sendall(b'{"do": "ask", "checks": []}\n{"do": ')
        answers = []
        for line in (
            b"nonsense\n",
            b"[]\n",
            b'{"do": "fly"}\n',
            b'{"do": "ask", "checks": "x"}\n',
            b'{"do": "ping"}\n',
        ):
            with socket.socket(socket.AF_UNIX) as talker:
                talker.settimeout(3)
                talker.connect(address)
                talker.sendall(line)
                answers.append(json.loads(talker.makefile("rb").readline()))
    assert [answer["error"]["kind"] for answer in answers] == ["usage"] * 5
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as endless:
        endless.settimeout(3)
        endless.connect(address)
        endless.sendall(b"x" * 3_000_000)
    assert running.client.status()["running"] is True


def test_nothing_heavy_is_loaded(running: Running) -> None:
    running.client.ask([])
    assert running.process is not None
    mapped = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert "pyreqwest" not in mapped  # no http check in this ops repo
    assert "/django/" not in mapped and "psycopg" not in mapped
    code = (
        "import sys; import watchkeeper.programs.watch, watchkeeper.bootstrap.watch; "
        "import watchkeeper.adapters.watch_socket; "
        "print([m for m in ('django', 'asyncssh', 'pyreqwest', 'psycopg', 'apprise', 'cryptography', "
        "'watchkeeper.engine.embedded') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"}
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_errors_keep_their_kind_over_the_socket(running: Running) -> None:
    bad: Any = Ping("shop/backup", time.time(), "maybe")  # type: ignore[arg-type]
    with pytest.raises(Usage, match="maybe"):
        running.client.ping(bad)
