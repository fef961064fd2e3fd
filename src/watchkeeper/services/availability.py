"""How long services and their checks were up, degraded, down, under maintenance or unknown, over any span."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Check, Inventory, Service
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.readings.spans import parse_span
from watchkeeper.services.history import History
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, StorePort
from watchkeeper.services.windows.muting import planned_by_check


@dataclass(frozen=True, slots=True)
class ServiceAvailability:
    """One service over one span, and each of its checks."""

    service: str
    whole: Availability
    checks: tuple[tuple[str, Availability], ...]


class AvailabilityReader:
    """Reads the past with the planned windows as they are known now: reclassifying a time changes the answer."""

    def __init__(self, store: StorePort, history: History, holder: InventoryHolder, clock: Clock) -> None:
        self._store, self._history, self._holder, self._clock = store, history, holder, clock

    def span(self, since: str, until: str = "") -> tuple[float, float]:
        """A span as people say it, in the team's time zone. Raises `Usage`."""
        return parse_span(since, until, ZoneInfo(self._holder.current.team.timezone), self._clock())

    def of(self, since: float, until: float, service: str = "") -> list[ServiceAvailability]:
        """One service, or all, by name. A service is as bad as the worst of its checks. Raises `NotFound`."""
        inventory = self._holder.current
        if service and service not in inventory.services:
            raise NotFound(f"There is no service {service} in the ops repo.", "List them: wk status.")
        services = [inventory.services[service]] if service else list(inventory.services.values())
        planned = self._planned(inventory, since, until)
        checks = [check for each in services for check in each.checks]
        every_s = {check.key: check.every_s for check in checks}
        splits = self._history.splits(every_s, since, until, planned, every_s)
        groups = {each.name: [check.key for check in speaking(each)] for each in services}
        whole = self._history.split_together(groups, since, until, planned, every_s)
        return [
            ServiceAvailability(
                each.name, whole[each.name], tuple((check.key, splits[check.key]) for check in each.checks)
            )
            for each in services
        ]

    def _planned(self, inventory: Inventory, since: float, until: float) -> dict[str, list[tuple[float, float]]]:
        with self._store.read() as session:
            return planned_by_check(session, inventory, since, until)


def speaking(service: Service) -> Sequence[Check]:
    """The checks that say how the service is: one whose group speaks for it does not, so 2 of 3 mirrors are up."""
    return [check for check in service.checks if not check.spoken_for]
