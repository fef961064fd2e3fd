"""The fleet's own supervisor: supervisord from PyPI, started as a daemon, so it outlives the watch and the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer

START_S = 20.0
STOP_S = 15.0


def start_supervisor(places: Places) -> None:
    """Start supervisord and wait until it answers. Raises `NoAnswer` with its own last words."""
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(places.fleet / "supervisord.conf")]
    try:
        done = subprocess.run(
            command, cwd=places.fleet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=START_S, start_new_session=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"supervisord did not start within {START_S:g} s.", "Is this machine very busy? Try again."
        ) from None
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise NoAnswer(
            f"supervisord did not start: {said[-1] if said else f'exit code {done.returncode}'}",
            f"Its log is {places.fleet / 'log' / 'supervisord.log'}.",
        )
    deadline = time.monotonic() + START_S
    while not is_running(places):
        if time.monotonic() > deadline:
            raise NoAnswer("supervisord started, but does not answer.", f"Look at {places.fleet}/log/supervisord.log.")
        time.sleep(0.05)


def remote(places: Places) -> Any:
    """supervisord's XML-RPC interface over its Unix socket. Calls raise `OSError` or `xmlrpc.client.Error`."""
    import xmlrpc.client

    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{places.supervisor_socket}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport).supervisor


def is_running(places: Places) -> bool:
    """Whether supervisord answers."""
    if not places.supervisor_socket.exists():
        return False
    try:
        return str(remote(places).getState()["statename"]) == "RUNNING"
    except Exception:  # xmlrpc and http.client raise many kinds; each means the same: it does not answer
        return False


def program(places: Places, name: str) -> dict[str, Any]:
    """What supervisord knows of one program: statename, pid (0 when it does not run), and more. Raises `NoAnswer`."""
    try:
        return dict(remote(places).getProcessInfo(name))
    except Exception as error:
        raise NoAnswer(
            f"supervisord does not answer about {name} ({error}).", "'wk demo --stop' and start again."
        ) from None


def control(places: Places, *words: str) -> tuple[int, str]:
    """`supervisorctl WORDS`, as a person would call it: (exit code, output)."""
    done = subprocess.run(
        [str(places.fleet / "bin" / "supervisorctl"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=30.0, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


def stop_supervisor(places: Places) -> None:
    """End supervisord with all its programs, then whatever of the fleet is left; by pid, and only our own."""
    pid = supervisor_pid(places)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        _wait_for_end([pid], STOP_S)
    left = fleet_pids(places)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in left:
            _signal(one, number)
        _wait_for_end(left, 10.0)
        left = fleet_pids(places)
    for name in ("supervisord.pid", "supervisor.sock"):
        (places.fleet / name).unlink(missing_ok=True)


def supervisor_pid(places: Places) -> int | None:
    """The pid of our supervisord when it really is one."""
    try:
        pid = int((places.fleet / "supervisord.pid").read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return pid if str(places.fleet / "supervisord.conf") in command_line(pid) else None


def fleet_pids(places: Places) -> list[int]:
    """Processes whose program lies in this fleet's directory, or that supervise it."""
    marks = (f"{places.fleet}/programs/", f"{places.fleet}/supervisord.conf")
    own = os.getpid()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != own:
            words = command_line(int(folder.name))
            interpreter = os.path.basename(words[0]).startswith("python") if words else False
            if interpreter and any(word.startswith(marks) for word in words[1:]):
                found.append(int(folder.name))
    return found


def command_line(pid: int) -> list[str]:
    """The words of a process's command line; empty when it is gone or a zombie."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return raw.decode("utf-8", "surrogateescape").rstrip("\0").split("\0") if raw else []


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _wait_for_end(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(command_line(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
