"""What becomes of a step whose run was cancelled, and when the spool may forget a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.runs.cancelling import (
    cancelled,
    claims_may_go,
    ended_as,
    is_open,
    is_unknown,
    outputs_may_go,
    pause_s,
    unknown,
)
from watchkeeper.core.runs.values import Plan, PlanStep, Run, RunState, RunStep, StepState

NOW = 1_763_000_000.0
PLAN = PlanStep(0, "fix", "fix", "", "touch x", "bash", "change", "app1")
AT_WORK = RunStep(1, 0, PLAN, StepState.RUNNING, attempt=1, sent=True)
OVER = Run(1, None, "", Plan("x.md", "d", "", (PLAN,), "p"), "manual", RunState.CANCELLED, "ada", NOW, ended_at=NOW)


def test_a_step_of_an_unknown_state_says_what_comes_and_stays_open() -> None:
    step = unknown(AT_WORK)
    assert step.state is StepState.CANCELLED
    assert step.message == "state unknown: app1 cannot be reached; its process group is ended when app1 answers"
    assert is_unknown(step) and is_open(OVER, step) and is_open(OVER, AT_WORK)
    assert not is_open(replace(OVER, state=RunState.RUNNING), AT_WORK)
    doubtful = replace(AT_WORK, state=StepState.INTERRUPTED)
    assert is_open(OVER, doubtful) and not is_open(replace(OVER, state=RunState.FAILED), doubtful)
    assert unknown(AT_WORK, "app1 is not in hosts.yaml.").message.startswith(
        "state unknown: app1 is not in hosts.yaml; "
    )


@pytest.mark.parametrize(
    ("status", "code", "never", "words"),
    [
        ("cancelled", None, False, "cancelled; its process group was ended"),
        ("cancelled", None, True, "cancelled; it was never started, and cannot start any more"),
        ("done", 3, False, "cancelled; it had already ended by itself with exit code 3"),
        (
            "rebooted",
            None,
            False,
            "cancelled; app1 was rebooted since, which ended it: interrupted, may have partly run",
        ),
        ("gone", None, False, "cancelled; app1 does not know how it ended: interrupted, may have partly run"),
        ("nospool", None, False, "cancelled; app1 does not know how it ended: interrupted, may have partly run"),
    ],
)
def test_the_sentence_by_what_the_host_answered(status: str, code: int | None, never: bool, words: str) -> None:
    assert ended_as(AT_WORK, status, code, never) == (StepState.CANCELLED, words)
    assert not is_unknown(replace(AT_WORK, state=StepState.CANCELLED, message=words))


def test_an_answer_after_a_time_of_not_knowing_says_so() -> None:
    assert ended_as(unknown(AT_WORK), "cancelled", None)[1].endswith("was ended when app1 answered again")
    never_sent = replace(unknown(AT_WORK), sent=False)
    assert ended_as(never_sent, "nospool", None)[1] == "cancelled; app1 knows nothing of it, so it was never started"


def test_what_waits_is_cancelled_and_what_was_interrupted_is_asked_for() -> None:
    waiting = replace(AT_WORK, state=StepState.WAITS, sent=False)
    assert cancelled(waiting, "cancelled by ada").message == "cancelled by ada"
    assert is_unknown(cancelled(replace(waiting, sent=True), "cancelled by ada"))


def test_pauses_grow_to_a_minute() -> None:
    assert [pause_s(tries) for tries in (0, 1, 2, 3, 4, 5, 6, 1000)] == [2, 2, 5, 10, 30, 60, 60, 60]


def test_outputs_go_with_the_end_and_claims_a_day_later() -> None:
    done = replace(AT_WORK, state=StepState.DONE, exit_code=0)
    run = replace(OVER, state=RunState.DONE, steps=(done,))
    assert outputs_may_go(run) and not claims_may_go(run, NOW + 80_000)
    assert claims_may_go(run, NOW + 90_000)
    assert not outputs_may_go(replace(run, state=RunState.RUNNING))
    assert not claims_may_go(replace(run, state=RunState.PARKED), NOW + 90_000)


def test_nothing_goes_while_a_step_may_be_at_work_and_doubt_is_kept_for_a_month() -> None:
    run = replace(OVER, steps=(unknown(AT_WORK),))
    assert not outputs_may_go(run) and not claims_may_go(run, NOW + 10**9)
    doubtful = replace(AT_WORK, state=StepState.INTERRUPTED)
    run = replace(OVER, state=RunState.FAILED, steps=(doubtful,))
    assert not outputs_may_go(run) and not claims_may_go(run, NOW + 90_000)
    assert claims_may_go(run, NOW + 31 * 86_400)
