"""Freezing a plan: which commands of a runbook will run where, with which values. What runs later is exactly this."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Inventory, RunbookFile, Service
from watchkeeper.core.runbooks import Bound, Runbook, Step, bind, missing, read_runbook
from watchkeeper.core.runbooks.attributes import is_true
from watchkeeper.core.runbooks.shell import ends_in_background
from watchkeeper.core.runbooks.values import SAFE_VALUE, highest
from watchkeeper.core.runs.captures import captured, uses
from watchkeeper.core.runs.plan_rules import assert_sound
from watchkeeper.core.runs.values import Plan, PlanStep

PHASE_ORDER = ("diagnose", "fix", "verify", "rollback")
BACKGROUND_S = 3600.0
"""How long a background step may last that names no timeout."""


def freeze(
    file: RunbookFile,
    inventory: Inventory,
    service: Service | None,
    params: Mapping[str, str],
    only: Sequence[str] = (),
    hosts: Sequence[str] = (),
) -> Plan:
    """The plan of one runbook for one service.

    Steps keep document order inside each phase; phases follow diagnose, fix, verify, rollback. A step with a `host`
    attribute runs there, every other one on each host of the service, or on the one host of the inventory. Behind them
    stand the rows that take back what names an `undo`, the last change first; they run only when the run is undone.
    `only`: ids of the steps to keep. `hosts`: keep only what runs there. Raises `Usage` for unknown step ids or hosts,
    when no host can be told, and for a condition, capture, expectation or undo that cannot work.
    """
    runbook = read_runbook(file.text, file.path)
    every = _steps_of(runbook)
    steps = every
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
    captures = _captured(file.path, every, params)
    for step in sorted(steps, key=lambda each: PHASE_ORDER.index(each.phase)):
        for host in _hosts(step, runbook, inventory, service, file.path):
            planned.append(_planned(len(planned), step, host, values, captures))
    assert_sound(file.path, runbook, planned, {*values, *(_asked_for(every) - set(captures.types))})
    _known_hosts(hosts, planned, file.path)
    planned = [replace(step, index=index) for index, step in enumerate(_there(planned, hosts))]
    planned += _undo_rows(planned, every, lambda step, host: _planned(0, step, host, values, captures), file.path)
    name = service.name if service else ""
    digest = plan_digest(file.path, name, planned)
    known = {**_default_values(every), **values}
    return Plan(file.path, file.digest, name, tuple(planned), digest, dict(params), known)


def _asked_for(steps: Sequence[Step]) -> set[str]:
    """Names of all values that the document asks for; a condition may speak of them before they are known."""
    return {parameter.name for step in steps for parameter in step.parameters}


@dataclass(frozen=True, slots=True)
class Captured:
    """What the steps of a document capture. types: name -> pattern, "" for the default type.

    given: values of such names that a person or the file gave: these hold, whatever the step prints.
    """

    types: Mapping[str, str]
    given: Mapping[str, str]


def _captured(path: str, steps: Sequence[Step], params: Mapping[str, str]) -> Captured:
    patterns = {each.name: each.pattern for step in steps for each in step.parameters if each.pattern != SAFE_VALUE}
    types = {step.capture: patterns.get(step.capture, "") for step in steps if step.capture}
    given = {name: params[name] for name in types if name in params}
    for name, value in given.items():
        odd = captured(value, len(value.encode()), types[name] or SAFE_VALUE)[1]
        if odd:
            raise Usage(
                f"{path}: the value of {name} does not fit: {odd.replace('the output', 'it')}.", "Give another value."
            )
    return Captured({name: kind for name, kind in types.items() if name not in given}, given)


def _default_values(steps: Sequence[Step]) -> dict[str, str]:
    return {each.name: each.default for step in steps for each in step.parameters if each.default is not None}


def _there(planned: Sequence[PlanStep], hosts: Sequence[str]) -> list[PlanStep]:
    return [step for step in planned if not hosts or step.host in hosts]


def _known_hosts(hosts: Sequence[str], planned: Sequence[PlanStep], path: str) -> None:
    there = sorted({step.host for step in planned})
    unknown = sorted(set(hosts) - set(there))
    if unknown:
        raise Usage(f"No step of {path} runs on {', '.join(unknown)}.", f"Its hosts here: {', '.join(there)}.")


def _undo_rows(
    planned: Sequence[PlanStep], every: Sequence[Step], plan: Callable[[Step, str], PlanStep], path: str
) -> list[PlanStep]:
    """One row per step that takes something back and host, in reverse order of what it takes back.

    The step that is named runs where the step it takes back ran, unless it has a host of its own. One that takes back
    several steps runs once.
    """
    rows: dict[tuple[str, str], PlanStep] = {}
    for step in reversed(planned):
        if not step.undo or step.risk == "read" or step.phase == "rollback":
            continue
        target = next((each for each in every if each.id == step.undo), None)
        if target is None or target.id == step.id:
            names = ", ".join(each.id for each in every)
            raise Usage(
                f"{path}: step {step.id} in line {step.line} names {step.undo} to undo it, and that is no other step.",
                f"The document's steps: {names}.",
            )
        key = (target.id, target.host or step.host)
        if key not in rows:
            row = plan(target, key[1])
            rows[key] = replace(row, phase="rollback", risk=highest("change", row.risk), undo="", capture="")
        rows[key] = replace(rows[key], undoes=(*rows[key].undoes, step.index))
    return [replace(row, index=len(planned) + offset) for offset, row in enumerate(rows.values())]


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
    steps = _steps_of(read_runbook(file.text, file.path))
    asked = sorted({name for step in steps for name in (*_asked(step), step.capture) if name})
    unknown = sorted(set(params) - set(asked))
    if unknown:
        raise Usage(
            f"{plan.runbook} asks for no value named {', '.join(unknown)}.",
            f"It asks for: {', '.join(asked)}." if asked else "It asks for none.",
        )
    values = {**plan.params, **params}
    ids = dict.fromkeys(step.id for step in plan.steps if not step.undoes)
    again = freeze(file, inventory, service, values, tuple(ids), _only_hosts(plan, file, inventory, service))
    if [(step.id, step.host) for step in again.steps] != [(step.id, step.host) for step in plan.steps]:
        raise Usage(
            f"The steps or hosts of {plan.runbook} are not those of this run any more.",
            "Cancel the run and start it again.",
        )
    return again


def _only_hosts(plan: Plan, file: RunbookFile, inventory: Inventory, service: Service | None) -> tuple[str, ...]:
    """The hosts of a plan that was made for some of them; empty when it was made for all."""
    mine = dict.fromkeys(step.host for step in plan.steps if not step.undoes)
    runbook = read_runbook(file.text, file.path)
    ids = {step.id for step in plan.steps}
    everywhere = {
        host
        for step in _steps_of(runbook)
        if step.id in ids
        for host in _hosts(step, runbook, inventory, service, file.path)
    }
    return tuple(mine) if everywhere - set(mine) else ()


def _asked(step: Step) -> tuple[str, ...]:
    return tuple(parameter.name for parameter in step.parameters)


def _steps_of(runbook: Runbook) -> list[Step]:
    return [step for procedure in runbook.procedures for step in procedure.steps if step.phase in PHASE_ORDER]


def _planned(index: int, step: Step, host: str, values: Mapping[str, str], captures: Captured) -> PlanStep:
    needs = tuple(name for name in sorted(captures.types) if uses(step.text, name))
    given = {name: value for name, value in captures.given.items() if uses(step.text, name)}
    later = {(name, f"${name}") for name in needs if name not in values}
    asked = tuple(
        each for each in step.parameters if (each.name, each.placeholder) not in later or each.default is not None
    )
    step = replace(step, parameters=asked)
    unfilled = missing(step, values)
    bound = bind(step, values) if not unfilled and not step.manual else Bound(step.text)
    return PlanStep(
        index=index,
        id=step.id,
        phase=step.phase,  # type: ignore[arg-type]  # text steps were left out above
        title=step.title,
        text=_whole_text(step, bound.text),
        language=step.language,
        risk=highest("change", step.risk) if step.background else step.risk,
        host=host,
        manual=step.manual,
        why="" if step.unattended else (step.why or ""),
        alternatives=step.alternatives or "",
        environment={**bound.environment, **given},
        missing=unfilled,
        timeout_s=_timeout_s(step),
        retries=max(1, step.retries or 1),
        every_s=step.every_s or 0.0,
        expect=step.expect or "",
        idempotent=step.idempotent,
        approve=step.approve or "",
        line=step.line,
        undo=step.undo or "",
        when=step.when or "",
        capture=step.capture or "",
        capture_type=captures.types.get(step.capture or "", ""),
        needs=needs,
        serial=step.serial or 0,
        background=step.background,
        sudo=step.sudo,
        wait=step.phase == "diagnose" and is_true(step.attributes, "wait"),
    )


def _timeout_s(step: Step) -> float:
    """The deadline of one attempt; of a background step, of its whole life."""
    if step.background and "timeout" not in step.attributes:
        return BACKGROUND_S
    return step.timeout_s or (60.0 if step.phase == "diagnose" else 300.0)


def _whole_text(step: Step, text: str) -> str:
    """What the shell gets: in its directory; a command behind `&` is waited for, so that it stays under our eyes."""
    if step.background and ends_in_background(text):
        text = f"{text.rstrip()}\nwait $!"
    return f"cd {shlex.quote(step.cwd)} || exit 1\n{text}" if step.cwd and step.language else text


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
    if named:
        return _named_hosts(named, step, inventory, path)
    if service and service.hosts:
        return service.hosts
    if len(inventory.hosts) == 1:
        return tuple(inventory.hosts)
    raise Usage(
        f"{path} does not say on which host step {step.id} runs.",
        "Name a service with hosts (--service), or write host= on the step.",
    )


def _named_hosts(named: str, step: Step, inventory: Inventory, path: str) -> tuple[str, ...]:
    """``app1``, ``app1,app2``, or ``role:app``: every host with that label, sorted by name."""
    found: dict[str, None] = {}
    for word in filter(None, (each.strip() for each in named.split(","))):
        label, colon, value = word.partition(":")
        labelled = [name for name, host in sorted(inventory.hosts.items()) if colon and host.labels.get(label) == value]
        if word not in inventory.hosts and not labelled:
            raise Usage(
                f"{path} names the host {word} for step {step.id}, and hosts.yaml has no such host.",
                f"Its hosts: {', '.join(sorted(inventory.hosts)) or 'none'}. Correct the name, or add the host.",
            )
        found.update(dict.fromkeys([word] if word in inventory.hosts else labelled))
    return tuple(found)


def step_digest(step: PlanStep, runbook_digest: str) -> str:
    """What an approval of this step binds to: exact text, host, values and the runbook's bytes."""
    return _digest([runbook_digest, step.id, step.text, step.host, step.language, sorted(step.environment.items())])


def plan_digest(path: str, service: str, steps: Sequence[PlanStep]) -> str:
    """sha256 over everything a plan would do."""
    return _digest([path, service, [[*_does(step), sorted(step.environment.items())] for step in steps]])


def _does(step: PlanStep) -> list[object]:
    """What a step does beside its values."""
    return [
        step.id, step.phase, step.text, step.host, step.undo, step.undoes, step.when, step.capture, step.needs, step.serial,
        step.background, step.expect, step.retries, step.every_s, step.timeout_s, step.idempotent, step.approve,
        *(["wait"] if step.wait else []),
    ]  # fmt: skip


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
