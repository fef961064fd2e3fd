"""A changing step whose first answer is lost: looked for, never sent again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.runs.values import PlanStep, RunStep, StepState
from watchkeeper.services import steps
from watchkeeper.services.ports import SpoolAnswer
from watchkeeper.services.steps import StepRunner

LOST = NoAnswer("The connection to app1 was lost.", "See whether it is up.")
NEVER_SENT = NoAnswer("app1 did not answer.", "Is it up?", sent=False)


@dataclass
class Spool:
    """A hand-written host port; `starts` and `looks` are given in order, the last one again and again."""

    starts: list[SpoolAnswer | NoAnswer]
    looks: list[SpoolAnswer | NoAnswer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def get(self, name: str) -> Spool:
        return self

    def start(self, step: object, **window: object) -> SpoolAnswer:
        return self._next("start", self.starts)

    def look(self, step: object, **window: object) -> SpoolAnswer:
        return self._next("look", self.looks)

    def _next(self, what: str, answers: list[SpoolAnswer | NoAnswer]) -> SpoolAnswer:
        self.asked.append(what)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, NoAnswer):
            raise answer
        return answer


class Evidence:
    def reset(self, *names: int) -> None: ...

    def append(self, *names: object) -> None: ...


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[[Spool, bool], RunStep]:
    """Runs one changing step; every look at the clock and every pause takes a second of a clock of its own."""
    seconds = itertools.count(1000.0)
    monkeypatch.setattr(steps.time, "sleep", lambda pause_s: next(seconds))

    def change(spool: Spool, first: bool) -> RunStep:
        runner = StepRunner(spool, Evidence(), list, lambda: next(seconds), "here")  # type: ignore[arg-type]
        plan = PlanStep(0, "fix", "fix", "", "touch x", "bash", "change", "app1", timeout_s=500.0)
        begun = RunStep(1, 0, plan, StepState.RUNNING, attempt=1, started_at=1000.0)
        return runner.change(begun, lambda step: True, lambda: False, first)

    return change


def test_a_lost_first_answer_is_looked_for_and_the_step_finishes(change: Callable[[Spool, bool], RunStep]) -> None:
    spool = Spool([LOST], [LOST, NEVER_SENT, SpoolAnswer("running", boot="b"), SpoolAnswer("done", 0, "b")])
    assert change(spool, True).state is StepState.DONE
    assert spool.asked.count("start") == 1


def test_a_lost_first_answer_that_nobody_knows_of_is_interrupted(change: Callable[[Spool, bool], RunStep]) -> None:
    spool = Spool([LOST], [SpoolAnswer("gone", boot="other")])
    ended = change(spool, True)
    assert ended.state is StepState.INTERRUPTED
    assert "may have partly run" in ended.message
    assert spool.asked.count("start") == 1


def test_a_host_that_stays_away_after_a_lost_answer_is_interrupted(change: Callable[[Spool, bool], RunStep]) -> None:
    spool = Spool([LOST], [NEVER_SENT])
    assert change(spool, True).state is StepState.INTERRUPTED
    assert spool.asked.count("start") == 1


def test_what_never_left_has_failed_and_is_not_asked_for_again(change: Callable[[Spool, bool], RunStep]) -> None:
    spool = Spool([NEVER_SENT])
    assert change(spool, True).state is StepState.FAILED
    assert spool.asked == ["start"]


def test_after_a_crash_it_is_re_attached_by_the_same_start(change: Callable[[Spool, bool], RunStep]) -> None:
    spool = Spool([NEVER_SENT, LOST, SpoolAnswer("done", 0, "b")])
    assert change(spool, False).state is StepState.DONE
    assert spool.asked == ["start"] * 3
