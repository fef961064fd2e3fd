"""What a runbook is once it has been read: procedures, steps, parameters, checks, tasks, fences and findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["diagnose", "fix", "verify", "rollback", "text"]
Role = Literal["symptom", "text", "diagnose", "fix", "verify", "rollback", "escalation", "checklist", "followup"]
Risk = Literal["read", "change", "destroy"]
Level = Literal["error", "warning", "note"]
FenceKind = Literal["command", "output", "configuration", "schedule", "source", "text", "unknown"]

RISK_ORDER: Mapping[Risk, int] = {"read": 0, "change": 1, "destroy": 2}
SAFE_VALUE = r"[A-Za-z0-9._:/@+-]+"
"""The default type of a parameter: a value of these characters means the same in every place of a shell text."""


def highest(*risks: Risk) -> Risk:
    """The gravest of some risks; `read` when there is none."""
    return max(risks, key=RISK_ORDER.__getitem__, default="read")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the author should know. line: 1-based line of the document, 0 when it concerns all of it.

    code: a short name that stays the same, such as ``no-rollback``; a document may silence it, and scripts may filter.
    """

    line: int
    level: Level
    sentence: str
    code: str = "reading"


@dataclass(frozen=True, slots=True)
class Silence:
    """A comment or front matter key that turns off one kind of finding for its document. code: of those findings."""

    line: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that must be known before a step may run.

    name: also the environment variable. placeholder: the exact text it stands for (``$name`` for a variable).
    pattern: regular expression that the whole value must match.
    """

    name: str
    placeholder: str
    line: int
    default: str | None = None
    pattern: str = SAFE_VALUE
    ask: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One command, or one thing a person does (``manual`` with language ``""``).

    text: exactly what would run. risk: never lower than the phase and the syntax tree say.
    why: the sentence why it may not be started without a person; None when ``unattended``.
    alternatives: id of a menu; no step of a menu runs until one is picked.
    timeout_s, every_s: seconds. retries: number of attempts. proposed_expect: what the document says the output is,
    not enforced. endless: does not end by itself, so it runs time-bounded and only when a person starts it.
    """

    id: str
    phase: Phase
    title: str
    text: str
    language: str
    risk: Risk
    manual: bool = False
    why: str | None = None
    parameters: tuple[Parameter, ...] = ()
    alternatives: str | None = None
    host: str | None = None
    line: int = 0
    unattended: bool = True
    timeout_s: float | None = None
    retries: int = 1
    every_s: float = 0.0
    expect: str | None = None
    proposed_expect: str | None = None
    undo: str | None = None
    when: str | None = None
    capture: str | None = None
    approve: str | None = None
    serial: int | None = None
    idempotent: bool = False
    background: bool = False
    endless: bool = False
    sudo: bool = False
    relies: str | None = None
    cwd: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limit:
    """A healthy range that could be read, for example ``<`` 80 ``%``. operand is the number, or a name in ``text``."""

    operator: str
    value: float | None
    text: str
    unit: str
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of a table. limit: None when the healthy range could not be read (a check without verdict)."""

    name: str
    command: str
    healthy: str
    limit: Limit | None
    risk: Risk
    line: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class CheckTable:
    """A table with the columns metric, command and healthy range. host: from its watchkeeper comment."""

    line: int
    rows: tuple[CheckRow, ...]
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A checkbox. kind: ``task`` is followed up after the run, ``sign-off`` belongs to one run."""

    text: str
    kind: Literal["task", "sign-off"]
    line: int
    done: bool = False
    owner: str | None = None
    due: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """One problem or piece of work: all phases below one heading, in document order.

    named: phases that have a section, also one that holds only prose ("Rollback: none needed").
    """

    title: str
    line: int
    symptoms: str = ""
    steps: tuple[Step, ...] = ()
    checks: tuple[CheckTable, ...] = ()
    tasks: tuple[Task, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fence:
    """Every fence of the document and what was made of it. why: the reason of the guess. steps: ids made from it."""

    line: int
    language: str
    kind: FenceKind
    text: str
    why: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the document. role: what its words say its section is for; None when they say nothing."""

    line: int
    level: int
    title: str
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Every table of the document and what was made of it. rows: how many lie below its header."""

    line: int
    header: tuple[str, ...]
    rows: int
    kind: Literal["checks", "escalation", "text"] = "text"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One line of a crontab fence. cron: its five time fields (or ``@daily`` and the like), as written.

    user: the account that runs it, "" when the crontab belongs to one. title: the comment above it, "" without one.
    """

    line: int
    cron: str
    command: str
    user: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class EscalationRule:
    """Who is told when, from a table or list below escalation words.

    level: as written, for example ``P1`` or ``Level 2``; "" when the line names none. within_s: seconds of its time
    limit, None without one. text: the whole line as the document has it.
    """

    line: int
    level: str
    when: str
    who: str = ""
    within_s: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """One Markdown document as values. text_sha256: of its UTF-8 bytes. settings: the front matter key
    ``watchkeeper``."""

    path: str
    title: str
    front_matter: Mapping[str, object]
    text_sha256: str
    procedures: tuple[Procedure, ...] = ()
    findings: tuple[Finding, ...] = ()
    fences: tuple[Fence, ...] = ()
    service: str | None = None
    host: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()
    escalations: tuple[EscalationRule, ...] = ()
    sections: tuple[Section, ...] = ()
    tables: tuple[Table, ...] = ()
    silences: tuple[Silence, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all procedures in document order."""
        return tuple(step for procedure in self.procedures for step in procedure.steps)
