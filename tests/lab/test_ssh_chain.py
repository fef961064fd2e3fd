"""The chain over a real sshd with a stock configuration: checks, diagnosis, spooled fix, crash, cut line, dead host."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.house import House
from tests.lab.ssh_hosts import SshLab

SERVICE = """\
service: desk
hosts: [far]
checks:
  - name: flag
    command: test -e /root/flag
    from: host
    crit: exit_code != 0
    recover: 2 in a row
  - {name: process, process: sshd}
  - {name: disk, disk: /, crit: free < 0%}
  - {name: memory, memory: true, crit: free < 0%}
  - {name: cpu, cpu: true, crit: used > 101%}
  - {name: folder, folder: {path: /root, budget: 100MB}, crit: used > 90%}
respond:
  - {to: [flag], runbook: runbooks/desk.md, mode: auto, at_most: 3 per hour, prove_within: 10s}
"""
RUNBOOK = """\
# The desk lost its flag

**Diagnosis**

```bash
ls /root; id -un
```

**Fix**

```bash
echo ran >> /root/counter
sleep 3
touch /root/flag
```
"""


@pytest.fixture
def far(requires: Callable[..., None], tmp_path: Path) -> Iterator[tuple[House, SshLab]]:
    requires("sshd", "root", "netns")
    folder = Path("/tmp") / f"wk-far-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o755)
    lab = SshLab(folder)
    house = House(tmp_path)
    try:
        lab.add("far", settings="MaxSessions 10\nMaxStartups 10:30:100")
        home = tmp_path / "home"
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh/config").write_text(lab.config.read_text())
        house.environment = {"HOME": str(home)}
        house.write("hosts.yaml", "hosts:\n  far: {ssh: root@far}\n")
        house.write("services/desk.yaml", SERVICE)
        house.write("runbooks/desk.md", RUNBOOK)
        (lab.hosts["far"].root / "root/flag").touch()
        house.start()
        house.until(house.all_ok, 30, "every check over ssh is OK")
        house.grant("desk")
        yield house, lab
    finally:
        house.stop()
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_over_ssh_the_step_runs_once_through_a_crash_and_a_cut_line(far: tuple[House, SshLab]) -> None:
    house, lab = far
    root = lab.hosts["far"].root / "root"
    (root / "flag").unlink()
    house.until(lambda: (root / "counter").exists(), 20, "the changing step runs")
    house.kill("main")
    lab.hosts["far"].cut()
    house.start("main")
    incident = house.closed("desk", 40)
    assert (root / "counter").read_text().split() == ["ran"]
    assert incident["ending"] == "fixed"
    assert b"root" in house.client.raw("GET", f"/runs/{incident['runs'][0]['id']}/steps/0/output")[1]


def test_a_dead_host_is_one_incident_on_the_host_and_recovers(far: tuple[House, SshLab]) -> None:
    house, lab = far
    lab.hosts["far"].stop()

    def on_host() -> list[dict]:
        return [each for each in house.get("/incidents")["incidents"] if each["host"] == "far" and not each["service"]]

    incident = house.until(on_host, 40, "the host has an incident")[0]
    assert [each["service"] for each in house.get("/incidents")["incidents"]] == [""]
    assert "far" in incident["title"]
    house.until(
        lambda: {check["state"] for check in house.get("/checks")["checks"]} == {"UNKNOWN"}, 30, "all is unknown"
    )
    lab.hosts["far"].start()
    (lab.hosts["far"].root / "root/flag").touch()
    house.until(lambda: on_host()[0]["status"] == "closed", 60, "the host's incident closes with proof")
    house.until(house.all_ok, 30, "everything is OK again")
