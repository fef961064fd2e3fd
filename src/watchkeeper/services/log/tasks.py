"""Tasks: follow-ups of entries, incidents and shifts in one list; told when due, closed by the check they wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Settled
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.inventory.values import Inventory, Team
from watchkeeper.core.log.tasks import (
    Bound,
    bound_state,
    due_words,
    follow_ups_of,
    is_due,
    proven_entry,
    task_line,
    wants_reminder,
)
from watchkeeper.core.log.values import Entry
from watchkeeper.core.notifications import Message
from watchkeeper.core.times import format_duration, zone_of
from watchkeeper.services.access import on_incident
from watchkeeper.services.incidents.acts import LONGEST_NAME, one_line
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import channels_of, hash_of, send
from watchkeeper.services.ports import Clock, JournalPort, Session, StorePort

OLDEST_S = 90 * 86400.0
"""Entries of documents that are older than this make no tasks."""
MOST_OPEN = 500
SHORTEST_S, LONGEST_S = 60.0, 366 * 86400.0
OWN_TYPES = ("Hand-over",)
"""Types of entries whose open items are tasks already."""


def follow_ups(session: Session, entry: Entry, now: float, inventory: Inventory | None = None) -> list[Task]:
    """The open tasks that an entry makes, in the transaction of its appending; none of entries older than 90 days.

    inventory: whose people and checks the words may name, and in whose zone its days are. An entry that corrects or
    continues another does not repeat what is open there.
    """
    draft = entry.draft
    if draft.at < now - OLDEST_S or draft.type in OWN_TYPES or "task" in draft.facts:
        return []
    team = inventory.team if inventory is not None else Team()
    people = {*team.people, *team.telling.people} if inventory is not None else set()
    found = follow_ups_of(
        draft, zone_of(team.timezone), people, tuple(inventory.checks) if inventory is not None else ()
    )
    if not found:
        return []
    around = [each for each in (draft.corrects, draft.thread, draft.status_of) if each is not None]
    known = {task.text.casefold() for number in around for task in session.tasks_of_entry(number)}
    made: list[Task] = []
    for place, each in enumerate(found):
        if each.text.casefold() in known:
            continue
        task = Task(
            0, 0, each.text, now, draft.actor, each.owner or (draft.actor if draft.actor in people else ""), each.due_at,
            entry=entry.number, bound_to=each.bound_to, stays_s=each.lasts_s if each.bound_to else None,
            source=f"entry:{entry.number}:{place}",
        )  # fmt: skip
        kept = session.add_task_once(task)
        made += [kept] if kept is not None else []
    return made


@dataclass(frozen=True, slots=True)
class Seen:
    """A task with the state of the check that it is bound to; None when it has none or that one was never asked."""

    task: Task
    bound: Bound | None
    due: str


class Tasks:
    """`listed` and `get` read; `beat` is called on a slow beat; the rest is what people and agents do."""

    def __init__(
        self, store: StorePort, journal: JournalPort, holder: InventoryHolder, clock: Clock, redact: Callable[[str], str] = str
    ) -> None:  # fmt: skip
        """redact: takes known secrets out of a text before it is kept."""
        self._redact = redact
        self._store = store
        self._journal = journal
        self._holder = holder
        self._clock = clock
        self._glance: tuple[int, float, tuple[int, tuple[Task, ...]]] | None = None

    # ---- reading -----------------------------------------------------------------------------------------------------

    def listed(self, owner: str = "", due: bool = False, ended: bool = False, entry: int | None = None) -> list[Seen]:
        """What is open, due first; ended: what was ended in the last 30 days instead. owner: only of this one."""
        now = self._clock()
        with self._store.read() as session:
            if entry is not None:
                found = session.tasks_of_entry(entry)
            elif ended:
                found = session.tasks_ended(now - 30 * 86400.0, now + 1.0)[::-1]
            else:
                found = session.open_tasks(MOST_OPEN)
        found = [each for each in found if (not owner or each.owner == owner) and (not due or is_due(each, now))]
        return self._seen(found, now)

    def get(self, number: int) -> Seen:
        """One task; raises `NotFound`."""
        with self._store.read() as session:
            task = session.task(number)
        return self._seen([task], self._clock())[0]

    def glance(self) -> tuple[int, tuple[Task, ...]]:
        """(how many are open, those that are due now), for pages that everybody looks at; ten seconds old at most."""
        now, revision = self._clock(), self._store.revision
        if self._glance is None or self._glance[0] != revision or not 0 <= now - self._glance[1] < 10.0:
            with self._store.read() as session:
                found = session.open_tasks(MOST_OPEN)
            self._glance = (revision, now, (len(found), tuple(each for each in found if is_due(each, now))))
        return self._glance[2]

    def _seen(self, tasks: Iterable[Task], now: float) -> list[Seen]:
        found = list(tasks)
        settled = self._journal.settled() if any(each.bound_to and each.done_at is None for each in found) else {}
        return [
            Seen(each, self._bound(each, settled, now), due_words(each, now) if each.done_at is None else "")
            for each in found
        ]

    def _bound(self, task: Task, settled: dict[str, Settled], now: float) -> Bound | None:
        if not task.bound_to or task.done_at is not None:
            return None
        gaps = self._journal.gaps(task.created_at)
        return bound_state(task.bound_to, settled, gaps, task.created_at, now)

    # ---- what people do ----------------------------------------------------------------------------------------------

    def add(
        self, actor: Actor, text: str, owner: str = "", due_at: float | None = None, check: str = "",
        stays_s: float | None = None, entry: int | None = None, shift: int | None = None, estimate_s: float | None = None,
    ) -> Task:  # fmt: skip
        """A task of nobody's incident. check with stays_s: done by itself once that check stayed OK for so long."""
        assert_allowed(actor, "tasks.write")
        said = one_line(self._redact(text), 500, "The task")
        name = one_line(owner, LONGEST_NAME, "The owner") if owner.strip() else ""
        now = self._clock()
        self._assert_check(check, stays_s)
        if stays_s is not None and due_at is None:
            due_at = now + stays_s

        def work(session: Session) -> Task:
            if entry is not None:
                session.entry(entry)
            if len(session.open_tasks(MOST_OPEN)) >= MOST_OPEN:
                raise Usage(
                    f"{MOST_OPEN} tasks are open already.", "Drop what nobody will do: wk task drop N --why TEXT."
                )
            task = Task(
                0, 0, said, now, actor.name, name, due_at, entry=entry, bound_to=check, stays_s=stays_s, shift=shift,
                estimate_s=estimate_s,
            )  # fmt: skip
            return session.add_task(task)

        return self._store.write(work)

    def _assert_check(self, check: str, stays_s: float | None) -> None:
        keys = self._holder.current.checks
        if check and not any(key == check or key.partition("@")[0] == check for key in keys):
            raise NotFound(f"There is no check {check}.", "Name one as service/check; wk status --all lists them.")
        if stays_s is None:
            return
        if not check:
            raise Usage("Only a check can stay OK.", "Name it: --check shop/web --stays 48h.")
        if not SHORTEST_S <= stays_s <= LONGEST_S:
            raise Usage(f"{format_duration(stays_s)} is no time to wait for.", "Give one from 1m to 366d.")

    def done(self, number: int, actor: Actor, done: bool = True, entry: int | None = None) -> Task:
        """Tick it, or take the tick back. entry: the one that tells how it ended."""
        assert_allowed(actor, "tasks.write")

        def work(session: Session) -> Task:
            task = session.task(number)
            self._assert_may(session, task, actor)
            if entry is not None:
                session.entry(entry)
            if (task.done_at is not None and task.outcome != "dropped") if done else task.done_at is None:
                return task
            now = self._clock()
            if not done:
                changed = replace(task, done_at=None, done_by="", outcome="", why="", closing=None, reminded_at=now)
                return self._keep(session, changed, actor, "is to be done again")
            changed = worked(task, now)
            changed = replace(
                changed,
                done_at=now,
                done_by=actor.name,
                outcome="logged" if entry is not None else "done",
                closing=entry,
            )
            return self._keep(session, changed, actor, "done")

        return self._store.write(work)

    def drop(self, number: int, actor: Actor, why: str) -> Task:
        """It will not be done. Says why, so that nobody asks again."""
        assert_allowed(actor, "tasks.manage")
        if not why.strip():
            raise Usage(
                f"Task {number} is not done, so dropping it needs a reason.", f'wk task drop {number} --why "..."'
            )
        reason = one_line(self._redact(why), 300, "The reason")

        def work(session: Session) -> Task:
            task = self._open(session, number)
            self._assert_may(session, task, actor)
            changed = worked(task, self._clock())
            changed = replace(changed, done_at=self._clock(), done_by=actor.name, outcome="dropped", why=reason)
            return self._keep(session, changed, actor, f"dropped: {reason}")

        return self._store.write(work)

    def assign(self, number: int, actor: Actor, owner: str = "") -> Task:
        """Say whose it is; the caller's when `owner` is empty. An agent may take one, not give one."""
        assert_allowed(actor, "tasks.write")
        name = one_line(owner, LONGEST_NAME, "The owner") if owner.strip() else actor.name
        if not actor.is_person and name != actor.name:
            assert_allowed(actor, "tasks.manage")
        return self._change(number, actor, f"belongs to {name}", owner=name, reminded_at=None)

    def due(self, number: int, actor: Actor, due_at: float | None) -> Task:
        """Another date, or none."""
        assert_allowed(actor, "tasks.manage")
        words = f"due in {format_duration(due_at - self._clock())}" if due_at is not None else "without a date"
        return self._change(number, actor, words, due_at=due_at, reminded_at=None)

    def bind(self, number: int, actor: Actor, check: str, stays_s: float | None = None) -> Task:
        """Show this check with it; with stays_s it is done once the check stayed OK for so long from now on."""
        assert_allowed(actor, "tasks.manage")
        self._assert_check(check, stays_s)
        return self._change(number, actor, f"bound to {check or 'no check'}", bound_to=check, stays_s=stays_s)

    def _change(self, number: int, actor: Actor, words: str, **fields: object) -> Task:
        def work(session: Session) -> Task:
            task = self._open(session, number)
            self._assert_may(session, task, actor)
            changed = replace(task, **fields)  # type: ignore[arg-type]
            return self._keep(session, changed, actor, words)

        return self._store.write(work)

    def _assert_may(self, session: Session, task: Task, actor: Actor) -> None:
        """A task of an incident is for those who act on its service."""
        if task.incident:
            about = on_incident(self._holder.current, session.incident(task.incident))
            assert_allowed(actor, "incidents.task", *about)

    def _open(self, session: Session, number: int) -> Task:
        task = session.task(number)
        if task.done_at is not None:
            raise Usage(
                f"Task {number} is over: {task.outcome or 'done'}.", f"Open it again: wk task done {number} --undo."
            )
        return task

    def _keep(self, session: Session, task: Task, actor: Actor, words: str) -> Task:
        session.save_task(task)
        if task.incident:
            text = f"Task {task.id} {words}: {task.text}"
            session.add_event(
                Event(0, task.incident, self._clock(), "task", actor.name, text, detail={"task": task.id})
            )
        return task

    # ---- the beat ----------------------------------------------------------------------------------------------------

    def beat(self) -> int:
        """Close what its check proves, tell what is due. Returns how many tasks that were."""
        now = self._clock()
        with self._store.read() as session:
            found = session.open_tasks(MOST_OPEN)
        return self._prove([each for each in found if each.stays_s is not None], now) + self._remind(found, now)

    def _prove(self, tasks: list[Task], now: float) -> int:
        settled = self._journal.settled() if tasks else {}
        proven = 0
        for task in tasks:
            bound = self._bound(task, settled, now)
            if bound is not None and task.stays_s is not None and bound.ok_s >= task.stays_s:
                keys = sorted(key for key in settled if key == task.bound_to or key.partition("@")[0] == task.bound_to)
                proven += self._store.write(partial(self._close, number=task.id, bound=bound, keys=keys, now=now))
        return proven

    def _close(self, session: Session, number: int, bound: Bound, keys: list[str], now: float) -> int:
        task = session.task(number)
        if task.done_at is not None:
            return 0
        entry = session.append_entry(proven_entry(task, bound, keys, now))
        changed = replace(
            worked(task, now), done_at=now, done_by="watchkeeper", outcome="proven", closing=entry.number,
            why=f"{task.bound_to} stayed OK for {format_duration(bound.ok_s)}",
        )  # fmt: skip
        session.save_task(changed)
        if task.incident:
            text = f"Task {task.id} done, {changed.why}: {task.text}"
            session.add_event(Event(0, task.incident, now, "task", "watchkeeper", text, detail={"task": task.id}))
        return 1

    def _remind(self, tasks: list[Task], now: float) -> int:
        """One message to each owner about all that is due; nobody's tasks go to the team's channels."""
        due: dict[str, list[Task]] = {}
        for task in tasks:
            if wants_reminder(task, now):
                due.setdefault(task.owner, []).append(task)
        return sum(
            self._store.write(partial(self._tell, owner=owner, tasks=each, now=now)) for owner, each in due.items()
        )

    def _tell(self, session: Session, owner: str, tasks: list[Task], now: float) -> int:
        due = [task for each in tasks if wants_reminder(task := session.task(each.id), now)]
        if not due:
            return 0
        team = self._holder.current.team
        one = f"Task {due[0].id} is due: {due[0].text}"
        title = one if len(due) == 1 else f"{len(due)} tasks are due"
        lines = [f"- {task_line(each, now)}" for each in due[:20]]
        lines += [f"- and {len(due) - 20} more: wk tasks --due"] if len(due) > 20 else []
        key = f"tasks-{hash_of(owner)}-{int(now)}"
        message = Message(
            key=key, kind="warning", title=title[:200], body="\n".join(lines), link="/tasks", at=now,
            facts={"owner": owner, "tasks": ",".join(str(each.id) for each in due)[:500]},
        )  # fmt: skip
        send(session, team, message, now, channels_of_person(team, owner))
        for task in due:
            session.save_task(replace(task, reminded_at=now))
        return len(due)


def channels_of_person(team: Team, name: str) -> tuple[str, ...]:
    """How this person is told; the team's channels for one whom nobody knows how to reach."""
    contact = team.telling.people.get(name)
    return (contact.channels if contact is not None else ()) or channels_of(team)


def worked(task: Task, now: float) -> Task:
    """The task with the work on it ended: the time since its start is added to what it took."""
    if task.started_at is None:
        return task
    return replace(task, started_at=None, worked_s=task.worked_s + max(0.0, now - task.started_at))
