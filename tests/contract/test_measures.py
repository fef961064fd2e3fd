"""Probes of the host itself: load, inodes, disk-io, clock and systemd, against this machine and against real outputs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from tests.contract.test_probes import LocalShell, ask, check, far

from watchkeeper.adapters.probes import Probes, Tools, clock, disk_io, inodes, load, systemd
from watchkeeper.adapters.probes.disk_io import Sample, rates
from watchkeeper.core.errors import NoAnswer

# ------------------------------------------------------------------------------------------------- load


def test_load_is_what_the_kernel_says_here_and_on_a_host() -> None:
    for reading in (ask(check("load")), far("load")):
        assert reading.error is None
        means, cores = os.getloadavg(), os.cpu_count() or 1
        for minutes, mean in zip((1, 5, 15), means, strict=True):
            assert reading.values[f"load{minutes}"] == pytest.approx(mean, abs=0.5)
            one = float(reading.values[f"load{minutes}"] or 0)
            assert reading.values[f"per_core{minutes}"] == pytest.approx(one / cores, abs=0.01)
    for text in ("", "0.1 0.2\n", "x y z\ncpu0 1\n", "0.1 0.2 0.3 1/2 3\n"):
        with pytest.raises(NoAnswer, match="cannot be read"):
            load.parse(text, "app1")


# ------------------------------------------------------------------------------------------------- inodes

GNU = "Filesystem     Inodes  IUsed  IFree IUse% Mounted on\n/dev/sda1      655360 98304 557056   15% /\n"
BUSYBOX = (
    "Filesystem              Inodes      Used Available Capacity Mounted on\n/dev/vda  1000 900 100  90% /srv/a b\n"
)
BTRFS = "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sdb          0     0     0     - /data\n"
SPACED = "Filesystem Inodes IUsed IFree IUse% Mounted on\n//nas/my share 200 50 150 25% /mnt/my share\n"


def test_inodes_of_gnu_busybox_and_file_systems_without() -> None:
    assert inodes.parse(GNU.encode(), "/", "app1")["free"] == 85.0
    assert inodes.parse(BUSYBOX.encode(), "/srv", "app1") == {
        "free": 10.0, "used": 90.0, "value": 90.0, "free_count": 100, "total": 1000,
    }  # fmt: skip
    assert inodes.parse(SPACED.encode(), "/mnt/my share", "app1")["used"] == 25.0
    with pytest.raises(NoAnswer, match="counts no inodes"):
        inodes.parse(BTRFS.encode(), "/data", "app1")
    for strange in (b"", b"Filesystem Inodes\n", b"Filesystem\nx y z\n"):
        with pytest.raises(NoAnswer, match="said nothing"):
            inodes.parse(strange, "/", "app1")


@pytest.mark.needs("root")
def test_inodes_run_out_while_there_is_room(tmp_path: Path) -> None:
    """A real file system with 50 inodes: full of empty files, and asked here, on a host, and by BusyBox."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=50,size=1m", "tmpfs", tmp_path], check=True)
    try:
        for number in range(30):
            (tmp_path / str(number)).touch()
        wanted = {"free": 38.0, "used": 62.0, "free_count": 19, "total": 50}
        for reading in (ask(check("inodes", path=str(tmp_path))), far("inodes", path=str(tmp_path))):
            assert reading.error is None and reading.values == wanted | {"value": 62.0}
        assert float(ask(check("disk", path=str(tmp_path))).values["free"] or 0) > 90
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "No such file" in str(ask(check("inodes", path="/nosuch")).error)
    assert "No such file" in str(far("inodes", path="/nosuch").error)
    assert "counts no inodes" in str(ask(check("inodes", path="/proc")).error)


# ------------------------------------------------------------------------------------------------- disk-io

