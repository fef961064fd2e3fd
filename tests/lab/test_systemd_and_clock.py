"""The systemd and clock probes against a machine with a real systemd, whose clock is then set wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.lab.machines import Machine, MachineLab

from watchkeeper.adapters.hosts.pool import Hosts
from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check, Host, Probe


class Watcher:
    """Asks the machine as a normal user over one connection."""

    def __init__(self, name: str, config: Path) -> None:
        hosts = {name: Host(name, "ssh", user="operator")}
        self._name = name
        self.probes = Probes(Tools(hosts=hosts, make_pool=lambda known: Hosts(known, ssh_config=config)))

    async def ask(self, kind: str, **options: object) -> Mapping[str, Value]:
        probe = Probe(kind, options)
        wanted = Check(f"shop/{kind}", "shop", kind, self._name, "host", probe, 5.0, 10.0, None, None, None, 1, "hash")
        reading = await self.probes.ask(wanted, time.time())
        assert reading.error is None, reading.error
        return reading.values

    async def unit(self, name: str) -> tuple[object, ...]:
        values = await self.ask("systemd", unit=name)
        return values["active"], values["enabled"], values["state"], values["result"]


async def units(app1: Machine, watcher: Watcher) -> None:
    assert (await watcher.ask("systemd", failed=True))["failed"] == 0
    app1.unit("shop", "ExecStart=/bin/sleep 10000")
    assert await watcher.unit("shop.service") == (True, True, "active", "success")
    app1.run("systemctl disable -q shop")
    assert await watcher.unit("shop.service") == (True, False, "active", "success")
    app1.run("systemctl stop shop")
    assert await watcher.unit("shop.service") == (False, False, "inactive", "success")
    app1.unit("broken", "ExecStart=/bin/false")
    assert await watcher.unit("broken.service") == (False, True, "failed", "exit-code")
    failed = await watcher.ask("systemd", failed=True)
    assert (failed["failed"], failed["units"]) == (1, "broken.service")
    assert (await watcher.unit("nosuch.service"))[:3] == (False, False, "not-found")


async def asked_again(watcher: Watcher) -> Mapping[str, Value]:
    """The answer of a fresh connection; a question may meet the end of the old one."""
    for _ in range(5):
        try:
            return await watcher.ask("clock")
        except AssertionError as error:
            if "was lost before the command answered" not in str(error):
                raise
    return await watcher.ask("clock")


async def clock(app1: Machine, watcher: Watcher) -> None:
    right = await watcher.ask("clock")
    assert float(right["offset"] or 0) <= float(right["uncertainty"] or 0) + 0.01
    await asyncio.to_thread(app1.shift_clock, "+1h")  # our side meanwhile sees its connection end
    wrong = await asked_again(watcher)
    assert float(wrong["ahead"] or 0) == pytest.approx(3600, abs=2)
    assert "ahead of ours" in str(wrong["problem"])


@pytest.mark.needs("machines", "systemd", "faketime")
def test_units_and_clock_of_a_machine(lab: MachineLab) -> None:
    app1 = lab.add("app1", init="systemd")

    async def work() -> None:
        watcher = Watcher("app1", lab.ssh_config)
        try:
            await units(app1, watcher)
            await clock(app1, watcher)
        finally:
            await watcher.probes.close()

    asyncio.run(work())
