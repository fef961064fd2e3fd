"""Why watchkeeper did not act: one sentence on every incident in which it changed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from watchkeeper.core.incidents.values import Ending, Incident
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState

_BEGINNINGS: Final = frozenset(["no", "every", "it", "the", "nobody", "not", "another", "a", "step", "automation"])
ITSELF: Final = "It recovered by itself before anything was changed."
BY_A_PERSON: Final = "A person closed it before anything was changed."


def sentence(text: str) -> str:
    """A reason as one sentence: it ends with a full stop and begins with a capital unless a name stands first."""
    plain = " ".join(text.split()).rstrip(".")
    if not plain:
        return ""
    first = plain.split(" ", 1)[0]
    return (plain[0].upper() + plain[1:] if first in _BEGINNINGS else plain) + "."


def has_changed(step: RunStep) -> bool:
    """Whether this step changed something, or may have. What the host never got has changed nothing."""
    if step.plan.risk == "read" or step.plan.manual:
        return False
    if step.state in (StepState.RUNNING, StepState.INTERRUPTED):
        return True
    started = step.state in (StepState.DONE, StepState.FAILED, StepState.CANCELLED)
    return started and (step.sent or step.exit_code is not None)


def of_opening(incident: Incident, runs: Sequence[Run]) -> list[Run]:
    """The runs that answered the incident since it was opened last, newest first."""
    return sorted((run for run in runs if run.created_at >= incident.opened_at), key=lambda run: -run.id)


def why_idle(incident: Incident, runs: Sequence[Run], said: str = "") -> str:
    """The one sentence why nothing was changed; "" once something was, and while the answer is still on its way.

    said: the newest reason; without one the reason that stands on the incident is kept. While a step waits, its reason
    stands there even when an earlier step has changed something: it says why nothing goes on.
    """
    current = of_opening(incident, runs)
    waits = next((run for run in current if run.state is RunState.PARKED), None)
    if waits is not None and incident.closed_at is None:
        return sentence(said or waits.parked_why or incident.why_not_acted)
    if any(has_changed(step) for run in current for step in run.steps):
        return ""
    if said or incident.why_not_acted:
        return sentence(said or incident.why_not_acted)
    if incident.ending is not None:
        return BY_A_PERSON if incident.ending is Ending.UNPROVEN else ITSELF
    return ""


def closed_message(ending: Ending) -> str:
    """What a run says that was not needed any more when its incident was closed."""
    return f"the incident was closed: {ending.replace('_', ' ')}"
