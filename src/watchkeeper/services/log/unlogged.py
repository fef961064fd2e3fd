"""You changed X, log it? Changes of a kind that belongs into the log, and that no entry tells of, become open tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from watchkeeper.core.changes import Change
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log import when
from watchkeeper.core.log.values import Entry
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

SEEN = "log_questions"
PAGE = 200


@dataclass(frozen=True, slots=True)
class Prefilled:
    """The entry that would answer a task. task: its number; change: of the change it tells of, None for a follow-up."""

    task: int
    type: str
    title: str
    severity: str
    body: str
    change: int | None = None
    service: str = ""
    host: str = ""


class ChangeQuestions:
    """`beat` is called on a slow beat, by one process."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._entries = -1

    def beat(self) -> int:
        """Ask about changes that are an hour old and in no entry; close what was logged meanwhile. Returns how many."""
        now = self._clock()
        with self._store.read() as session:
            seen = session.setting(SEEN)
            found = session.changes_after(int(seen), PAGE) if seen is not None else []
            entries = session.entry_count()
            news = entries != self._entries and any(each.source.startswith("change:") for each in session.open_tasks())
        if seen is None:  # nobody is asked about the time before there were questions
            self._store.write(lambda session: session.set_setting(SEEN, str(session.newest_change())))
            return 0
        made = self._store.write(partial(self._ask, after=int(seen), now=now)) if _ripe(found[:1], now) else 0
        closed = self._store.write(partial(self._answered, now=now)) if news else 0
        self._entries = entries
        return made + closed

    def _ask(self, session: Session, after: int, now: float) -> int:
        ripe = _ripe(session.changes_after(after, PAGE), now)
        if not ripe or int(session.setting(SEEN) or 0) != after:
            return 0
        rules, inventory = self._holder.current.team.log.when, self._holder.current
        begin, end = min(each.at for each in ripe) - when.BEFORE_S, max(each.at for each in ripe)
        entries = session.entries_between(begin, end + when.COVERS_S)
        runs = session.runs_between(begin, end + 60.0)
        wanted = [
            each for each in ripe
            if rules.of(each.kind) != "never" and not when.logs_itself(each, runs)
            and not any(when.tells_of(entry, each) for entry in entries)
        ]  # fmt: skip
        made, done = 0, set[int]()
        for change in wanted:
            if change.id in done:
                continue
            same = when.together(change, [each for each in wanted if each.id not in done])
            done |= {each.id for each in same}
            made += self._one(session, inventory, change, [each for each in same if each.id != change.id], now)
        session.set_setting(SEEN, str(ripe[-1].id))
        return made

    def _one(self, session: Session, inventory: Inventory, change: Change, more: list[Change], now: float) -> int:
        rule = inventory.team.log.when.of(change.kind)
        people = {*inventory.team.people, *inventory.team.telling.people}
        owner = change.actor if change.actor in people else ""
        text = when.question(change, len(more), rule)
        numbers = ",".join(str(each.id) for each in (change, *more))
        task = Task(0, 0, text, now, "watchkeeper", owner, now, source=f"change:{numbers}"[:1000])
        return session.add_task_once(task) is not None

    def _answered(self, session: Session, now: float) -> int:
        """Close questions whose change somebody has logged meanwhile."""
        closed = 0
        for task in session.open_tasks():
            changes = changes_of(session, task)
            if not changes:
                continue
            first = changes[0]
            entries = session.entries_between(first.at - when.BEFORE_S, min(now, first.at + 30 * 86400.0) + 60.0)
            entry = next((each for each in entries if when.tells_of(each, first)), None)
            if entry is not None:
                by = entry.draft.actor
                session.save_task(replace(task, done_at=now, done_by=by, outcome="logged", closing=entry.number))
                closed += 1
        return closed

    def prefilled(self, number: int) -> Prefilled:
        """The entry that answers task `number`: what changed, or what the follow-up was. Raises `NotFound` or `Usage`."""
        with self._store.read() as session:
            task = session.task(number)
            if task.done_at is not None:
                words = f"logged as entry {task.closing}" if task.closing else task.outcome or "done"
                raise Usage(f"Task {number} is over: {words}.", f"Open it again: wk task done {number} --undo.")
            changes = changes_of(session, task)
            origin: Entry | None = session.entry(task.entry) if task.entry is not None else None
        if changes:
            kind, title, body = when.prefilled(changes[0], changes[1:])
            first = changes[0]
            return Prefilled(number, kind, title, "Low", body, first.id, first.service, first.host)
        body = f"Follow-up of entry {origin.number}: {origin.draft.title}" if origin is not None else ""
        return Prefilled(number, "Maintenance", task.text[:300], "Low", body)


def changes_of(session: Session, task: Task) -> list[Change]:
    """The changes that a question is about; empty for another task."""
    if not task.source.startswith("change:"):
        return []
    numbers = [int(each) for each in task.source[7:].split(",") if each.isdigit()]
    found = {each.id: each for number in numbers for each in session.changes_after(number - 1, 1)}
    return [found[number] for number in numbers if number in found]


def _ripe(changes: list[Change], now: float) -> list[Change]:
    """The first of them, up to one that is not an hour old yet; one of the future is not waited for."""
    found: list[Change] = []
    for change in changes:
        if 0 <= now - change.at < when.ASK_AFTER_S:
            break
        found.append(change)
    return found
