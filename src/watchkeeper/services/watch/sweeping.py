"""The sweep: what fails and is held by nobody gets its incident; what was merged gets its own back when its cause is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from watchkeeper.core.checks.values import Flip, Settled, State
from watchkeeper.core.errors import NotFound
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.correlation import (
    explainable,
    freed_at,
    grace_s,
    holds,
    last_cause,
    parent_incident,
    released,
    still_down,
)
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort
from watchkeeper.services.watch.merging import withdraw_runs
from watchkeeper.services.watch.opening import Opening

CURSOR = "flips"
LATELY_S = 900.0
"""A cause that was closed longer ago is no reason to wait any more."""


class Sweeper:
    """Called again and again by the recorder, which takes what it finds."""

    def __init__(
        self, store: StorePort, journal: JournalPort, holder: InventoryHolder, opening: Opening,
        failing: Callable[[Session, Inventory, Flip], None], clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._holder = holder
        self._opening = opening
        self._failing = failing
        self._clock = clock
        self.waiting: frozenset[str] = frozenset()
        self._holding: set[int] = set()
        self._seen: dict[int, float] = {}

    def sweep(self) -> int:
        """Returns how many incidents were opened."""
        inventory, now = self._holder.current, self._clock()
        settled = self._journal.settled()
        with self._store.read() as session:
            living = session.living_incidents()
            behind = bool(self._journal.flips(session.cursor(CURSOR), limit=1))
            held = {each.check for incident in living for each in incident.checks}
            unheld = any(key not in held for key, state in settled.items() if state.state in (State.CRIT, State.WARN))
            closed = session.closed_between(now - LATELY_S, now + 1.0) if unheld and not behind else []
        if behind:
            return 0
        self._withdraw([each.id for each in living if each.status is Status.MERGED], now)
        self._note_holding({each.id for each in living if holds(each, inventory, settled)}, now)
        waiting: set[str] = set()
        count = self._release(inventory, living, settled, waiting, now)
        for flip in self._orphans(inventory, living, closed, settled, waiting, now):
            self._store.write(partial(self._open, inventory=inventory, flip=flip))
            count += 1
        self.waiting = frozenset(waiting)
        return count

    def _open(self, session: Session, inventory: Inventory, flip: Flip) -> None:
        self._failing(session, inventory, flip)

    # ---- merged ones -------------------------------------------------------------------------------------------------

    def _release(
        self,
        inventory: Inventory,
        living: Sequence[Incident],
        settled: dict[str, Settled],
        waiting: set[str],
        now: float,
    ) -> int:
        by_number = {each.id: each for each in living}
        count = 0
        for child in living:
            if child.status is not Status.MERGED:
                continue
            cause = by_number.get(child.merged_into or 0) or self._incident(child.merged_into)
            while cause is not None and cause.status is Status.MERGED and cause.merged_into != cause.id:
                cause = self._incident(cause.merged_into)
            if cause is not None and holds(cause, inventory, settled):
                continue
            first_seen = self._seen.setdefault(cause.id if cause is not None else 0, now)
            freed = freed_at(cause, inventory, now, first_seen)
            if self._still_down(child, inventory, freed, waiting, now):
                count += self._store.write(partial(self._let_go, inventory=inventory, number=child.id))
        return count

    def _note_holding(self, holding: set[int], now: float) -> None:
        """Remember when an incident was first seen to hold nobody any more."""
        for number in self._holding - holding:
            self._seen.setdefault(number, now)
        for number in holding:
            self._seen.pop(number, None)
        self._holding = holding
        self._seen = {number: at for number, at in self._seen.items() if now - at < LATELY_S}

    def _withdraw(self, merged: Sequence[int], now: float) -> None:
        """A run that was at work when its incident was merged may wait by now: it is withdrawn as well."""
        if not merged:
            return
        with self._store.read() as session:
            waits = {run.incident for run in session.runs_of_incidents(merged) if run.state in ("ready", "parked")}
        for number in waits:
            self._store.write(partial(_withdraw_again, number=number, now=now))

    def _incident(self, number: int | None) -> Incident | None:
        with self._store.read() as session:
            try:
                return session.incident(number) if number is not None else None
            except NotFound:
                return None

    def _still_down(self, child: Incident, inventory: Inventory, freed: float, waiting: set[str], now: float) -> bool:
        for held in child.checks:
            check = inventory.checks.get(held.check)
            if held.lost or check is None:
                return True  # it can never prove, so a person decides
            if held.proven_at is not None:
                continue
            if self._answered(check, freed, waiting, now):
                return True
        return False

    def _let_go(self, session: Session, inventory: Inventory, number: int) -> int:
        child = session.incident(number)
        if child.status is not Status.MERGED:
            return 0
        why = f"Its cause, incident {child.merged_into}, is well again, and this still fails."
        self._opening.again(session, inventory, released(child), why, self._clock())
        return 1

    # ---- what nobody holds -------------------------------------------------------------------------------------------

    def _orphans(
        self, inventory: Inventory, living: Sequence[Incident], closed: Sequence[Incident], settled: dict[str, Settled],
        waiting: set[str], now: float,
    ) -> list[Flip]:  # fmt: skip
        bad = {key: state for key, state in settled.items() if state.state in (State.CRIT, State.WARN)}
        held = {each.check for incident in living for each in incident.checks}
        opened = [each for each in living if each.status is Status.OPEN]
        over = [*closed, *(each for each in opened if not holds(each, inventory, settled))]
        checks = inventory.checks
        flips: list[Flip] = []
        for key, state in bad.items():
            check = checks.get(key)
            if check is None or key in held or state.by_rules is State.OK:  # only flapping keeps it bad
                continue
            service = inventory.services[check.service]
            flip = as_flip(check, state)
            if not rules.opens_incident(flip, service):
                continue
            if explainable(check) and parent_incident(service, opened, inventory, check.host, settled) is not None:
                continue
            cause = last_cause(service, over, inventory, now, self._seen) if explainable(check) else None
            if cause is None or state.since > cause[1] or self._answered(check, cause[1], waiting, now):
                flips.append(flip)
        return flips

    def _answered(self, check: Check, freed: float, waiting: set[str], now: float) -> bool:
        """Whether the check still fails after its cause; until that is known it is among those that are waited for."""
        since = freed + grace_s(check)
        down = still_down(check, self._journal.readings(check.key, since), freed, now)
        if down is None and now >= since:
            waiting.add(check.key)
        return bool(down)


def _withdraw_again(session: Session, number: int, now: float) -> None:
    child = session.incident(number)
    if child.status is Status.MERGED:
        withdraw_runs(session, child, now)


def as_flip(check: Check, state: Settled) -> Flip:
    """The flip that brought a check into its settled state, as far as that still tells it."""
    return Flip(
        seq=0,
        check=check.key,
        service=check.service,
        host=check.host,
        at=state.since,
        before=State.UNKNOWN,
        after=state.state,
        reason=state.reason,
        values={},
        rule_hash=check.rule_hash,
        rule="",
    )