UPTIME = "1000.00 1900.00\n"
DISKS = """\
   8       0 sda 100 0 2000 500 300 0 4000 900 0 1200 1400
   8       1 sda1 90 0 1800 400 300 0 4000 900 0 1100 1300 0 0 0 0 5 6
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0
"""
MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:0 / /srv/my\\040data rw - ext4 /dev/sda rw
31 22 0:40 / /data rw - btrfs /dev/sdb rw
"""


def test_rates_between_two_readings() -> None:
    before = disk_io.parse(UPTIME + DISKS, "sda", "", "app1")
    later = "1010.00 1910.00\n   8  0 sda 150 0 6000 700 350 0 24000 1900 0 6200 6400\n"
    values = rates(before, disk_io.parse(later, "sda", "", "app1"))
    assert values == {
        "device": "sda", "busy": 50.0, "value": 50.0, "wait": 0.012, "queue": 0.5, "reads": 5.0, "writes": 5.0,
        "read_rate": 204_800, "write_rate": 1_024_000,
    }  # fmt: skip
    idle = rates(before, Sample(1010.0, *[getattr(before, name) for name in Sample.__slots__[1:]]))
    assert (idle["busy"], idle["wait"], idle["read_rate"]) == (0.0, 0.0, 0)


def test_the_disk_below_a_path() -> None:
    text = UPTIME + DISKS + MOUNTS
    found = {path: disk_io.parse(text, "", path, "app1").device for path in ("/", "/etc", "/srv/my data/x", "/srv/my")}
    assert found == {"/": "sda1", "/etc": "sda1", "/srv/my data/x": "sda", "/srv/my": "sda1"}
    with pytest.raises(NoAnswer, match=r"No single disk of app1 lies below /data/x \(a btrfs file system\).*"):
        disk_io.parse(text, "", "/data/x", "app1")
    with pytest.raises(NoAnswer, match=r"no disk sdz \(its disks: sda, sda1\)"):
        disk_io.parse(text, "sdz", "", "app1")


def test_disk_io_measures_what_is_written_here(tmp_path: Path) -> None:
    """The second ask covers the time since the first, not only a glimpse."""
    wanted = check("disk-io", path="/")
    name = ask(wanted).values.get("device")
    if name is None:
        pytest.skip("no disk of its own below / here")

    async def work() -> None:
        probes = Probes(Tools())
        first = await probes.ask(wanted, time.time())
        assert first.latency_s >= 0.3 and first.values["device"] == name
        with (Path("/var/tmp") / f"wk-io-{os.getpid()}").open("wb") as file:
            file.write(os.urandom(4_000_000))
            file.flush()
            os.fsync(file.fileno())
            os.unlink(file.name)
        second = await probes.ask(wanted, time.time())
        assert second.latency_s < 0.3
        assert float(second.values["write_rate"] or 0) > 0 and float(second.values["writes"] or 0) > 0
        await probes.close()

    asyncio.run(work())
    assert far("disk-io", device=str(name)).values["device"] == name


# ------------------------------------------------------------------------------------------------- clock


def test_the_clock_of_a_host_is_corrected_by_half_the_round_trip() -> None:
    reading = far("clock")
    assert reading.error is None
    assert float(reading.values["offset"] or 0) <= float(reading.values["uncertainty"] or 0) + 0.001
    ahead = clock.compare(1003.0, 0.0, 1000.4, 0.8, "app1")
    assert (ahead["offset"], ahead["ahead"], ahead["uncertainty"]) == (3.0, 3.0, 0.4)
    assert ahead["problem"] == "The clock of app1 is 3 s ahead of ours."
    behind = clock.compare(900.0, 0.0, 1000.0, 0.0, "app1")
    assert (behind["offset"], behind["ahead"]) == (100.0, -100.0)
    assert behind["problem"] == "The clock of app1 is 1 min 40 s behind ours."


@pytest.mark.needs("busybox")
def test_a_date_without_nanoseconds_tells_whole_seconds(tmp_path: Path) -> None:
    (tmp_path / "date").symlink_to("/bin/busybox")
    reading = far("clock", LocalShell(path=f"{tmp_path}:/usr/bin:/bin"))
    assert reading.error is None and reading.values["offset"] == 0.0
    assert 0.5 <= float(reading.values["uncertainty"] or 0) < 3
    assert clock.parse(b"WK 1795265450.%N\n", "app1") == (1795265450.5, 0.5)
    assert clock.parse(b"noise\nWK 1795265450.25\n", "app1") == (1795265450.25, 0.0)
    with pytest.raises(NoAnswer, match="said nothing"):
        clock.parse(b"date: bad", "app1")


def test_this_machine_asks_its_kernel_or_says_that_nobody_keeps_the_clock() -> None:
    reading = ask(check("clock"))
    if reading.error is None:
        assert float(reading.values["offset"] or 0) < 10
    else:
        assert "Nothing keeps the clock" in reading.error and "chrony" in reading.error


# ------------------------------------------------------------------------------------------------- systemd


def shown(**facts: str) -> str:
    usual = {
        "Id": "shop.service", "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
        "UnitFileState": "enabled", "NRestarts": "0", "Result": "success",
    }  # fmt: skip
    return "".join(f"{name}={word}\n" for name, word in (usual | facts).items())


def test_units_as_systemctl_shows_them() -> None:
    well = systemd.parse_unit(shown(), "shop.service", "app1")
    assert (well["active"], well["enabled"], well["restarts"], "problem" in well) == (True, True, 0, False)
    loop = systemd.parse_unit(
        shown(ActiveState="activating", SubState="auto-restart", Result="exit-code", NRestarts="7"), "shop.service", "a"
    )
    assert (loop["active"], loop["state"], loop["restarts"]) == (False, "activating", 7)
    assert loop["problem"] == "shop.service on a is activating (auto-restart, last result exit-code)."
    static = systemd.parse_unit(shown(UnitFileState="static"), "shop.service", "a")
    assert (static["enabled"], static["boot"]) == (False, "static")
    assert "enabled" not in systemd.parse_unit(shown(UnitFileState="generated"), "shop.service", "a")
    none = systemd.parse_unit(shown(LoadState="not-found", ActiveState="inactive", UnitFileState=""), "x.service", "a")
    assert (none["active"], none["enabled"], none["state"]) == (False, False, "not-found")
    assert none["problem"] == "a has no unit x.service."
    timer = systemd.parse_unit(shown(NRestarts=""), "shop.timer", "a")
    assert timer["restarts"] == 0
    with pytest.raises(NoAnswer, match="said nothing"):
        systemd.parse_unit("", "shop.service", "a")


def test_failed_units_with_and_without_marks() -> None:
    assert systemd.parse_failed("", "a") == {"failed": 0, "value": 0, "units": ""}
    text = "● shop.service loaded failed failed Shop of the harbour\nbackup.service loaded failed failed Backup\n"
    values = systemd.parse_failed(text, "a")
    assert (values["failed"], values["units"]) == (2, "shop.service, backup.service")
    assert values["problem"] == "Failed on a: shop.service, backup.service. See: systemctl status shop.service"


def test_a_host_without_systemd_is_unknown(tmp_path: Path) -> None:
    none = far("systemd", LocalShell(path=str(tmp_path)), unit="shop.service")
    assert none.values == {} and "far has no systemd." in str(none.error) and "process" in str(none.error)
    fake = tmp_path / "systemctl"
    for words, sentence in (
        (
            "System has not been booted with systemd as init system (PID 1). Can't operate.",
            "was not booted with systemd",
        ),
        ("Failed to connect to bus: No medium found", "cannot be reached.*enable-linger"),
        ("Failed to list units: Access denied", "systemctl on far failed: Failed to list units: Access denied"),
    ):
        fake.write_text(f'#!/bin/sh\necho "{words}" >&2\nexit 1\n')
        fake.chmod(0o755)
        reading = far("systemd", LocalShell(path=f"{tmp_path}:/usr/bin:/bin"), failed=True)
        assert reading.values == {}
        assert re.search(sentence, str(reading.error)), reading.error
