"""One kept shell per host: many reads are one command, and nothing that goes wrong with it gives a wrong result."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.test_hosts import Place, alive, all_gone, pids, stubborn
from tests.lab.ssh_hosts import SshLab

from watchkeeper.adapters.hosts.kept import KeptShell
from watchkeeper.adapters.hosts.kept_reads import PLACES
from watchkeeper.adapters.hosts.kept_script import Broken, Frames
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Host

CHATTY = "(while sleep 0.04; do echo 'wk-0 1 read 0 5 0'; printf 'no line end'; done) &\n"
TALKING = "LogLevel VERBOSE\nMaxSessions 10\n"  # at this level sshd tells of every session it starts


@pytest.fixture(scope="module")
def lab(requires: Callable[..., None]) -> Iterator[SshLab]:
    requires("sshd", "root", "netns")
    folder = Path("/tmp") / f"wk-lab-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)
    try:
        lab.add("dash", settings=TALKING)
        lab.add("bash", settings=TALKING, sh="bash")
        if shutil.which("busybox"):
            lab.add("busybox", settings=TALKING, sh="busybox")
        lab.add("chatty", bashrc=CHATTY)
        yield lab
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(request: pytest.FixtureRequest, lab: SshLab) -> Place:
    name = getattr(request, "param", "dash")
    if name not in lab.hosts:
        request.getfixturevalue("requires")("busybox")
    return Place(name, Host(name, "ssh"), lab.config, lab.hosts[name], "sh")


shells = pytest.mark.parametrize("place", ("dash", "bash", "busybox"), indirect=True)


def log(place: Place) -> str:
    assert place.server is not None
    return place.server.log.read_text("utf-8", "replace")


def sessions(place: Place) -> int:
    return log(place).count("Starting session: command")


def inside(place: Place, command: str) -> None:
    """Run something in the host's own mounts."""
    assert place.server is not None and place.server.process is not None
    pid = str(place.server.process.pid)
    subprocess.run(["nsenter", "--mount", "--target", pid, "sh", "-ec", command], check=True)


def kept(host: ShellHost, become: bool = False) -> KeptShell:
    return host._kept[become]


async def tick(host: ShellHost, count: int = 12, text: str = "echo {n}; echo e{n} >&2; exit {n}") -> None:
    asked = (host.read(text.format(n=n), deadline_s=20) for n in range(count))
    for n, result in enumerate(await asyncio.gather(*asked)):
        assert (result.exit_code, result.output, result.error) == (n, f"{n}\n".encode(), f"e{n}\n".encode())


@shells
def test_many_reads_are_one_session_and_no_line_in_the_log(place: Place) -> None:
    before = sessions(place)

    async def work(host: ShellHost) -> None:
        await tick(host)
        lines = len(log(place).splitlines())
        for _ in range(5):
            await tick(host)
        assert (await host.start(place.step("echo changed"), wait_s=10)).output == b"changed\n"
        assert sessions(place) == before + 1
        assert len(log(place).splitlines()) == lines, "sshd logged something, at VERBOSE, for a check"

    place.run(work)


