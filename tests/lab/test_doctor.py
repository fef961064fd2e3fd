"""`wk doctor` on real hosts, each of which has one thing wrong with it; and the test message on real channels."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.house import House
from tests.lab.machines import MachineLab

pytestmark = [pytest.mark.needs("machines", "faketime", "sudo"), pytest.mark.timeout(300)]
HOSTS = """\
hosts:
  well: {ssh: root@well}
  careful: {ssh: deploy@careful, become: sudo -n}
  refused: {ssh: operator@refused, become: sudo -n}
  early: {ssh: root@early}
  stolen: {ssh: deploy@stolen}
  open: {ssh: root@open}
  full: {ssh: root@full}
  sealed: {ssh: root@sealed, spool: /srv/spool}
  bare: {ssh: root@bare}
  dead: {ssh: root@dead}
"""
TEAM = """\
team: Test
timezone: UTC
channels:
  duty: {script: tools/page.sh, timeout: 10s}
  broken: {script: tools/broken.sh, timeout: 10s}
"""


@pytest.fixture(scope="module")
def house(shared_lab: MachineLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("doctor"))
    lab = shared_lab
    try:
        for name in ("well", "careful", "refused", "early", "stolen", "open", "full", "sealed", "bare", "dead"):
            lab.add(name)
        lab.machines["early"].shift_clock("+1h")
        lab.machines["stolen"].run("mkdir -m 700 /var/tmp/wk-4101")
        lab.machines["open"].run("mkdir -m 755 /var/tmp/wk-0")
        lab.machines["full"].run("mount -t tmpfs -o mode=1777,size=64k tmpfs /var/tmp; mkdir -m 700 /var/tmp/wk-0")
        lab.machines["full"].run("cat /dev/zero >/var/tmp/ballast", check=False)
        lab.machines["sealed"].run("mount -t tmpfs -o ro tmpfs /srv")
        lab.machines["bare"].run("mount --bind /dev/null /usr/bin/setsid")
        lab.machines["dead"].stop()
        house.environment = {"HOME": str(lab.home(house.root / "home"))}
        house.write("watchkeeper.yaml", TEAM)
        house.write("hosts.yaml", HOSTS)
        house.write("services/desk.yaml", "service: desk\nhosts: [well]\nchecks:\n  - {name: disk, disk: /}\n")
        broken = house.ops / "tools/broken.sh"
        broken.write_text("#!/bin/sh\necho 'no such room' >&2\nexit 3\n")
        broken.chmod(0o755)
        house.start()
        yield house
    finally:
        house.stop()


def wk(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchkeeper.faces.cli.program", "--ops", str(house.ops)]
    command += ["--state", str(house.state), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def findings(house: House) -> dict[str, dict[str, str]]:
    done = wk(house, "--json", "doctor")
    assert done.returncode == 1, done.stderr
    return {each["name"]: each for each in json.loads(done.stdout)["doctor"]}


def test_hosts_that_are_well_are_one_line(findings: dict[str, dict[str, str]]) -> None:
    well = findings["host well"]
    assert well["state"] == "OK"
    assert "as root" in well["sentence"]
    assert "its clock agrees" in well["sentence"]
    assert "spool /var/tmp/wk-0 on a disk with" in well["sentence"]
    assert "as root through sudo" in findings["host careful"]["sentence"]
    for name in ("well", "careful"):
        assert [each for each in findings if each.startswith(f"host {name}")] == [f"host {name}"]


@pytest.mark.parametrize(
    ("name", "state", "sentence", "mend"),
    [
        ("host refused", "CRIT", "does not let watchkeeper in without asking", "NOPASSWD"),
        ("host early clock", "WARN", "ahead of this machine", "timedatectl"),
        ("host stolen spool", "CRIT", "/var/tmp/wk-4101 does not belong to uid 4101, but to uid 0", "spool:"),
        ("host open spool", "CRIT", "/var/tmp/wk-0 is open to others (drwxr-xr-x)", "chmod 700 /var/tmp/wk-0"),
        ("host full spool", "CRIT", "the disk of /var/tmp/wk-0 is full", "Free some space"),
        ("host sealed spool", "CRIT", "/srv/spool cannot be made, /srv cannot be written", "read-only"),
        ("host bare shell", "CRIT", "There is no setsid", "util-linux"),
        # a machine that is gone: the kernel gives up on its address about when our own limit ends; either may come first
        ("host dead", "CRIT", "did not answer|there is no route to it", "Is it up"),
    ],
)
def test_what_is_wrong_is_said_with_the_next_step(
    findings: dict[str, dict[str, str]], name: str, state: str, sentence: str, mend: str
) -> None:
    found = findings[name]
    assert found["state"] == state
    assert any(words in found["sentence"] for words in sentence.split("|"))
    assert mend in found["next"]


def test_what_the_doctor_refuses_the_spool_refuses_too(
    house: House, findings: dict[str, dict[str, str]], shared_lab: MachineLab
) -> None:
    house.write(
        "runbooks/touch.md",
        "# Touch\n\n**Fix**\n\n```bash\ntouch /tmp/touched\n```\n",
    )
    ill = [name.split()[1] for name in findings if name.endswith((" spool", " shell"))]
    assert sorted(ill) == ["bare", "full", "open", "sealed", "stolen"]
    for name in ill:
        house.write(f"services/{name}.yaml", f"service: {name}\nhosts: [{name}]\n")
    house.until(lambda: set(ill) <= {each["name"] for each in _services(house)}, 10, "the services are loaded")
    for name in ill:
        run = house.post("/runs", runbook="runbooks/touch.md", service=name)["run"]
        ended = house.until(lambda number=run["id"]: _ended(house, number), 20, f"the run on {name} has ended")
        assert ended["steps"][0]["state"] == "refused", ended["steps"][0]["message"]
        assert not (shared_lab.machines[name].root / "tmp/touched").exists()


def _services(house: House) -> list[dict[str, str]]:
    return list(house.get("/status")["status"]["services"])


def _ended(house: House, number: int) -> dict | None:
    run = house.get(f"/runs/{number}")["run"]
    return run if run["state"] == "failed" else None


def test_watchkeeper_itself(findings: dict[str, dict[str, str]]) -> None:
    assert findings["watch"]["state"] == "OK"
    assert "the chain holds" in findings["operations log"]["sentence"]
    assert "for this machine only" in findings["page"]["sentence"]
    assert findings["runtime"]["sentence"].startswith("Python 3.")
    assert "duty, broken; nothing waits" in findings["channels"]["sentence"]


def test_a_test_message_goes_the_way_of_a_page_and_says_how_it_ended(house: House) -> None:
    done = wk(house, "doctor", "--send-test")
    assert done.returncode == 1
    assert "duty took the test message" in done.stdout
    assert "broken did not take it" in done.stdout
    assert "no such room" in done.stdout
    page = json.loads(house.pages()[-1])
    assert page["kind"] == "test"
    assert page["title"].startswith("TEST of channel duty")
    again = wk(house, "doctor", "--send-test", "duty")
    assert again.returncode == 5
    assert "nothing was sent" in again.stderr
    assert len(house.pages()) == 1
    assert wk(house, "doctor", "--send-test", "nobody").returncode == 4
    assert house.get("/notifications", undelivered=True)["notifications"] == []
