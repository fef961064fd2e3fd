"""What the checks of one host cost that host: processor time of its sshd and everything below it.

`python bench/host_load.py [--seconds 60] [--every 30] [--become]` starts one real sshd (root, openssh-server), watches it
with twelve checks of seven kinds as `wk up` does, and adds up user and system time of its process tree, children that
ended included. The same watch without the kept shell, every read in a session of its own, runs beside it on a second
host. Sessions and log lines are sshd's own, at LogLevel VERBOSE; the sudo lines are sudo's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.lab.ssh_hosts import SshLab, SshLabHost

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.hosts.ssh import SshHost
from watchkeeper.adapters.probes.registry import Probes
from watchkeeper.adapters.probes.tools import Tools
from watchkeeper.core.inventory.values import Check, Host, Probe
from watchkeeper.services.checks.plan import Plan

KINDS: tuple[tuple[str, dict[str, object]], ...] = (
    ("memory", {}),
    ("cpu", {}),
    ("disk", {"path": "/"}),
    ("disk", {"path": "/var/tmp"}),
    ("process", {"name": "sshd"}),
    ("process", {"name": "cron"}),
    ("folder", {"path": "/etc"}),
    ("command", {"command": "test -e /etc/passwd"}),
    ("command", {"command": "ls /var/log | wc -l"}),
    ("command", {"command": "cat /proc/uptime"}),
    ("command", {"command": "df -P / | tail -1"}),
    ("tcp", {"host": "127.0.0.1", "port": 22}),
)


@dataclass
class Side:
    """One host under watch. base: ticks and counts after the first asks of all checks."""

    name: str
    server: SshLabHost
    probes: Probes
    plan: Plan
    asked: int = 0
    wrong: int = 0

    def log(self) -> tuple[int, int, int]:
        """(sessions that sshd started, lines it logged, commands that sudo logged)."""
        text = self.server.log.read_text("utf-8", "replace")
        sudo = self.server.root / "var/tmp/sudo.log"
        logged = sudo.read_text().count("COMMAND=") if sudo.exists() else 0
        return text.count("Starting session: command"), len(text.splitlines()), logged


def tree_ticks(pid: int) -> int:
    """Clock ticks of a process and of all below it, those that ended and were reaped included."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return sum(int(word) for word in words[11:15]) + sum(tree_ticks(int(child)) for child in children)


def checks(host: str, every_s: float) -> list[Check]:
    """The twelve checks of one host."""
    made = []
    for number, (kind, options) in enumerate(KINDS):
        key = f"bench/{kind}{number}@{host}"
        probe = Probe(kind, options)
        made.append(
            Check(key, "bench", f"{kind}{number}", host, "host", probe, every_s, 10.0, None, None, None, 2, key)
        )
    return made


async def watch(side: Side, until: float) -> None:
    """Ask what is due until then, as the watch does."""
    asks: set[asyncio.Task[None]] = set()

    async def ask(check: Check) -> None:
        reading = await side.probes.ask(check, time.time())
        side.asked += 1
        if reading.error is not None:
            side.wrong += 1
            print(f"  {check.key}: {reading.error}", file=sys.stderr)

    while time.monotonic() < until:
        for slot, _ in side.plan.take_due(time.monotonic()):
            task = asyncio.ensure_future(ask(slot.check))
            asks.add(task)
            task.add_done_callback(asks.discard)
        following = side.plan.next_due() or until
        await asyncio.sleep(max(0.001, min(following, until) - time.monotonic()))
    if asks:
        await asyncio.wait(asks)


def side(lab: SshLab, name: str, every_s: float, become: bool) -> Side:
    server = lab.add(name, settings="LogLevel VERBOSE")
    host = Host(name, "ssh", user="operator" if become else "", become=become)
    if become:
        rule = server.root / "etc/sudoers.d/log"
        rule.write_text("Defaults logfile=/var/tmp/sudo.log\n")
        rule.chmod(0o440)
    probes = Probes(Tools(make_pool=lambda hosts: Hosts(hosts, ssh_config=lab.config)))
    probes.replace({name: host}, {}, lambda _: "")
    plan = Plan()
    plan.replace(checks(name, every_s), time.monotonic(), [name] if name == "kept" else [])
    return Side(name, server, probes, plan)


async def measure(lab: SshLab, given: argparse.Namespace) -> None:
    sides = [side(lab, name, given.every, given.become) for name in ("kept", "alone")]

    # the old way: this host's class keeps no shell
    alone = sides[1].probes._tools
    pool = Hosts(alone.hosts, ssh_config=lab.config)
    host = pool.get("alone")
    assert isinstance(host, SshHost)
    host.keeps_shell = False
    alone.pool = pool

    warm = time.monotonic() + min(given.every, 30.0) + 2
    await asyncio.gather(*(watch(one, warm) for one in sides))
    before = [(tree_ticks(one.server.process.pid), one.log(), one.asked) for one in sides if one.server.process]
    started = time.monotonic()
    await asyncio.gather(*(watch(one, started + given.seconds) for one in sides))
    seconds, tick = time.monotonic() - started, os.sysconf("SC_CLK_TCK")
    print(f"12 checks every {given.every:g} s for {seconds:.0f} s" + (", below sudo" if given.become else ""))
    for one, (ticks, log, asked) in zip(sides, before, strict=True):
        assert one.server.process is not None
        spent = (tree_ticks(one.server.process.pid) - ticks) / tick
        sessions, lines, sudo = (now - then for now, then in zip(one.log(), log, strict=True))
        count = one.asked - asked
        label = "one kept shell" if one.name == "kept" else "a session per read"
        print(
            f"  {label:20} {100 * spent / seconds:6.2f} % of a core   {1000 * spent / max(1, count):6.2f} ms a reading   "
            f"{count} readings, {one.wrong} without an answer, {sessions} sessions, {lines} lines of sshd, {sudo} of sudo"
        )
        await one.probes.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--become", action="store_true", help="the user operator, below sudo -n")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="wk-load-"))
        folder.chmod(0o755)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        lab = SshLab(folder)
        stack.callback(lab.close)
        asyncio.run(measure(lab, given))


if __name__ == "__main__":
    main()
