"""Runbooks, runs, approvals, grants, automation, locks."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from watchkeeper.core.leases import Lease
from watchkeeper.core.runs.automation_report import ResponseReport
from watchkeeper.core.runs.values import Approval, BlastRadius, Pins, Plan, Run, RunStep
from watchkeeper.faces.api.schemas.shapes import Shown, Time


class BlastRadiusMore(TypedDict):
    """`line` says it for people."""

    line: NotRequired[str]


class PinsMore(TypedDict):
    """`digest`: over all of it, only on a run."""

    digest: NotRequired[str]


class ApprovalMore(TypedDict):
    """`touches`: what the step touches, in words; `so_far`: who said yes."""

    touches: NotRequired[str]
    so_far: NotRequired[str]


class RunMore(TypedDict):
    """`approvals`: of one run alone. `record`: what its runbook has proven."""

    approvals: NotRequired[list[Approval]]
    record: NotRequired[ProvenRecord]


ShownBlastRadius = Shown("BlastRadius", BlastRadius, BlastRadiusMore)
ShownPins = Shown("Pins", Pins, PinsMore)
ShownApproval = Shown("Approval", Approval, ApprovalMore, note="`decided`: empty while it waits, else approved, denied, "
                      "expired or void. `given`: who said yes, at what time.")  # fmt: skip
ShownPlan = Shown("Plan", Plan, without=frozenset({"steps"}), note="What was frozen at the start of a run; its steps stand "
                  "in the run, each with its part of the plan.")  # fmt: skip
RunRow = Shown("Run", Run, RunMore, note="One execution of a runbook. One alone has its `approvals` and, as `record`, what "
               "its runbook has proven.")  # fmt: skip


class StepMore(TypedDict):
    """`notes`: of a dry run, what is said about the step before anything runs."""

    notes: NotRequired[list[str]]


ShownStep = Shown("RunStep", RunStep, StepMore)


class LockMore(TypedDict):
    """`sentence`: what others are told who are refused."""

    sentence: str


LockRow = Shown(
    "Lock", Lease, LockMore, note="`fencing` grows whenever it changes hands; `sentence`: what others are told."
)


class RunbookFields(TypedDict):
    """`findings`: what its author should know. One alone has `procedures` and `steps`."""

    path: str
    title: str
    digest: str
    services: list[str]
    steps: Any
    changing: int
    findings: list[Any]


class Runbook:
    """A runbook."""


ShownRunbook = Shown("Runbook", RunbookFields, note="`findings`: what its author should know. One alone has everything that "
                     "`wk runbook show` tells: `procedures`, `steps` and more.", stands_for=Runbook, open=True)  # fmt: skip


class Proof(TypedDict):
    """When a response was last proven."""

    response: str
    runbook: str
    proven_at: Time | None
    within_s: float


class AutomationReport(TypedDict):
    """`incidents`, `runs`, `runs_by_mode`: counts of that time. `complete`: false when there were too many rows."""

    days: float
    since: Time
    until: Time
    incidents: dict[str, int]
    runs: dict[str, int]
    runs_by_mode: dict[str, int]
    grants: int
    responses: list[ResponseReport]
    complete: bool


class ProvenRecord(TypedDict):
    """What was tried and proven; `sentence` says it."""

    tried: int
    proven: int
    median_s: float | None
    sentence: str


class SymptomRecord(ProvenRecord):
    """Against one symptom, as `service/check`."""

    symptom: str


class Records(ProvenRecord):
    """What a runbook has proven in the last year, in all and per symptom."""

    runbook: str
    symptoms: list[SymptomRecord]
