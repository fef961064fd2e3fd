"""The changes before an incident, ranked as its causes."""

from __future__ import annotations

import re

from watchkeeper.core.changes import Change, Suspect, rank, relations
from watchkeeper.core.changes import first_suspect as first_of
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Entry
from watchkeeper.core.runs.values import Run, RunStep
from watchkeeper.services.ports import Session

BEFORE_S = 24 * 3600.0
MOST = 500


def suspects(session: Session, inventory: Inventory, incident: Incident, limit: int = 5) -> tuple[Suspect, ...]:
    """What changed before this, best suspect first; never what was done as its answer."""
    first = min((held.flipped_at for held in incident.checks), default=incident.opened_at)
    changes = session.changes(first - BEFORE_S, first + 60.0, MOST)
    near = relations(inventory, incident.service, incident.host)
    return rank(changes, near, first, incident=incident.id)[:limit]


def first_suspect(session: Session, inventory: Inventory, incident: Incident, now: float) -> str:
    """``First suspect: /srv/shop/shop.env was edited 4 min before, same service, by ...``; "" when there is none.

    Only what is known by `now`; what is not related to the service, its hosts or what it needs is never named.
    """
    return first_of([each for each in suspects(session, inventory, incident) if each.change.at <= now + 60.0])


def run_change(run: Run, step: RunStep, now: float) -> Change:
    """That a run began to change something: it may break what it does not answer. A person's run is by that person."""
    actor = step.decided_by or run.actor
    title = f"run {run.id}: {run.plan.runbook}"
    return Change(
        0, now, "run", title, actor, run.plan.service, step.plan.host, f"step {step.plan.id}: {step.plan.title}"[:300],
        key=f"run:{run.id}", incident=run.incident,
    )  # fmt: skip


def entry_change(entry: Entry, inventory: Inventory) -> Change:
    """What somebody wrote into the operations log; about the service or host whose name stands in the title, if one does."""
    words = set(re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", entry.draft.title))
    services = [name for name in inventory.services if name in words]
    hosts = [name for name in inventory.hosts if name in words]
    service, host = services[0] if len(services) == 1 else "", hosts[0] if len(hosts) == 1 else ""
    title = f"log entry {entry.number}: {entry.draft.title}"
    return Change(0, entry.draft.at, "log", title[:300], entry.draft.actor, service, host, key=f"log:{entry.number}")
