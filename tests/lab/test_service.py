"""The printed unit under real systemd: started means ready; restarted in mid-step, killed, frozen; and sudo works."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house import PATIENCE
from tests.lab.machines import Machine, MachineLab

import watchkeeper
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.faces.cli.client import Client

pytestmark = pytest.mark.timeout(300)
CLONE = Path(watchkeeper.__file__).parents[2]
STATE = "/var/lib/watchkeeper"
OPERATOR, DEPLOY = 4102, 4101
SERVICE = """\
service: web
hosts: [here]
checks:
  - {name: flag, command: test -e /srv/flags/web, from: host, every: 1s, crit: exit_code != 0, recover: 2 in a row}
respond:
  - {to: [flag], runbook: runbooks/web.md, mode: auto, at_most: 9 per hour, prove_within: 20s}
"""
RUNBOOK = """\
# The web lost its flag

**Diagnosis**

```bash
ls /srv/flags
```

**Fix**

```bash
echo "$$ $(id -un)" >> /srv/flags/ran
sleep "$(cat /srv/flags/seconds)"
echo $$ >> /srv/flags/ended
touch /srv/flags/web
```
"""


class Installed:
    """watchkeeper on one machine, as its how-to says: the clone, an ops repo, the state, and the unit it prints."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        for place in dict.fromkeys((str(CLONE), sys.prefix, sys.base_prefix)):
            if not place.startswith("/usr"):
                self._bind(place)
        machine.run("chmod 711 /root; mkdir -p /srv/flags; chmod 777 /srv/flags; touch /srv/flags/web")

    def _bind(self, place: str) -> None:
        """Show a folder of this machine there, read-only."""
        self.machine.run(f"mkdir -p {place}")
        inside, target = (
            ["nsenter", f"--target={self.machine.root.parts[2]}", "--mount"],
            f"{self.machine.folder}/root{place}",
        )
        subprocess.run([*inside, "mount", "--bind", place, target], check=True)
        subprocess.run([*inside, "mount", "-o", "remount,bind,ro", target], check=True)

    def ops(self, host: str, owner: int) -> None:
        """The ops repo of its team."""
        for path, text in {
            "watchkeeper.yaml": "team: Lab\nchannels:\n  duty: {script: tools/page.sh}\n",
            "hosts.yaml": f"hosts:\n  here: {host}\n",
            "services/web.yaml": SERVICE,
            "runbooks/web.md": RUNBOOK,
        }.items():
            self.machine.write(f"/srv/ops/{path}", text, owner=owner)
        self.machine.write("/srv/ops/tools/page.sh", "#!/bin/sh\ncat >> /srv/flags/pages\n", 0o755, owner)

    def unit(self, user: str, more: str = "") -> str:
        """Install what `wk up --print-unit` prints, and start it: this returns when systemd counts it as started."""
        words = f"--ops /srv/ops --state {STATE} up --print-unit --user {user}"
        text = self.machine.run(f"{CLONE}/wk {words}").stdout
        self.machine.write("/etc/systemd/system/watchkeeper.service", text)
        checked = self.machine.run("systemd-analyze verify watchkeeper.service")
        assert (checked.stdout + checked.stderr).strip() == ""
        self.machine.write("/etc/systemd/system/watchkeeper.service.d/test.conf", more)
        self.machine.run("systemctl daemon-reload; systemctl restart watchkeeper", limit_s=150)
        return text

    def wk(self, words: str) -> str:
        """A command as the user of the service types it on the machine; what it prints."""
        return self.machine.run(f"{CLONE}/wk --ops /srv/ops --state {STATE} {words}", user="operator").stdout

    def get(self, path: str) -> dict[str, Any]:
        return self._client().get(path)

    def post(self, path: str, **body: object) -> dict[str, Any]:
        return self._client().post(path, body)

    def _client(self) -> Client:
        return Client(f"{self.machine.root}{STATE}/main.sock", timeout_s=20)

    def until(self, holds: Callable[[], Any], limit_s: float, what: str) -> Any:
        deadline = time.monotonic() + limit_s * PATIENCE
        while time.monotonic() < deadline:
            try:
                if found := holds():
                    return found
            except WatchkeeperError:
                pass
            time.sleep(0.2)
        told = self.machine.run("systemctl status watchkeeper; journalctl -u watchkeeper -n 40 --no-pager", check=False)
        raise AssertionError(f"not within {limit_s} s: {what}\n{told.stdout}")

    def well(self) -> bool:
        checks = self.get("/checks")["checks"]
        return bool(checks) and all(check["state"] == "OK" for check in checks)

    def ran(self) -> list[str]:
        path = self.machine.root / "srv/flags/ran"
        return path.read_text().splitlines() if path.exists() else []

    def break_(self, seconds: int) -> None:
        """Take the flag away and wait until the changing step is at work; it lasts so long."""
        self.machine.write("/srv/flags/seconds", f"{seconds}\n")
        before = len(self.ran())
        (self.machine.root / "srv/flags/web").unlink()
        self.until(lambda: len(self.ran()) > before, 40, "the changing step runs")

    def closed(self) -> dict[str, Any] | None:
        newest = self.get("/incidents")["incidents"][0]
        return self.get(f"/incidents/{newest['id']}")["incident"] if newest["status"] == "closed" else None

    def show(self, name: str) -> str:
        return self.machine.run(f"systemctl show watchkeeper -P {name}").stdout.strip()

    def programs(self) -> list[str]:
        """Command lines of watch and main that live now."""
        return self.machine.run("pgrep -af 'watchkeeper[.]programs[.](watch|main)'", check=False).stdout.splitlines()


