"""The supervisor and systemd's side of it: the protocol, who counts as alive, frozen programs, and no orphans."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from watchkeeper.programs import readiness, supervisor
from watchkeeper.programs.following import VARIABLE


@pytest.fixture
def told(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """The socket that a service manager listens on."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(short_path / "notify"))
    listener.settimeout(5)
    monkeypatch.setenv("NOTIFY_SOCKET", str(short_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    return listener


def test_what_the_service_manager_is_told(told: socket.socket) -> None:
    manager = readiness.ServiceManager()
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(os.environ), "no command we start may speak for us"
    manager.tell("READY=1", "STATUS=watching")
    assert told.recv(100) == b"READY=1\nSTATUS=watching"
    manager.pet()
    manager.pet()
    assert told.recv(100) == b"WATCHDOG=1"
    told.settimeout(0.1)
    with pytest.raises(TimeoutError):
        told.recv(100)
    told.close()
    manager.tell("STOPPING=1")  # nobody listens any more: no reason to fail


def test_a_watchdog_for_another_process_is_not_ours(told: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert readiness.ServiceManager().watchdog_s == 0.0
    told.close()


def serve(path: Path, answer: bytes) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def run() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)
        except OSError:
            pass

    threading.Thread(target=run, daemon=True).start()
    return listener


def test_any_answer_of_the_right_kind_counts_and_silence_does_not(
    short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not readiness.answers(short_path, "main"), "no socket"
    with serve(short_path / "main.sock", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"):
        assert readiness.answers(short_path, "main"), "it says what is wrong, so it is not frozen"
    with serve(short_path / "watch.sock", b'{"ok": {"pid": 1}}\n'):
        assert readiness.answers(short_path, "watch")
    (short_path / "watch.sock").unlink()
    monkeypatch.setattr(readiness, "ANSWER_S", 0.2)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as frozen:
        frozen.bind(str(short_path / "watch.sock"))
        frozen.listen()  # the kernel accepts, nobody answers: a stopped process
        assert not readiness.answers(short_path, "watch")


def test_a_program_that_answered_and_fell_silent_is_killed_and_one_that_still_starts_is_not(tmp_path: Path) -> None:
    program = supervisor.Program("main", [])
    program.command = ["sleep", "60"]
    program.start()
    child = program.child
    assert child is not None
    try:
        assert program.ask(tmp_path) is False
        program.replace_frozen()
        assert child.poll() is None, "a long schema change answers nobody, and goes on"
        program.answered = time.monotonic() - supervisor.FROZEN_S + 5
        program.replace_frozen()
        assert child.poll() is None
        program.answered = time.monotonic() - supervisor.FROZEN_S - 1
        program.replace_frozen()
        assert child.wait(5) == -signal.SIGKILL
        assert program.look() == -signal.SIGKILL
    finally:
        child.kill()
        child.wait()


FOLLOWER = """
import time
from watchkeeper.programs.following import follow_supervisor
follow_supervisor()
print("following", flush=True)
time.sleep(60)
"""
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {FOLLOWER!r}], env=os.environ | {{"{VARIABLE}": str(os.getpid())}})
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_program_ends_with_the_supervisor_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        said = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        (pid,) = said - {"following"}
        os.kill(parent.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while _lives(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not _lives(int(pid))


def test_started_by_hand_a_program_follows_nobody_and_a_dead_supervisor_is_noticed() -> None:
    alone = subprocess.run(
        [sys.executable, "-c", FOLLOWER.replace("sleep(60)", "sleep(0)")], capture_output=True, text=True
    )
    assert (alone.returncode, alone.stdout) == (0, "following\n")
    late = subprocess.run([sys.executable, "-c", FOLLOWER], capture_output=True, env=os.environ | {VARIABLE: "1234567"})
    assert late.returncode == -signal.SIGKILL


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
