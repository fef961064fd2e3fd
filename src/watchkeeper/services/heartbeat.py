"""The outbound heartbeat: a sign of life for somebody who watches the watcher, withheld while we are not well."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import HeartbeatPlan
from watchkeeper.core.times import format_duration
from watchkeeper.services.health import Health
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, DeliveryError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HeartbeatState:
    """plan: None when none is asked for. error: why the last one was not taken. withheld: why none was sent."""

    plan: HeartbeatPlan | None
    tried_at: float | None = None
    taken_at: float | None = None
    error: str = ""
    withheld: str = ""


class Heartbeat:
    """send: one GET to an address that may be ``secret:NAME``; raises `DeliveryError`, never with the address in it."""

    def __init__(
        self, send: Callable[[str], None], health: Health, holder: InventoryHolder, clock: Clock, monotonic: Clock
    ) -> None:
        self._send = send
        self._health = health
        self._holder = holder
        self._clock = clock
        self._monotonic = monotonic
        self._due = monotonic()
        self._state = HeartbeatState(None)

    def beat(self) -> None:
        """Send one when it is due and watchkeeper is alive as a whole. Called by one thread, about every second."""
        plan = self._holder.current.team.heartbeat
        if plan != self._state.plan:
            self._state, self._due = HeartbeatState(plan), self._monotonic()
        if plan is None or self._monotonic() < self._due:
            return
        self._due = self._monotonic() + plan.every_s
        faults = self._health.faults()
        now = self._clock()
        if faults:
            self._say(replace(self._state, tried_at=now, error="", withheld=faults[0]))
            return
        try:
            self._send(plan.url)
        except (DeliveryError, WatchkeeperError) as error:
            self._say(replace(self._state, tried_at=now, error=str(error), withheld=""))
        else:
            self._say(HeartbeatState(plan, now, now))

    def _say(self, state: HeartbeatState) -> None:
        """A lasting trouble is logged once."""
        if (state.error or state.withheld) and (state.error, state.withheld) != (
            self._state.error,
            self._state.withheld,
        ):
            log.warning("heartbeat: %s", state.error or f"withheld: {state.withheld}")
        self._state = state

    def state(self) -> HeartbeatState:
        """How the last one went."""
        return self._state

    def warning(self) -> str:
        """One sentence while the outside does not hear from us; "" when it does, or none is asked for."""
        state = self._state
        if state.plan is None or not (state.error or state.withheld):
            return ""
        since = f", the last one {format_duration(self._clock() - state.taken_at)} ago" if state.taken_at else ""
        if state.withheld:
            return f"No heartbeat is sent{since}: {state.withheld}"
        return f"The heartbeat is not taken{since}: {state.error}"
