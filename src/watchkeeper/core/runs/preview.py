"""What is said about each step before anything runs: when, as whom, how often, who must agree, and how it is taken back."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.core.approvals import requirement
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs.modes import of_step
from watchkeeper.core.runs.order import at_once
from watchkeeper.core.runs.values import Plan, PlanStep, RunMode
from watchkeeper.core.times import format_duration


def notes(step: PlanStep, plan: Plan, hosts: Mapping[str, Host], mode: RunMode) -> tuple[str, ...]:
    """The sentences about one step of a plan, in the order in which a person asks for them."""
    said = [
        *_when(step, plan),
        *_as_whom(step, hosts.get(step.host)),
        *_how(step, plan),
        *_values(step),
        _agreement(step, mode),
        *_taken_back(step, plan),
    ]
    return tuple(sentence for sentence in said if sentence)


def _when(step: PlanStep, plan: Plan) -> list[str]:
    if step.undoes:
        names = ", ".join(f"step {index} ({plan.steps[index].id})" for index in step.undoes)
        return [f"Runs only when the run is undone; it takes back {names}."]
    if step.phase == "rollback":
        return ["Runs only when the run is undone and no step that was done names an undo of its own."]
    return [f"Runs only when {step.when}."] if step.when else []


def _as_whom(step: PlanStep, host: Host | None) -> list[str]:
    said = [f"Runs as root: {host.name} is reached with `become: sudo -n`."] if host is not None and host.become else []
    if step.sudo and not (host is not None and host.become):
        said.append("It calls sudo: it is refused before it starts where sudo would ask for a password.")
    return said


def _how(step: PlanStep, plan: Plan) -> list[str]:
    said = []
    if sum(each.id == step.id and not each.undoes for each in plan.steps) > 1:
        at = at_once(step)
        said.append("On one host after the other." if at == 1 else f"On {at} hosts at once at most.")
    if step.background:
        said.append(f"In the background, for {format_duration(step.timeout_s)} at most; it is ended with the run.")
    elif not step.manual:
        said.append(f"For {format_duration(step.timeout_s)} at most.")
    if step.retries > 1 and (step.risk == "read" or step.idempotent):
        pause = f", {format_duration(step.every_s)} apart" if step.every_s else ""
        said.append(f"Tried {step.retries} times at most{pause}.")
    if step.expect:
        lines = step.expect.strip().splitlines()
        said.append(f"Expected: {lines[0]}" + (f" and {len(lines) - 1} lines more." if len(lines) > 1 else "."))
    return said


def _values(step: PlanStep) -> list[str]:
    said = [f"What it prints becomes the value {step.capture}."] if step.capture else []
    if step.needs:
        said.append(f"It uses {', '.join(step.needs)}, which an earlier step prints; unknown until then.")
    return said


def _agreement(step: PlanStep, mode: RunMode) -> str:
    """Who has to agree before it starts."""
    needed = requirement(step)
    who = f"{'an' if needed.words[0] in 'aeiou' else 'a'} {needed.words}" if needed.persons == 1 else needed.words
    own = of_step(step)
    if own is not None:
        return f"Waits for {who}: {own.why}"
    if step.undoes and step.risk == "destroy":
        return f"Waits for {who}: it destroys."
    if step.risk == "read":
        return ""
    if mode == "manual" and step.needs:
        return f"Waits for {who} once its value is known."
    return "Agreed to by whoever starts the run." if mode == "manual" else f"Waits for {who}, unless a grant covers it."


def _taken_back(step: PlanStep, plan: Plan) -> list[str]:
    if step.risk == "read" or step.phase == "rollback":
        return []
    if step.undo:
        return [f"Taken back by {step.undo}."]
    if any(each.phase == "rollback" and not each.undoes for each in plan.steps) and not any(
        each.undo for each in plan.steps
    ):
        return ["Taken back by the rollback of the document."]
    return ["Nothing takes it back: it names no undo."]
