"""What people and agents do in a shift, and the reminders of those who say nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from watchkeeper.core.access import assert_allowed, may
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.log.values import Entry
from watchkeeper.core.notifications import Message
from watchkeeper.core.shifts.counters import Counters, counted, is_silent
from watchkeeper.core.shifts.evidence import bounded, digest_of, shortened
from watchkeeper.core.shifts.handover import accepted
from watchkeeper.core.shifts.values import Evidence, Item, ItemPlan, Note, NoteKind, Shift
from watchkeeper.core.times import format_duration
from watchkeeper.services.incidents.acts import LONGEST_NAME, one_line
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.tasks import Tasks, channels_of_person, worked
from watchkeeper.services.notifications import send
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.shifts import ending
from watchkeeper.services.shifts.checklist import Checklist, Timed

LONGEST_NOTE = 2000
MOST_NOTES = 1000
HELD = ("signed", "missing")
"""States of an item that a person has answered."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A shift with what belongs to it. handed: the shift whose hand-over it begins with, and that entry."""

    shift: Shift
    notes: tuple[Note, ...]
    counters: Counters
    tasks: tuple[Task, ...]
    handed: Shift | None = None
    entry: Entry | None = None


class Shifts:
    """`beat` is called on a slow beat; everything else is asked for."""

    def __init__(
        self, store: StorePort, holder: InventoryHolder, checklist: Checklist, tasks: Tasks, clock: Clock,
        redact: Callable[[str], str] = str,
    ) -> None:  # fmt: skip
        """redact: takes known secrets out of a text before it is kept."""
        self._store = store
        self._holder = holder
        self._checklist = checklist
        self._tasks = tasks
        self._clock = clock
        self._redact = redact

    # ---- reading -----------------------------------------------------------------------------------------------------

    def listed(self, limit: int = 50, before: int | None = None, person: str = "") -> list[Shift]:
        """Newest first."""
        with self._store.read() as session:
            return session.shifts(max(1, min(limit, 200)), before, person)

    def opened(self) -> list[Shift]:
        """Those that go on now."""
        with self._store.read() as session:
            return session.open_shifts()

    def current(self, actor: Actor) -> Shift | None:
        """The caller's own."""
        with self._store.read() as session:
            return session.open_shift(actor.name)

    def get(self, number: int) -> Whole:
        """One shift; raises `NotFound`."""
        with self._store.read() as session:
            return self._whole(session, session.shift(number))

    def evidence(self, number: int) -> Evidence:
        """The full text of some evidence; raises `NotFound`."""
        with self._store.read() as session:
            return session.evidence(number)

    def waiting_for(self, actor: Actor) -> Shift | None:
        """The hand-over that this one should accept."""
        with self._store.read() as session:
            return session.handed_over(actor.name)

    def _whole(self, session: Session, shift: Shift) -> Whole:
        now = self._clock()
        notes = session.notes(shift.id)
        until = shift.ended_at if shift.ended_at is not None else now + 1.0
        done = [each for each in session.tasks_ended(shift.started_at, until) if _is_of(each, shift)]
        tasks = [*done, *(each for each in session.open_tasks() if _is_of(each, shift))]
        handed = session.shift(shift.previous) if shift.previous is not None else None
        entry = session.entry(handed.entry) if handed is not None and handed.entry is not None else None
        counters = counted(shift, notes, self._holder.current.team.shift.remind_s, now)
        return Whole(shift, tuple(notes), counters, tuple(tasks), handed, entry)

    # ---- the beginning -----------------------------------------------------------------------------------------------

    def start(self, actor: Actor) -> Whole:
        """Begin a shift and look at its checklist. Raises `Locked` when one is open already."""
        assert_allowed(actor, "shifts.write")
        now = self._clock()
        items = tuple(Item(each.name, each.kind, each.budget_s) for each in self._plans())

        def work(session: Session) -> Shift:
            handed = session.handed_over(actor.name)
            return session.add_shift(
                Shift(
                    0, actor.name, not actor.is_person, now, items, previous=handed.id if handed is not None else None
                )
            )

        return self.look(self._store.write(work).id, actor)

    def look(self, number: int, actor: Actor) -> Whole:
        """Answer what can be looked at, anew; what was signed stays."""
        assert_allowed(actor, "shifts.write")
        with self._store.read() as session:
            shift = self._own(session, number, actor)
            before = self._versions(session, shift)
        plans = self._plans()
        found = self._checklist.answer(plans, before)
        self._store.write(partial(self._keep_answers, number=shift.id, plans=plans, found=found, by=actor.name))
        return self.get(shift.id)

    def _plans(self) -> tuple[ItemPlan, ...]:
        return self._holder.current.team.shift.checklist

    def _versions(self, session: Session, shift: Shift) -> dict[str, dict[str, str]]:
        """What this person saw when he last signed off, by name of the item."""
        for each in session.shifts(50, person=shift.person):
            if each.id != shift.id and each.signed_at is not None:
                return {item.name: dict(item.versions) for item in each.items}
        return {}

    def _keep_answers(
        self, session: Session, number: int, plans: Sequence[ItemPlan], found: Sequence[Timed], by: str
    ) -> None:  # fmt: skip
        shift = session.shift(number)
        signed = {item.name: item for item in shift.items if item.state == "signed"}
        items = []
        for plan, timed in zip(plans, found, strict=True):
            answer, at = timed.answer, self._clock()
            versions = {name: self._redact(value) for name, value in answer.versions.items()}
            text, full = self._redact(answer.text), self._redact(bounded(answer.evidence))
            short, whole = shortened(full)
            kept = None if whole else session.add_evidence(number, full, digest_of(full)).id
            old = signed.get(plan.name)
            if old is not None and versions == old.versions:
                items.append(old)
                continue
            items.append(
                Item(
                    plan.name,
                    plan.kind,
                    plan.budget_s,
                    answer.state,
                    text[:500],
                    short,
                    kept,
                    at,
                    by,
                    round(timed.used_s, 3) if plan.kind != "ask" else 0.0,
                    versions,
                )
            )
        session.save_shift(replace(shift, items=tuple(items)))

    def tick(self, actor: Actor, position: int, missing: str = "", text: str = "", number: int | None = None) -> Shift:
        """Sign one item (counted from 1), or say why it is missing; a failed one stays failed, with these words."""
        assert_allowed(actor, "shifts.write")
        now = self._clock()
        words = one_line(self._redact(missing or text), 300, "The words") if (missing or text).strip() else ""

        def work(session: Session) -> Shift:
            shift = self._own(session, number, actor)
            if not 1 <= position <= len(shift.items):
                raise Usage(f"The checklist of shift {shift.id} has {len(shift.items)} items, no item {position}.")
            item = shift.items[position - 1]
            if not item.by_hand and not missing:
                raise Usage(
                    f"Item {position} ({item.name}) is answered by looking, nobody signs it.",
                    "Look again: wk shift look.",
                )
            last = max((each.at for each in shift.items if each.at is not None and each.by_hand and each.state in HELD),
                       default=shift.started_at)  # fmt: skip
            changed = replace(
                item, state="missing" if missing else "signed", text=words or _signed_words(item), at=now, by=actor.name,
                used_s=max(0.0, now - last) if item.by_hand else item.used_s,
            )  # fmt: skip
            items = (*shift.items[: position - 1], changed, *shift.items[position:])
            kept = replace(shift, items=items)
            session.save_shift(kept)
            return kept

        return self._store.write(work)

    def sign(self, actor: Actor, number: int | None = None) -> Shift:
        """Sign off the checklist as it stands. What failed or is missing does not hinder it; what is open does."""
        assert_allowed(actor, "shifts.write")

        def work(session: Session) -> Shift:
            shift = self._own(session, number, actor)
            left = [f"{place} ({each.name})" for place, each in enumerate(shift.items, 1) if each.state == "open"]
            if left:
                raise Usage(
                    f"These items have no answer yet: {', '.join(left)[:300]}.",
                    "Sign each: wk shift tick N; or say why not: wk shift tick N --missing WHY.",
                )
            kept = replace(shift, signed_at=self._clock())
            session.save_shift(kept)
            return kept

        return self._store.write(work)

    def accept(self, actor: Actor, number: int | None = None) -> Shift:
        """Take a hand-over: that of `number`, else the one that waits for the caller. Writes an entry."""
        assert_allowed(actor, "shifts.write")
        now = self._clock()

        def work(session: Session) -> Shift:
            shift = session.shift(number) if number is not None else session.handed_over(actor.name)
            if shift is None:
                raise NotFound("No hand-over waits for you.", "See the shifts: wk shift list.")
            if shift.ended_at is None or shift.accepted_at is not None:
                words = f"was accepted by {shift.accepted_by}" if shift.accepted_at else "still goes on"
                raise Usage(f"Shift {shift.id} of {shift.person} {words}.")
            if shift.handed_to not in ("", actor.name):
                raise Forbidden(f"Shift {shift.id} was handed to {shift.handed_to}, not to {actor.name}.")
            kept = replace(shift, accepted_at=now, accepted_by=actor.name)
            session.save_shift(kept)
            session.append_entry(accepted(kept, actor.name, now))
            return kept

        return self._store.write(work)

    # ---- during the shift --------------------------------------------------------------------------------------------

    def note(
        self, actor: Actor, text: str, kind: NoteKind = "note", evidence: str = "", ready_for: str = "",
        number: int | None = None,
    ) -> Note:  # fmt: skip
        """Report. evidence: its full text is kept, at most 10 lines of it are shown. ready_for: what one stands by for."""
        assert_allowed(actor, "shifts.write")
        said = self._redact(" ".join(text.split()))[:LONGEST_NOTE] or (f"Ready for {ready_for}" if ready_for else "")
        if not said:
            raise Usage("The note says nothing.", 'Write: wk shift note "..." --progress.')
        full = self._redact(bounded(evidence.strip("\n")))
        ready = one_line(self._redact(ready_for), 200, "What you are ready for") if ready_for.strip() else ""

        def work(session: Session) -> Note:
            shift = self._own(session, number, actor)
            if len(session.notes(shift.id)) >= MOST_NOTES:
                raise Usage(f"Shift {shift.id} has {MOST_NOTES} notes already.", "Hand it over: wk shift end.")
            now = self._clock()
            short, whole = shortened(full)
            digest = digest_of(full) if full.strip() else ""
            kept = session.add_evidence(shift.id, full, digest).id if full.strip() and not whole else None
            note = session.add_note(Note(0, shift.id, now, kind, actor.name, said, short, kept, digest))
            wanted = (*shift.ready_for, ready) if ready and ready not in shift.ready_for else shift.ready_for
            session.save_shift(replace(shift, reported_at=now, ready_for=wanted[-20:]))
            return note

        return self._store.write(work)

    def unblock(self, actor: Actor, note: int) -> Note:
        """A blocker is over."""
        assert_allowed(actor, "shifts.write")

        def work(session: Session) -> Note:
            found = next((each for each in session.open_blockers() if each.id == note), None)
            if found is None:
                raise NotFound(f"Note {note} is no open blocker.", "See them: wk shift.")
            kept = replace(found, over_at=self._clock())
            session.save_note(kept)
            return kept

        return self._store.write(work)

    def standby(
        self, actor: Actor, on: bool, why: str = "", ready_for: Sequence[str] = (), number: int | None = None
    ) -> Shift:
        """Stand by, ready for these; or work again. It is a report."""
        assert_allowed(actor, "shifts.write")
        ready = tuple(dict.fromkeys(one_line(self._redact(each), 200, "What you are ready for") for each in ready_for))

        def work(session: Session) -> Shift:
            shift = self._own(session, number, actor)
            now = self._clock()
            words = "Standing by" if on else "At work again"
            text = words + (f": {self._redact(' '.join(why.split()))[:500]}" if why.strip() else "")
            text += f"; ready for {', '.join(ready)}" if ready else ""
            session.add_note(Note(0, shift.id, now, "ready", actor.name, text))
            kept = replace(
                shift, state="standby" if on else "working", ready_for=ready or (shift.ready_for if on else ()),
                reported_at=now,
            )  # fmt: skip
            session.save_shift(kept)
            return kept

        return self._store.write(work)

    def begin_task(
        self, actor: Actor, text: str = "", task: int | None = None, estimate_s: float | None = None, number: int | None = None
    ) -> Task:  # fmt: skip
        """Work on a task: on an open one by its number, or on a new one. What one worked on before is paused."""
        assert_allowed(actor, "tasks.write")
        said = one_line(self._redact(text), 500, "The task") if text.strip() else ""
        if (task is None) == (not said):
            raise Usage(
                "A task is named by its number or by its words.", 'wk shift task start "Deploy the desk" --estimate 3h'
            )

        def work(session: Session) -> Task:
            shift = self._own(session, number, actor)
            now = self._clock()
            for each in session.open_tasks():
                if each.started_at is not None and each.owner == actor.name and each.id != task:
                    session.save_task(worked(each, now))
            if task is None:
                return session.add_task(
                    Task(0, 0, said, now, actor.name, actor.name, shift=shift.id, estimate_s=estimate_s, started_at=now)
                )
            found = session.task(task)
            if found.done_at is not None:
                raise Usage(f"Task {task} is over: {found.outcome or 'done'}.")
            kept = replace(
                found, owner=actor.name, shift=shift.id, started_at=found.started_at or now,
                estimate_s=estimate_s if estimate_s is not None else found.estimate_s,
            )  # fmt: skip
            session.save_task(kept)
            return kept

        return self._store.write(work)

    def finish_task(self, actor: Actor, task: int | None = None) -> Task:
        """The task that one works on, or that of a number, is done."""
        assert_allowed(actor, "tasks.write")
        with self._store.read() as session:
            own = [each for each in session.open_tasks() if each.started_at is not None and each.owner == actor.name]
        if task is None and len(own) != 1:
            raise Usage(
                "You work on no task." if not own else "You work on several tasks.", "Name one: wk shift task finish N."
            )
        done = self._tasks.done(task if task is not None else own[0].id, actor)
        shift = self.current(actor)
        if shift is not None:
            took = f" in {format_duration(done.worked_s)}" if done.worked_s else ""
            planned = f", estimated {format_duration(done.estimate_s)}" if done.estimate_s else ""
            self.note(actor, f"Task {done.id} done{took}{planned}: {done.text}", "progress")
        return done

    # ---- the end -----------------------------------------------------------------------------------------------------

    def end(self, actor: Actor, to: str = "", said: str = "", number: int | None = None) -> Whole:
        """Hand over: one entry with everything that was done and is open. to: "" for whoever comes next."""
        assert_allowed(actor, "shifts.write")
        name = one_line(to, LONGEST_NAME, "The name") if to.strip() else ""
        words = self._redact(" ".join(said.split()))[:LONGEST_NOTE]
        with self._store.read() as session:
            wanted = self._own(session, number, actor).id
        if name == actor.name:
            raise Usage("A shift is handed to somebody else.", "Leave --to out for whoever comes next.")

        def work(session: Session) -> int:
            shift = self._own(session, wanted, actor)
            return ending.hand_over(session, self._holder.current, shift, name, words, self._clock(), actor.name)

        return self.get(self._store.write(work))

    def _own(self, session: Session, number: int | None, actor: Actor) -> Shift:
        """The open shift that this one may act in: his own; an approver acts in any, for one that was forgotten."""
        shift = session.shift(number) if number is not None else session.open_shift(actor.name)
        if shift is None:
            raise NotFound(f"{actor.name} has no shift.", "Begin one: wk shift start.")
        if shift.ended_at is not None:
            raise Usage(f"Shift {shift.id} of {shift.person} has ended.", "Begin another: wk shift start.")
        if shift.person != actor.name:
            if not may(actor, "shifts.others"):
                raise Forbidden(f"Shift {shift.id} is {shift.person}'s, not {actor.name}'s.", "An approver may end it.")
            assert_allowed(actor, "shifts.others")
        return shift

    # ---- the beat ----------------------------------------------------------------------------------------------------

    def beat(self) -> int:
        """Ask who has a shift and reported nothing for too long. Returns how many."""
        now, remind_s = self._clock(), self._holder.current.team.shift.remind_s
        with self._store.read() as session:
            silent = [each.id for each in session.open_shifts() if is_silent(each, remind_s, now)]
        return sum(self._store.write(partial(self._ask, number=each, now=now)) for each in silent)

    def _ask(self, session: Session, number: int, now: float) -> int:
        team = self._holder.current.team
        shift = session.shift(number)
        if not is_silent(shift, team.shift.remind_s, now):
            return 0
        heard = shift.reported_at if shift.reported_at is not None else shift.started_at
        title = f"Shift {number} of {shift.person}: nothing reported for {format_duration(now - heard)}"
        body = f"{title}. Report: wk shift note TEXT --progress. Or hand over: wk shift end."
        message = Message(
            key=f"shift-{number}-{shift.reminders + 1}", kind="warning", title=title[:200], body=body, link=f"/shifts/{number}",
            at=now, facts={"shift": str(number), "owner": shift.person},
        )  # fmt: skip
        send(session, team, message, now, channels_of_person(team, shift.person))
        session.save_shift(replace(shift, reminded_at=now, reminders=shift.reminders + 1))
        return 1


def _signed_words(item: Item) -> str:
    """What a signature without words says."""
    return "done" if item.kind != "documents" else f"read; {item.text}" if item.text.startswith("changed") else "read"


def _is_of(task: Task, shift: Shift) -> bool:
    return task.shift == shift.id