@pytest.fixture(scope="module")
def installed(requires: Callable[..., None], shared_lab: MachineLab) -> Iterator[Installed]:
    requires("systemd", "sudo")
    yield Installed(shared_lab.add("ops1", init="systemd"))


def test_started_means_ready_and_a_restart_in_mid_step_ends_the_run_properly(installed: Installed) -> None:
    installed.ops("{local: true}", OPERATOR)
    text = installed.unit("operator")
    assert "NoNewPrivileges=yes" in text and "StateDirectory=watchkeeper" in text
    assert installed.get("/health")["health"]["ok"], "it answers at once: READY=1 was sent when it did"
    installed.until(installed.well, 40, "every check is OK")
    installed.post("/grants", response="web/runbooks/web.md")
    installed.break_(10)
    command = installed.ran()[0].split()[0]
    installed.machine.run("systemctl restart watchkeeper", limit_s=150)
    incident = installed.until(installed.closed, 90, "the incident is closed")
    assert (installed.machine.root / "srv/flags/ended").read_text().split() == [command], "systemd left it alone"
    assert incident["ending"] == "fixed"
    assert [run["state"] for run in incident["runs"]] == ["proven"]
    assert [line.split()[1] for line in installed.ran()] == ["operator"], "nothing twice"
    assert installed.get("/log/verify")["verification"]["ok"]


def test_a_killed_supervisor_leaves_no_orphans_and_comes_back(installed: Installed) -> None:
    before = installed.programs()
    assert len(before) == 2
    installed.break_(5)
    installed.machine.run(f"kill -9 {installed.show('MainPID')}")
    installed.until(
        lambda: int(installed.show("NRestarts")) >= 1 and installed.get("/health"), 60, "it is started again"
    )
    after = installed.programs()
    assert len(after) == 2 and not set(after) & set(before)
    assert installed.until(installed.closed, 60, "the run goes on")["ending"] == "fixed"
    assert len(installed.ran()) == 2


def test_a_frozen_supervisor_is_replaced_by_the_watchdog(installed: Installed) -> None:
    """With shorter times than the unit's own, so that the test need not wait for them."""
    installed.unit("operator", "[Service]\nWatchdogSec=6\nTimeoutStopSec=2\nTimeoutAbortSec=1\nRestartSec=1\n")
    first = installed.show("MainPID")
    time.sleep(8)
    assert installed.show("MainPID") == first, "a supervisor that goes round is left alone"
    installed.machine.run(f"kill -STOP {first}")
    installed.until(lambda: installed.show("MainPID") not in ("0", first), 60, "systemd replaces it")
    installed.until(installed.well, 60, "it watches again")
    assert len(installed.programs()) == 2


def test_a_backup_is_restored_on_another_machine_and_nothing_is_lost_or_run_again(
    installed: Installed, shared_lab: MachineLab
) -> None:
    """The machine dies while a changing step is at work; its backup was made in that moment and goes to a new machine."""
    installed.break_(8)
    installed.wk("backup self --to /srv/flags/backup --keep 3")
    known = {each["id"]: each["status"] for each in installed.get("/incidents")["incidents"]}
    entries = installed.get("/log")["entries"]
    assert "open" in known.values() and entries
    installed.until(installed.closed, 60, "the first machine finishes it")
    installed.machine.run("systemctl stop watchkeeper", limit_s=60)

    second = Installed(shared_lab.add("ops2", init="systemd"))
    second.ops("{local: true}", OPERATOR)
    shutil.copytree(installed.machine.root / "srv/flags/backup", second.machine.root / "srv/backup")
    second.machine.run(f"chown -R operator /srv/backup; install -d -o operator -m 700 {STATE}")
    told = second.wk("restore self /srv/backup")
    assert "The log holds" in told and "asks before" in told, told
    second.unit("operator")
    second.until(second.well, 60, "it watches on the new machine")

    now = {each["id"]: each for each in second.get("/incidents")["incidents"]}
    assert set(known) <= set(now), "every incident is there under its number"
    kept = {entry["number"]: entry["hash"] for entry in second.get("/log")["entries"]}
    assert {entry["number"]: entry["hash"] for entry in entries}.items() <= kept.items()
    assert second.get("/log/verify")["verification"]["ok"]
    assert second.ran() == [], "what was at work on the lost machine is not run on this one"
    assert second.get("/automation")["automation"]["on"] is False


def test_where_commands_become_root_the_unit_lets_sudo_work(installed: Installed) -> None:
    installed.machine.run(f"systemctl stop watchkeeper; rm -rf {STATE} /srv/flags/ran; chmod 755 /srv/flags")
    installed.ops("{local: true, become: sudo -n}", DEPLOY)
    text = installed.unit("deploy")
    assert "NoNewPrivileges=yes\n" not in text
    installed.until(installed.well, 60, "every check is OK")
    installed.post("/grants", response="web/runbooks/web.md")
    installed.break_(1)
    assert installed.until(installed.closed, 60, "the incident is closed")["ending"] == "fixed"
    assert [line.split()[1] for line in installed.ran()] == ["root"]
    hosts = [each for each in installed.get("/doctor")["doctor"] if each["name"] == "host here"]
    assert hosts and hosts[0]["state"] != "CRIT", hosts
