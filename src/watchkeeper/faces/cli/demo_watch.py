"""The two halves of a demo, fleet and watch: who holds it, starting both, standing grants, and stopping both."""

from __future__ import annotations

import fcntl
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.adapters.sample import fleet
from watchkeeper.adapters.sample.breaks import RESPONSES
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import command_line
from watchkeeper.core.errors import Locked, NoAnswer, WatchkeeperError
from watchkeeper.core.network import Network
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.client import Client
from watchkeeper.faces.cli.up import command

READY_S = 60.0
END_S = 25.0
GRANT_DAYS = 7


def client_of(places: Places, actor: str = "", timeout_s: float = 20.0) -> Client:
    """The API of the demo's watch."""
    return Client(str(places.state / "main.sock"), actor, timeout_s)


@contextmanager
def held(places: Places) -> Iterator[None]:
    """Hold the demo for the life of the block. Raises `Locked` when somebody else does."""
    places.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(places.directory / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise Locked(
            f"A demo runs in {places.directory} already (process {holder(places) or 'unknown'}).",
            "Play on it with 'wk demo --drill', end it with 'wk demo --stop', or take another --dir.",
        ) from None
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def holder(places: Places) -> int | None:
    """The process that holds the demo now, or None."""
    path = places.directory / "demo.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        text = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(handle)
    return None


def start_fleet(places: Places) -> None:
    """The fleet, well. What does not get well is said, not fatal: it may be broken on purpose."""
    started = fleet.start(places)
    render.note("The sample fleet runs." if started else "The sample fleet runs already.")
    if not fleet.wait_until_well(places):
        render.note("An order does not go through at the moment; 'wk demo --heal' puts the fleet right.")


def start_watch(places: Places, port: int | None) -> subprocess.Popen[bytes]:
    """The watch over the fleet, ready to answer. One that a killed demo left behind is ended first."""
    stop_watch(places)
    words = command(str(places.ops), str(places.state), Network(port=port))
    with open(places.directory / "watch.log", "ab") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=places.directory, start_new_session=True
        )
    try:
        _wait_ready(places, process)
        add_grants(places)
        fleet.back_up_now(places)
    except BaseException:
        stop_watch(places)
        raise
    return process


def _wait_ready(places: Places, process: subprocess.Popen[bytes]) -> None:
    client = client_of(places, timeout_s=5.0)
    deadline = time.monotonic() + READY_S
    while True:
        code = process.poll()
        if code is not None:
            raise NoAnswer(
                f"The watch ended with exit code {code}: {_last_words(places)}", f"Log: {places.directory}/watch.log."
            )
        try:
            if client.get("/status")["status"]["watch"].get("running"):
                return
        except WatchkeeperError:
            pass
        if time.monotonic() > deadline:
            raise NoAnswer(f"The watch is not ready after {READY_S:g} s.", f"Look at {places.directory}/watch.log.")
        time.sleep(0.1)


def _last_words(places: Places) -> str:
    try:
        lines = (places.directory / "watch.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it left no log."
    return render.line(lines[-1]) if lines else "it said nothing."


def add_grants(places: Places) -> list[str]:
    """Standing grants of the actor `drill` for the sample's own responses that have none yet; returns the new ones.

    A grant that became void because its runbook was edited is not renewed here: that is a person's decision.
    """
    client = client_of(places, "drill")
    known = {str(grant["response"]) for grant in client.get("/grants")["grants"]}
    there = [each for each in RESPONSES if (places.ops / each.partition("/")[2]).exists()]
    fresh = [response for response in there if response not in known]
    for response in fresh:
        client.post("/grants", {"response": response, "days": GRANT_DAYS})
    return fresh


def watch_pids(places: Places) -> list[int]:
    """The supervisor, watch and main of this demo; the supervisor first."""
    found = []
    for folder in Path("/proc").iterdir():
        words = command_line(int(folder.name)) if folder.name.isdigit() else []
        names = [after for word, after in itertools.pairwise(words) if word == "-m"]
        ours = bool(names) and names[0].startswith("watchkeeper.programs.") and str(places.state) in words
        if ours and int(folder.name) != os.getpid():
            found.append((not names[0].endswith(".supervisor"), int(folder.name)))
    return [pid for _, pid in sorted(found)]


def stop_watch(places: Places) -> bool:
    """End the watch of this demo, by pid: the supervisor ends the others, whatever is left is ended after it."""
    had = watch_pids(places)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        left = watch_pids(places)
        for pid in left[:1] if number is signal.SIGTERM and left == had else left:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + END_S
        while watch_pids(places) and time.monotonic() < deadline:
            _reap(had)
            time.sleep(0.05)
        if not watch_pids(places):
            break
    return bool(had)


def _reap(pids: Iterable[int]) -> None:
    """Collect those that are ended children of this process, and no others: other threads wait for theirs."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def stop_both(places: Places) -> bool:
    """End watch and fleet of a demo; False when neither was there."""
    had_watch = stop_watch(places)
    return (fleet.stop(places) if places.fleet.exists() else False) or had_watch


def stop_everything(places: Places) -> bool:
    """End a demo from outside: ask who holds it, then end whatever is left. False when nothing was there."""
    pid = holder(places)
    if pid is not None and pid != os.getpid():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        deadline = time.monotonic() + END_S
        while holder(places) == pid and time.monotonic() < deadline:
            time.sleep(0.1)
    return stop_both(places) or pid is not None
