"""Tasks and links of incidents, each with a line in the timeline."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.access import assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.records import Link, Task, read_link, words_of
from watchkeeper.core.incidents.values import Event
from watchkeeper.services.incidents.acts import LONGEST_NAME, one_line
from watchkeeper.services.incidents.base import Base
from watchkeeper.services.ports import Session

MOST = 200
"""Tasks, and links, of one incident."""


class Records(Base):
    """The part of `Incidents` for what people add to it; also after its end."""

    def tasks(self, number: int | None = None, open_only: bool = False) -> list[Task]:
        """Of one incident, or of all of them; oldest first."""
        with self._store.read() as session:
            if number is not None:
                session.incident(number)
            return session.tasks(number, open_only)

    def add_task(self, number: int, actor: Actor, text: str, owner: str = "", due_at: float | None = None) -> Task:
        """Something to be done because of this incident."""
        assert_at_all(actor, "incidents.task")
        said = one_line(text, 500, "The task")
        name = one_line(owner, LONGEST_NAME, "The owner") if owner.strip() else ""

        def work(session: Session) -> Task:
            self._may(actor, "incidents.task", session.incident(number))
            if len(session.tasks(number)) >= MOST:
                raise Usage(f"Incident {number} has {MOST} tasks already.", "Use a tracker, and link it.")
            now = self._clock()
            task = session.add_task(Task(0, number, said, now, actor.name, name, due_at))
            words = f"Task {task.id}: {said}" + (f" ({name})" if name else "")
            session.add_event(Event(0, number, now, "task", actor.name, words, detail={"task": task.id}))
            return task

        return self._store.write(work)

    def do_task(self, number: int, actor: Actor, done: bool = True) -> Task:
        """Tick a task by its own number, or take the tick back."""
        assert_at_all(actor, "incidents.task")

        def work(session: Session) -> Task:
            task = session.task(number)
            if not task.incident:
                raise NotFound(f"Task {number} is of no incident.", f"Tick it with: wk task done {number}.")
            self._may(actor, "incidents.task", session.incident(task.incident))
            if (task.done_at is not None) == done:
                return task
            now = self._clock()
            changed = replace(task, done_at=now if done else None, done_by=actor.name if done else "")
            session.save_task(changed)
            words = f"Task {task.id} {'done' if done else 'is to be done again'}: {task.text}"
            session.add_event(Event(0, task.incident, now, "task", actor.name, words, detail={"task": task.id}))
            return changed

        return self._store.write(work)

    def links(self, number: int) -> list[Link]:
        """Oldest first."""
        with self._store.read() as session:
            return session.links(number)

    def add_link(self, number: int, actor: Actor, target: str, title: str = "") -> Link:
        """A web address, or a run, log entry or incident by its number."""
        assert_at_all(actor, "incidents.link")
        kind, where = read_link(target)
        name = one_line(title, 200, "The title") if title.strip() else ""

        def work(session: Session) -> Link:
            self._may(actor, "incidents.link", session.incident(number))
            if kind == "run":
                session.run(int(where))
            elif kind == "entry":
                session.entry(int(where))
            elif kind == "incident":
                session.incident(int(where))
            known = session.links(number)
            twice = next((each for each in known if (each.kind, each.target) == (kind, where)), None)
            if twice is not None:
                return twice
            if len(known) >= MOST:
                raise Usage(f"Incident {number} has {MOST} links already.", "Put them together in one document.")
            link = session.add_link(Link(0, number, kind, where, name, self._clock(), actor.name))
            text = f"Link: {words_of(link)}" + (f", {where}" if kind == "url" and name else "")
            session.add_event(Event(0, number, link.at, "link", actor.name, text, detail={"link": link.id}))
            return link

        return self._store.write(work)
