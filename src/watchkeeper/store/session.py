"""Everything kept, within one transaction: the Session of `services.ports` on Django connections."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.core.changes import Change
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.leases import Lease
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.notifications import Attempt, Notification
from watchkeeper.core.runs.values import Approval, Grant, Run, RunState, RunStep
from watchkeeper.store import (
    approvals,
    changes,
    grants,
    incidents,
    leases,
    log,
    notifications,
    runs,
    settings,
)
from watchkeeper.store.accounts import AccountRows
from watchkeeper.store.audit import AuditRows
from watchkeeper.store.expiries import ExpiryRows
from watchkeeper.store.idempotency import IdempotencyRows
from watchkeeper.store.keys import KeyRows
from watchkeeper.store.log_documents import LogDocumentRows
from watchkeeper.store.log_index import LogIndexRows
from watchkeeper.store.log_keeping import LogKeepingRows
from watchkeeper.store.log_tasks import LogTaskRows
from watchkeeper.store.oncall import OnCallRows
from watchkeeper.store.quarantine import QuarantineRows
from watchkeeper.store.shifts import ShiftRows
from watchkeeper.store.status_page import StatusPageRows
from watchkeeper.store.tokens import TokenRows
from watchkeeper.store.webhooks import WebhookRows
from watchkeeper.store.windows import WindowRows


class DjangoSession(
    AccountRows,
    AuditRows,
    TokenRows,
    notifications.DeliveryRows,
    ExpiryRows,
    OnCallRows,
    QuarantineRows,
    WebhookRows,
    WindowRows,
    IdempotencyRows,
    incidents.IncidentRows,
    KeyRows,
    LogTaskRows,
    LogIndexRows,
    LogKeepingRows,
    LogDocumentRows,
    ShiftRows,
    StatusPageRows,
):
    """One method per question or act; each calls the query module of its noun with this connection."""

    def __init__(self, using: str, node: str = ""):
        self._using = using
        self._node = node

    # cursors and settings
    def cursor(self, name: str) -> int:
        return settings.cursor(self._using, name)

    def set_cursor(self, name: str, value: int) -> None:
        settings.set_cursor(self._using, name, value)

    def setting(self, name: str) -> str | None:
        return settings.get(self._using, name)

    def set_setting(self, name: str, value: str) -> None:
        settings.put(self._using, name, value)

    # incidents and their timeline
    def add_incident(self, incident: Incident) -> Incident:
        return incidents.add(self._using, incident)

    def save_incident(self, incident: Incident) -> None:
        incidents.save(self._using, incident)

    def incident(self, number: int) -> Incident:
        return incidents.get(self._using, number)

    def incidents(self, status: Status | None = None, limit: int = 50, before: int | None = None) -> list[Incident]:
        return incidents.find(self._using, status, limit, before)

    def last_closed(self, service: str, since: float) -> Incident | None:
        return incidents.last_closed(self._using, service, since)

    def add_event(self, event: Event) -> Event:
        return incidents.add_event(self._using, event)

    def events(self, incident: int, after: int = 0, limit: int = 1000) -> list[Event]:
        return incidents.events(self._using, incident, after, limit)

    # runs, approvals, grants
    def add_run(self, run: Run) -> Run:
        return runs.add(self._using, run)

    def save_run(self, run: Run) -> None:
        runs.save(self._using, run)

    def run(self, number: int) -> Run:
        return runs.get(self._using, number)

    def run_row(self, number: int) -> Run:
        return runs.get_row(self._using, number)

    def runs(
        self, states: Sequence[RunState] = (), incident: int | None = None, limit: int = 50, before: int | None = None
    ) -> list[Run]:
        return runs.find(self._using, states, incident, limit, before)

    def claim_run(self, number: int, now: float) -> Run | None:
        return runs.claim(self._using, number, now, self._node)

    def save_step(self, step: RunStep, fence: int) -> bool:
        return runs.save_step(self._using, step, fence)

    def open_steps(self, limit: int = 500) -> list[RunStep]:
        return runs.open_steps(self._using, limit)

    def add_approval(self, approval: Approval) -> Approval:
        return approvals.add(self._using, approval)

    def save_approval(self, approval: Approval) -> None:
        approvals.save(self._using, approval)

    def approvals(self, run: int | None = None, pending: bool = False) -> list[Approval]:
        return approvals.find(self._using, run, pending)

    def add_grant(self, grant: Grant) -> Grant:
        return grants.add(self._using, grant)

    def save_grant(self, grant: Grant) -> None:
        grants.save(self._using, grant)

    def grants(self) -> list[Grant]:
        return grants.find(self._using)

    # leases
    def take_lease(
        self, name: str, holder: str, now: float, lasts_s: float, why: str = "", run: int | None = None
    ) -> Lease:
        return leases.take(self._using, name, holder, now, lasts_s, why, run)

    def release_lease(self, name: str, holder: str) -> None:
        leases.release(self._using, name, holder)

    def leases(self, now: float) -> list[Lease]:
        return leases.live(self._using, now)

    # outbox
    def add_notification(self, notification: Notification) -> Notification:
        return notifications.add(self._using, notification)

    def save_notification(self, notification: Notification, attempt: Attempt | None = None) -> None:
        notifications.save(self._using, notification, attempt)

    def due_notifications(self, now: float, limit: int = 20) -> list[Notification]:
        return notifications.due(self._using, now, limit)

    def notifications(
        self, incident: int | None = None, undelivered: bool = False, limit: int = 50
    ) -> list[Notification]:
        return notifications.find(self._using, incident, undelivered, limit)

    def attempts(self, notification: int) -> list[Attempt]:
        return notifications.attempts(self._using, notification)

    # changes
    def add_change(self, change: Change) -> Change:
        return changes.add(self._using, change)

    def changes(self, since: float, until: float, limit: int = 200) -> list[Change]:
        return changes.find(self._using, since, until, limit)

    def change_by_key(self, key: str) -> Change | None:
        return changes.by_key(self._using, key)

    # operations log
    def append_entry(self, draft: Draft) -> Entry:
        return log.append(self._using, draft)

    def entry(self, number: int) -> Entry:
        return log.get(self._using, number)

    def entries(self, limit: int = 50, before: int | None = None, text: str = "") -> list[Entry]:
        return log.find(self._using, limit, before, text)

    def entry_count(self) -> int:
        return log.count(self._using)
