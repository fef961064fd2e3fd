"""Containers of podman: as hosts with processes, disk and limits of their own, and as what the container probe sees.

That a container keeps the whole contract of a host is in test_hosts.py; here is what only a container can do: be
restarted, made anew, paused or missing, have no bash, no shell, no room, or a root that nobody may write.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.lab.containers import ContainerLab
from tests.lab.ssh_hosts import SshLab

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.probes.container import values_of
from watchkeeper.core.checks import Reading
from watchkeeper.core.errors import Forbidden, Invalid, NoAnswer
from watchkeeper.core.inventory.values import Check, Host, Probe
from watchkeeper.services.ports import SpoolStep

pytestmark = pytest.mark.needs("podman", "root")


def host_of(lab: ContainerLab, name: str, **more: str) -> Host:
    return Host(name, "container", name, socket=str(lab.socket), **more)  # type: ignore[arg-type]


def within(host: Host, work: Callable[[ShellHost], Coroutine[object, object, None]], *others: Host) -> None:
    async def whole() -> None:
        async with opened(host, *others) as hosts:
            await work(hosts.get(host.name))

    asyncio.run(whole())


@contextlib.asynccontextmanager
async def opened(*hosts: Host, config: Path | None = None, path: str = "") -> AsyncIterator[Hosts]:
    pool = Hosts(
        {host.name: host for host in hosts}, ssh_config=config, local_environment={"PATH": path} if path else None
    )
    try:
        yield pool
    finally:
        await pool.close()


def step(text: str, **more: object) -> SpoolStep:
    values: dict[str, object] = {"shell": "sh", "first_of_run": True} | more
    return SpoolStep(run=f"run-{uuid.uuid4().hex[:8]}", step="s1-0", text=text, **values)  # type: ignore[arg-type]


@pytest.fixture
def name(containers: ContainerLab) -> Iterator[str]:
    """A name for a container of this test; it is removed at the end."""
    name = f"c{uuid.uuid4().hex[:8]}"
    yield name
    containers.call("rm", "-f", "-t", "0", name, check=False)


def sleepers(lab: ContainerLab, name: str, seconds: str) -> int:
    """Processes `sleep SECONDS` of a container, counted from outside."""
    listed = lab.call("top", name, "args").splitlines()
    return sum(1 for line in listed if line.split() == ["sleep", seconds])


# ---------------------------------------------------------------------------------- processes and disk of its own


def test_deadline_and_cancel_end_groups_inside(containers: ContainerLab, name: str) -> None:
    containers.run(name)
    family = "trap '' TERM; sleep 7777 & setsid -w sh -c 'exit 0'; sh -c 'trap \"\" TERM; sleep 7777; sleep 7777'"

    async def work(host: ShellHost) -> None:
        late = await host.read(family, deadline_s=0.6)
        assert late.timed_out and sleepers(containers, name, "7777") == 0
        task = asyncio.ensure_future(host.read(family, deadline_s=60))
        while sleepers(containers, name, "7777") < 2:
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sleepers(containers, name, "7777") == 0
        changing = step(family)
        assert (await host.start(changing)).status == "started"
        assert sleepers(containers, name, "7777") == 2
        assert (await host.cancel(changing, grace_s=0.2)).status == "cancelled"
        assert sleepers(containers, name, "7777") == 0

    within(host_of(containers, name), work)


def test_a_restart_in_mid_step_is_gone_and_a_new_container_refuses(containers: ContainerLab, name: str) -> None:
    containers.run(name)
    first = step("echo ran >>/var/tmp/counter; echo begun; sleep 300")

    async def work(host: ShellHost) -> None:
        started = await host.start(first, wait_s=0.3)
        again = dataclasses.replace(first, boot=started.boot)
        containers.call("restart", "-t", "0", name)
        looked = await host.look(again)
        assert (looked.status, looked.output) == ("gone", b"begun\n")
        assert (await host.start(again, wait_s=2)).status == "gone"
        assert (await host.read("cat /var/tmp/counter", deadline_s=5)).output == b"ran\n"
        containers.call("rm", "-f", "-t", "0", name)
        containers.run(name)
        refused = await host.start(again, wait_s=2)
        assert refused.status == "nospool" and b"does not exist" in refused.output
        assert (await host.read("cat /var/tmp/counter", deadline_s=5)).exit_code == 1

    within(host_of(containers, name), work)


def test_a_container_killed_during_a_read_is_a_sentence(containers: ContainerLab, name: str) -> None:
    containers.run(name)

    async def work(host: ShellHost) -> None:
        task = asyncio.ensure_future(host.read("echo a; sleep 300", deadline_s=60))
        while sleepers(containers, name, "300") < 1:
            await asyncio.sleep(0.05)
        containers.call("kill", name)
        try:
            result = await task
            assert result.exit_code == 137
        except NoAnswer as error:
            assert name in str(error) and error.hint

    within(host_of(containers, name), work)


def test_a_container_paused_under_a_kept_shell_and_one_started_again(containers: ContainerLab, name: str) -> None:
    containers.run(name)

    async def work(host: ShellHost) -> None:
        assert (await host.read("echo a", deadline_s=10)).output == b"a\n"
        containers.call("pause", name)
        assert (await host.read("echo b", deadline_s=0.5)).timed_out
        with pytest.raises(NoAnswer, match="is paused"):
            await host.read("echo b", deadline_s=10)
        containers.call("unpause", name)
        assert (await host.read("echo c", deadline_s=10)).output == b"c\n"
        containers.call("kill", name)
        with pytest.raises(NoAnswer, match="is not running"):
            await host.read("echo d", deadline_s=10)
        containers.call("start", name)
        assert (await host.read("echo e", deadline_s=10)).output == b"e\n"

    within(host_of(containers, name), work)


# ---------------------------------------------------------------------------------------------- poor containers


@pytest.mark.needs("busybox")
def test_busybox_without_bash(containers: ContainerLab, name: str) -> None:
    containers.run(name, "/bin/busybox", "sleep", "100000", root=containers.small_root(name))

    async def work(host: ShellHost) -> None:
        result = await host.read("echo hi; id -u; exit 3", deadline_s=5)
        assert (result.exit_code, result.output) == (3, b"hi\n4101\n")
        with pytest.raises(Invalid, match="no bash"):
            await host.read("true", deadline_s=5, shell="bash")
        with pytest.raises(Invalid, match=r"no bash.*nothing was started"):
            await host.start(step("true", shell="bash"))
        answer = await host.start(step("id -un; false; echo on"), wait_s=10)
        assert (answer.status, answer.exit_code, answer.output) == ("done", 1, b"app\n")
        assert (await host.read("stat -c '%a %u' /var/tmp/wk-4101", deadline_s=5)).output == b"700 4101\n"

    within(host_of(containers, name, user="app"), work)


@pytest.mark.needs("busybox")
def test_without_any_shell_it_says_so(containers: ContainerLab, name: str) -> None:
    root = containers.small_root(name, shell=False)
    containers.run(name, "/bin/busybox", "sleep", "100000", root=root)

    async def work(host: ShellHost) -> None:
        for job in (host.read("true", deadline_s=5), host.start(step("true"))):
            with pytest.raises(NoAnswer, match=r"has no /bin/sh.*container probe"):
                await job

    within(host_of(containers, name), work)


def test_a_read_only_root_reads_and_refuses_to_change(containers: ContainerLab, name: str) -> None:
    containers.run(name, options=("--read-only", "--read-only-tmpfs=false"))

    changing = step("echo changed")

    async def work(host: ShellHost) -> None:
        assert (await host.read("echo fine; touch /var/tmp/x", deadline_s=5)).output == b"fine\n"
        answer = await host.start(changing, wait_s=5)
        sentence = f"Not started: the directory /var/tmp/wk-0/{changing.run} cannot be made on {name}.\n"
        assert (answer.status, answer.output) == ("nospool", sentence.encode())

    within(host_of(containers, name), work)


def test_a_full_disk_reads_and_refuses_to_change(containers: ContainerLab, name: str) -> None:
    containers.run(name, options=("--tmpfs=/var/tmp:size=64k,mode=1777,notmpcopyup",))

    async def work(host: ShellHost) -> None:
        assert (await host.start(step("echo changed"), wait_s=5)).status == "done"
        filled = await host.read("head -c 200000 /dev/zero >/var/tmp/big; echo $?", deadline_s=5)
        assert filled.output == b"1\n"
        answer = await host.start(step("echo changed"), wait_s=5)
        assert answer.status in ("full", "nospool") and answer.output.startswith(b"Not started: the d")
        assert (await host.read("df -P /var/tmp | tail -n 1", deadline_s=5)).output.split()[4] == b"100%"

    within(host_of(containers, name), work)


# -------------------------------------------------------------------------------------------------------- via


def test_through_docker_or_podman_of_this_machine(containers: ContainerLab, name: str) -> None:
    containers.run(name)
    inner = Host("inner", "container", name, via="outer")
    outer = Host("outer", "local")
    missing = Host("missing", "container", "no-such-container", via="outer")

    async def work() -> None:
        async with opened(inner, outer, missing, path=f"{containers.podman.parent}:/usr/bin:/bin") as hosts:
            host = hosts.get("inner")
            result = await host.read("hostname; echo err >&2; exit 3", deadline_s=10)
            assert result.exit_code == 3 and result.output.strip() != socket.gethostname().encode()
            assert result.error == b"err\n"
            assert (await host.read("sleep 8888", deadline_s=0.7)).timed_out
            assert sleepers(containers, name, "8888") == 0
            changing = step("echo out; exit 4")
            for _ in range(2):
                answer = await host.start(changing, wait_s=10)
                assert (answer.status, answer.exit_code, answer.output) == ("done", 4, b"out\n")
            with pytest.raises(NoAnswer, match=r"missing \(container no-such-container\) does not exist"):
                await hosts.get("missing").read("true", deadline_s=10)
        async with opened(inner, outer, path="/nowhere") as hosts:
            with pytest.raises(NoAnswer, match=r"outer has neither docker nor podman"):
                await hosts.get("inner").read("true", deadline_s=10)

    asyncio.run(work())


@pytest.mark.needs("sshd", "netns")
def test_through_an_ssh_host_and_a_cut_line(containers: ContainerLab, name: str) -> None:
    containers.run(name)
    folder = Path("/tmp") / f"wk-lab-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    ssh = SshLab(folder)
    inner, outer = Host("inner", "container", name, via="far"), Host("far", "ssh")

    async def work() -> None:
        server = ssh.add("far", settings=f"SetEnv PATH={containers.podman.parent}:/usr/bin:/bin:/usr/sbin:/sbin")
        async with opened(inner, outer, config=ssh.config) as hosts:
            host = hosts.get("inner")
            assert (await host.read("echo there", deadline_s=10)).output == b"there\n"
            task = asyncio.ensure_future(host.read("sleep 9999", deadline_s=60))
            changing = step("echo ran >>/var/tmp/counter; sleep 1; echo end")
            await host.start(changing)
            while sleepers(containers, name, "9999") < 1:
                await asyncio.sleep(0.05)
            server.cut()
            with pytest.raises(NoAnswer):
                await task
            answer = await host.start(changing, wait_s=10)
            assert (answer.status, answer.output) == ("done", b"end\n")
            assert (await host.read("cat /var/tmp/counter", deadline_s=5)).output == b"ran\n"
            deadline = time.monotonic() + 5
            while sleepers(containers, name, "9999") and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            assert sleepers(containers, name, "9999") == 0

    try:
        asyncio.run(work())
    finally:
        ssh.close()
        shutil.rmtree(folder, ignore_errors=True)


# --------------------------------------------------------------------------------------------------- sentences


def test_every_way_not_to_reach_a_container_is_one_sentence(containers: ContainerLab, name: str) -> None:
    containers.run(name)
    containers.run(f"{name}-off")
    containers.call("kill", f"{name}-off")
    here = Host("app", "container", name, socket=str(containers.socket))
    cases = [
        (dataclasses.replace(here, address="nope"), r"app \(container nope\) does not exist"),
        (dataclasses.replace(here, address=f"{name}-off"), r"is not running.*docker logs"),
        (dataclasses.replace(here, user="zork"), "has no user zork"),
        (dataclasses.replace(here, socket="/nowhere.sock"), "/nowhere.sock does not exist"),
        (dataclasses.replace(here, socket="/etc/passwd"), "(down|cannot be opened)"),
    ]

    async def work() -> None:
        for host, sentence in cases:
            async with opened(host) as hosts:
                for job in (hosts.get("app").read("true", deadline_s=5), hosts.get("app").start(step("true"))):
                    with pytest.raises(NoAnswer, match=sentence) as caught:
                        await job
                    assert caught.value.hint and "\n" not in str(caught.value)
                    assert caught.value.details["sent"] is False and caught.value.details["host"] == "app"
        containers.call("pause", name)
        async with opened(here) as hosts:
            with pytest.raises(NoAnswer, match=r"is paused.*unpause"):
                await hosts.get("app").read("true", deadline_s=5)
        containers.call("unpause", name)

    try:
        asyncio.run(work())
    finally:
        containers.call("rm", "-f", "-t", "0", f"{name}-off", check=False)


@contextlib.contextmanager
def strange_service(answer: bytes) -> Iterator[str]:
    """Something else behind a Unix socket: it says these bytes to everybody and hangs up."""
    path = f"/tmp/wk-{uuid.uuid4().hex[:8]}.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        os.unlink(path)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"", "ended early"),
        (b"SSH-2.0-x\r\n\r\n", "no Docker API"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "ended early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{", "no Docker API"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "no Docker API"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "without a state"),
        (b'HTTP/1.1 500 Oh\r\nContent-Length: 20\r\n\r\n{"message":"broken"}', "refused to tell.*500: broken"),
        (b"x" * 200_000, "no Docker API"),
    ],
)
def test_a_service_that_is_no_docker_is_unknown(answer: bytes, sentence: str) -> None:
    with strange_service(answer) as path:
        reading = ask(None, name="web", socket=path)
    assert reading.error is not None and not reading.values
    assert re.search(sentence, reading.error), reading.error


def test_a_user_without_the_right_is_told_which(containers: ContainerLab) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from watchkeeper.adapters.docker_api import DockerApi\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: asyncio.run(DockerApi(sys.argv[1]).ask('GET', '/_ping'))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    containers.socket.chmod(0o600)
    containers.folder.chmod(0o755)
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code, str(containers.socket)],
        env=os.environ | {"PYTHONPATH": str(source)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith(Forbidden.__name__), done.stderr
    assert "may not be used by this user" in done.stdout and "usermod -aG docker" in done.stdout


# --------------------------------------------------------------------------------------------------- the probe


def ask(host: Host | None, kind: str = "container", **options: object) -> Reading:
    where = "host" if host else "here"
    check = Check("shop/web", "shop", "web", host.name if host else None, where, Probe(kind, options), 5.0, 5.0,
                  None, None, None, 1, "hash")  # type: ignore[arg-type]  # fmt: skip
    hosts = {host.name: host} if host else {}

    async def once() -> Reading:
        probes = Probes(Tools(hosts=hosts, make_pool=Hosts))
        try:
            return await probes.ask(check, time.time())
        finally:
            await probes.close()

    return asyncio.run(once())


def test_the_probe_tells_running_exited_and_missing(containers: ContainerLab, name: str) -> None:
    socket_ = str(containers.socket)
    containers.run(name, "sh", "-c", "sleep 100000")
    values = ask(None, name=name, socket=socket_).values
    assert (values["running"], values["state"], values["health"], values["exit_code"]) == (True, "running", "none", 0)
    assert 0 <= float(values["uptime"] or 0) < 30
    containers.call("kill", name)
    values = ask(None, name=name, socket=socket_).values
    assert (values["running"], values["state"], values["exit_code"], "uptime" in values) == (
        False,
        "exited",
        137,
        False,
    )
    missing = ask(None, name="nope", socket=socket_)
    assert (missing.error, missing.values["running"], missing.values["state"]) == (None, False, "missing")


def test_the_probe_tells_health_and_restarts(containers: ContainerLab, name: str) -> None:
    containers.run(name, options=("--health-cmd=test -e /var/tmp/well", "--health-retries=1"))
    for command, word in (("true", "unhealthy"), ("touch /var/tmp/well", "healthy")):
        containers.call("exec", name, "sh", "-c", command)
        containers.call("healthcheck", "run", name, check=False)
        assert ask(None, name=name, socket=str(containers.socket)).values["health"] == word
    containers.call("rm", "-f", "-t", "0", name)
    containers.run(name, "sh", "-c", "sleep 0.2; exit 9", options=("--restart=on-failure:2",))
    deadline = time.monotonic() + 10
    while (values := ask(None, name=name, socket=str(containers.socket)).values)["restarts"] != 2:
        assert time.monotonic() < deadline, values
        time.sleep(0.1)


def test_the_probe_on_hosts_asks_their_docker(containers: ContainerLab, name: str) -> None:
    """As seen from an SSH host (here: the same commands on this machine), and beside a host that is a container."""
    containers.run(name)
    path = f"{containers.podman.parent}:/usr/bin:/bin"
    far = Host("far", "ssh")
    inside = Host("inside", "container", name, socket=str(containers.socket))
    assert ask(inside, name=name).values["state"] == "running"
    assert ask(inside, name="nope").values["state"] == "missing"
    below = Host("below", "container", name, via="far")
    readings = through_commands(path, far, below, name)
    assert readings == ["running", "missing", "running"]


def through_commands(path: str, far: Host, below: Host, name: str) -> list[object]:
    """The probe's command for SSH hosts, run by a local host that stands in for `far`."""

    async def work() -> list[object]:
        local = Hosts({"far": Host("far", "local")}, local_environment={"PATH": path})
        probes = Probes(Tools(hosts={"far": far, "below": below}, make_pool=lambda hosts: local))
        try:
            return [
                (await probes.ask(_check(host, wanted), time.time())).values.get("state")
                for host, wanted in (("far", name), ("far", "nope"), ("below", name))
            ]
        finally:
            await probes.close()

    return asyncio.run(work())


