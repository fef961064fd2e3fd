"""Hosts over SSH on their worst day: a full disk and a read-only one, with and without bash. Reading goes on."""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path

import pytest
from tests.lab.ssh_hosts import SshLab

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.shell import ShellHost
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import SpoolStep

pytestmark = pytest.mark.needs("sshd", "root", "netns", "busybox")


def step(number: int, text: str) -> SpoolStep:
    return SpoolStep(run=f"run-{number}", step="s1-0", text=text, shell="sh", first_of_run=True)


async def reads(host: ShellHost) -> None:
    result = await host.read("df -P /var/tmp | tail -n 1; exit 3", deadline_s=10)
    assert result.exit_code == 3 and b"/var/tmp" in result.output


async def full(host: ShellHost) -> None:
    filled = await host.read("head -c 200000 /dev/zero >/var/tmp/big; echo $?", deadline_s=10)
    assert filled.output == b"1\n"
    await reads(host)
    answer = await host.start(step(2, "echo changed >>/root/changed"), wait_s=10)
    assert answer.status in ("full", "nospool") and answer.output.startswith(b"Not started: ")
    assert (await host.read("cat /root/changed", deadline_s=10)).output == b"changed\n"
    assert (await host.read("rm /var/tmp/big", deadline_s=10)).exit_code == 0


async def read_only(host: ShellHost) -> None:
    assert (await host.read("mount -o remount,ro /var/tmp", deadline_s=10)).exit_code == 0
    await reads(host)
    answer = await host.start(step(3, "echo changed >>/root/changed"), wait_s=10)
    assert answer.status == "nospool" and b"run-3 cannot be made on far" in answer.output
    done = await host.start(
        step(1, "echo changed >>/root/changed"), wait_s=10
    )  # what ran before can still be asked for
    assert (done.status, done.exit_code) == ("done", 0)
    assert (await host.read("cat /root/changed", deadline_s=10)).output == b"changed\n"


@pytest.mark.parametrize("sh", ["", "busybox"])
def test_reading_goes_on_and_changing_is_refused(sh: str) -> None:
    folder = Path("/tmp") / f"wk-lab-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)

    async def work() -> None:
        hosts = Hosts({"far": Host("far", "ssh")}, ssh_config=lab.config)
        try:
            host = hosts.get("far")
            small = "mount -t tmpfs -o size=64k,mode=1777 tmpfs /var/tmp"  # in the name space of that host alone
            assert (await host.read(small, deadline_s=10)).exit_code == 0
            first = await host.start(step(1, "echo changed >>/root/changed"), wait_s=10)
            assert first.status == "done"
            await full(host)
            await read_only(host)
        finally:
            await hosts.close()

    try:
        lab.add("far", sh=sh)
        asyncio.run(work())
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)
