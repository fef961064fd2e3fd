"""Digests of the log by day, week or month, and the compliance report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.log.digest import Approved, Compliance, Digest, Period, Shown, Task, compliance_of, digest_of
from watchkeeper.core.log.spans import span
from watchkeeper.core.log.tasks import due_words
from watchkeeper.core.times import zone_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.questions import Listed, Questions
from watchkeeper.services.ports import Clock, Session, StorePort

MOST_TASKS = 100


class Digests:
    """Pages about a span of the log."""

    def __init__(self, store: StorePort, questions: Questions, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._questions = questions
        self._holder = holder
        self._clock = clock

    def digest(self, period: Period, day: str = "") -> Digest:
        """The digest of the day, week or month in which a day lies; day: words of a time, "" for now."""
        since, until, name = self._span(period, day)
        now, team = self._clock(), self._holder.current.team
        shown = [_shown(each) for each in self._questions.between(since, until)]
        with self._store.read() as session:
            open_ = session.open_tasks(MOST_TASKS)
        tasks = [Task(each.id, each.text, each.owner, due_words(each, now)) for each in open_]
        return digest_of(period, name, since, until, shown, team.log.vocabulary, tasks)

    def compliance(self, day: str = "", period: Period = "month") -> Compliance:
        """Who changed what in the month (or day, week) in which a day lies, approved by whom, proven how."""
        since, until, name = self._span(period, day)
        shown = [_shown(each) for each in self._questions.between(since, until)]
        runs = {each.entry.draft.facts.get("run") for each in shown}
        with self._store.read() as session:
            granted = {each.id: each.granted_by for each in session.grants()}
            decisions = {run: _decisions(session, run, granted) for run in runs if isinstance(run, int)}
        return compliance_of(name, since, until, shown, self._holder.current.team.log.vocabulary, decisions)

    def _span(self, period: Period, day: str) -> tuple[float, float, str]:
        if period not in ("day", "week", "month"):
            raise Usage(f"'{str(period)[:20]}' is no period.", "day, week or month.")
        zone, now = zone_of(self._holder.current.team.timezone), self._clock()
        since, _until = span(day or "today", now, zone)
        at = datetime.fromtimestamp(since, zone)
        start = datetime(at.year, at.month, at.day, tzinfo=zone)
        if period == "month":
            start = start.replace(day=1)
            end = (start + timedelta(days=32)).replace(day=1)
            name = f"{start:%B %Y}"
        elif period == "week":
            start -= timedelta(days=start.weekday())
            end = start + timedelta(days=7)
            name = f"week {start.isocalendar().week} of {start.isocalendar().year}"
        else:
            end = start + timedelta(days=1)
            name = f"{start:%Y-%m-%d}"
        return start.timestamp(), end.timestamp(), name


def _shown(listed: Listed) -> Shown:
    return Shown(listed.entry, listed.status, listed.links.corrected_by)


def _decisions(session: Session, run: int, granted: Mapping[int, str]) -> list[Approved]:
    """Who approved steps of a run, and under whose grant it acted by itself. granted: grant -> who gave it."""
    try:
        grant = session.run_row(run).grant
    except NotFound:  # the entry came from another instance
        return []
    found = [Approved(run, granted[grant], f"grant {grant}")] if grant is not None and grant in granted else []
    for each in session.approvals(run):
        people = [given.by for given in each.given] or [each.decided_by]
        if each.decided == "approved":
            found += [Approved(run, person, f"step {each.step}") for person in people if person]
    return found
