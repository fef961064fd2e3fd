"""Runs by hand on hosts that make it hard, each with the sentence that a person reads: a cancel with the cable cut, an
output of a gigabyte, no bash, a clock that goes back. More hurt hosts are in test_faults.py."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.house import House
from tests.lab.machines import Machine, MachineLab

pytestmark = [pytest.mark.needs("machines", "faketime"), pytest.mark.timeout(240)]
NAMES = ("cable", "never", "big", "poor", "clock")
WAITS = "echo ran >> /root/counter; echo $$ > /root/pid\nfor n in $(seq 3000); do test -e /root/go && break; sleep 0.2; done\n"
GIGABYTE = 1_000_000_000
MB = 1_048_576


class Desk:
    """The house, and what one does with it by hand."""

    def __init__(self, house: House, lab: MachineLab) -> None:
        self.house = house
        self.lab = lab

    def machine(self, name: str) -> Machine:
        return self.lab.machines[name]

    def start(self, name: str, host: str, *blocks: str, language: str = "bash", phase: str = "Solution") -> int:
        fences = "\n".join(f"```{language} {{host={host}}}\n{block}\n```\n" for block in blocks)
        self.house.write(f"runbooks/{name}.md", f"# {name}\n\n**{phase}:**\n\n{fences}")
        path = f"runbooks/{name}.md"

        def known() -> bool:
            return any(each["path"] == path for each in self.house.get("/runbooks")["runbooks"])

        self.house.until(known, 10, f"{path} is known")
        return int(self.house.post("/runs", runbook=path)["run"]["id"])

    def run(self, number: int) -> dict[str, Any]:
        return self.house.get(f"/runs/{number}")["run"]

    def step(self, number: int, index: int = 0) -> dict[str, Any]:
        return self.run(number)["steps"][index]

    def ended(self, number: int, limit_s: float = 60) -> dict[str, Any]:
        """The run at its end, or parked."""

        def look() -> dict[str, Any] | None:
            run = self.run(number)
            return run if run["state"] not in ("ready", "running") else None

        return self.house.until(look, limit_s, f"run {number} has ended")

    def counted(self, name: str) -> int:
        file = self.machine(name).root / "root/counter"
        return len(file.read_text().split()) if file.exists() else 0

    def at_work(self, name: str) -> bool:
        """Whether the command that wrote /root/pid is alive, as the machine itself sees it."""
        return self.machine(name).run("kill -0 $(cat /root/pid)", check=False).returncode == 0

    def says(self, number: int, words: str, limit_s: float) -> str:
        """Wait until the message of the first step matches, and return it."""

        def look() -> str:
            message = str(self.step(number)["message"])
            return message if re.search(words, message) else ""

        return str(self.house.until(look, limit_s, f"run {number} says {words}"))

    def peak_mb(self) -> float:
        """The most memory that main ever held."""
        status = Path(f"/proc/{self.house.programs['main'].pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


@pytest.fixture(scope="module")
def desk(shared_lab: MachineLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    house = House(tmp_path_factory.mktemp("hard"))
    try:
        for name in NAMES:
            shared_lab.add(name)
        house.environment = {"HOME": str(shared_lab.home(house.root / "home"))}
        house.write("hosts.yaml", "hosts:\n" + "".join(f"  {name}: {{ssh: root@{name}}}\n" for name in NAMES))
        house.start("main")
        yield Desk(house, shared_lab)
    finally:
        house.stop()


def test_a_cancel_with_the_cable_cut_is_told_at_once_and_done_when_the_host_is_back(desk: Desk) -> None:
    number = desk.start("cable", "cable", WAITS)
    desk.house.until(lambda: desk.counted("cable"), 20, "the step is at work")
    desk.machine("cable").cut()
    begun = time.monotonic()
    cancelled = desk.house.post(f"/runs/{number}/cancel")["run"]
    assert cancelled["state"] == "cancelled"
    said = desk.says(number, "state unknown", 30 - (time.monotonic() - begun))
    assert said == "state unknown: cable cannot be reached; its process group is ended when cable answers"
    assert desk.step(number)["state"] == "cancelled"
    assert desk.at_work("cable"), "the cable is cut: nobody can have ended it"
    desk.house.kill("main")
    desk.house.start("main")
    assert desk.step(number)["message"] == said, "it is remembered over a death of main"
    desk.machine("cable").plug()
    said = desk.says(number, "process group was ended", 60)
    assert said == "cancelled; its process group was ended when cable answered again"
    assert not desk.at_work("cable")
    assert desk.counted("cable") == 1
    assert (desk.run(number)["state"], desk.step(number)["state"]) == ("cancelled", "cancelled")


def test_a_cancel_at_a_host_that_reboots_meanwhile_says_so(desk: Desk) -> None:
    number = desk.start("never", "never", WAITS)
    desk.house.until(lambda: desk.counted("never"), 20, "the step is at work")
    desk.machine("never").cut()
    desk.house.post(f"/runs/{number}/cancel")
    desk.says(number, "state unknown: never cannot be reached", 30)
    desk.machine("never").reboot()
    said = desk.says(number, "rebooted", 60)
    assert said == "cancelled; never was rebooted since, which ended it: interrupted, may have partly run"
    assert desk.counted("never") == 1


def test_a_gigabyte_from_a_changing_step_is_kept_at_both_ends(desk: Desk) -> None:
    before = desk.peak_mb()
    block = f"echo first; touch /root/changed; head -c {GIGABYTE} /dev/zero | tr '\\0' x; echo; echo last"
    run = desk.ended(desk.start("big", "big", block), 120)
    step = run["steps"][0]
    assert (run["state"], step["exit_code"]) == ("done", 0)
    assert step["evidence"]["truncated"] is True
    first = desk.house.client.raw("GET", f"/runs/{run['id']}/steps/0/output")[1]
    kept, gap = kept_output(desk.house, run["id"])
    assert first.startswith(b"first\nxxx")
    assert 64 * MB <= kept < 64 * MB + 1000
    assert gap == [b"bytes left out: first 48 MB and last 16 MB are kept"]
    print(f"main held {desk.peak_mb() - before:.0f} MB more at most for a gigabyte of a changing step")
    assert desk.peak_mb() - before < 150
    spool = desk.machine("big").run("du -sm /var/tmp/wk-0 | cut -f1").stdout
    assert int(spool) < 100, "the middle of the output went back to the disk of the host"


def kept_output(house: House, run: int) -> tuple[int, list[bytes]]:
    """How many bytes of the first step's output are kept, and the sentence in their middle."""
    kept, gaps, tail = 0, list[bytes](), b""
    while True:
        data = house.client.raw("GET", f"/runs/{run}/steps/0/output?offset={kept}")[1]
        if not data:
            assert tail.endswith(b"\nlast\n")
            return kept, gaps
        kept += len(data)
        tail = (tail + data)[-len(data) - 200 :]
        gaps += [each for each in re.findall(rb"bytes left out[^\]]*(?=\])", tail) if each not in gaps]
        tail = tail[-200:]


