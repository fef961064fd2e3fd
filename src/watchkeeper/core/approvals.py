"""Who must agree to a step, who may, and what the agreement holds fast. A file can only raise what is required."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.actors import ROLES, Actor, Role, article, rank
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runs.planning import step_digest
from watchkeeper.core.runs.values import Approval, Given, Pins, PlanStep, Run, ScriptFile

ANYBODY = frozenset({"", "always", "yes", "true", "on", "1", "required", "person", "no", "false", "off", "0", "never"})
"""Words after ``approve=`` that ask for an approval without naming a role. Those that say no ask as well: a file that
could switch an approval off would lower what is required."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """How many different people, each of at least which role. said: a sentence about a word that is no role, or ""."""

    role: Role
    persons: int = 1
    said: str = ""

    @property
    def words(self) -> str:
        """``approver``, or ``two approvers``: as it is stored and shown."""
        return self.role if self.persons == 1 else f"two {self.role}s"


HIGHEST = Requirement("admin", 2)


def requirement(step: PlanStep) -> Requirement:
    """What this step needs: by its risk, raised by what the file asks for. A word that is no role asks for the most."""
    base: Role = "approver" if step.risk == "destroy" else "operator"
    word = step.approve.strip().lower()
    if word in ANYBODY:
        return Requirement(base)
    if word == "two":
        return Requirement("approver", 2)
    if word in ROLES:
        return Requirement(max(base, word, key=rank))
    said = (
        f"The runbook asks for approve={step.approve}, which is no role, so two admins are needed: "
        f"write {', '.join(ROLES[1:])} or two."
    )
    return Requirement(HIGHEST.role, HIGHEST.persons, said)


def raised(asked: str, now: Requirement) -> Requirement:
    """The higher of what was required when it was asked and what is required now, in each of role and number."""
    persons = 2 if asked.startswith("two ") else 1
    word = asked.removeprefix("two ").removesuffix("s") if persons == 2 else asked
    if not asked:
        return now
    role = next((each for each in ROLES if each == word), None)
    if role is None:
        return HIGHEST
    return Requirement(max(role, now.role, key=rank), max(persons, now.persons), now.said)


def refusal(actor: Actor, needed: Requirement, run: Run, given: Sequence[Given], role: Role | None = None) -> str:
    """Why this actor may not give (this part of) the approval; "" when he may.

    role: his on what the run is about, where it is not the one on everything.
    """
    role = role or actor.role
    if not actor.is_person:
        return f"{actor.name} is not a person, and only a person may approve."
    if rank(role) < rank(needed.role):
        on = f" on {run.plan.service}" if run.plan.service else ""
        return f"You may not approve this{on}: it takes {_people(needed)}, and you are {article(role)}{' there' if on else ''}."
    if needed.persons == 1:
        return ""
    if actor.name in askers(run):
        return f"You asked for run {run.id}, and this takes {_people(needed)}, neither of them who asked for it."
    if actor.name in (each.by for each in given):
        return f"You have approved it already, and this takes {_people(needed)}."
    return ""


def raised_for(run: Run, role: Role) -> Run:
    """A run by hand as this role may start it: a step that needs a higher role waits for somebody who has it."""
    steps = []
    for step in run.steps:
        needed = requirement(step.plan)
        if rank(role) < rank(needed.role) and not step.plan.approve:
            step = replace(step, plan=replace(step.plan, approve=needed.role))
        steps.append(step)
    plan = replace(run.plan, steps=tuple(step.plan for step in steps))
    return replace(run, steps=tuple(steps), plan=plan)


def askers(run: Run) -> frozenset[str]:
    """The people who asked for this run: who started it and who gave its values."""
    return frozenset({run.actor, *run.askers}) - {"watchkeeper"}


def too_few(needed: Requirement, run: Run, people: Mapping[str, Role]) -> str:
    """The sentence that nobody could ever complete this approval here; "" when enough people can.

    people: everybody who can sign in, with the role on what the run is about.
    """
    if needed.persons == 1:
        return ""
    able = sorted(name for name, role in people.items() if rank(role) >= rank(needed.role) and name not in askers(run))
    if len(able) >= needed.persons:
        return ""
    known = f"only {able[0]} can" if able else "nobody can"
    return (
        f"It needs two signed-in persons, each at least {article(needed.role)}, neither of them who asked for it, and "
        f"{known} here: wk user add NAME --role {needed.role}."
    )


def _people(needed: Requirement) -> str:
    if needed.persons == 1:
        return f"{article(needed.role)} or more" if needed.role != "admin" else "an admin"
    return f"two different persons, each at least {article(needed.role)}"


def so_far(approval: Approval) -> str:
    """``1 of 2: ada`` while an approval of two is half given; "" else."""
    if not approval.given or approval.decided or not approval.needs.startswith("two "):
        return ""
    return f"{len(approval.given)} of 2: {', '.join(each.by for each in approval.given)}"


# ---- what is held fast ---------------------------------------------------------------------------------------------


def binds(step: PlanStep, runbook_digest: str, pins: Pins) -> str:
    """sha256 over everything an approval of this step covers: text, host and where it is, values, runbook, scripts."""
    return _sha256([step_digest(step, runbook_digest), *_held(pins)])


def pins_digest(pins: Pins) -> str:
    """sha256 over places and script files: what a person saw besides the texts."""
    return _sha256(_held(pins))


def _held(pins: Pins) -> list[object]:
    return [
        sorted(pins.places.items()),
        sorted((each.host, each.path, each.digest, each.note) for each in pins.scripts),
    ]


def _sha256(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def place(name: str, hosts: Mapping[str, Host]) -> str:
    """How a host of hosts.yaml is reached, as text: whatever would make the same name another machine or user.

    "" when there is no such host. Labels are not part of it.
    """
    host = hosts.get(name)
    if host is None:
        return ""
    parts: list[str] = [host.kind]
    if host.address or host.user:
        parts.append(f"{host.user}@{host.address}" if host.user else host.address)
    parts += [f"port {host.port}"] if host.port else []
    parts += ["sudo -n"] if host.become else []
    parts += [f"socket {host.socket}"] if host.socket else []
    if host.via:
        there = place(host.via, {each: value for each, value in hosts.items() if each != name})
        parts.append(f"via {host.via} ({there or 'unknown'})")
    return " ".join(parts)


def places(names: Iterable[str], hosts: Mapping[str, Host]) -> dict[str, str]:
    """The places of several hosts."""
    return {name: place(name, hosts) for name in sorted(set(names))}


def of_host(pins: Pins | None, host: str) -> Pins:
    """What of this concerns one host."""
    if pins is None:
        return Pins()
    kept = {name: where for name, where in pins.places.items() if name == host}
    return Pins(kept, tuple(each for each in pins.scripts if each.host == host))


def moved(pinned: Mapping[str, str], now: Mapping[str, str], when: str) -> str:
    """The sentence that a host is somewhere else than when it was agreed to; "" when each is where it was."""
    for name, where in now.items():
        before = pinned.get(name)
        if before == where:
            continue
        if before is None:
            return f"{name} was not among the hosts when it was {when}."
        if not where:
            return f"{name} is no longer in hosts.yaml."
        return f"{name} in hosts.yaml is another machine or user than when it was {when}: {before} then, {where} now."
    return ""


def rewritten(pinned: Sequence[ScriptFile], now: Sequence[ScriptFile], when: str) -> str:
    """The sentence that a script file is not the one that was agreed to, with its name; "" when all are the same."""
    before = {(each.host, each.path): each for each in pinned}
    for script in now:
        old = before.get((script.host, script.path))
        on = f"{script.path} on {script.host}"
        if old is None:
            return f"{on} was not looked at when it was {when}."
        if not old.digest and old.note == NO_ANSWER:
            return f"{on} could not be looked at when it was {when}, since {script.host} gave no answer."
        if old.digest == script.digest and (old.digest or old.note == script.note):
            continue
        return f"{on} was changed since it was {when}: {_bytes(old)} then, {_bytes(script)} now."
    return ""


NO_ANSWER = "the host gave no answer"


def _bytes(script: ScriptFile) -> str:
    return f"sha256 {script.digest[:12]}" if script.digest else script.note
