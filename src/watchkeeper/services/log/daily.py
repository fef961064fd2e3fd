"""The document of one day and the records of its issues, gathered from what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.log import daily
from watchkeeper.core.log.daily import Day, Issue, Material, Part
from watchkeeper.core.readings.availability import Availability
from watchkeeper.core.times import format_duration, zone_of
from watchkeeper.services.availability import AvailabilityReader
from watchkeeper.services.backups import BackupState
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

MOST_ISSUES = 999


class Daily:
    """`document` reads; `issues` gives each issue its number when it is asked for the first time."""

    def __init__(
        self, store: StorePort, availability: AvailabilityReader, backups: Callable[[], BackupState], holder: InventoryHolder,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._availability = availability
        self._backups = backups
        self._holder = holder
        self._clock = clock

    def day(self, text: str = "") -> Day:
        """A day of the team: today when empty, ``2026-11-21``, or ``yesterday``. Raises `Usage`."""
        zone, now = zone_of(self._holder.current.team.timezone), self._clock()
        word = text.strip().casefold()
        if word in ("", "today"):
            return daily.day_of(datetime.fromtimestamp(now, zone).date(), zone)
        if word == "yesterday":
            return daily.day_of(datetime.fromtimestamp(now - 86400.0, zone).date(), zone)
        try:
            found = daily.day_of(date.fromisoformat(word), zone)
        except (ValueError, OverflowError):
            raise Usage(f"'{text[:40]}' is no date.", "Write 2026-11-21, today or yesterday.") from None
        if found.begin > now:
            raise Usage(f"{found.name} has not begun.", "Write a day that has.")
        return found

    def document(self, text: str = "") -> dict[str, Any]:
        """The document of a day as data; `core.log.daily.markdown` writes it."""
        day, now = self.day(text), self._clock()
        end = min(day.end, now)
        with self._store.read() as session:
            incidents = [each for each in session.incidents_between(day.begin, end) if each.status is not Status.MERGED]
            material = Material(
                day, self._holder.current.team.name, self._operators(session, day, end),
                self._part(day.begin, min(day.midday, end), incidents),
                self._part(day.midday, min(day.evening, end), incidents),
                self._part(day.evening, end, incidents),
                self._part(day.begin, end, incidents),
                entries=session.entries_between(day.begin, day.end),
                runs=session.runs_between(day.begin, end),
                changes=session.changes(day.begin, end, 500),
                tasks_done=session.tasks_ended(day.begin, day.end),
                tasks_open=session.open_tasks(),
                windows=session.open_windows(),
                backups=self._backed_up(day, end),
            )  # fmt: skip
        return daily.daily(material, now)

    def _part(self, begin: float, end: float, incidents: Sequence[Incident]) -> Part:
        if end - begin < 1.0:
            return Part(begin, end)
        found = self._availability.of(begin, end)
        checks = self._holder.current.checks
        return Part(
            begin, end, {each.service: each.whole for each in found},
            {key: (checks[key].probe.kind, each) for one in found for key, each in one.checks if key in checks},
            [each for each in incidents if each.opened_at < end and (each.closed_at is None or each.closed_at >= begin)],
        )  # fmt: skip

    def _operators(self, session: Session, day: Day, end: float) -> list[str]:
        """Who had a shift that day; else who wrote into the log."""
        shifts = [
            each.person for each in session.shifts(200)
            if each.started_at < end and (each.ended_at is None or each.ended_at >= day.begin)
        ]  # fmt: skip
        return list(dict.fromkeys(shifts[::-1]))

    def _backed_up(self, day: Day, end: float) -> tuple[bool | None, str]:
        """Whether backups of that day are known to be good; None when nothing speaks of one."""
        checks = self._holder.current.checks
        keys = [key for key, each in checks.items() if "backup" in f"{each.service}/{each.name}".casefold()]
        words: list[str] = []
        good = True
        if keys:
            splits: dict[str, Availability] = {
                key: each for one in self._availability.of(day.begin, end) for key, each in one.checks if key in keys
            }
            bad = [key for key, each in splits.items() if each.down_s + each.degraded_s >= 1.0]
            blind = [key for key, each in splits.items() if each.known_s < 1.0]
            good = not bad and not blind
            words += [f"{', '.join(sorted(bad or blind)[:5])} {'failed' if bad else 'not seen'}"] if not good else []
            words += [f"{len(keys)} {'check' if len(keys) == 1 else 'checks'} of backups OK"] if good else []
        state = self._backups()
        if state.plan is not None and state.newest is not None and day.end > self._clock() - 86400.0:
            age = max(0.0, self._clock() - state.newest.manifest.made_at)
            good = good and age <= 2 * state.plan.every_s and not state.failed
            words.append(f"own backup {format_duration(age)} ago")
        if not words:
            return None, ""
        return good, "; ".join(words)

    # ---- issues ------------------------------------------------------------------------------------------------------

    def issues(self, text: str = "") -> list[dict[str, Any]]:
        """The issues of a day as records, by number. A number that was given once stays, and no number is given twice."""
        day = self.day(text)

        def work(session: Session) -> list[dict[str, Any]]:
            found = sorted(self._found(session, day), key=lambda each: (each.at, each.source))[:MOST_ISSUES]
            numbers = session.daily_numbers(day.name, [each.source for each in found])
            records = [(numbers[each.source], each) for each in found]
            return [
                daily.numbered(each, day.name, number) for number, each in sorted(records, key=lambda pair: pair[0])
            ]

        with self._store.read() as session:
            known = session.daily_known(day.name)
            new = [each for each in self._found(session, day) if each.source not in known]
            if not new:
                return work(session)
        return self._store.write(work)

    def _found(self, session: Session, day: Day) -> list[Issue]:
        now = self._clock()
        found: list[Issue] = []
        for each in session.incidents_between(day.begin, day.end):
            if day.begin <= each.opened_at < day.end and each.status is not Status.MERGED:
                runs = session.runs(incident=each.id)[::-1]
                found.append(
                    daily.issue_of_incident(
                        each, session.events(each.id), runs, session.tasks(each.id), min(now, day.end)
                    )
                )
        entries = session.entries_between(day.begin, day.end)
        later = {
            each.draft.status_of: each.draft.status for each in session.entries_between(day.begin, now + 1.0)
            if each.draft.status_of is not None
        }  # fmt: skip
        for entry in entries:
            if daily.is_issue(entry):
                status = later.get(entry.number, entry.draft.status)
                found.append(daily.issue_of_entry(entry, session.tasks_of_entry(entry.number), status))
        return found
