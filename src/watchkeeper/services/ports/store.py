"""Keeping the chain: one writer with transactions, readers beside it, and the evidence of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from watchkeeper.core.changes import Change
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.leases import Lease
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.notifications import Attempt, Notification
from watchkeeper.core.runs.values import Approval, Grant, Run, RunState, RunStep
from watchkeeper.services.ports.accounts import AccountRows
from watchkeeper.services.ports.delivery import DeliveryRows
from watchkeeper.services.ports.expiries import ExpiryRows
from watchkeeper.services.ports.idempotency import IdempotencyRows
from watchkeeper.services.ports.incidents import IncidentRows
from watchkeeper.services.ports.keys import KeyRows
from watchkeeper.services.ports.log_documents import LogDocumentRows
from watchkeeper.services.ports.log_index import LogIndexRows
from watchkeeper.services.ports.log_keeping import LogKeepingRows
from watchkeeper.services.ports.log_tasks import LogTaskRows
from watchkeeper.services.ports.oncall import OnCallRows
from watchkeeper.services.ports.quarantine import QuarantineRows
from watchkeeper.services.ports.shifts import ShiftRows
from watchkeeper.services.ports.status_page import StatusPageRows
from watchkeeper.services.ports.webhooks import WebhookRows
from watchkeeper.services.ports.windows import WindowRows

T = TypeVar("T")


class Session(
    AccountRows,
    DeliveryRows,
    ExpiryRows,
    OnCallRows,
    QuarantineRows,
    WebhookRows,
    WindowRows,
    IdempotencyRows,
    IncidentRows,
    KeyRows,
    LogIndexRows,
    LogDocumentRows,
    LogKeepingRows,
    LogTaskRows,
    ShiftRows,
    StatusPageRows,
    Protocol,
):
    """Everything kept, within one transaction. Ids are given at `add_*`; `save_*` replaces the whole row.

    Lookups of one thing by id raise `NotFound` with a sentence; lists are newest first unless said.
    """

    # cursors and settings
    def cursor(self, name: str) -> int: ...
    def set_cursor(self, name: str, value: int) -> None: ...
    def setting(self, name: str) -> str | None: ...
    def set_setting(self, name: str, value: str) -> None: ...

    # incidents and their timeline
    def add_incident(self, incident: Incident) -> Incident: ...
    def save_incident(self, incident: Incident) -> None: ...
    def incident(self, number: int) -> Incident: ...
    def incidents(self, status: Status | None = None, limit: int = 50, before: int | None = None) -> list[Incident]: ...
    def last_closed(self, service: str, since: float) -> Incident | None:
        """The incident of this service closed last, not before `since`."""
        ...

    def add_event(self, event: Event) -> Event: ...
    def events(self, incident: int, after: int = 0, limit: int = 1000) -> list[Event]:
        """Timeline of an incident with id > after, oldest first."""
        ...

    # runs, approvals, grants
    def add_run(self, run: Run) -> Run:
        """Stores the run with its steps (their `run` is set to the new id)."""
        ...

    def save_run(self, run: Run) -> None:
        """Replaces the run's own fields; its steps are saved with `save_step`."""
        ...

    def run(self, number: int) -> Run: ...
    def run_row(self, number: int) -> Run:
        """The run's own fields; its `steps` are left out. For `save_run`, which does not touch them either."""
        ...

    def runs(
        self, states: Sequence[RunState] = (), incident: int | None = None, limit: int = 50, before: int | None = None
    ) -> list[Run]: ...
    def claim_run(self, number: int, now: float) -> Run | None:
        """ready -> running by compare-and-set, fence + 1; None when another was first."""
        ...

    def save_step(self, step: RunStep, fence: int) -> bool:
        """Replaces a step only while the run's fence is still `fence`; False when it is not."""
        ...

    def open_steps(self, limit: int = 500) -> list[RunStep]:
        """Steps of runs that are over which are running or of an unknown state (`core.runs.cancelling.is_open`)."""
        ...

    def add_approval(self, approval: Approval) -> Approval: ...
    def save_approval(self, approval: Approval) -> None: ...
    def approvals(self, run: int | None = None, pending: bool = False) -> list[Approval]: ...
    def add_grant(self, grant: Grant) -> Grant: ...
    def save_grant(self, grant: Grant) -> None: ...
    def grants(self) -> list[Grant]: ...

    # leases
    def take_lease(
        self, name: str, holder: str, now: float, lasts_s: float, why: str = "", run: int | None = None
    ) -> Lease:
        """Ask for a lease; it comes back as it is now: yours when its holder is you, else that of the one who has it.

        Yours: got, renewed (same fencing number), or taken after its end (fencing + 1).
        """
        ...

    def release_lease(self, name: str, holder: str) -> None:
        """Let go of it; nothing happens when somebody else holds it."""
        ...

    def leases(self, now: float) -> list[Lease]:
        """Those held at this moment, oldest first."""
        ...

    # outbox
    def add_notification(self, notification: Notification) -> Notification:
        """A second notification with the same message key is not added: the first one comes back."""
        ...

    def save_notification(self, notification: Notification, attempt: Attempt | None = None) -> None: ...
    def due_notifications(self, now: float, limit: int = 20) -> list[Notification]:
        """Undelivered and due, oldest first."""
        ...

    def notifications(
        self, incident: int | None = None, undelivered: bool = False, limit: int = 50
    ) -> list[Notification]: ...
    def attempts(self, notification: int) -> list[Attempt]: ...

    # changes
    def add_change(self, change: Change) -> Change:
        """A second one with the same key is not added: the first one comes back."""
        ...

    def changes(self, since: float, until: float, limit: int = 200) -> list[Change]: ...
    def change_by_key(self, key: str) -> Change | None: ...

    # operations log
    def append_entry(self, draft: Draft) -> Entry:
        """Reads the previous hash and appends, inside this transaction."""
        ...

    def entry(self, number: int) -> Entry: ...
    def entries(self, limit: int = 50, before: int | None = None, text: str = "") -> list[Entry]: ...
    def entry_count(self) -> int: ...


class StorePort(Protocol):
    """The main store."""

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in an immediate transaction on the one writer; returns after the durable commit.

        Works of several callers are committed in groups; a work that raises is rolled back alone and raises here.
        """
        ...

    def read(self) -> AbstractContextManager[Session]:
        """A read-only session of this thread."""
        ...

    def release(self) -> None:
        """Give back what this thread holds for reading; for threads that end or rarely read."""
        ...

    @property
    def revision(self) -> int:
        """Grows with every commit; live views compare it."""
        ...

    def close(self) -> None: ...


class EvidencePort(Protocol):
    """Outputs of steps, redacted before they arrive, kept in compressed chunks."""

    def append(self, run: int, step: int, attempt: int, data: bytes) -> None: ...
    def reset(self, run: int, step: int, attempt: int) -> None:
        """Forget what was collected of an attempt, before it is collected again from its start."""
        ...

    def read(self, run: int, step: int, attempt: int, offset: int = 0, limit: int = 262_144) -> bytes: ...
    def size(self, run: int, step: int, attempt: int) -> int: ...
