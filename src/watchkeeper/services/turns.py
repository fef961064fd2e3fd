"""Whose turn it is to change a host: one changing run at a time, whichever node or thread it is on.

Within a process a lock decides. Between processes a lease ``host:NAME`` does, held by the run and not by the node: when
its node dies, the node that goes on with the run finds its own lease. It covers the time the step may take, so that a
frozen node whose command is still at work keeps it; it is renewed when the step needs longer.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from watchkeeper.core.leases import HOST, Lease, held_sentence
from watchkeeper.core.runs.values import PlanStep, Run
from watchkeeper.services.locks import run_holder, take_unless_held
from watchkeeper.services.ports import Clock, Session, StorePort

log = logging.getLogger(__name__)
BEYOND_S = 60.0
"""How long a lease lasts beyond the time limit of its step."""
LOOK_AGAIN_S = 0.5
IDLE_S = 0.5
"""How long a run keeps a host after a step: its next step there needs no write then."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to a wish to change a host. refusal: the sentence who has it; "" when it was got."""

    host: str
    refusal: str = ""
    lease: Lease | None = None

    def __bool__(self) -> bool:
        return not self.refusal


class HostTurns:
    """One changing run per host at a time. One write when a run comes to a host; letting go costs the step nothing."""

    def __init__(self, store: StorePort, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._kept: dict[str, Lease] = {}  # by host: of a run between two steps, or at a step

    @contextmanager
    def take(self, host: str, wait_s: float, run: Run, step: PlanStep) -> Iterator[Turn]:
        """The turn of this run to change this host; false with the sentence who has it after `wait_s`."""
        with self._guard:
            lock = self._locks.setdefault(host, threading.Lock())
        turn = self._got(host, lock, time.monotonic() + wait_s, run, step)
        if not turn:
            yield turn
            return
        over, lasts_s = threading.Event(), step.timeout_s + BEYOND_S
        try:
            threading.Thread(target=self._renew, args=(host, run, lasts_s, over), daemon=True).start()
            yield turn
        finally:
            over.set()
            lock.release()
            self._let_go_later(host)

    def _got(self, host: str, lock: threading.Lock, until: float, run: Run, step: PlanStep) -> Turn:
        """The turn with the lock of this process held, or the refusal without it.

        Who waits for a lease lets go of the lock meanwhile: the run that has the lease may have come to this process, from
        a node that died, and needs it.
        """
        while True:
            if not lock.acquire(timeout=max(0.0, until - time.monotonic())):
                kept = self._kept.get(host)
                return Turn(host, held_sentence(kept) if kept else f"Another run is changing {host}.")
            try:
                turn = self._leased(host, run, step)
            except BaseException:
                lock.release()
                raise
            if turn:
                return turn
            lock.release()
            if time.monotonic() >= until:
                return turn
            time.sleep(LOOK_AGAIN_S)

    def _leased(self, host: str, run: Run, step: PlanStep) -> Turn:
        lasts_s = step.timeout_s + BEYOND_S
        kept, holder = self._kept.get(host), run_holder(run)
        enough = self._clock() + step.timeout_s + BEYOND_S / 2
        if kept is not None and kept.holder == holder and kept.expires_at >= enough:
            return Turn(host, lease=kept)

        def work(session: Session) -> Lease:
            if kept is not None and kept.holder != holder:  # its step in this process has ended
                session.release_lease(kept.name, kept.holder)
            why = f"{run.actor}, step {step.id} of {run.plan.runbook}"
            return take_unless_held(session, HOST + host, holder, self._clock(), lasts_s, why, run.id)

        lease = self._store.write(work)
        if lease.holder != holder:
            return Turn(host, held_sentence(lease), lease)
        self._kept[host] = lease
        return Turn(host, lease=lease)

    def _renew(self, host: str, run: Run, lasts_s: float, over: threading.Event) -> None:
        """Renews the lease at half of its time, again and again while the step is at work. A thread of its own."""
        while not over.wait(lasts_s / 2):
            try:
                lease = self._store.write(
                    lambda session: session.take_lease(HOST + host, run_holder(run), self._clock(), lasts_s)
                )
            except Exception:
                log.exception("the lock of %s could not be renewed for run %s", host, run.id)
                continue
            if lease.holder != run_holder(run):
                log.error("run %s lost the lock of %s: %s", run.id, host, held_sentence(lease))
                return
            self._kept[host] = lease

    def _let_go_later(self, host: str) -> None:
        """Unless the run goes on there at once, its lease is let go of a moment after the step."""
        timer = threading.Timer(IDLE_S, self._let_go, (host,))
        timer.daemon = True
        timer.start()

    def _let_go(self, host: str) -> None:
        lock = self._locks[host]
        if not lock.acquire(blocking=False):
            return  # somebody is at work there; whoever ends last lets go
        try:
            kept = self._kept.pop(host, None)
            if kept is not None:
                with contextlib.suppress(Exception):  # the store may be closing: the lease runs out by itself
                    self._store.write(lambda session: session.release_lease(kept.name, kept.holder))
        finally:
            lock.release()
