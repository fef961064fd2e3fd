"""The outbox: brings messages to people, each channel at its own pace, until somebody has taken them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo

from watchkeeper.core.delivery.channels import Health, Turn, health_of
from watchkeeper.core.delivery.folding import fold, updated
from watchkeeper.core.delivery.planning import Outlook, Plan, Sending, Told, Ways, plan
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.inventory.values import Channel, Team
from watchkeeper.core.notifications import Attempt, Message, Notification, next_try
from watchkeeper.core.times import format_duration, zone_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.notifications import channels_of
from watchkeeper.services.ports import Clock, DeliveryError, NotifierPort, Session, StorePort

log = logging.getLogger(__name__)
ROUNDS = 500
"""Most sendings in one call, so that a beat always ends."""
TOLD_LATE_S = 120.0
OTHERS_WAIT_S = 300.0
"""How much later than the one that tries a channel again the others are due, if nobody hastens them before."""
UNADDRESSED_S = 2.0
"""How often a page is looked at again that no channel is declared for."""

Start = Callable[[Callable[[], None]], None]


def in_turn(work: Callable[[], None]) -> None:
    """Do it here and now."""
    work()


def in_own_thread(work: Callable[[], None]) -> None:
    """Do it in a thread of its own: a channel that hangs holds up no other one."""
    threading.Thread(target=work, name="delivery", daemon=True).start()


class Outbox:
    """Delivers what is due. One instance per process, called from one thread.

    start: how the work of one channel is begun; `in_own_thread` in a process that stays. link: gives a message its addresses as
    people can open them, with the channel that it goes to.
    """

    def __init__(
        self, store: StorePort, notifier: NotifierPort, holder: InventoryHolder, clock: Clock, start: Start = in_turn,
        link: Callable[[Message, str], Message] = lambda message, _: message,
    ) -> None:  # fmt: skip
        self._store = store
        self._notifier = notifier
        self._holder = holder
        self._clock = clock
        self._start = start
        self._link = link
        self._guard = threading.Lock()
        self._busy: dict[str, tuple[int, ...]] = {}
        self._delivered = 0

    def deliver_due(self) -> int:
        """Begin every sending whose time has come; returns how many messages were delivered meanwhile."""
        before = self._delivered
        for _ in range(ROUNDS):
            planned = self._plan()
            for sending in planned.sendings:
                with self._guard:
                    self._busy[sending.channel] = tuple(row.id for row in sending.rows)
                self._start(lambda sending=sending: self._work(sending))  # type: ignore[misc]
            if not planned.sendings:
                break
        return self._delivered - before

    # ---- what to do next ---------------------------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        now = self._clock()
        team = self._holder.current.team
        with self._guard:
            busy = dict(self._busy)
        with self._store.read() as session:
            if not session.anything_due(now):
                return Plan()
            due = session.due_to_send(now)
            outlook = self._outlook(session, team, due, busy, now)
        planned = plan(outlook)
        moved = [*self._later(outlook, planned), *self._stranded(outlook, planned)]
        if moved:
            self._store.write(lambda session: self._put_off(session, moved, now))
        return planned

    def _outlook(
        self, session: Session, team: Team, due: Sequence[Notification], busy: Mapping[str, Sequence[int]], now: float
    ) -> Outlook:
        incidents = sorted({row.message.incident for row in due if row.message.incident is not None})
        rows = {row.id: row for row in due}
        for row in session.undelivered_of(incidents):
            number = row.folded_into or row.id
            if number not in rows:
                rows[number] = row if row.folded_into is None else session.notification(number)
        riders = session.riders(list(rows))
        known = {channel.name: channel for channel in team.channels}
        pending = [_addressed(row, team) for _, row in sorted(rows.items())]
        names = sorted({name for row in pending for name in row.channels})
        ways = {name: ways_of(known[name]) for name in names if name in known}
        longest = max([2 * team.group_s, *(way.at_most[1] for way in ways.values() if way.at_most)])
        told = session.told_since(now - longest)
        ends = session.ends_of(sorted({row.message.incident for row in told if row.message.incident is not None}))
        return Outlook(
            pending=pending,
            told=[Told(row, closed=ends.get(row.message.incident or 0, 0) > row.id) for row in told],
            healths={name: health_of(session.last_attempts(name)) for name in names},
            ways=ways,
            now=now,
            group_s=team.group_s,
            riders=riders,
            busy=set(busy),
            in_hand={number for numbers in busy.values() for number in numbers},
        )

    def _later(self, outlook: Outlook, planned: Plan) -> list[tuple[Notification, str]]:
        """Rows that wait for the end of a group or a limit, so that nobody looks at them before."""
        later = dict(planned.later) | {
            row.id: outlook.now + UNADDRESSED_S for row in outlook.pending if not row.channels
        }
        return [
            (replace(row, due_at=later[row.id]), "")
            for row in outlook.pending
            if row.id in later and abs(row.due_at - later[row.id]) > 0.001
        ]

    def _stranded(self, outlook: Outlook, planned: Plan) -> list[tuple[Notification, str]]:
        """Rows whose channels are all down: one of each channel tries it again, the others wait for what comes of that."""
        moved, probes, incidents = [], set(), set()
        rows = [row for row in outlook.pending if row.id in planned.stranded]
        behind = set()
        for row in rows:
            if row.message.incident is not None and row.message.incident in incidents:
                behind.add(row.id)  # it waits for another of its incident anyway
            incidents.add(row.message.incident)
        for row in sorted(rows, key=lambda row: (row.id in behind, row.tried, row.message.severity or "P9", row.id)):
            turn = planned.stranded[row.id]
            channel = row.channels[turn.position]
            error = row.last_error or _why_down(row, turn, outlook.healths)
            text = "" if row.failed else f"Nobody can be told now: {error}"
            due_at = max(turn.at, outlook.now + 1.0) + (OTHERS_WAIT_S if channel in probes else 0.0)
            probes.add(channel)
            moved.append((replace(row, failed=True, last_error=error, due_at=due_at), text))
        return moved

    def _put_off(self, session: Session, moved: Iterable[tuple[Notification, str]], now: float) -> None:
        for row, text in moved:
            fresh = session.notification(row.id)
            if fresh.delivered_at is not None or fresh.folded_into is not None or fresh.tried != row.tried:
                continue
            session.save_notifications([row])
            if text and row.message.incident:
                session.add_event(Event(0, row.message.incident, now, "notification", "watchkeeper", text))

    # ---- one sending ---------------------------------------------------------------------------------------------------------

    def _work(self, sending: Sending) -> None:
        try:
            self._perform(sending)
        except Exception:
            log.exception("the outbox could not note what became of notification %s", sending.rows[0].id)
        finally:
            self._store.release()
            with self._guard:
                self._busy.pop(sending.channel, None)

    def _perform(self, sending: Sending) -> None:
        head, *others = sending.rows
        if any(row.folded_into is None for row in others):
            frozen = self._store.write(lambda session: _freeze(session, head, others))
            if frozen is None:
                return  # something of it was withdrawn meanwhile: the next look decides anew
            sending = replace(sending, rows=(head, *frozen))
        started = self._clock()
        message = self._composed(sending, started)
        error, permanent = self._try(sending.channel, message)
        now = self._clock()
        attempt = Attempt(head.id, sending.channel, started, not error, error, now - started)
        self._store.write(lambda session: self._note(session, sending, attempt, permanent, now))

    def _composed(self, sending: Sending, now: float) -> Message:
        team = self._holder.current.team
        zone = zone_of(team.timezone)
        limit = ways_of_name(team, sending.channel).at_most
        why = f"Together, because {sending.channel} takes {words(limit)}." if sending.limited and limit else ""
        message = fold(sending.rows, sending.since, zone, why)
        if sending.group:
            message = replace(self._update(sending, message, zone), group=sending.group)
        elif message.cause and ways_of_name(team, sending.channel).updates:
            message = replace(message, group=message.key)
        late = now - message.at
        if message.at and late > TOLD_LATE_S and not message.items:
            message = replace(message, body=f"{message.body}\n\nThis happened {format_duration(late)} ago.")
        return self._link(message, sending.channel)

    def _update(self, sending: Sending, message: Message, zone: tzinfo) -> Message:
        since = self._clock() - 2 * self._holder.current.team.group_s
        with self._store.read() as session:
            told = session.told_since(since)
        before = [
            row.message
            for row in told
            if row.delivered_by == sending.channel and sending.group in (row.grouped, row.message.key)
        ]
        return updated(before, message, zone)

    def _try(self, name: str, message: Message) -> tuple[str, bool]:
        """("", _) when it was taken, else (why not, whether the same again is of no use)."""
        channel = next((each for each in self._holder.current.team.channels if each.name == name), None)
        if channel is None:
            return f"channel {name} is no longer declared in watchkeeper.yaml", True
        try:
            self._notifier.send(channel, message)
        except DeliveryError as error:
            return str(error), error.permanent
        except Exception as error:
            log.exception("channel %s failed", name)
            return f"channel {name} failed: {type(error).__name__}", False
        return "", False

    def _note(self, session: Session, sending: Sending, attempt: Attempt, permanent: bool, now: float) -> None:
        head = sending.rows[0]
        if attempt.ok:
            self._note_taken(session, sending, attempt, now)
            return
        fresh = session.notification(head.id)
        if fresh.delivered_at is not None:  # withdrawn while it was tried
            session.save_notification(fresh, attempt)
            return
        same = head.position == sending.position
        moved = replace(head, position=sending.position, tries=max(head.tries, 0) if same else 0)
        session.save_notification(replace(next_try(moved, now, permanent), last_error=attempt.error), attempt)
        if head.message.incident and not head.failed:
            text = f"{attempt.channel} did not take the page: {attempt.error}"
            session.add_event(Event(0, head.message.incident, now, "notification", "watchkeeper", text))

    def _note_taken(self, session: Session, sending: Sending, attempt: Attempt, now: float) -> None:
        head, *others = sending.rows
        if health_of(session.last_attempts(attempt.channel)).failures:
            session.hasten(attempt.channel, now)
        last = {row.message.incident: row.id for row in sending.rows if row.message.incident is not None}
        behind = [
            replace(row, due_at=now)
            for row in session.undelivered_of(list(last))
            if row.id > last[row.message.incident or 0] and row.due_at > now and row.folded_into is None
        ]
        session.save_notifications(behind)
        group = sending.group or head.message.key
        taken = [
            replace(row, delivered_at=now, delivered_by=attempt.channel, failed=False, grouped=group, position=sending.position)
            for row in sending.rows
        ]  # fmt: skip
        session.save_notification(replace(taken[0], tries=max(head.tries, 0) + 1, tried=head.tried + 1), attempt)
        session.save_notifications(taken[1:])
        together = f" (with {len(others)} more)" if others else ""
        for row in taken:
            if row.message.incident:
                text = f"Told by {attempt.channel}{together}: {row.message.title}"
                session.add_event(Event(0, row.message.incident, now, "notification", "watchkeeper", text))
        self._delivered += len(taken)


def _freeze(session: Session, head: Notification, others: Sequence[Notification]) -> list[Notification] | None:
    """What goes together is kept before it is tried, so that a retry says the same under the same key."""
    now = [session.notification(row.id) for row in (head, *others)]
    if any(row.delivered_at is not None for row in now):
        return None
    frozen = [replace(row, folded_into=head.id) for row in others]
    session.save_notifications(frozen)
    return frozen


def _addressed(row: Notification, team: Team) -> Notification:
    """A page whose channels are all gone (or were never declared) goes to those that are declared now."""
    known = {channel.name for channel in team.channels}
    if any(name in known for name in row.channels):
        return row
    return replace(row, channels=channels_of(team), position=0, tries=0)


def _why_down(row: Notification, turn: Turn, healths: Mapping[str, Health]) -> str:
    health = healths.get(row.channels[turn.position])
    return health.error if health and health.error else "its channels are down."


def ways_of(channel: Channel) -> Ways:
    """What a channel is able to do."""
    return Ways(channel.at_most, channel.updates)


def ways_of_name(team: Team, name: str) -> Ways:
    """The same by its name; of one that is not declared nothing is known."""
    return next((ways_of(each) for each in team.channels if each.name == name), Ways())


def words(limit: tuple[int, float]) -> str:
    """``10 per 1 min``"""
    return f"{limit[0]} per {format_duration(limit[1])}"
