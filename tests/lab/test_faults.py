"""A host is hurt in the middle of a changing step: the step ends once, or as "interrupted", and is never sent twice.

Every host has a service of its name whose fix counts itself in a file, then waits until the test lets it go on. All the
faults happen at the same time; each test looks at one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.house import House
from tests.lab.machines import Machine, MachineLab

pytestmark = [pytest.mark.needs("machines", "systemd", "faketime", "sudo"), pytest.mark.timeout(300)]
MARKED = "interrupted, may have partly run"
SERVICE = """\
service: {name}
hosts: [{name}]
checks:
  - name: flag
    command: test -e /root/flag
    from: host
    every: 2s
    crit: exit_code != 0
    recover: 2 in a row
respond:
  - {{to: [flag], runbook: runbooks/{name}.md, mode: auto, at_most: 3 per hour, prove_within: 30s}}
"""
RUNBOOK = """\
# {name} lost its flag

**Diagnosis**

```bash
ls /root
```

**Fix**

```bash {{timeout={timeout}}}
echo ran >> /root/counter
for second in $(seq 3000); do test -e /root/go && break; sleep 0.2; done
{more}touch /root/flag
```
"""
HURT = ("reboot", "volatile", "upgrade", "restart", "cable", "dead", "clock", "filling")


class Scene:
    """The house, its hosts, and the services of the same names."""

    def __init__(self, house: House, lab: MachineLab) -> None:
        self.house = house
        self.lab = lab

    def machine(self, name: str) -> Machine:
        return self.lab.machines[name]

    def add(self, name: str) -> None:
        machine = self.lab.add(name, init="systemd" if name in ("upgrade", "restart") else "sshd")
        machine.write("/root/flag", "")
        self.house.write(f"services/{name}.yaml", SERVICE.format(name=name))
        timeout = "9s" if name == "dead" else "120s"
        more = "head -c 3000000 /dev/zero >/var/tmp/ballast || true\n" if name == "filling" else ""
        self.house.write(f"runbooks/{name}.md", RUNBOOK.format(name=name, timeout=timeout, more=more))

    def counted(self, name: str) -> int:
        file = self.machine(name).root / "root/counter"
        return len(file.read_text().split()) if file.exists() else 0

    def lets_go_on(self, name: str) -> None:
        self.machine(name).write("/root/go", "")

    def run_of(self, name: str) -> dict[str, Any]:
        incident = self.house.incident(name)
        if incident is None or not incident["runs"]:
            return {}
        return self.house.get(f"/runs/{incident['runs'][-1]['id']}")["run"]

    def fix_of(self, name: str) -> dict[str, Any]:
        return next((step for step in self.run_of(name).get("steps", []) if step["plan"]["phase"] == "fix"), {})

    def ends(self, name: str, *states: str, limit_s: float = 40) -> dict[str, Any]:
        """Wait until the fix is in one of these states, and return it."""

        def look() -> dict[str, Any] | None:
            step = self.fix_of(name)
            return step if step.get("state") in states else None

        return self.house.until(look, limit_s, f"the fix on {name} is {' or '.join(states)}")

    def timeline(self, name: str) -> str:
        incident = self.house.incident(name)
        assert incident is not None
        return "\n".join(event["text"] for event in incident["timeline"])


@pytest.fixture(scope="module")
def scene(shared_lab: MachineLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    house = House(tmp_path_factory.mktemp("faults"))
    scene = Scene(house, shared_lab)
    names = (*HURT, "full", "crash")
    try:
        for name in names:
            scene.add(name)
        scene.machine("volatile").run("mount -t tmpfs -o mode=1777 tmpfs /var/tmp")
        scene.machine("filling").run("mount -t tmpfs -o mode=1777,size=1m tmpfs /var/tmp")
        scene.machine("full").run("mount -t tmpfs -o mode=1777,size=64k tmpfs /var/tmp")
        scene.machine("full").run("mkdir -m 700 /var/tmp/wk-0; cat /dev/zero >/var/tmp/ballast", check=False)
        house.environment = {"HOME": str(shared_lab.home(house.root / "home"))}
        house.write("hosts.yaml", "hosts:\n" + "".join(f"  {name}: {{ssh: root@{name}}}\n" for name in names))
        house.start()
        house.until(house.all_ok, 60, "every check over ssh is OK")
        for name in names:
            house.grant(name)
        hurt(scene)
        yield scene
    finally:
        house.stop()


def hurt(scene: Scene) -> None:
    """Every host is hurt once its fix is at work."""
    machine = scene.machine
    for name in (*HURT, "full"):
        (machine(name).root / "root/flag").unlink()
    scene.house.until(lambda: all(scene.counted(name) for name in HURT), 60, "every fix is at work")
    machine("reboot").reboot()
    machine("volatile").reboot()
    machine("upgrade").restart_sshd()
    machine("upgrade").drop_sessions()
    end = "[Service]\nKillMode=control-group\nKillSignal=SIGKILL\n"
    machine("restart").write("/etc/systemd/system/ssh.service.d/kill.conf", end)
    machine("restart").run("systemctl daemon-reload; systemctl restart ssh")
    machine("cable").cut()
    machine("dead").cut()
    machine("clock").shift_clock("+1h")
    for name in ("upgrade", "clock", "cable", "filling"):
        scene.lets_go_on(name)


def finished_once(scene: Scene, name: str) -> None:
    incident = scene.house.closed(name, 60)
    assert incident["ending"] == "fixed"
    assert [run["state"] for run in incident["runs"]] == ["proven"]
    assert scene.counted(name) == 1


def interrupted(scene: Scene, name: str, why: str) -> None:
    """Not known to have ended: said so, a person is asked, nothing is sent again."""
    step = scene.ends(name, "interrupted", limit_s=90)
    assert MARKED in step["message"]
    assert why in step["message"]
    scene.house.until(lambda: scene.run_of(name)["state"] == "parked", 10, "the run waits for a person")
    assert MARKED in scene.timeline(name)
    assert scene.counted(name) == 1
    scene.house.until(lambda: any(MARKED in page and name in page for page in scene.house.pages()), 20, "a page")


def test_sshd_is_upgraded_and_the_sessions_break(scene: Scene) -> None:
    finished_once(scene, "upgrade")


def test_a_restart_of_sshd_that_takes_its_children_along_is_interrupted(scene: Scene) -> None:
    interrupted(scene, "restart", "does not know how the step ended")


def test_the_clock_of_the_host_jumps_an_hour_ahead(scene: Scene) -> None:
    assert float(scene.machine("clock").run("stat -c %Y /root/flag").stdout) > 0
    finished_once(scene, "clock")


def test_the_cable_is_cut_and_put_back(scene: Scene) -> None:
    scene.machine("cable").plug()
    finished_once(scene, "cable")


def test_the_spool_fills_up_while_the_step_is_at_work(scene: Scene) -> None:
    finished_once(scene, "filling")


def test_the_host_reboots_and_a_person_decides_to_run_it_again(scene: Scene) -> None:
    interrupted(scene, "reboot", "was rebooted since the step was sent")
    scene.lets_go_on("reboot")
    run = scene.run_of("reboot")
    scene.house.post(f"/runs/{run['id']}/approve")
    assert scene.house.closed("reboot", 40)["ending"] == "fixed"
    assert scene.counted("reboot") == 2


def test_the_host_reboots_and_has_lost_its_spool(scene: Scene) -> None:
    interrupted(scene, "volatile", "volatile")


def test_the_host_is_cut_off_and_stays_away(scene: Scene) -> None:
    interrupted(scene, "dead", "dead")
    scene.house.until(lambda: _host_incident(scene, "dead"), 30, "the host has an incident of its own")
    scene.machine("dead").plug()
    scene.house.until(lambda: not _host_incident(scene, "dead"), 60, "the host is seen again")
    scene.house.post(f"/runs/{scene.run_of('dead')['id']}/approve")
    scene.ends("dead", "running", "done")
    scene.lets_go_on("dead")
    finished_once(scene, "dead")  # it was at work all the time, so the approval has picked it up


def _host_incident(scene: Scene, host: str) -> bool:
    found = scene.house.get("/incidents", status="open")["incidents"]
    return any(each["host"] == host and not each["service"] for each in found)


def test_a_full_spool_refuses_before_anything_runs(scene: Scene) -> None:
    step = scene.ends("full", "refused")
    assert "the disk of /var/tmp/wk-0" in step["message"]
    assert "is full" in step["message"]
    assert scene.run_of("full")["state"] == "failed"
    assert scene.counted("full") == 0
    assert scene.house.incident("full")["escalated_at"]  # type: ignore[index]


def test_watchkeeper_is_killed_and_the_host_reboots_meanwhile(scene: Scene) -> None:
    (scene.machine("crash").root / "root/flag").unlink()
    scene.house.until(lambda: scene.counted("crash"), 30, "the fix is at work")
    scene.house.kill("main")
    scene.machine("crash").reboot()
    scene.house.start("main")
    interrupted(scene, "crash", "was rebooted since the step was sent")
