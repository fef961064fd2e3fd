"""The figures of one month, from incidents, their timelines and how their runs ended."""

from __future__ import annotations

from datetime import datetime

from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.rules import check_name
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.runs.automation_month import Ended, Month, bounds, ended, month_of
from watchkeeper.core.runs.results import Result
from watchkeeper.core.times import zone_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

YEAR_S = 366 * 86400.0
PAGE, MOST = 200, 20_000


class AutomationMonths:
    """Reads; changes nothing."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def make(self, month: str = "") -> Month:
        """The figures of a month such as ``2026-10``, in the team's time zone; "" is the one under way.

        Raises `Usage` for what is no month, or one that has not begun.
        """
        zone, now = zone_of(self._holder.current.team.timezone), self._clock()
        month = month.strip() or datetime.fromtimestamp(now, zone).strftime("%Y-%m")
        found = bounds(month, zone)
        if found is None or found[0] > now:
            raise Usage(f"{month[:20]!r} is no month that has begun.", "Write it as 2026-10.")
        since, until = found
        with self._store.read() as session:
            results = session.results(until - YEAR_S, limit=MOST)
            cases = self._cases(session, until - YEAR_S, until, results)
        mine = [each for each in cases if each.opened_at >= since]
        own = [each for each in results if since <= each.at < until]
        return month_of(month, since, until, mine, cases, own)

    def _cases(self, session: Session, since: float, until: float, results: list[Result]) -> list[Ended]:
        """Every incident that was opened in that time; one that was reopened counts from its last opening."""
        of_incident: dict[int, list[Result]] = {}
        for each in results:
            of_incident.setdefault(each.incident, []).append(each)
        found: list[Ended] = []
        before: int | None = None
        while len(found) < MOST and (page := session.incidents(limit=PAGE, before=before)):
            before = page[-1].id
            found += [
                _case(each, of_incident.get(each.id, [])) for each in page if since <= each.opened_at < until
            ]  # fmt: skip
            if all(each.opened_at < since for each in page):
                break
        return found


def _case(incident: Incident, results: list[Result]) -> Ended:
    names = {check_name(held.check) for held in incident.checks}
    return ended(incident, results, incident.reopened > 0, names)
