"""Commands of cancelled runs, and what closed runs left on their hosts: real store, real spool, a line that can be cut."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.empty_store import open_store

from watchkeeper.adapters.hosts.blocking import BlockingHost, BlockingHosts
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs.values import Plan, PlanStep, Run, RunState, RunStep, StepState
from watchkeeper.services import cancelling
from watchkeeper.services.cancelling import Cancelling
from watchkeeper.services.ports import SpoolAnswer, SpoolStep
from watchkeeper.services.responses import new_run
from watchkeeper.services.spools import Spools
from watchkeeper.services.steps import StepRunner
from watchkeeper.store.evidence import EvidenceStore

NAME = "here"
INSTALLATION = "0123456789ab"


class Line:
    """The hosts port over a line that can be cut: a real local host behind it."""

    def __init__(self, hosts: BlockingHosts) -> None:
        self.hosts = hosts
        self.cut = False
        self.asked = 0

    def get(self, name: str) -> Cuttable:
        return Cuttable(self, self.hosts.get(name))

    def replace(self, hosts: object) -> None: ...


@dataclass
class Cuttable:
    """One host behind the line."""

    line: Line
    host: BlockingHost

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*values: Any, **more: Any) -> Any:
            self.line.asked += 1
            if self.line.cut:
                raise NoAnswer(f"{NAME} did not answer within 10 s.", "Is it up?", host=NAME)
            return getattr(self.host, verb)(*values, **more)

        return call


@dataclass
class Holder:
    """Only what `Spools` asks of the inventory."""

    current: Any


class Desk:
    """Store, evidence, one local host with a spool of its own, and a clock that a test can set forward."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Path("/var/tmp") / f"wk-test-{uuid.uuid4().hex[:8]}"
        inventory = {NAME: Host(NAME, "local", spool=str(self.spool))}
        self.hosts = BlockingHosts(inventory)
        self.line = Line(self.hosts)
        self.store = open_store(folder)
        self.evidence = EvidenceStore(folder / "evidence.db")
        self.ahead_s = 0.0
        self.steps = StepRunner(self.line, self.evidence, list, self.clock, INSTALLATION)
        self.cancelling = Cancelling(self.store, self.steps, self.clock)
        holder = Holder(type("Inventory", (), {"hosts": inventory}))
        self.spools = Spools(self.store, self.line, holder, INSTALLATION, self.clock)  # type: ignore[arg-type]

    def clock(self) -> float:
        return time.time() + self.ahead_s

    def close(self) -> None:
        self.cancelling.stop()
        self.hosts.close()
        self.store.close()
        shutil.rmtree(self.spool, ignore_errors=True)

    def at_work(self, text: str, state: RunState = RunState.CANCELLED, **more: object) -> RunStep:
        """A run whose step was started on the host by a process that is gone; the run is over."""
        plan = PlanStep(0, "fix", "fix", "", text, "bash", "change", NAME)
        draft = new_run(Plan("x.md", "d", "", (plan,), "p"), "", "manual", "local", self.clock())
        run = self.store.write(lambda session: session.add_run(replace(draft, state=state, ended_at=self.clock())))
        step = replace(run.steps[0], state=StepState.RUNNING, attempt=1, sent=True, started_at=self.clock())
        step = replace(step, **more)  # type: ignore[arg-type]
        self.store.write(lambda session: session.save_step(step, run.fence))
        if step.sent:
            self.hosts.get(NAME).start(self.steps.spool_step(step))
        return step

    def row(self, step: RunStep) -> RunStep:
        with self.store.read() as session:
            return session.run(step.run).steps[step.index]

    def run(self, step: RunStep) -> Run:
        with self.store.read() as session:
            return session.run(step.run)

    def says(self, step: RunStep, words: str, limit_s: float = 10.0) -> RunStep:
        """Beat until the step's message has these words."""
        deadline = time.monotonic() + limit_s
        while words not in self.row(step).message:
            assert time.monotonic() < deadline, f"{self.row(step)}"
            self.cancelling.beat()
            time.sleep(0.05)
        return self.row(step)

    def folders(self) -> list[str]:
        return sorted(path.name for path in self.spool.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] not in ("Z", "X")
    except OSError:
        return False