def _check(host: str, name: str) -> Check:
    probe = Probe("container", {"name": name})
    return Check("shop/web", "shop", "web", host, "host", probe, 5.0, 5.0, None, None, None, 1, "hash")


def test_other_probes_are_asked_inside(containers: ContainerLab, name: str) -> None:
    containers.run(name, options=("--tmpfs=/srv:size=1m",))
    inside = Host("inside", "container", name, socket=str(containers.socket))
    inodes = ask(inside, kind="inodes", path="/srv").values
    assert inodes["total"] == int(inodes["free_count"] or 0) + 1  # an empty file system: its root folder is one
    assert ask(inside, kind="process", name="sleep").values["count"] == 1
    assert ask(inside, kind="disk", path="/srv").values["size"] == 1_048_576
    systemd = ask(inside, kind="systemd", unit="nginx.service")
    assert systemd.error is not None and "systemd" in systemd.error and not systemd.values
    containers.call("kill", name)
    gone = ask(inside, kind="inodes", path="/srv")
    assert gone.values == {"unreachable": "inside"} and "is not running" in str(gone.error)


def test_words_of_docker_and_of_podman_are_understood() -> None:
    docker = {
        "RestartCount": 3,
        "State": {
            "Status": "restarting", "Running": True, "Restarting": True, "OOMKilled": True, "ExitCode": 137,
            "StartedAt": "2026-11-21T12:43:36.077399301Z", "Health": {"Status": "starting"},
        },
    }  # fmt: skip
    assert values_of(docker, 1e9) == {
        "running": False, "state": "restarting", "health": "starting", "restarts": 3, "value": 3, "exit_code": 137,
        "out_of_memory": True,
    }  # fmt: skip
    podman = {"State": {"Status": "running", "StartedAt": "2026-11-21T14:43:36.077399301+02:00", "Healthcheck": {}}}
    now = datetime.fromisoformat("2026-11-21T13:16:36+00:00").timestamp()
    assert (values_of(podman, now)["uptime"], values_of(podman, now)["health"]) == (1980.0, "none")
    for strange in ({}, {"State": "x"}, {"State": None}):
        with pytest.raises(NoAnswer):
            values_of(strange, now)
