"""The tables of the main store, one file per noun.

Column names are the field names of the core values, so `store.rows` maps both ways. Numbers that point to other rows
are plain columns without a foreign key: Django makes those deferred, so a broken one would fail at the commit of a
group and take the works of other callers with it. Rows are never deleted, and numbers come from rows already kept.
"""

from watchkeeper.store.models.accounts import Account, AuditEvent, Token
from watchkeeper.store.models.approvals import Approval
from watchkeeper.store.models.changes import Change
from watchkeeper.store.models.daily import DailyIssue
from watchkeeper.store.models.expiries import ExpiryWarning
from watchkeeper.store.models.grants import Grant
from watchkeeper.store.models.idempotency import KeyedRequest
from watchkeeper.store.models.incidents import Event, Incident, Link, Task
from watchkeeper.store.models.keys import KeyGeneration
from watchkeeper.store.models.leases import Lease
from watchkeeper.store.models.log_documents import LogImport
from watchkeeper.store.models.log_index import LogFacet, LogFile, LogIndex
from watchkeeper.store.models.nodes import Node, NodeAsk, NodeEpoch, OpsRevision
from watchkeeper.store.models.notifications import Attempt, Notification
from watchkeeper.store.models.oncall import Ladder, OnCallOverride, OnCallTurn
from watchkeeper.store.models.quarantine import Backoff, Quarantine, RunResult
from watchkeeper.store.models.runs import Run, RunStep
from watchkeeper.store.models.settings import Cursor, Setting
from watchkeeper.store.models.shifts import Shift, ShiftEvidence, ShiftNote
from watchkeeper.store.models.status_page import StatusNotice, StatusUpdate
from watchkeeper.store.models.windows import Window, WindowPlan

__all__ = [
    "Account",
    "Approval",
    "Attempt",
    "AuditEvent",
    "Backoff",
    "Change",
    "Cursor",
    "DailyIssue",
    "Event",
    "ExpiryWarning",
    "Grant",
    "Incident",
    "KeyGeneration",
    "KeyedRequest",
    "Ladder",
    "Lease",
    "Link",
    "LogFacet",
    "LogFile",
    "LogImport",
    "LogIndex",
    "Node",
    "NodeAsk",
    "NodeEpoch",
    "Notification",
    "OnCallOverride",
    "OnCallTurn",
    "OpsRevision",
    "Quarantine",
    "Run",
    "RunResult",
    "RunStep",
    "Setting",
    "Shift",
    "ShiftEvidence",
    "ShiftNote",
    "StatusNotice",
    "StatusUpdate",
    "Task",
    "Token",
    "Window",
    "WindowPlan",
]  # fmt: skip