def pid_of(path: Path) -> int:
    deadline = time.monotonic() + 10
    while not path.exists() or not path.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def test_a_command_left_by_a_dead_process_is_ended_and_its_output_collected(desk: Desk, tmp_path: Path) -> None:
    step = desk.at_work(f"echo said; echo $$ >{tmp_path}/pid; sleep 300")
    pid = pid_of(tmp_path / "pid")
    ended = desk.says(step, "process group was ended")
    assert (ended.state, ended.message) == (StepState.CANCELLED, "cancelled; its process group was ended")
    assert not alive(pid)
    assert desk.evidence.read(step.run, 0, 1) == b"said\n"
    assert desk.run(step).last_change_at is not None


def test_an_unreachable_host_is_asked_until_it_answers_also_by_the_next_process(desk: Desk, tmp_path: Path) -> None:
    step = desk.at_work(f"echo $$ >{tmp_path}/pid; sleep 300")
    pid = pid_of(tmp_path / "pid")
    desk.line.cut = True
    desk.cancelling.end(desk.run(step))
    told = desk.row(step)
    assert told.state is StepState.CANCELLED
    assert told.message == "state unknown: here cannot be reached; its process group is ended when here answers"
    asked = desk.line.asked
    desk.cancelling.beat()
    assert desk.line.asked == asked, "the next try is not due yet"
    desk.ahead_s += 3
    desk.cancelling.beat()
    deadline = time.monotonic() + 5
    while desk.line.asked == asked and time.monotonic() < deadline:
        time.sleep(0.02)
    assert desk.line.asked == asked + 1
    assert alive(pid)
    desk.cancelling.stop()
    desk.cancelling = Cancelling(desk.store, desk.steps, desk.clock)
    desk.line.cut = False
    assert desk.says(step, "answered again").message == (
        "cancelled; its process group was ended when here answered again"
    )
    assert not alive(pid)


def test_a_slow_answer_is_an_unknown_state_meanwhile(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "PROMPT_S", 0.1)
    step = desk.at_work("sleep 300")
    real = desk.steps.cancel

    def slow(step: RunStep) -> SpoolAnswer:
        time.sleep(1.0)
        return real(step)

    monkeypatch.setattr(desk.steps, "cancel", slow)
    desk.cancelling.end(desk.run(step))
    assert desk.row(step).state is StepState.RUNNING
    desk.ahead_s += cancelling.SAY_AFTER_S
    desk.cancelling.beat()
    assert "state unknown: here cannot be reached" in desk.row(step).message
    desk.says(step, "answered again")


def test_one_that_never_started_can_not_start_any_more(desk: Desk, tmp_path: Path) -> None:
    step = desk.at_work(f"touch {tmp_path}/ran", sent=False)
    ended = desk.says(step, "never started")
    assert ended.message == "cancelled; it was never started, and cannot start any more"
    late = desk.hosts.get(NAME).start(desk.steps.spool_step(step), wait_s=2)
    assert late.status == "cancelled"
    assert not (tmp_path / "ran").exists()


def test_one_that_had_ended_already_says_its_exit_code(desk: Desk) -> None:
    step = desk.at_work("echo bye; exit 3")
    time.sleep(0.3)
    ended = desk.says(step, "already ended")
    assert ended.message == "cancelled; it had already ended by itself with exit code 3"
    assert ended.exit_code == 3
    assert desk.evidence.read(step.run, 0, 1) == b"bye\n"