def test_reads_that_are_due_together_are_one_message(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchkeeper.adapters.hosts.ssh_connection import SshChannel

    sent: list[bytes] = []
    send = SshChannel.send

    async def noted(channel: SshChannel, data: bytes) -> None:
        sent.append(data)
        await send(channel, data)

    monkeypatch.setattr(SshChannel, "send", noted)

    async def work(host: ShellHost) -> None:
        await host.read("true", deadline_s=10)
        await asyncio.sleep(0.2)
        sent.clear()
        await asyncio.gather(*(host.read(f"echo {n}", deadline_s=10) for n in range(12)))
        assert sum(data.count(b"wk_read) &") for data in sent) == 12
        assert len([data for data in sent if b"wk_read) &" in data]) == 1
        texts = [f"echo {n}" for n in range(12)] * 2
        while not all(text in host._reads._quick for text in texts):  # what was quick is one job from then on
            for text in texts:
                await host.read(text, deadline_s=10)
        await asyncio.sleep(0.2)
        sent.clear()
        results = await asyncio.gather(*(host.read(text, deadline_s=10) for text in texts))
        assert [result.output for result in results] == [f"{n}\n".encode() for n in range(12)] * 2
        told = [data for data in sent if b"wk_bundle" in data or b"wk_read" in data]
        assert len(told) == 1 and told[0].count(b"wk_bundle) &") == 1 and b"wk_read" not in told[0]
        assert told[0].count(b"echo 7") == 1, "the same question at the same moment is asked once"

    place.run(work)


@pytest.mark.needs("sudo")
def test_sudo_logs_once_and_not_per_check(place: Place) -> None:
    rule = "Defaults logfile=/var/tmp/sudo.log\n"
    assert place.server is not None
    (place.server.root / "etc/sudoers.d/log").write_text(rule)
    (place.server.root / "etc/sudoers.d/log").chmod(0o440)
    operator = replace(place, host=Host("dash", "ssh", user="operator", become=True))

    async def work(host: ShellHost) -> None:
        for _ in range(5):
            results = await asyncio.gather(*(host.read("id -u", deadline_s=10) for _ in range(6)))
            assert {result.output for result in results} == {b"0\n"}
        assert (await host.start(place.step("id -u"), wait_s=10)).output == b"0\n"
        assert place.file("/var/tmp/sudo.log").read_text().count("COMMAND=") == 1

    operator.run(work)


@shells
def test_a_hung_read_stays_beside_quick_ones(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"

    async def work(host: ShellHost) -> None:
        hung = asyncio.ensure_future(host.read(stubborn(path), deadline_s=60))
        family = await asyncio.to_thread(pids, path, 4)
        for _ in range(2):
            await tick(host)
        assert not hung.done() and all(alive(pid) for pid in family)
        hung.cancel()
        late = asyncio.ensure_future(host.read("echo begun; sleep 300", deadline_s=0.5))
        await tick(host)
        result = await late
        assert result.timed_out and result.exit_code is None and result.output in (b"begun\n", b"")
        assert all_gone(family, 2.0)

    place.run(work)


@shells
def test_reads_of_a_bundle_do_not_see_each_other(place: Place) -> None:
    texts = [
        "echo $$; cd /; export LEAK=1; exit 4",
        'printf %s "$LEAK$wk_c$PWD"; false',
        "printf 'a\\000b\\n'; kill -KILL $$",
        'printf %s "$VALUE"; env | grep -c wk_ >&2',
        "nosuchprogram",
        "echo \"'quoted'\"; cat",
    ]

    async def work(host: ShellHost) -> None:
        rounds = []
        for _ in range(3):
            values = {"VALUE": "it's\n"}
            rounds.append(await asyncio.gather(*(host.read(t, deadline_s=10, environment=values) for t in texts)))
        for first, *later in zip(*rounds, strict=True):
            for result in later:
                assert result.exit_code == first.exit_code
                if first.exit_code != 4:  # that one tells its own process number
                    assert (result.output, result.error) == (first.output, first.error) or first.exit_code == 127
        assert [result.exit_code for result in rounds[-1]] == [4, 1, 137, 1, 127, 0]
        assert rounds[-1][2].output == b"a\0b\n" and rounds[-1][3].output == b"it's\n"
        assert len({result.output for result in (found[0] for found in rounds)}) == 3

    place.run(work)


@shells
def test_a_read_of_a_bundle_that_changes_does_not_harm_the_others(place: Place, tmp_path: Path) -> None:
    path, changed = tmp_path / "pids", tmp_path / "changed"
    turns = {
        "hangs": f"echo $$ >>{path}; sleep 300 & echo $! >>{path}; sleep 300",
        "ends its group": "kill -KILL 0",
        "floods": "head -c 3000000 /dev/zero",
        "leaves a child": f"setsid sleep 60 & echo $! >>{path}",
    }

    async def work(host: ShellHost) -> None:
        for text in turns.values():
            changed.unlink(missing_ok=True)
            asked = f"[ ! -e {changed} ] || {{ {text}; }}; echo same"
            for _ in range(2):
                assert (await host.read(asked, deadline_s=20)).output == b"same\n"
                await tick(host, 6)
            changed.touch()
            odd = asyncio.ensure_future(host.read(asked, deadline_s=20, limit=100_000))
            await asyncio.gather(tick(host, 6), tick(host, 6))
            if "sleep 300" in text:
                odd.cancel()
                await asyncio.gather(odd, return_exceptions=True)
                assert all_gone(pids(path, 2), 2.0)
                continue
            result = await odd
            assert result.truncated if "zero" in text else result.exit_code in (0, 137)

    try:
        place.run(work)
    finally:
        for pid in pids(path, 1):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


@shells
def test_a_killed_shell_is_replaced_and_what_it_ran_is_ended(place: Place, tmp_path: Path) -> None:
    path, counter = tmp_path / "pids", tmp_path / "counter"
    step = place.step(f"echo ran >>{counter}; sleep 1; echo end")

    async def work(host: ShellHost) -> None:
        before = sessions(place)
        await tick(host, 1)
        hung = asyncio.ensure_future(host.read(stubborn(path), deadline_s=60))
        changing = asyncio.ensure_future(host.start(step, wait_s=20))
        waiting = asyncio.ensure_future(host.read("sleep 1; echo on", deadline_s=20))
        first = kept(host)
        family = await asyncio.to_thread(pids, path, 4)
        while not counter.exists():
            await asyncio.sleep(0.02)
        folder = place.file(first._directory)
        os.kill(int((folder / "main").read_text().split()[0]), signal.SIGKILL)
        assert (await waiting).output == b"on\n"
        answer = await changing
        assert (answer.status, answer.exit_code, answer.output) == ("done", 0, b"end\n")
        assert counter.read_text() == "ran\n"
        assert all_gone(family, 5.0) and not folder.exists()
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)
        await tick(host)
        assert kept(host) is not first and sessions(place) > before + 1

    place.run(work)
    assert all_gone(pids(path, 8), 5.0)


def test_nothing_is_left_when_the_host_is_closed(place: Place, tmp_path: Path) -> None:
    path, folder = tmp_path / "pids", Path()

    async def work(host: ShellHost) -> None:
        nonlocal folder
        await tick(host)
        folder = place.file(kept(host)._directory)
        assert folder.stat().st_mode & 0o777 == 0o700
        hung = asyncio.ensure_future(host.read(stubborn(path), deadline_s=60))
        await asyncio.to_thread(pids, path, 4)
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)
        await asyncio.sleep(0.3)
        keeper = int((folder / "main").read_text().split()[0])
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        assert not children, "ended jobs are waited for, or they stay as zombies until the next tick"

    place.run(work)
    assert all_gone(pids(path, 4), 1.0)
    deadline = time.monotonic() + 3
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()


