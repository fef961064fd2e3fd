"""Locks: one changing run per host, one deployment per service, one run per incident. Each is a lease with an end."""

from __future__ import annotations

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Locked, NotFound, Usage
from watchkeeper.core.leases import DEPLOY, INCIDENT, Lease, held_sentence
from watchkeeper.core.log.values import Draft
from watchkeeper.core.runs.cancelling import is_open
from watchkeeper.core.runs.values import ENDED, Run, RunState, StepState
from watchkeeper.services.access import Resources, on_host, on_incident, on_service
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

INCIDENT_LASTS_S = 7 * 86_400.0
"""A run that waits for people may wait long; its end lets go of the incident."""
LONGEST_S = 7 * 86_400.0


class Locks:
    """What people see and do about locks. Runs take and let go of theirs by themselves, see `services.turns`."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def held(self) -> list[Lease]:
        """Every lock that somebody holds, oldest first; what a run left behind when it ended is none."""
        now = self._clock()
        with self._store.read() as session:
            return [lease for lease in session.leases(now) if _is_lock(lease) and not is_left_behind(session, lease)]

    def take(self, name: str, actor: Actor, lasts_s: float, why: str) -> Lease:
        """A person takes (or renews) the deploy lock of a service: until its end nothing changes it by itself."""
        assert_at_all(actor, "locks")
        service = name.removeprefix(DEPLOY)
        if not name.startswith(DEPLOY) or service not in self._holder.current.services:
            names = ", ".join(f"{DEPLOY}{each}" for each in sorted(self._holder.current.services)) or "none"
            raise NotFound(f"{name} is no lock that a person takes.", f"There are: {names}.")
        assert_allowed(actor, "locks", *on_service(self._holder.current, service))
        if not 60 <= lasts_s <= LONGEST_S:
            raise Usage(f"A lock lasts between 1 minute and 7 days, not {lasts_s:g} s.", "Give --for 30m.")
        if not why.strip():
            raise Usage("A lock needs a reason: others read it when they are refused.", "Give --why TEXT.")

        def work(session: Session) -> Lease:
            now = self._clock()
            lease = session.take_lease(name, actor.name, now, lasts_s, why.strip()[:200])
            if lease.holder != actor.name:
                raise Locked(held_sentence(lease), f"Wait for it, or ask {lease.holder}: wk locks release {name}.")
            return lease

        return self._store.write(work)

    def release(self, name: str, actor: Actor) -> Lease:
        """A person lets go of a lock, his own or another's; an entry of the log says so. Returns what was let go."""
        assert_at_all(actor, "locks")

        def work(session: Session) -> Lease:
            now = self._clock()
            lease = next((each for each in session.leases(now) if each.name == name and _is_lock(each)), None)
            if lease is None:
                raise NotFound(f"Nobody holds {name}.", "List them: wk locks.")
            assert_allowed(actor, "locks", *self._about(session, lease))
            session.release_lease(name, lease.holder)
            if lease.holder != actor.name:
                title = f"Lock {name} taken from {lease.holder}"
                sections = (("Change", f"{held_sentence(lease)} {actor.name} let go of it before its end."),)
                session.append_entry(Draft(now, "Configuration", title, actor.name, "Medium", sections=sections))
            return lease

        return self._store.write(work)

    def _about(self, session: Session, lease: Lease) -> Resources:
        """The service of a deploy lock, what runs on a locked host, or the run that has an incident."""
        inventory = self._holder.current
        kind, _, what = lease.name.partition(":")
        if lease.name.startswith(DEPLOY):
            return on_service(inventory, lease.name.removeprefix(DEPLOY))
        if kind == "host":
            return on_host(inventory, what)
        return on_incident(inventory, session.incident(int(what))) if what.isdigit() else ()


def _is_lock(lease: Lease) -> bool:
    return lease.name.startswith(("host:", DEPLOY, INCIDENT))


def is_left_behind(session: Session, lease: Lease) -> bool:
    """Whether the run that holds it does nothing any more: it ended or waits, and no command of it may be at work."""
    if lease.run is None:
        return False
    try:
        run = session.run(lease.run)
    except NotFound:
        return True
    if lease.name.startswith(INCIDENT):
        return run.state in ENDED
    at_work = any(step.state is StepState.RUNNING or is_open(run, step) for step in run.steps)
    return run.state is not RunState.RUNNING and not at_work


def take_unless_held(
    session: Session, name: str, holder: str, now: float, lasts_s: float, why: str = "", run: int | None = None
) -> Lease:
    """As `Session.take_lease`; what an ended run left behind is let go of first."""
    lease = session.take_lease(name, holder, now, lasts_s, why, run)
    if lease.holder != holder and is_left_behind(session, lease):
        session.release_lease(name, lease.holder)
        lease = session.take_lease(name, holder, now, lasts_s, why, run)
    return lease


def run_holder(run: Run) -> str:
    """The name under which a run holds its locks: whichever node goes on with it is the same holder."""
    return f"run {run.id}"


def claim_incident(session: Session, run: Run, now: float) -> None:
    """This run is the one at work on its incident. Raises `Locked` when another is; then nothing of this is kept."""
    if run.incident is None:
        return
    name = f"{INCIDENT}{run.incident}"
    lease = take_unless_held(session, name, run_holder(run), now, INCIDENT_LASTS_S, run.actor, run.id)
    if lease.run != run.id:
        raise Locked(held_sentence(lease), f"Wait for it, or cancel it: wk runs cancel {lease.run}.")


def let_incident_go(session: Session, run: Run) -> None:
    """The run has ended: another may take the incident."""
    if run.incident is not None:
        session.release_lease(f"{INCIDENT}{run.incident}", run_holder(run))


def deploy_lock(session: Session, service: str, now: float) -> str:
    """The sentence that somebody deploys this service; "" when nobody does."""
    lease = next((each for each in session.leases(now) if each.name == f"{DEPLOY}{service}"), None)
    return held_sentence(lease) if lease is not None and service else ""