def test_a_read_step_of_a_dead_process_is_not_left_running(desk: Desk) -> None:
    step = desk.at_work("sleep 1", sent=False)
    plan = replace(step.plan, risk="read")
    desk.store.write(lambda session: session.save_step(replace(step, plan=plan), 0))
    assert desk.says(step, "ends with its connection").state is StepState.CANCELLED


def test_a_run_that_was_proven_while_its_command_went_on_is_not_cancelled(desk: Desk) -> None:
    step = desk.at_work("sleep 0.5; echo end", state=RunState.PROVEN)
    deadline = time.monotonic() + 10
    while desk.row(step).state is StepState.RUNNING:
        assert time.monotonic() < deadline
        desk.cancelling.beat()
        desk.ahead_s += 1
        time.sleep(0.05)
    assert (desk.row(step).state, desk.row(step).exit_code) == (StepState.DONE, 0)
    assert desk.evidence.read(step.run, 0, 1) == b"end\n"


# ---- old spools ------------------------------------------------------------------------------------------------------


def closed(desk: Desk, text: str = "echo out") -> RunStep:
    step = desk.at_work(text, state=RunState.DONE)
    answer = desk.hosts.get(NAME).look(desk.steps.spool_step(step), wait_s=5)
    ended = replace(step, state=StepState.DONE, exit_code=answer.exit_code, ended_at=desk.clock())
    desk.store.write(lambda session: session.save_step(ended, 0))
    return ended


def test_outputs_of_closed_runs_go_and_claims_stay_for_a_day(desk: Desk) -> None:
    step = closed(desk)
    folder = desk.spool / f"{INSTALLATION}-run-{step.run}"
    desk.spools.tidy()
    left = sorted(path.suffix for path in folder.iterdir())
    assert ".go" in left and ".out" not in left
    late = desk.hosts.get(NAME).start(desk.steps.spool_step(step), wait_s=2)
    assert (late.status, late.exit_code) == ("done", 0), "a late start finds the claim"
    desk.ahead_s += 86_400 + 60
    desk.spools.tidy()
    assert desk.folders() == []


def test_what_is_at_work_or_unknown_to_us_is_left_alone(desk: Desk) -> None:
    running = desk.at_work("sleep 300", state=RunState.RUNNING)
    done = closed(desk)
    for name in (f"{INSTALLATION}-run-999", "ffffffffffff-run-1", "notes"):
        (desk.spool / name).mkdir()
    desk.ahead_s += 40 * 86_400
    desk.spools.tidy()
    assert f"{INSTALLATION}-run-{done.run}" not in desk.folders()
    assert f"{INSTALLATION}-run-{running.run}" in desk.folders()
    assert {f"{INSTALLATION}-run-999", "ffffffffffff-run-1", "notes"} <= set(desk.folders())
    assert [finding.sentence for finding in desk.spools.findings()] == [
        "1 run directories of runs that are not in this store, so they are left alone."
    ]
    assert desk.steps.cancel(running).status == "cancelled"


def test_the_host_refuses_to_forget_a_run_with_a_step_at_work(desk: Desk) -> None:
    step = desk.at_work("sleep 300", state=RunState.DONE)
    name = f"{INSTALLATION}-run-{step.run}"
    assert desk.hosts.get(NAME).clean(name, claims=True) is False
    assert list((desk.spool / name).glob("*.out"))
    desk.steps.cancel(step)
    assert desk.hosts.get(NAME).clean(name, claims=True) is True
    assert not (desk.spool / name).exists()
    assert desk.hosts.get(NAME).look(SpoolStep(name, "step-0-1", "")).status == "gone"


def test_old_spools_go_oldest_first_and_not_all_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeeper.services.spools.AT_ONCE", 2)
    names = [f"{INSTALLATION}-run-{closed(desk).run}" for _ in range(3)]
    desk.ahead_s += 90_000
    desk.spools.tidy()
    assert desk.folders() == names[2:]
    desk.ahead_s += 61
    desk.spools.tidy()
    assert desk.folders() == []
    assert os.path.isdir(desk.spool)
