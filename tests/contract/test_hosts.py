"""The contract of `HostPort`, kept by local processes, by real sshd hosts and by a container.

The ssh hosts are made by `tests/lab/ssh_hosts.py`: one with room (its /bin/sh is dash), one with
stock limits (its /bin/sh is bash), one whose .bashrc prints and
sleeps, and one with busybox and no bash. The container is one of podman, which shares this machine's processes and
/tmp, so that a test sees by pid what is left over.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop
from tests.lab.containers import ContainerLab
from tests.lab.ssh_hosts import SshLab, SshLabHost, free_port

from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.adapters.hosts.kept_reads import PLACES
from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.core.errors import Forbidden, Invalid, NoAnswer, NotFound, Usage
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import SpoolAnswer, SpoolStep

NOISY = "echo Welcome to this machine\necho careful >&2\nsleep 0.3\nprintf 'no newline here'\n"
SSH = ("sshd", "stock", "noisy", "busybox")
LOCAL = ("local", "uvloop")  # asyncio as in the threads of the engine, uvloop as in the watch
QUICK = ("local", "sshd", "busybox", "container")  # where a slow .bashrc or tight limits would only cost time


@dataclass
class Place:
    """One implementation under test."""

    name: str
    host: Host
    config: Path | None = None
    server: SshLabHost | None = None
    shell: str = "bash"
    uvloop: bool = False
    root: Path | None = None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[ShellHost]:
        hosts = Hosts({self.host.name: self.host}, ssh_config=self.config, connect_timeout_s=5.0)
        try:
            yield hosts.get(self.host.name)
        finally:
            await hosts.close()

    def run(self, work: Callable[[ShellHost], Coroutine[object, object, None]]) -> None:
        async def whole() -> None:
            async with self.opened() as host:
                await work(host)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop if self.uvloop else None) as runner:
            runner.run(whole())

    def step(self, text: str, **more: object) -> SpoolStep:
        values: dict[str, object] = {"shell": self.shell, "first_of_run": True} | more
        return SpoolStep(run=f"run-{uuid.uuid4().hex[:8]}", step="s1-0", text=text, **values)  # type: ignore[arg-type]

    def file(self, path: str) -> Path:
        """A path of that host as seen from here."""
        root = self.server.root if self.server else self.root or Path("/")
        return root / path.lstrip("/")


@pytest.fixture(scope="session")
def lab(requires: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshLab]:
    requires("sshd", "root", "netns")
    folder = Path("/tmp") / f"wk-lab-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)
    try:
        lab.add("sshd", settings="MaxSessions 64\nMaxStartups 100:30:200")
        lab.add("stock", settings="MaxSessions 10\nMaxStartups 10:30:100", sh="bash")
        lab.add("noisy", bashrc=NOISY)
        if shutil.which("busybox"):
            lab.add("busybox", sh="busybox")
        yield lab
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def spool() -> Iterator[Path]:
    """A spool for the local host: not in /tmp, and not the machine's own."""
    folder = Path("/var/tmp") / f"wk-test-{uuid.uuid4().hex[:8]}"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, spool: Path) -> Place:
    name = getattr(request, "param", "local")
    if name in ("local", "uvloop"):
        return Place(name, Host("here", "local", spool=str(spool)), uvloop=name == "uvloop")
    if name == "container":
        containers: ContainerLab = request.getfixturevalue("containers")
        host = Host(name, "container", "shared", socket=str(containers.socket))
        return Place(name, host, root=Path(f"/proc/{containers.pid('shared')}/root"))
    lab: SshLab = request.getfixturevalue("lab")
    if name not in lab.hosts:
        request.getfixturevalue("requires")("busybox")
    shell = "sh" if name == "busybox" else "bash"
    return Place(name, Host(name, "ssh"), lab.config, lab.hosts[name], shell)


everywhere = pytest.mark.parametrize("place", (*LOCAL, *SSH, "container"), indirect=True)
quickly = pytest.mark.parametrize("place", QUICK, indirect=True)
over_ssh = pytest.mark.parametrize("place", ("sshd", "stock"), indirect=True)
reading = pytest.mark.parametrize("place", (*LOCAL, "sshd", "busybox", "container"), indirect=True)
on_sshd = pytest.mark.parametrize("place", ("sshd",), indirect=True)


