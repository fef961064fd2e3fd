"""The lab itself: a machine is one of its own, keeps its disk, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.machines import MachineLab


def ssh(lab: MachineLab, where: str, command: str) -> str:
    done = subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), "-o", "ConnectTimeout=5", where, command], capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr.strip()}"


@pytest.mark.needs("machines", "faketime", "sudo")
def test_a_machine_is_one_of_its_own(lab: MachineLab) -> None:
    app1, app2 = lab.add("app1"), lab.add("app2")
    assert ssh(lab, "deploy@app1", "hostname; sudo -n id -un; ls ~; cat /proc/sys/kernel/random/boot_id").split() == [
        "app1",
        "root",
        app1.boot_id,
    ]
    assert "failed" in ssh(lab, "operator@app2", "sudo -n true")
    app1.write("/root/kept", "yes")
    assert not (app2.root / "root/kept").exists()
    assert not Path("/root/kept").exists()
    first = app1.boot_id
    app1.reboot()
    assert app1.boot_id != first
    assert ssh(lab, "root@app1", "cat kept; ls /tmp") == "yes"
    app2.shift_clock("+1h")
    there = float(ssh(lab, "deploy@app2", "date +%s"))
    assert 3500 < there - time.time() < 3700
    assert 3500 < float(ssh(lab, "deploy@app2", "sudo -n date +%s")) - time.time() < 3700


@pytest.mark.needs("machines", "systemd")
def test_cable_power_and_what_is_left(tmp_path: Path) -> None:
    with MachineLab(tmp_path / "lab") as lab:
        app1 = lab.add("app1", init="systemd")
        assert app1.run("systemctl is-system-running").stdout.strip() == "running"
        enabled = app1.run("systemctl list-unit-files --state=enabled --no-legend").stdout.split()
        assert enabled[0] == "ssh.service"
        assert len(enabled) == 3
        app1.unit("beat", "ExecStart=/bin/sleep 1000")
        app1.reboot(orderly=True)
        assert app1.run("systemctl is-active beat").stdout.strip() == "active"
        assert not app1.run("ip route show default").stdout
        app1.cut()
        with pytest.raises(OSError), socket.create_connection((app1.address, 22), 0.5):
            pass
        app1.plug()
        assert ssh(lab, "root@app1", "echo there") == "there"
        bridge, network, name = lab.bridge, lab.network, app1.address
    assert bridge not in os.listdir("/sys/class/net")
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True).stdout
    assert f"{network}." not in routes
    assert not any(name.encode() in command for command in _commands())
    assert not (tmp_path / "lab/disks").exists()


def _commands() -> Iterator[bytes]:
    """The command line of every process here; one that ends meanwhile has none."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield each.read_bytes()
