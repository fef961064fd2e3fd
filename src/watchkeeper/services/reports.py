"""The report of a month, put together from readings, incidents, runs and what the team promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo

from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.stages import stages
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.reports import Automation, Report, csv_of, markdown_of, service_report, took
from watchkeeper.core.runs.automation_month import bounds
from watchkeeper.core.runs.values import Run
from watchkeeper.core.times import zone_of
from watchkeeper.services.automation_month import AutomationMonths
from watchkeeper.services.availability import AvailabilityReader
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

PAGE, MOST = 200, 20_000
MONTHS = 24
FORMS = ("csv", "markdown")


class Reports:
    """Reads; changes nothing."""

    def __init__(
        self,
        store: StorePort,
        availability: AvailabilityReader,
        months: AutomationMonths,
        holder: InventoryHolder,
        clock: Clock,
    ) -> None:
        self._store, self._availability, self._months, self._holder, self._clock = (
            store,
            availability,
            months,
            holder,
            clock,
        )

    def make(self, month: str = "", service: str = "") -> Report:
        """The report of a month such as ``2026-10`` in the team's zone; "" is the one under way.

        service: only this one. Raises `Usage` for what is no month that has begun, `NotFound` for an unknown service.
        """
        inventory, now = self._holder.current, self._clock()
        zone = zone_of(inventory.team.timezone)
        month = month.strip() or datetime.fromtimestamp(now, zone).strftime("%Y-%m")
        found = bounds(month, zone)
        if found is None or found[0] > now:
            raise Usage(f"{month[:20]!r} is no month that has begun.", "Write it as 2026-10.")
        if service and service not in inventory.services:
            raise NotFound(f"There is no service {service[:80]} in the ops repo.", "List them: wk status.")
        since, until = found[0], min(found[1], now)
        with self._store.read() as session:
            opened = [each for each in self._opened(session, since, until) if not service or each.service == service]
            told: dict[int, list[tuple[float, float]]] = {}
            for number, made, at in session.delivered_times([each.id for each in opened]):
                told.setdefault(number, []).append((made, at))
            numbers = {each.id for each in opened}
            runs = [run for run in self._runs(session, since, until) if not service or run.incident in numbers]
            results = [each for each in session.results(since, limit=MOST) if since <= each.at < until]
            results = [each for each in results if not service or each.service == service]
            first = self._first(session)
        per_service = Counter(each.service for each in opened)
        rows = tuple(
            service_report(
                each.service,
                inventory.services[each.service].target,
                each.whole,
                found[1] - found[0],
                per_service[each.service],
            )
            for each in self._availability.of(since, until, service)
        )
        ended = Counter(each.outcome for each in results)
        automation = Automation(
            sum(run.mode == "propose" for run in runs),
            sum(run.mode == "auto" and run.fix_started_at is not None for run in runs),
            ended["proven"], ended["unproven"], ended["failed"],
            sum(each.outcome == "proven" and not each.held for each in results),
        )  # fmt: skip
        return Report(
            month, inventory.team.timezone, since, until, found[1] <= now, rows,
            took([stages(each, told.get(each.id, [])) for each in opened]), automation, self._months.make(month),
            _counted(each.severity for each in opened), _counted(each.service or f"host {each.host}" for each in opened),
            _counted(cause_of(each, inventory) for each in opened), _earlier(month, first, now, zone),
        )  # fmt: skip

    def text(self, month: str = "", form: str = "markdown", service: str = "") -> str:
        """The same as a text: csv or markdown. Raises `Usage`."""
        if form not in FORMS:
            raise Usage(f"{form[:20]!r} is no form of a report.", f"There are: {', '.join(FORMS)}.")
        report = self.make(month, service)
        return csv_of(report) if form == "csv" else markdown_of(report)

    def _opened(self, session: Session, since: float, until: float) -> list[Incident]:
        """The incidents opened in that time, newest first; one that was reopened counts from its last opening."""
        found: list[Incident] = []
        before: int | None = None
        while len(found) < MOST and (page := session.incidents(limit=PAGE, before=before)):
            before = page[-1].id
            found += [each for each in page if since <= each.opened_at < until]
            if all(each.opened_at < since for each in page):
                break
        return found

    def _runs(self, session: Session, since: float, until: float) -> list[Run]:
        found: list[Run] = []
        before: int | None = None
        while len(found) < MOST and (page := session.runs(limit=PAGE, before=before)):
            before = page[-1].id
            found += [each for each in page if since <= each.created_at < until]
            if page[-1].created_at < since:
                break
        return found

    def _first(self, session: Session) -> float:
        """When there is something to tell from: the first incident, or now."""
        first = session.incidents(limit=1, before=2)
        return first[0].opened_at if first else self._clock()


def cause_of(incident: Incident, inventory: Inventory) -> str:
    """What kind of thing failed: the kind of its first failing check, or the host."""
    if not incident.service:
        return "host unreachable"
    first = min(incident.checks, key=lambda held: held.flipped_at, default=None)
    check = inventory.checks.get(first.check) if first is not None else None
    return check.probe.kind if check is not None else "a check that is gone"


def _counted(words: Iterable[str]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(Counter(words).items(), key=lambda each: (-each[1], each[0])))


def _earlier(month: str, first: float, now: float, zone: tzinfo) -> tuple[str, ...]:
    """Up to 24 months that one can look at, newest first, this one left out."""
    moment, begin = datetime.fromtimestamp(now, zone), datetime.fromtimestamp(first, zone)
    year, number = moment.year, moment.month
    found: list[str] = []
    while len(found) < MONTHS and (year, number) >= (begin.year, begin.month):
        found.append(f"{year}-{number:02}")
        year, number = (year, number - 1) if number > 1 else (year - 1, 12)
    return tuple(each for each in found if each != month)
