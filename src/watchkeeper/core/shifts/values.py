"""One person's or agent's shift with its checklist, its notes and their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

ItemKind = Literal[
    "git", "inventory", "documents", "line", "tool", "command", "checks", "secrets", "backups", "open", "ask"
]
"""How an item of the checklist is answered; see `docs/how-to/hand-over-a-shift.md`."""
ItemState = Literal["open", "ok", "failed", "missing", "signed"]
"""ok: answered by itself; failed, missing: recorded with its reason, and the shift goes on; signed: ticked by its owner."""
NoteKind = Literal["progress", "blocker", "next", "ready", "note"]
NOTE_KINDS: tuple[NoteKind, ...] = get_args(NoteKind)
ShiftState = Literal["working", "standby"]
REMIND_S = 2 * 3600.0
BUDGET_S: Mapping[str, float] = {
    "git": 60.0, "inventory": 30.0, "documents": 300.0, "line": 60.0, "tool": 90.0, "command": 60.0, "checks": 60.0,
    "secrets": 60.0, "backups": 60.0, "open": 120.0, "ask": 120.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """One item of the checklist as declared. names: what it looks at, by kind: paths, checks, secrets.

    command, signed_in: read-only command texts; on: the host they run on, "" for this machine. match: text of a line.
    """

    name: str
    kind: ItemKind
    names: tuple[str, ...] = ()
    command: str = ""
    signed_in: str = ""
    on: str = ""
    match: str = ""
    branch: str = ""
    timeout_s: float = 10.0
    budget_s: float = 60.0


USUAL: tuple[ItemPlan, ...] = (
    ItemPlan("Tree and branch of the ops repo", "git", (".",), budget_s=BUDGET_S["git"]),
    ItemPlan("Inventory", "inventory", budget_s=BUDGET_S["inventory"]),
    ItemPlan("Hosts and services", "checks", ("all",), budget_s=BUDGET_S["checks"]),
    ItemPlan("Credentials", "secrets", ("all",), budget_s=BUDGET_S["secrets"]),
    ItemPlan("Last backups", "backups", budget_s=BUDGET_S["backups"]),
    ItemPlan("Open incidents and follow-ups", "open", budget_s=BUDGET_S["open"]),
)
"""The checklist of a team that declares none."""


@dataclass(frozen=True, slots=True)
class ShiftPolicy:
    """The key `shift` of watchkeeper.yaml. remind_s: nothing was reported for so long; 0 never reminds."""

    checklist: tuple[ItemPlan, ...] = USUAL
    remind_s: float = REMIND_S


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a shift and its answer.

    text: the answer in one line. short: at most 10 lines of evidence; evidence: number of its full text, None when that
    says no more. used_s: how long the answer took, of a person since the item before. versions: what was seen, by name,
    to be compared by the next shift.
    """

    name: str
    kind: ItemKind
    budget_s: float
    state: ItemState = "open"
    text: str = ""
    short: str = ""
    evidence: int | None = None
    at: float | None = None
    by: str = ""
    used_s: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_hand(self) -> bool:
        """Whether a person or agent signs it; the others are answered by looking."""
        return self.kind in ("ask", "documents")


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift. person: who has it. signed_at: when the checklist was signed off.

    ready_for: what the person stands by for. handed_to: "" for whoever comes next. accepted_at, accepted_by: of its
    hand-over. previous: the shift whose hand-over was shown at the start. reported_at: of the newest note.
    reminders: how often it had to be asked for a report. entry: the hand-over in the operations log.
    """

    id: int
    person: str
    agent: bool
    started_at: float
    items: tuple[Item, ...] = ()
    state: ShiftState = "working"
    ready_for: tuple[str, ...] = ()
    signed_at: float | None = None
    ended_at: float | None = None
    handed_to: str = ""
    entry: int | None = None
    accepted_at: float | None = None
    accepted_by: str = ""
    previous: int | None = None
    reported_at: float | None = None
    reminded_at: float | None = None
    reminders: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What was reported. short: at most 10 lines of its evidence; evidence: number of the full text."""

    id: int
    shift: int
    at: float
    kind: NoteKind
    actor: str
    text: str
    short: str = ""
    evidence: int | None = None
    evidence_digest: str = ""
    over_at: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The full text of evidence, secrets taken out. digest: sha256 of its UTF-8 bytes, hex."""

    id: int
    shift: int
    text: str
    digest: str
