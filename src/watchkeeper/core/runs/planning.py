"""Freezing a plan: which commands of a runbook will run where, with which values. What runs later is exactly this."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Inventory, RunbookFile, Service
from watchkeeper.core.runbooks import Bound, Runbook, Step, bind, missing, read_runbook
from watchkeeper.core.runs.values import Plan, PlanStep

PHASE_ORDER = ("diagnose", "fix", "verify", "rollback")


def freeze(
    file: RunbookFile,
    inventory: Inventory,
    service: Service | None,
    params: Mapping[str, str],
    only: Sequence[str] = (),
) -> Plan:
    """The plan of one runbook for one service.

    Steps keep document order inside each phase; phases follow diagnose, fix, verify, rollback. A step with a `host`
    attribute runs there, every other one on each host of the service, or on the one host of the inventory.
    `only`: ids of the steps to keep. Raises `Usage` for unknown step ids or when no host can be told.
    """
    runbook = read_runbook(file.text, file.path)
    steps = _steps_of(runbook)
    if only:
        unknown = sorted(set(only) - {step.id for step in steps})
        if unknown:
            raise Usage(
                f"{file.path} has no step {', '.join(unknown)}.", f"Its steps: {', '.join(s.id for s in steps)}."
            )
        steps = [step for step in steps if step.id in only]
    values = {**runbook.params, **params}
    _one_procedure(runbook, steps, file.path)
    planned: list[PlanStep] = []
    for step in sorted(steps, key=lambda each: PHASE_ORDER.index(each.phase)):
        for host in _hosts(step, runbook, inventory, service, file.path):
            planned.append(_planned(len(planned), step, host, values))
    name = service.name if service else ""
    return Plan(file.path, file.digest, name, tuple(planned), plan_digest(file.path, name, planned), dict(params))


def refill(plan: Plan, file: RunbookFile | None, inventory: Inventory, params: Mapping[str, str]) -> Plan:
    """The same plan with more values: same steps, hosts and order, only their placeholders filled.

    Raises `Usage` when a value is not asked for or does not fit, or when the document or its hosts changed meanwhile.
    """
    if file is None or file.digest != plan.runbook_digest:
        raise Usage(
            f"{plan.runbook} was changed after this was planned, so its values cannot be given any more.",
            "Cancel the run and start it again with the new text.",
        )
    service = inventory.services.get(plan.service)
    asked = sorted({name for step in _steps_of(read_runbook(file.text, file.path)) for name in _asked(step)})
    unknown = sorted(set(params) - set(asked))
    if unknown:
        raise Usage(
            f"{plan.runbook} asks for no value named {', '.join(unknown)}.",
            f"It asks for: {', '.join(asked)}." if asked else "It asks for none.",
        )
    values = {**plan.params, **params}
    again = freeze(file, inventory, service, values, tuple(dict.fromkeys(step.id for step in plan.steps)))
    if [(step.id, step.host) for step in again.steps] != [(step.id, step.host) for step in plan.steps]:
        raise Usage(
            f"The steps or hosts of {plan.runbook} are not those of this run any more.",
            "Cancel the run and start it again.",
        )
    return again


def _asked(step: Step) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in step.parameters)


def _steps_of(runbook: Runbook) -> list[Step]:
    return [step for procedure in runbook.procedures for step in procedure.steps if step.phase in PHASE_ORDER]


def _planned(index: int, step: Step, host: str, values: Mapping[str, str]) -> PlanStep:
    unfilled = missing(step, values)
    bound = bind(step, values) if not unfilled and not step.manual else Bound(step.text)
    return PlanStep(
        index=index,
        id=step.id,
        phase=step.phase,  # type: ignore[arg-type]  # text steps were left out above
        title=step.title,
        text=f"cd {shlex.quote(step.cwd)} || exit 1\n{bound.text}" if step.cwd and step.language else bound.text,
        language=step.language,
        risk=step.risk,
        host=host,
        manual=step.manual,
        why="" if step.unattended else (step.why or ""),
        alternatives=step.alternatives or "",
        environment=bound.environment,
        missing=unfilled,
        timeout_s=step.timeout_s or (60.0 if step.phase == "diagnose" else 300.0),
        retries=max(1, step.retries or 1),
        every_s=step.every_s or 0.0,
        expect=step.expect or "",
        idempotent=step.idempotent,
        approve=step.approve or "",
        line=step.line,
    )


def _one_procedure(runbook: Runbook, steps: Sequence[Step], path: str) -> None:
    """A document with several procedures that change things is no single answer: which one is meant must be said."""
    kept = {id(step) for step in steps}
    fixing = [
        procedure.title
        for procedure in runbook.procedures
        if any(step.phase == "fix" and step.risk != "read" and id(step) in kept for step in procedure.steps)
    ]
    if len(fixing) > 1:
        raise Usage(
            f"{path} holds {len(fixing)} procedures that change something: {', '.join(fixing)}.",
            "Put each into a file of its own, or name the steps to run.",
        )


def _hosts(step: Step, runbook: Runbook, inventory: Inventory, service: Service | None, path: str) -> tuple[str, ...]:
    named = step.host or ("" if service and service.hosts else runbook.host)
    if named and named not in inventory.hosts:
        raise Usage(
            f"{path} names the host {named} for step {step.id}, and hosts.yaml has no such host.",
            f"Its hosts: {', '.join(sorted(inventory.hosts)) or 'none'}. Correct the name, or add the host.",
        )
    if named:
        return (named,)
    if service and service.hosts:
        return service.hosts
    if len(inventory.hosts) == 1:
        return tuple(inventory.hosts)
    raise Usage(
        f"{path} does not say on which host step {step.id} runs.",
        "Name a service with hosts (--service), or write host= on the step.",
    )


def step_digest(step: PlanStep, runbook_digest: str) -> str:
    """What an approval of this step binds to: exact text, host, values and the runbook's bytes."""
    return _digest([runbook_digest, step.id, step.text, step.host, step.language, sorted(step.environment.items())])


def plan_digest(path: str, service: str, steps: Sequence[PlanStep]) -> str:
    """sha256 over everything a plan would do."""
    return _digest([path, service, [[s.id, s.phase, s.text, s.host, sorted(s.environment.items())] for s in steps]])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