def alive(pid: int) -> bool:
    """Running, and not only waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
    except OSError:
        return False


def pids(path: Path, count: int, within_s: float = 5.0) -> list[int]:
    """The process numbers that a command wrote, one per line."""
    deadline = time.monotonic() + within_s
    while True:
        words = path.read_text().split() if path.exists() else []
        if len(words) >= count:
            return [int(word) for word in words]
        assert time.monotonic() < deadline, f"only {words} of {count} processes came up"
        time.sleep(0.02)


def all_gone(numbers: list[int], within_s: float = 1.0) -> bool:
    deadline = time.monotonic() + within_s
    while any(alive(number) for number in numbers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def stubborn(path: Path) -> str:
    """A family: a shell that ignores TERM, a child that ignores it, and a grandchild that does not."""
    return (
        f"trap '' TERM; echo $$ >>{path}\n"
        f"sh -c 'trap \"\" TERM; echo $$ >>{path}; sleep 300 & echo $! >>{path}; wait; sleep 300' &\n"
        f"sh -c 'trap - TERM; echo $$ >>{path}; exec sleep 300' &\n"
        "while :; do sleep 1; done"
    )


async def ended(host: ShellHost, step: SpoolStep, answer: SpoolAnswer, within_s: float = 20.0) -> SpoolAnswer:
    deadline = time.monotonic() + within_s
    while answer.status in ("started", "running"):
        assert time.monotonic() < deadline, "the step did not end"
        answer = await host.look(step, wait_s=2.0)
    return answer


# ------------------------------------------------------------------------------------------------- read commands


@everywhere
def test_read_gives_exit_code_and_both_outputs_and_nothing_else(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        result = await host.read("echo out; echo err >&2; exit 7", deadline_s=5)
        assert (result.exit_code, result.output, result.error) == (7, b"out\n", b"err\n")
        assert not result.timed_out and not result.truncated and result.duration_s < 3
        killed = await host.read("kill -KILL $$", deadline_s=5)
        assert killed.exit_code == 137

    place.run(work)


@everywhere
def test_read_is_binary_safe(place: Place) -> None:
    script = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %o $i)"; i=$((i+1)); done'

    async def work(host: ShellHost) -> None:
        result = await host.read(script, deadline_s=10)
        assert result.output == bytes(range(256)) and result.exit_code == 0

    place.run(work)


VALUES = {
    "PLAIN": "x",
    "QUOTED": 'it\'s "so"',
    "LINES": "a\nb\n\n",
    "SHELL_CODE": "$(touch /nope) `id` ; rm",
    "UNICODE": "ä→",
}


@everywhere
def test_values_arrive_as_they_are(place: Place) -> None:
    names = list(VALUES)
    show = "; ".join(f"printf '%s|' \"${name}\"" for name in names)
    wanted = "".join(f"{VALUES[name]}|" for name in names).encode()

    async def work(host: ShellHost) -> None:
        result = await host.read(show, deadline_s=5, environment=VALUES)
        assert result.output == wanted
        answer = await host.start(place.step(show, environment=VALUES), wait_s=10)
        assert answer.output == wanted and answer.exit_code == 0
        for name in ("wk_m", "LD_PRELOAD", "BASH_ENV", "a b", "1x", ""):
            with pytest.raises(Usage):
                await host.read("true", deadline_s=5, environment={name: "x"})

    place.run(work)


@reading
def test_our_own_variables_do_not_reach_the_command(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        os.environ["WATCHKEEPER_SECRET_OF_TEST"] = "hidden"
        try:
            read = (await host.read("env", deadline_s=5)).output
            spooled = (await host.start(place.step("env; umask; pwd"), wait_s=10)).output
        finally:
            del os.environ["WATCHKEEPER_SECRET_OF_TEST"]
        for output in (read, spooled):
            assert b"hidden" not in output and b"wk_" not in output
        umask, folder = spooled.decode().split()[-2:]
        assert int(umask, 8) == 0o022 and "wk-" not in folder

    place.run(work)


@quickly
def test_nothing_secret_is_ever_in_an_argument_list(place: Place, tmp_path: Path) -> None:
    secret, flag = f"s3cret-{uuid.uuid4().hex}", tmp_path / "pids"
    text = f"echo $$ >>{flag}; : {secret}-text; sleep 0.3; echo done"

    async def watch(job: Coroutine[object, object, object], count: int) -> None:
        task = asyncio.ensure_future(job)
        await asyncio.to_thread(pids, flag, count)
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                assert secret.encode() not in (folder / "cmdline").read_bytes(), folder
        await task

    async def work(host: ShellHost) -> None:
        await watch(host.read(text, deadline_s=5, environment={"TOKEN": secret}), 1)
        await watch(host.start(place.step(text, environment={"TOKEN": secret}), wait_s=5), 2)

    place.run(work)


@reading
def test_deadline_ends_the_whole_group(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"

    async def work(host: ShellHost) -> None:
        result = await host.read("echo before\n" + stubborn(path), deadline_s=0.4)
        assert result.timed_out and result.exit_code is None and result.output == b"before\n"
        assert len(pids(path, 4)) == 4
        assert all_gone(pids(path, 4), 0.3)
        assert result.duration_s < 4

    place.run(work)


@reading
def test_cancelling_ends_the_whole_group(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"

    async def work(host: ShellHost) -> None:
        task = asyncio.ensure_future(host.read(stubborn(path), deadline_s=60))
        family = await asyncio.to_thread(pids, path, 4)
        assert all(alive(pid) for pid in family)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert all_gone(family, 0.3)

    place.run(work)


@reading
def test_a_read_command_leaves_no_children_behind(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"

    async def work(host: ShellHost) -> None:
        result = await host.read(f"sleep 300 & echo $! >>{path}; echo x; exit 4", deadline_s=10)
        assert (result.exit_code, result.output) == (4, b"x\n")
        assert all_gone(pids(path, 1), 3.0)

    place.run(work)


@pytest.mark.parametrize("place", ("local", "sshd", "container"), indirect=True)
def test_killing_the_reader_ends_its_command(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    client = client_process(place, "read", place.step(stubborn(path)))
    family = pids(path, 4, 10)
    client.kill()
    client.wait()
    assert all_gone(family, 4.0)


@reading
def test_output_limit_stops_a_hundred_megabytes(place: Place, tmp_path: Path) -> None:
    path, parts = tmp_path / "pids", []

    async def work(host: ShellHost) -> None:
        text = f"echo $$ >>{path}; head -c 100000000 /dev/zero; sleep 300"
        result = await host.read(text, deadline_s=20, limit=1_000_000, on_output=lambda data: parts.append(len(data)))
        assert result.truncated and not result.timed_out and result.exit_code is None
        assert len(result.output) == 1_000_000 == sum(parts)
        assert result.duration_s < 5
        assert all_gone(pids(path, 1))
        noisy = await host.read("head -c 3000000 /dev/zero >&2", deadline_s=20, limit=1000)
        assert noisy.truncated and len(noisy.error) == 1000

    place.run(work)


@quickly
def test_strict_and_shells(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        for strict, wanted in ((True, b""), (False, b"on\n")):
            result = await host.read("false; echo on", deadline_s=5, strict=strict)
            assert result.output == wanted and (result.exit_code == 0) is not strict
        piped = "false | true; echo on"
        if place.name == "busybox":
            with pytest.raises(Invalid, match="no bash"):
                await host.read("true", deadline_s=5, shell="bash")
            with pytest.raises(Invalid, match=r"no bash.*nothing was started"):
                await host.start(place.step("true", shell="bash"), wait_s=5)
        else:
            assert (await host.read(piped, deadline_s=5, shell="bash", strict=True)).output == b""
            answer = await host.start(place.step(piped, shell="bash"), wait_s=10)
            assert (answer.status, answer.exit_code, answer.output) == ("done", 1, b"")
            answer = await host.start(place.step(piped, shell="bash", strict=False), wait_s=10)
            assert (answer.exit_code, answer.output) == (0, b"on\n")
        answer = await host.start(place.step("echo a\nfalse\necho b", shell="sh"), wait_s=10)
        assert (answer.status, answer.exit_code, answer.output) == ("done", 1, b"a\n")

    place.run(work)


# --------------------------------------------------------------------------------------------------- the spool


@everywhere
def test_a_step_started_three_times_at_once_runs_once(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; echo out; echo err >&2; exit 3")

    async def work(host: ShellHost) -> None:
        async with place.opened() as other:
            answers = await asyncio.gather(*(one.start(step, wait_s=10) for one in (host, other, host)))
        assert [(a.status, a.exit_code, a.output) for a in answers] == [("done", 3, b"out\nerr\n")] * 3
        again = await host.start(step, wait_s=5)
        assert (again.status, again.exit_code, again.output) == ("done", 3, b"out\nerr\n")
        assert counter.read_text() == "ran\n"

    place.run(work)


@quickly
def test_many_races_for_one_claim(place: Place, tmp_path: Path) -> None:
    async def work(host: ShellHost) -> None:
        for number in range(8):
            counter = tmp_path / f"counter{number}"
            step = place.step(f"echo ran >>{counter}")
            await asyncio.gather(*(host.start(step, wait_s=wait) for wait in (0.0, 5.0, 5.0, 0.0)))
            answer = await host.look(step, wait_s=5)
            assert answer.status == "done" and counter.read_text() == "ran\n"

    place.run(work)


def client_process(place: Place, method: str, step: SpoolStep) -> subprocess.Popen[bytes]:
    """Another watchkeeper process that starts the step and waits for it, to be killed."""
    arguments = {
        "host": dataclasses.asdict(place.host),
        "config": str(place.config) if place.config else None,
        "step": dataclasses.asdict(step),
        "method": method,
    }
    code = (
        "import asyncio, json, sys\n"
        "from pathlib import Path\n"
        "from watchkeeper.adapters.hosts.pool import Hosts\n"
        "from watchkeeper.core.inventory.values import Host\n"
        "from watchkeeper.services.ports import SpoolStep\n"
        "given = json.loads(sys.stdin.read()); host = Host(**given['host']); step = SpoolStep(**given['step'])\n"
        "async def work():\n"
        "    pool = Hosts({host.name: host}, ssh_config=Path(given['config']) if given['config'] else None)\n"
        "    one = pool.get(host.name)\n"
        "    if given['method'] == 'read': await one.read(step.text, deadline_s=60)\n"
        "    else: await one.start(step, wait_s=60)\n"
        "asyncio.run(work())\n"
    )
    source = Path(__file__).parents[2] / "src"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(source)}
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(arguments).encode())
    process.stdin.close()
    return process


@quickly
def test_kill_9_of_the_starter_and_reattach(place: Place, tmp_path: Path) -> None:
    path, counter = tmp_path / "pids", tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; echo one; echo $$ >>{path}; sleep 1; echo two; exit 5")
    client = client_process(place, "start", step)
    runner = pids(path, 1, 10)
    client.kill()
    client.wait()

    async def work(host: ShellHost) -> None:
        running = await host.look(step)
        assert (running.status, running.output) == ("running", b"one\n") and alive(runner[0])
        rest = await host.look(step, wait_s=10, offset=running.next_offset)
        assert (rest.status, rest.exit_code, rest.output) == ("done", 5, b"two\n")
        again = await host.start(step, wait_s=5)
        assert (again.status, again.exit_code, again.output) == ("done", 5, b"one\ntwo\n")
        assert counter.read_text() == "ran\n"

    place.run(work)


@quickly
def test_started_means_claimed_and_offsets_read_on(place: Place) -> None:
    step = place.step("echo 12345; sleep 0.4; echo 67890")

    async def work(host: ShellHost) -> None:
        first = await host.start(step)
        assert first.status == "started" and first.boot
        assert (await host.look(step)).status in ("running", "done")
        answer = await ended(host, step, first)
        assert (answer.status, answer.exit_code, answer.output) == ("done", 0, b"12345\n67890\n")
        part = await host.look(step, offset=3, limit=4)
        assert (part.output, part.next_offset) == (b"45\n6", 7)
        assert (await host.look(step, offset=12)).output == b""
        assert (await host.start(step, offset=6)).output == b"67890\n"

    place.run(work)


@quickly
def test_wait_is_bounded(place: Place) -> None:
    step = place.step("sleep 300")

    async def work(host: ShellHost) -> None:
        started = time.monotonic()
        assert (await host.start(step, wait_s=0.25)).status == "started"
        assert (await host.look(step, wait_s=0.25)).status == "running"
        assert (await host.start(step, wait_s=0.25)).status == "running"
        assert 0.75 <= time.monotonic() - started < 2
        assert (await host.cancel(step)).status == "cancelled"

    place.run(work)


@quickly
def test_look_never_starts_and_unknown_is_gone(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        step = place.step("echo no")
        assert (await host.look(step)).status == "gone"
        first = await host.start(step, wait_s=5)
        other = dataclasses.replace(step, step="s2-0", first_of_run=False)
        assert (await host.look(other)).status == "gone"
        assert (await host.look(other)).status == "gone"
        assert (await host.start(other, wait_s=5)).status == "done" and first.status == "done"

    place.run(work)


@quickly
def test_cancel_before_the_start_prevents_it(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}")

    async def work(host: ShellHost) -> None:
        assert (await host.cancel(step)).status == "cancelled"
        assert (await host.start(step, wait_s=2)).status == "cancelled"
        assert (await host.look(step)).status == "cancelled"
        assert not counter.exists()

    place.run(work)


@quickly
def test_cancel_ends_a_running_group(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    step = place.step("echo begun\n" + stubborn(path))

    async def work(host: ShellHost) -> None:
        await host.start(step)
        family = await asyncio.to_thread(pids, path, 4)
        answer = await host.cancel(step, grace_s=0.3)
        assert (answer.status, answer.exit_code) == ("cancelled", None)
        assert all_gone(family, 0.3)
        looked = await host.look(step)
        assert (looked.status, looked.output) == ("cancelled", b"begun\n")
        done = place.step("true")
        await host.start(done, wait_s=5)
        assert (await host.cancel(done)).status == "done"

    place.run(work)


@quickly
def test_a_runner_killed_by_others_is_gone_and_not_run_again(place: Place, tmp_path: Path) -> None:
    path, counter = tmp_path / "pids", tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; echo $$ >>{path}; sleep 300 & echo $! >>{path}; wait")

    async def work(host: ShellHost) -> None:
        await host.start(step)
        runner, child = await asyncio.to_thread(pids, path, 2)
        os.killpg(runner, signal.SIGKILL)
        assert all_gone([runner, child])
        assert (await host.look(step)).status == "gone"
        assert (await host.start(step, wait_s=2)).status == "gone"
        assert counter.read_text() == "ran\n"

    place.run(work)


@quickly
def test_another_boot_refuses(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"

    async def work(host: ShellHost) -> None:
        first = await host.start(place.step("true"), wait_s=5)
        step = place.step(f"echo ran >>{counter}")
        await host.start(dataclasses.replace(step, step="s0-0", text="true"), wait_s=5)
        wrong = dataclasses.replace(step, boot="00000000-0000-4000-8000-000000000000")
        answer = await host.start(wrong, wait_s=2)
        assert answer.status == "rebooted" and b"boot id" in answer.output and not counter.exists()
        assert (await host.look(wrong)).status == "rebooted"
        right = await host.start(dataclasses.replace(step, boot=first.boot), wait_s=5)
        assert right.status == "done" and counter.read_text() == "ran\n"

    place.run(work)


@quickly
def test_what_may_have_been_sent_before_the_last_boot_is_not_started(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}")

    async def work(host: ShellHost) -> None:
        answer = await host.start(dataclasses.replace(step, age_s=3e9), wait_s=2)
        assert answer.status == "rebooted" and b"there was a boot in the last" in answer.output
        assert not counter.exists()
        fresh = dataclasses.replace(step, age_s=1.5)
        assert (await host.start(fresh, wait_s=5)).status == "done"
        assert (await host.start(dataclasses.replace(step, age_s=3e9), wait_s=5)).status == "done"
        assert counter.read_text() == "ran\n"

    place.run(work)


@quickly
def test_where_no_spool_can_be_nothing_starts(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"

    async def work(host: ShellHost) -> None:
        step = place.step(f"echo ran >>{counter}")
        answer = await host.start(dataclasses.replace(step, first_of_run=False), wait_s=2)
        assert answer.status == "nospool" and b"does not exist" in answer.output
        for spool in ("/proc/wk", "/sys/wk", "/etc/ssh", "/nope\nx", "relative", "/tmp/x", "/var/../tmp/x"):
            changed = dataclasses.replace(place, host=dataclasses.replace(place.host, spool=spool))
            if spool[0] != "/" or "tmp" in spool or "\n" in spool:
                with pytest.raises(Invalid):
                    async with changed.opened():
                        pass
                continue
            async with changed.opened() as other:
                answer = await other.start(step, wait_s=2)
                assert answer.status == "nospool" and answer.output.startswith(b"Not started: "), spool
        assert not counter.exists()

    place.run(work)
    shutil.rmtree(place.file("/etc/ssh") / place.host.name, ignore_errors=True)


@quickly
def test_the_spool_must_be_ours_and_closed_to_others(place: Place) -> None:
    folder = f"/var/tmp/wk-foreign-{uuid.uuid4().hex[:8]}"

    async def work(_: ShellHost) -> None:
        changed = dataclasses.replace(place, host=dataclasses.replace(place.host, spool=folder))
        async with changed.opened() as host:
            seen = place.file(folder)
            for owner, mode, reason in ((4101, 0o700, b"does not belong"), (0, 0o755, b"mode 0700")):
                seen.mkdir(mode=mode)
                os.chown(seen, owner, owner)
                answer = await host.start(place.step("true"), wait_s=2)
                assert answer.status == "nospool" and reason in answer.output
                shutil.rmtree(seen)
            assert (await host.start(place.step("true"), wait_s=5)).status == "done"
            assert seen.stat().st_mode & 0o777 == 0o700
            shutil.rmtree(seen)

    if os.geteuid() != 0:
        pytest.skip("giving a directory to another user needs root")
    place.run(work)


@pytest.mark.parametrize("place", ("local", "sshd"), indirect=True)
def test_a_hundred_megabytes_keep_both_ends(place: Place) -> None:
    step = place.step("echo first; head -c 100000000 /dev/zero; echo last", strict=False)

    async def work(host: ShellHost) -> None:
        answer = await ended(host, step, await host.start(step, wait_s=20))
        assert (answer.status, answer.exit_code, len(answer.output)) == ("done", 0, 1_048_576)
        kept, offset = bytearray(), 0
        while (answer := await host.look(step, offset=offset, limit=16 * 1_048_576)).output:
            kept += answer.output
            offset = answer.next_offset
        gap = b"bytes left out: first 48 MB and last 16 MB are kept]"
        assert kept.startswith(b"first\n\0") and kept.endswith(b"\0last\n") and kept.count(gap) == 1
        assert 64 * 1_048_576 < len(kept) < 64 * 1_048_576 + 200
        files = list(place.file(place.host.spool or "/var/tmp/wk-0").glob(f"{step.run}/*.out"))
        assert sum(file.stat().st_blocks for file in files) * 512 < 70 * 1_048_576
        await host.clean(step.run)
        assert not [file for file in files if file.exists()]
        assert (await host.start(step, wait_s=5)).exit_code == 0

    place.run(work)


@quickly
def test_clean_keeps_the_claims(place: Place, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; echo text")

    async def work(host: ShellHost) -> None:
        await host.start(step, wait_s=5)
        await host.clean(step.run)
        await host.clean("no-such-run")
        late = await host.start(step, wait_s=5)
        assert (late.status, late.exit_code, late.output) == ("done", 0, b"")
        assert counter.read_text() == "ran\n"
        with pytest.raises(Usage):
            await host.clean("../etc")

    place.run(work)


@quickly
def test_a_run_is_listed_and_forgotten_only_when_nothing_of_it_is_at_work(place: Place) -> None:
    step = place.step("echo text; sleep 300")
    done = dataclasses.replace(step, step="s0-0", text="echo text")
    never = dataclasses.replace(step, step="s2-0")

    async def work(host: ShellHost) -> None:
        await host.start(done, wait_s=5)
        await host.start(step)
        assert await host.spooled(step.run) == [step.run]
        assert await host.spooled("nobody") == []
        assert await host.clean(step.run, claims=True) is False
        assert (await host.look(step)).output == b"text\n"
        ended = await host.cancel(step, grace_s=0.3)
        assert (ended.status, ended.output) == ("cancelled", b"")
        for _ in range(2):
            unstarted = await host.cancel(never)
            assert unstarted.status == "cancelled" and b"it was never started" in unstarted.output
        assert await host.clean(step.run, claims=True) is True
        assert await host.spooled(step.run) == []
        assert [(await host.look(each)).status for each in (done, step)] == ["gone", "gone"]

    place.run(work)


# ------------------------------------------------------------------------------------------------- only over ssh


@on_sshd
def test_sshd_killed_in_mid_step_and_reattach(place: Place, tmp_path: Path) -> None:
    path, counter = tmp_path / "pids", tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; echo $$ >>{path}; sleep 1; echo end; exit 6")
    assert place.server is not None

    async def work(host: ShellHost) -> None:
        task = asyncio.ensure_future(host.start(step, wait_s=30))
        await asyncio.to_thread(pids, path, 1)
        place.server.cut()
        with pytest.raises(NoAnswer, match="lost"):
            await task
        answer = await ended(host, step, await host.start(step, wait_s=10))
        assert (answer.status, answer.exit_code, answer.output) == ("done", 6, b"end\n")
        assert counter.read_text() == "ran\n"

    place.run(work)


@on_sshd
def test_a_cut_line_during_a_read_says_so_and_ends_the_command(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    assert place.server is not None

    async def work(host: ShellHost) -> None:
        task = asyncio.ensure_future(host.read(stubborn(path), deadline_s=30))
        family = await asyncio.to_thread(pids, path, 4)
        place.server.cut()
        with pytest.raises(NoAnswer, match="lost before the command answered"):
            await task
        assert all_gone(family, 4.0)
        assert (await host.read("echo back", deadline_s=5)).output == b"back\n"

    place.run(work)


@over_ssh
def test_forty_commands_at_once_with_any_limits(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        results = await asyncio.gather(*(host.read(f"sleep 0.1; echo {n}", deadline_s=20) for n in range(40)))
        assert [result.output for result in results] == [f"{n}\n".encode() for n in range(40)]
        hanging = [asyncio.ensure_future(host.read("sleep 300", deadline_s=60)) for _ in range(PLACES)]
        await asyncio.sleep(0.5)
        with pytest.raises(NoAnswer, match="busy"):
            await host.read("true", deadline_s=0.5)
        assert (await host.start(place.step("true"), wait_s=5)).status == "done"  # steps do not queue behind reads
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert (await host.read("echo free", deadline_s=5)).output == b"free\n"

    place.run(work)


@over_ssh
def test_thirty_logins_at_once_with_stock_startups(place: Place) -> None:
    async def work(_: ShellHost) -> None:
        inventory = {f"n{k}": Host(f"n{k}", "ssh", address=place.name) for k in range(30)}
        hosts = Hosts(inventory, ssh_config=place.config, connect_timeout_s=15.0)
        try:
            results = await asyncio.gather(*(hosts.get(name).read("echo ok", deadline_s=20) for name in inventory))
            assert {result.output for result in results} == {b"ok\n"}
        finally:
            await hosts.close()

    place.run(work)


def silent_server() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@on_sshd
def test_every_way_not_to_reach_a_host_is_one_sentence(place: Place, tmp_path: Path) -> None:
    assert place.server is not None and place.config is not None
    known, port = place.config.parent / "known_hosts", place.server.port
    other_key = (place.server.folder.parent / "user_key.pub").read_text().split()[1]
    changed, unknown, off = tmp_path / "changed", tmp_path / "unknown", tmp_path / "off"
    (tmp_path / "known").write_text(f"# a comment\n[127.0.0.1]:{port} ssh-ed25519 {other_key}\n")
    (tmp_path / "empty").write_text("")
    base = place.config.read_text()
    changed.write_text(base.replace(str(known), str(tmp_path / "known")))
    unknown.write_text(base.replace(str(known), str(tmp_path / "empty")))
    off.write_text("Host *\n  StrictHostKeyChecking no\n" + base.replace(str(known), "none"))
    listener = silent_server()
    cases = [
        (Host("sshd", "ssh"), changed, f"host key .* is not the one in {tmp_path / 'known'}:2.*ssh-keygen .*-R"),
        (Host("sshd", "ssh"), unknown, r"host key .* is unknown: .*empty has no line for \[127.0.0.1\]"),
        (Host("sshd", "ssh"), off, "host key .* is unknown"),
        (Host("sshd", "ssh", user="stranger"), place.config, "does not let stranger in.*authorized_keys"),
        (Host("shut", "ssh", "127.0.0.1", port=free_port()), place.config, "refused the connection.*port"),
        (Host("mute", "ssh", "127.0.0.1", port=listener.getsockname()[1]), place.config, "did not answer within 0.6 s"),
        (Host("odd", "ssh", "no-such-host.invalid"), place.config, "has no address"),
    ]

    async def work(_: ShellHost) -> None:
        for host, config, sentence in cases:
            hosts = Hosts({host.name: host}, ssh_config=config, connect_timeout_s=0.6)
            started = time.monotonic()
            for _ in range(2):
                with pytest.raises(NoAnswer, match=sentence) as caught:
                    await hosts.get(host.name).read("true", deadline_s=10)
                assert host.name in caught.value.sentence and caught.value.hint and "\n" not in str(caught.value)
            with pytest.raises(NoAnswer):
                await hosts.get(host.name).start(place.step("true"))
            assert time.monotonic() - started < 3
            await hosts.close()

    try:
        place.run(work)
    finally:
        listener.close()


@pytest.mark.needs("sudo")
@on_sshd
def test_become_and_a_sudo_that_asks(place: Place, tmp_path: Path) -> None:
    counter, path = tmp_path / "counter", tmp_path / "pids"
    asking = dataclasses.replace(place, host=Host("sshd", "ssh", user="deploy", become=True))
    allowed = dataclasses.replace(place, host=Host("sshd", "ssh", user="operator", become=True))

    async def refused(host: ShellHost) -> None:
        for job in (host.start(place.step(f"echo ran >>{counter}"), wait_s=5), host.read("id", deadline_s=5)):
            with pytest.raises(Forbidden, match=r"sudo on sshd .*password.*nothing was run.*NOPASSWD"):
                await job
        assert (await host.read("id -u", deadline_s=5, become=False)).output == b"4101\n"
        assert not counter.exists()

    async def works(host: ShellHost) -> None:
        assert (await host.read("id -u", deadline_s=5)).output == b"0\n"
        assert (await host.start(place.step("id -u"), wait_s=5)).output == b"0\n"
        assert (await host.read(stubborn(path), deadline_s=0.4)).timed_out
        assert all_gone(pids(path, 4), 0.5)

    asking.run(refused)
    allowed.run(works)


@on_sshd
def test_the_plain_users_spool_is_their_own(place: Place) -> None:
    plain = dataclasses.replace(place, host=Host("sshd", "ssh", user="operator"))

    async def work(host: ShellHost) -> None:
        assert (await host.start(place.step("id -u"), wait_s=5)).output == b"4102\n"
        stat = place.file("/var/tmp/wk-4102").stat()
        assert (stat.st_uid, stat.st_mode & 0o777) == (4102, 0o700)

    plain.run(work)


# ------------------------------------------------------------------------------------------ the pool and threads


def test_the_pool_knows_its_names_and_keeps_what_is_unchanged() -> None:
    one, two = Host("app1", "local"), Host("app2", "local")

    async def work() -> None:
        hosts = Hosts({"app1": one, "app2": two})
        kept, dropped = hosts.get("app1"), hosts.get("app2")
        with pytest.raises(NotFound, match=r"no host 'ap1'.*Did you mean app1\?"):
            hosts.get("ap1")
        hosts.replace({"app1": one, "app2": dataclasses.replace(two, become=True)})
        assert hosts.get("app1") is kept and hosts.get("app2") is not dropped
        hosts.replace({"app1": one})
        with pytest.raises(NotFound):
            hosts.get("app2")
        await hosts.close()

    asyncio.run(work())


@on_sshd
def test_replace_lets_a_running_command_finish(place: Place) -> None:
    async def work(_: ShellHost) -> None:
        hosts = Hosts({"sshd": place.host}, ssh_config=place.config)
        running = asyncio.ensure_future(hosts.get("sshd").read("sleep 0.5; echo end", deadline_s=5))
        await asyncio.sleep(0.2)
        hosts.replace({"sshd": dataclasses.replace(place.host, user="operator")})
        assert (await running).output == b"end\n"
        assert (await hosts.get("sshd").read("id -u", deadline_s=5)).output == b"4102\n"
        await hosts.close()

    place.run(work)


@pytest.mark.parametrize("place", ("local", "sshd"), indirect=True)
def test_blocking_hosts_serve_threads(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    hosts = BlockingHosts({place.host.name: place.host}, ssh_config=place.config)
    try:
        host = hosts.get(place.host.name)
        assert host.read("echo hi", deadline_s=5).output == b"hi\n"
        started = time.monotonic()
        stopped = host.read("echo a;" + stubborn(path), deadline_s=60, stop=lambda: time.monotonic() > started + 0.4)
        assert (stopped.exit_code, stopped.timed_out, stopped.output) == (None, False, b"a\n")
        assert all_gone(pids(path, 4), 4.0)
        step = place.step("echo out; exit 2")
        answer = host.start(step, wait_s=5)
        assert (answer.status, answer.exit_code, answer.output) == ("done", 2, b"out\n")
        assert host.look(step).exit_code == 2
        slow = place.step("sleep 300")
        host.start(slow)
        assert host.cancel(slow, grace_s=1).status == "cancelled"
        host.clean(step.run)
        with pytest.raises(NotFound):
            hosts.get("nobody")
        hosts.replace({})
        with pytest.raises(NotFound):
            hosts.get(place.host.name)
    finally:
        hosts.close()
