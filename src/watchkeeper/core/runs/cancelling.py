"""What becomes of a command whose run was cancelled: ended, over already, never started, or not known yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from watchkeeper.core.runs.values import ENDED, Run, RunState, RunStep, StepState

STATE_UNKNOWN: Final = "state unknown: "
"""How the message of a cancelled step begins while its host has not said what became of it."""

MAY_HAVE_RUN: Final = "interrupted, may have partly run"
PAUSES_S: Final[Sequence[float]] = (2.0, 5.0, 10.0, 30.0, 60.0)
"""Between two tries to reach the host, the last one again and again."""

KEPT_CLAIMS_S: Final = 86_400.0
"""How long the claims of an ended run stay on its hosts: a process that was frozen may still send a start."""
KEPT_UNCLEAR_S: Final = 30 * 86_400.0
"""The same for a run with a step of which nobody knows how it ended: a person may still ask for it."""


def unknown(step: RunStep, why: str = "") -> RunStep:
    """The step while nobody can tell: cancelled, and its process group is ended when the host answers.

    why: a sentence about the host when it is another than that it cannot be reached.
    """
    reason = why.strip().rstrip(".") or f"{step.plan.host} cannot be reached"
    message = f"state unknown: {reason}; its process group is ended when {step.plan.host} answers"
    return replace(step, state=StepState.CANCELLED, message=message)


def is_unknown(step: RunStep) -> bool:
    """Whether a cancelled step waits for its host."""
    return step.state is StepState.CANCELLED and step.message.startswith(STATE_UNKNOWN)


def is_open(run: Run, step: RunStep) -> bool:
    """Whether the run is over and a command of it may still be at work."""
    if run.state is RunState.CANCELLED and (step.state is StepState.INTERRUPTED or is_unknown(step)):
        return True
    return run.state in ENDED and step.state is StepState.RUNNING


def cancelled(step: RunStep, message: str) -> RunStep:
    """A step that waits, and is not to start any more. One that was interrupted may still be at work on its host."""
    if step.sent and step.plan.risk != "read":
        return unknown(step, f"{step.plan.host} was not asked yet")
    return replace(step, state=StepState.CANCELLED, message=message)


def ended_as(step: RunStep, status: str, exit_code: int | None, never: bool = False) -> tuple[StepState, str]:
    """State and sentence of a cancelled step, by what its host answered.

    status: of the spool. never: the host says that it had not started, and saw to it that it never will.
    """
    host = step.plan.host
    if never:
        return StepState.CANCELLED, "cancelled; it was never started, and cannot start any more"
    if status == "done":
        return StepState.CANCELLED, f"cancelled; it had already ended by itself with exit code {exit_code}"
    if status == "cancelled":
        later = f" when {host} answered again" if is_unknown(step) else ""
        return StepState.CANCELLED, f"cancelled; its process group was ended{later}"
    if status == "rebooted":
        return StepState.CANCELLED, f"cancelled; {host} was rebooted since, which ended it: {MAY_HAVE_RUN}"
    if not step.sent:
        return StepState.CANCELLED, f"cancelled; {host} knows nothing of it, so it was never started"
    return StepState.CANCELLED, f"cancelled; {host} does not know how it ended: {MAY_HAVE_RUN}"


def pause_s(tries: int) -> float:
    """How long to wait after this many tries in vain."""
    return PAUSES_S[min(max(tries, 1), len(PAUSES_S)) - 1]


def claims_may_go(run: Run, now: float) -> bool:
    """Whether what the spool keeps of a run is needed by nobody any more, its claims included."""
    if run.state not in ENDED or run.ended_at is None or any(is_open(run, step) for step in run.steps):
        return False
    known = (StepState.DONE, StepState.FAILED, StepState.CANCELLED)
    unclear = run.state is not RunState.CANCELLED and any(
        step.sent and (step.state not in known or step.exit_code is None) for step in run.steps
    )
    return now - run.ended_at >= (KEPT_UNCLEAR_S if unclear else KEPT_CLAIMS_S)


def outputs_may_go(run: Run) -> bool:
    """Whether the outputs of a run are collected: it is over, and nothing of it may still be at work."""
    return run.state in ENDED and not any(
        is_open(run, step) or step.state is StepState.INTERRUPTED for step in run.steps
    )
