"""A runbook as the answer of a service: can it do what the service asks of it, and was that ever proven."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchkeeper.core.runbooks.binding import missing
from watchkeeper.core.runbooks.lint.surroundings import Surroundings
from watchkeeper.core.runbooks.values import Finding, Runbook, Step
from watchkeeper.core.times import format_duration

if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Response

_PHASES = ("diagnose", "fix", "verify", "rollback")


def answers(runbook: Runbook, surroundings: Surroundings) -> Iterator[Finding]:
    """What stands against this document as the answer of the responses that name it."""
    steps = [step for step in runbook.steps if step.phase in _PHASES and step.phase != "rollback"]
    for response in surroundings.responses(runbook.path):
        if response.mode == "observe":
            continue
        yield from _able(runbook, response, steps)
        if response.mode == "auto":
            yield from _values(runbook, response, steps)
        yield from _proven(runbook, response, steps, surroundings)


def _able(runbook: Runbook, response: Response, steps: list[Step]) -> Iterator[Finding]:
    able = [step for step in steps if step.unattended]
    if not able:
        what = "no step of it could ever start by itself"
    elif response.mode == "auto" and not any(step.phase == "fix" for step in able):
        what = "asks for mode: auto, and no step of its fix could ever start by itself"
    else:
        return
    link = "and " if able == [] else ""
    yield Finding(
        1,
        "warning",
        f"The service {response.service} answers with this document {link}{what}: "
        f"'wk runbook show {runbook.path}' says for every step why.",
        "never-by-itself",
    )


def _values(runbook: Runbook, response: Response, steps: list[Step]) -> Iterator[Finding]:
    values = {**runbook.params, **response.params}
    said: set[str] = set()
    for step in steps:
        if step.manual or step.alternatives:
            continue
        for name in missing(step, values):
            if name in said:
                continue
            said.add(name)
            line = next((each.line for each in step.parameters if each.name == name), step.line)
            yield Finding(
                line,
                "warning",
                f'The service {response.service} asks for mode: auto, and step "{step.id}" has no value for {name}, so it '
                f"never acts. Add params: {{{name}: ...}} to that response in services/{response.service}.yaml.",
                "value-missing",
            )


def _proven(runbook: Runbook, response: Response, steps: list[Step], surroundings: Surroundings) -> Iterator[Finding]:
    proof = surroundings.proofs.get(response.name)
    if proof is None or not any(step.risk != "read" for step in steps):
        return
    if proof.at is None:
        what = "was never proven"
    elif proof.now - proof.at > proof.within_s:
        what = f"was last proven {format_duration(proof.now - proof.at)} ago, and trust lasts {format_duration(proof.within_s)}"
    else:
        return
    yield Finding(
        1,
        "note",
        f"This answer of the service {response.service} {what}. "
        f"Run it once on a quiet day: wk run {runbook.path} --service {response.service}.",
        "never-proven",
    )
