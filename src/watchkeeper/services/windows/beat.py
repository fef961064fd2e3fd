"""The beat of windows and silences: plans ahead, begins, reminds, ends, tells what was muted, watches afterwards.

Every step reads its row again inside its transaction, so whoever is killed in the middle leaves nothing half, and a
second beat does nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.windows import Window, covered_checks
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort, WatchPort
from watchkeeper.services.windows import aftermath
from watchkeeper.services.windows.carrying_out import Carrier, tell_untold, to_tell
from watchkeeper.services.windows.planning import differences, plan_ahead

log = logging.getLogger(__name__)
PLAN_EVERY_S = 60.0
OVER = "its time was over"
GREEN = "everything in it is OK again"


class WindowBeat:
    """One per process; on several nodes only the one that leads beats."""

    def __init__(
        self, store: StorePort, journal: JournalPort, watch: WatchPort, holder: InventoryHolder, carrier: Carrier,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._journal = journal
        self._watch = watch
        self._holder = holder
        self._carrier = carrier
        self._clock = clock
        self._planned: tuple[str, float] = ("", 0.0)
        self._asked_at = 0.0

    def beat(self) -> int:
        """Everything that is due; returns how many acts were carried out."""
        now = self._clock()
        done = self._plan(now)
        with self._store.read() as session:
            open_windows = session.open_windows()
            watched = session.watched_windows()
            looks = [
                each.id for each in watched if aftermath.is_due(session, self._holder.current, self._journal, each, now)
            ]
        settled = self._journal.settled() if open_windows else {}
        for window in open_windows:
            done += self._one(window, settled, now)
        done += self._tell(now)
        for number in looks:
            self._store.write(partial(self._look_after, number=number, now=now))
        self._ask_closely(watched, now)
        return done

    def _plan(self, now: float) -> int:
        """Once a minute, and at once when the ops repo has changed. An inventory that is not there ends nothing."""
        inventory = self._holder.current
        if not inventory.services and not inventory.hosts:
            return 0
        if self._planned[0] == inventory.revision and 0 <= now - self._planned[1] < PLAN_EVERY_S:
            return 0
        with self._store.read() as session:
            due = bool(differences(session, inventory, now))
        done = self._store.write(lambda session: plan_ahead(session, inventory, now, self._carrier)) if due else 0
        self._planned = (inventory.revision, now)
        return done

    def _one(self, window: Window, settled: dict[str, Settled], now: float) -> int:
        inventory = self._holder.current
        if window.begun_at is None and window.starts_at <= now:
            return self._act(window, lambda session, row: self._carrier.begin(session, row, now))
        if window.begun_at is None:
            return 0
        if window.ends_at <= now:
            return self._act(window, lambda session, row: self._end(session, row, now, OVER))
        if window.until_green and is_green(window, inventory, settled):
            return self._act(window, lambda session, row: self._end(session, row, now, GREEN))
        if not reminder_near(window, now):
            return 0
        failing = failing_in(window, inventory, settled)
        if reminder_due(window, failing, now):
            return self._act(window, lambda session, row: self._remind(session, row, failing, now))
        return 0

    def _act(self, window: Window, act: Callable[[Session, Window], Window]) -> int:
        def work(session: Session) -> int:
            row = session.window(window.id)
            return int(act(session, row) != row)

        return self._store.write(work)

    def _end(self, session: Session, row: Window, now: float, why: str) -> Window:
        if why == OVER and row.ends_at > now:  # extended meanwhile
            return row
        return self._carrier.end(session, row, now, "watchkeeper", why)

    def _remind(self, session: Session, row: Window, failing: list[str], now: float) -> Window:
        return self._carrier.remind(session, row, failing, now) if reminder_due(row, failing, now) else row

    def _tell(self, now: float) -> int:
        """Nothing stays untold: whatever was muted and is not any more, for whatever reason."""
        inventory = self._holder.current
        with self._store.read() as session:
            if not to_tell(session, inventory, now):
                return 0
        return self._store.write(lambda session: tell_untold(session, inventory, now))

    def _look_after(self, session: Session, number: int, now: float) -> None:
        aftermath.look_after(session, self._holder.current, self._journal, session.window(number), now)

    def _ask_closely(self, watched: list[Window], now: float) -> None:
        if not watched or 0 <= now - self._asked_at < aftermath.CLOSE_S:
            return
        self._asked_at = now
        wanted = aftermath.to_ask(watched, self._holder.current)
        if wanted:
            try:
                self._watch.ask(wanted)
            except NoAnswer as error:
                log.warning("cannot watch closely after maintenance: %s", error)


def is_green(window: Window, inventory: Inventory, settled: dict[str, Settled]) -> bool:
    """Whether all its checks have settled as OK, and at least one did so since it began.

    What never failed is no reason to end: a deployment that begins on a healthy service would lose its window at once.
    """
    states = [settled.get(key) for key in covered_checks(window.targets, inventory)]
    if not states or any(each is None or each.state is not State.OK for each in states):
        return False
    return any(each is not None and each.since > window.starts_at for each in states)


def failing_in(window: Window, inventory: Inventory, settled: dict[str, Settled]) -> list[str]:
    """The checks it covers that are not OK now."""
    keys = covered_checks(window.targets, inventory)
    return [key for key in keys if key in settled and settled[key].state is not State.OK]


def reminder_due(window: Window, failing: list[str], now: float) -> bool:
    """Whether its end is near enough to be said, and was not yet.

    A short one needs no reminder, nor does one that comes again and again, unless something in it fails.
    """
    return reminder_near(window, now) and (window.occurrence is None or bool(failing))


def reminder_near(window: Window, now: float) -> bool:
    """Whether it is the time of its reminder, whatever fails."""
    if window.remind_s <= 0 or window.reminded_at == window.ends_at or window.ended_at is not None:
        return False
    long_enough = window.ends_at - window.starts_at >= 2 * window.remind_s
    return long_enough and window.ends_at - window.remind_s <= now < window.ends_at