@pytest.mark.parametrize("place", ("chatty",), indirect=True)
def test_noise_in_the_session_changes_no_result(place: Place) -> None:
    right = 0

    async def work(host: ShellHost) -> None:
        nonlocal right
        for n in range(25):
            try:
                result = await host.read(f"echo {n}; echo e >&2; exit 3", deadline_s=10)
            except NoAnswer as error:
                assert "prints into the sessions" in error.sentence
                continue
            assert (result.exit_code, result.output, result.error) == (3, f"{n}\n".encode(), b"e\n")
            right += 1

    place.run(work)
    assert right > 15


def test_children_that_escape_with_the_output_are_not_waited_for(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "pids"

    async def work(host: ShellHost) -> None:
        await tick(host)
        text = f"setsid sleep 60 & echo $! >>{path}; echo answer; exit 5"
        started = time.monotonic()
        result = await host.read(text, deadline_s=30)
        assert (result.exit_code, result.output, result.timed_out) == (5, b"answer\n", False)
        assert time.monotonic() - started < 25
        await tick(host)

    try:
        place.run(work)
    finally:
        for pid in pids(path, 1):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def test_more_reads_than_places_wait_their_turn(place: Place) -> None:
    async def work(host: ShellHost) -> None:
        await tick(host, PLACES + 8, "sleep 0.05; echo {n}; echo e{n} >&2; exit {n}")

    place.run(work)


def test_without_a_place_in_memory_every_read_has_its_own_session(place: Place, lab: SshLab) -> None:
    if "bare" not in lab.hosts:
        lab.add("bare", settings=TALKING)
    bare = replace(place, name="bare", host=Host("bare", "ssh"), server=lab.hosts["bare"])
    inside(bare, "mount -t tmpfs tmpfs /run; mkdir /run/sshd; mount -o remount,ro /run")
    inside(bare, "for d in /tmp /dev/shm; do mount --bind $d $d; mount -o remount,bind,ro $d; done")

    async def work(host: ShellHost) -> None:
        await tick(host, 4)
        before = sessions(bare)
        await tick(host, 4)
        assert sessions(bare) == before + 4
        assert (await host.start(bare.step("echo changed"), wait_s=10)).output == b"changed\n"

    bare.run(work)


def test_full_memory_gives_no_wrong_result(place: Place, lab: SshLab) -> None:
    full = replace(place, name="full", host=Host("full", "ssh"), server=lab.add("full", settings=TALKING))
    inside(full, "mount -t tmpfs -o size=128k,mode=1777 tmpfs /dev/shm")

    async def work(host: ShellHost) -> None:
        for size in (1000, 400_000):
            result = await host.read(f"head -c {size} /dev/zero; echo end >&2; exit 3", deadline_s=20)
            assert (result.exit_code, len(result.output), result.error) == (3, size, b"end\n")
        await tick(host)
        await tick(host)
        inside(full, "cat /dev/zero >/dev/shm/all 2>/dev/null || :")
        await tick(host)
        await tick(host)

    full.run(work)


# ------------------------------------------------------------------------------------------- frames, without a host

MARK = "wk-0123456789abcdef"
READ = b"wk-0123456789abcdef 7 read 3 2 1\nab!wk-0123456789abcdef.\n"


def test_frames_survive_any_cut_and_any_noise_between_them() -> None:
    noise = b"Welcome\nwk-other 7 read 0 1 0\nxwk-other.\nwk-0123456789"
    whole = noise + READ + noise + READ
    for size in (1, 2, 7, 64, len(whole)):
        frames, found = Frames(MARK), []
        for start in range(0, len(whole), size):
            found += frames.feed(whole[start : start + size])
        assert [(frame.job, frame.kind, frame.words, frame.data) for frame in found] == [
            (7, "read", ("3", "2", "1"), b"ab!")
        ] * 2


@pytest.mark.parametrize(
    "broken",
    (
        READ.replace(b"ab!", b"ab! noise"),
        READ.replace(b"2 1", b"2 1 "),
        READ.replace(b"2 1", b"2"),
        READ.replace(b"2 1", b"-2 1"),
        READ.replace(b"2 1", b"999999999 1"),
        READ.replace(b"read", b"dance"),
        READ.replace(b" 3 2 1\n", b" 3" * 4000),
    ),
)
def test_frames_that_hold_anything_else_are_refused(broken: bytes) -> None:
    with pytest.raises(Broken):
        Frames(MARK).feed(broken)
