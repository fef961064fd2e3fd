"""Where an incident stands on its way: Diagnose, Fix, Verify, Proof. Nothing here is hoped for, only what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.incidents.values import Ending, Incident
from watchkeeper.core.runs.values import Run, RunState, StepState

Word = Literal["done", "now", "planned", "failed", "waits", "skipped"]
_MARK = {"done": "done", "now": "run", "planned": "plan", "failed": "failed", "waits": "wait", "skipped": "plan"}
_SAID = {
    "done": "done",
    "now": "now",
    "planned": "planned",
    "failed": "failed",
    "waits": "waits for you",
    "skipped": "not done",
}


@dataclass(frozen=True, slots=True)
class Station:
    """One phase of the way."""

    name: str
    word: Word

    @property
    def mark(self) -> str:
        """Its shape."""
        return _MARK[self.word]

    @property
    def said(self) -> str:
        """Its state for those who do not see the shape."""
        return _SAID[self.word]

    @property
    def css(self) -> str:
        """Its class: done, now, or none."""
        return {"done": "done", "now": "now", "waits": "now", "failed": "now"}.get(self.word, "")


def of_run(run: Run | None) -> tuple[Word, Word, Word]:
    """How far a run has come in its diagnosis, its fix and its verification."""
    if run is None:
        return "planned", "planned", "planned"
    return _phase(run, ("diagnose",)), _phase(run, ("fix",) if run.undo is None else ("fix", "rollback")), _verify(run)


def _phase(run: Run, phases: tuple[str, ...]) -> Word:
    states = [step.state for step in run.steps if step.plan.phase in phases]
    if not states:
        return "skipped"
    if StepState.RUNNING in states:
        return "now"
    if StepState.WAITS in states or StepState.INTERRUPTED in states:
        return "waits"
    if any(state in (StepState.FAILED, StepState.REFUSED) for state in states):
        return "failed"
    ended = [state for state in states if state in (StepState.DONE, StepState.SKIPPED, StepState.CANCELLED)]
    if len(ended) == len(states):
        return "done" if StepState.DONE in states else "skipped"
    return "now" if ended and run.state is RunState.RUNNING else "planned"


def _verify(run: Run) -> Word:
    if run.state is RunState.VERIFYING:
        return "now"
    if run.undo is not None and run.state is not RunState.PROVEN:
        return "failed"
    if run.state in (RunState.PROVEN, RunState.DONE):
        return "done"
    return "failed" if run.state is RunState.UNPROVEN else "planned"


def of_incident(incident: Incident, run: Run | None) -> tuple[Station, ...]:
    """The four stations of an incident with its newest run."""
    diagnose, fix, verify = of_run(run)
    if incident.diagnosed_at is not None and diagnose in ("planned", "skipped", "now"):
        diagnose = "done"
    proof: Word = "planned"
    if incident.ending in (Ending.FIXED, Ending.ITSELF):
        proof = "done"
        verify = "done"
    elif incident.ending is Ending.UNPROVEN:
        proof = "skipped"
    elif verify == "now":
        proof = "planned"
    return Station("Diagnose", diagnose), Station("Fix", fix), Station("Verify", verify), Station("Proof", proof)
