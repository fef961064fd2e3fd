"""An incident: something is wrong with a service, from the first flip to the proof of recovery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from watchkeeper.core.checks.values import State, Value

Severity = Literal["P1", "P2", "P3", "P4"]


class Status(StrEnum):
    """open -> (acknowledged | escalated are marks, not states) -> closed.

    merged: another incident is its cause. It tells nobody anything and starts nothing, but its checks go on proving: it is
    closed by their proof, or open again when the cause is over and they still fail.
    """

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


ALIVE = (Status.OPEN, Status.MERGED)
"""Not closed: their checks are looked at."""


class Ending(StrEnum):
    """How an incident was closed. fixed: proven after a changing step. itself: recovered without one.
    unproven: a person said so. Only `fixed` counts as a fix."""

    FIXED = "fixed"
    ITSELF = "recovered_by_itself"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class FailingCheck:
    """A check held by an incident, under the rule hash that opened it.

    proof_count: good readings in a row after `proof_after`; needed: the check's `recover`.
    needed_s: how long after its last bad reading it must have stayed good before it closes an incident that nobody fixed.
    last_bad_at: time of its last bad reading. lost: the check was edited or deleted meanwhile, so it can never prove.
    """

    check: str
    state: State
    reason: str
    rule_hash: str
    flipped_at: float
    last_bad_at: float
    needed: int
    proof_count: int = 0
    proven_at: float | None = None
    lost: str | None = None
    needed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Incident:
    """One open incident per root-cause service (or unreachable host).

    failed_at: its first bad reading, which the flip waited to see confirmed. owner: the person or team that has it.
    severity_by: who set the severity by hand, so that no policy changes it. respond_by: until when somebody should have
    acknowledged it. merged_into: the incident that is its cause. held_until: no page before this time, while the services
    it depends on are being asked. pattern: its reason without its numbers, to find similar ones.
    """

    id: int
    service: str
    host: str | None
    status: Status
    severity: Severity
    title: str
    opened_at: float
    checks: tuple[FailingCheck, ...]
    closed_at: float | None = None
    ending: Ending | None = None
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    escalated_at: float | None = None
    escalated_why: str | None = None
    reopened: int = 0
    recurring: bool = False
    diagnosed_at: float | None = None
    fix_started_at: float | None = None
    last_change_at: float | None = None
    why_not_acted: str = ""
    entry: int | None = None
    owner: str = ""
    failed_at: float | None = None
    severity_by: str = ""
    respond_by: float | None = None
    merged_into: int | None = None
    held_until: float | None = None
    pattern: str = ""


EventKind = Literal[
    "flip", "opened", "extended", "held", "run", "step", "diagnosis", "approval", "proof", "closed", "escalated",
    "acknowledged", "note", "notification", "why_not", "reopened", "change", "muted", "window", "task", "link", "owner",
    "severity", "correlated", "oncall", "quarantine", "public",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an incident's timeline. text: a sentence; detail: machine-readable extras."""

    id: int
    incident: int
    at: float
    kind: EventKind
    actor: str
    text: str
    state: State | None = None
    detail: Mapping[str, Value] = field(default_factory=dict)
