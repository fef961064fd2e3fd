"""A run: one execution of a runbook with a frozen plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Phase = Literal["diagnose", "fix", "verify", "rollback"]
Risk = Literal["read", "change", "destroy"]
RunMode = Literal["observe", "propose", "auto", "manual"]


class RunState(StrEnum):
    """ready -> running -> (parked -> ready)* -> verifying -> an end. Ends: see `ENDED`."""

    READY = "ready"
    RUNNING = "running"
    PARKED = "parked"
    VERIFYING = "verifying"
    PROVEN = "proven"
    UNPROVEN = "unproven"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({RunState.PROVEN, RunState.UNPROVEN, RunState.DONE, RunState.FAILED, RunState.CANCELLED})


class StepState(StrEnum):
    """planned -> waits | running -> done | failed | interrupted | skipped | refused | cancelled."""

    PLANNED = "planned"
    WAITS = "waits"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    REFUSED = "refused"
    CANCELLED = "cancelled"


SETTLED = frozenset({StepState.DONE, StepState.SKIPPED})
"""Steps that a run has behind it."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One command of the frozen plan. text: exact bytes that will run; environment: parameter values.

    why: the sentence why it may not be started unattended (manual, alternative, unfilled, ...), empty when it may.
    undo: id of the step that takes it back. undoes: indexes of the plan steps which this row takes back; such a row runs
    only when the run is undone. when: condition under which it runs at all. capture: name under which its output is kept.
    capture_type: the pattern its value must match, empty for the default type. needs: captured names its text uses, whose
    values are known only later. serial: hosts at once, 0 for the default.
    background: started, followed and ended with the run. sudo: its text calls sudo.
    wait: a diagnosis that the fix waits for, however long it takes.
    """

    index: int
    id: str
    phase: Phase
    title: str
    text: str
    language: str
    risk: Risk
    host: str
    manual: bool = False
    why: str = ""
    alternatives: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    timeout_s: float = 300.0
    retries: int = 1
    every_s: float = 0.0
    expect: str = ""
    idempotent: bool = False
    approve: str = ""
    line: int = 0
    undo: str = ""
    undoes: tuple[int, ...] = ()
    when: str = ""
    capture: str = ""
    capture_type: str = ""
    needs: tuple[str, ...] = ()
    serial: int = 0
    background: bool = False
    sudo: bool = False
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, frozen at start. digest: sha256 over texts, hosts and values; approvals bind to it.

    params: the values that were given for it, by the file or by a person. values: these, and the defaults beside them.
    """

    runbook: str
    runbook_digest: str
    service: str
    steps: tuple[PlanStep, ...]
    digest: str
    params: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a step left behind. output: first part for display (redacted); chunks live in the evidence store."""

    id: int
    exit_code: int | None
    started_at: float
    ended_at: float | None
    size: int
    digest: str
    truncated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class RunStep:
    """A plan step with its state in one run.

    attempt: suffix of the spool name. boot: boot id of the host when the step was first sent; sent: the host answered.
    decided_by: the approver, when one was needed.
    """

    run: int
    index: int
    plan: PlanStep
    state: StepState
    attempt: int = 0
    boot: str = ""
    sent: bool = False
    decided_by: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    message: str = ""
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Touch:
    """One thing that a changing step would touch, as its text says.

    step: index in the plan. kind: unit, program, container, process, path, table, database, package, setting, address,
    host, or unknown (then `name` is the command whose doings nobody can tell). how: ``restarts``, ``deletes``.
    path: the absolute path or glob that may be measured, empty when it may not; deep: all below it too.
    tests: tests of ``find`` that narrow it down; most: they could not all be kept, so a measure is an upper bound.
    files, size: how many files and bytes it was when measured (None: not measured); more: counting stopped at a limit.
    """

    step: int
    host: str
    kind: str
    name: str
    how: str = ""
    path: str = ""
    deep: bool = False
    tests: tuple[str, ...] = ()
    most: bool = False
    files: int | None = None
    size: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What the changing steps of a plan would touch, foreseen before they run. hosts: where they run, sorted.

    measured_at: when paths were looked at on the hosts; None: not (yet).
    """

    hosts: tuple[str, ...] = ()
    touches: tuple[Touch, ...] = ()
    measured_at: float | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """Why and since when a run takes back what it did. ends: the state the run ends in afterwards.

    verified: what the verification said after it: "" while it is not over, then good, failed or none.
    undone, left: sentences about steps, for people, filled when it is over.
    """

    why: str
    begun_at: float
    ends: RunState
    verified: Literal["", "good", "failed", "none"] = ""
    undone: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A file on a host that a step's text starts. path: as the text means it, relative to where a step begins.

    digest: sha256 of its bytes; "" when they are not known, then `note` says why.
    """

    host: str
    path: str
    digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pins:
    """What an act of a person holds fast besides texts: where each host is, and the bytes of each script file.

    places: host name -> how it is reached, as `core.approvals.place` writes it.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    scripts: tuple[ScriptFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One execution. fence: raised at each take-up, older writes are refused. segment: raised at each ready.

    last_change_at: when the newest changing step ended. parked_why: what it waits for.
    blast_radius: what was foreseen before it changed anything; None in runs older than this record.
    captures: name -> host -> value that a step of this run printed there. undo: set once it takes back what it did.
    pins: what the person who started it saw. askers: people who gave it values; they asked for it as much as its actor.
    """

    id: int
    incident: int | None
    response: str
    plan: Plan
    mode: RunMode
    state: RunState
    actor: str
    created_at: float
    steps: tuple[RunStep, ...] = ()
    segment: int = 1
    fence: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    fix_started_at: float | None = None
    last_change_at: float | None = None
    parked_why: str = ""
    message: str = ""
    grant: int | None = None
    entry: int | None = None
    blast_radius: BlastRadius | None = None
    captures: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    undo: Undo | None = None
    pins: Pins | None = None
    askers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """One person's yes to an approval that needs more than one."""

    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's act: do this now. binds: sha256 of text, host and where it is, values and script files.

    Void when one byte of these changes, or past expiry. needs: what was required when it was asked, as `core.approvals`
    writes it. given: who said yes so far. pins: what the hash covers besides the text.
    """

    id: int
    run: int
    step: int
    binds: str
    requested_at: float
    expires_at: float
    decided: Literal["", "approved", "denied", "expired", "void"] = ""
    decided_at: float | None = None
    decided_by: str = ""
    needs: str = ""
    given: tuple[Given, ...] = ()
    pins: Pins | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A person's standing permission: this response may act by itself; bound to runbook digest and hosts, with expiry.

    pins: where the hosts were and what the scripts held when it was given.
    """

    id: int
    response: str
    runbook_digest: str
    hosts: tuple[str, ...]
    destroy: bool
    granted_by: str
    granted_at: float
    expires_at: float
    revoked_at: float | None = None
    revoked_by: str = ""
    pins: Pins | None = None