def test_a_gigabyte_from_a_read_step_is_ended_at_64_megabytes(desk: Desk) -> None:
    before = desk.peak_mb()
    run = desk.ended(desk.start("loud", "big", f"head -c {GIGABYTE} /dev/zero", phase="Verification"), 120)
    step = run["steps"][0]
    assert step["state"] == "failed"
    assert step["message"] == "wrote more than 64 MB, so it was ended; what came until then is kept"
    assert step["evidence"]["size"] == 64 * MB
    print(f"main held {desk.peak_mb() - before:.0f} MB more at most for a gigabyte of a read step")
    assert desk.peak_mb() - before < 150
    assert desk.machine("big").run("pgrep -x head", check=False).stdout == ""


def test_without_bash_a_bash_block_is_refused_and_an_sh_block_runs(desk: Desk) -> None:
    poor = desk.machine("poor")
    poor.run("sed -i '/^root:/s,/bin/bash$,/bin/sh,' /etc/passwd; mount --bind /dev/null /usr/bin/bash")
    run = desk.ended(desk.start("bashed", "poor", "touch /root/changed"))
    step = run["steps"][0]
    assert (run["state"], step["state"]) == ("failed", "refused")
    assert step["message"].startswith("poor has no bash, which this step asks for; nothing was started")
    assert "Write the block for sh, or install bash there" in step["message"]
    assert not (poor.root / "root/changed").exists()
    step = desk.ended(desk.start("asked", "poor", "ls /root", phase="Verification"))["steps"][0]
    assert step["message"] == "poor has no bash, which this command asks for. Ask for sh instead"
    run = desk.ended(desk.start("plain", "poor", "touch /root/changed; echo $0 did it", "ls /root", language="sh"))
    assert [step["state"] for step in run["steps"]] == ["done", "done"]
    assert (poor.root / "root/changed").exists()


def test_the_clock_of_the_host_goes_back_two_hours_in_mid_step_and_ahead_again(desk: Desk) -> None:
    clock = desk.machine("clock")
    number = desk.start("clock", "clock", WAITS + "date +%s > /root/end", "echo again >> /root/counter")
    desk.house.until(lambda: desk.counted("clock"), 20, "the step is at work")
    clock.shift_clock("-2h")
    time.sleep(2)
    clock.shift_clock("+2h")
    clock.write("/root/go", "")
    run = desk.ended(number)
    assert run["state"] == "done"
    assert [step["state"] for step in run["steps"]] == ["done", "done"]
    assert desk.counted("clock") == 2
    assert all(step["ended_at"] >= step["started_at"] for step in run["steps"]), "times are of our own clock"
