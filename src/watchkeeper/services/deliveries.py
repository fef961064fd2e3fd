"""What became of messages, and what a person does about one that nobody has taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.delivery.channels import Health, health_of
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.values import Event
from watchkeeper.core.notifications import AT_ONCE, Attempt, Notification, is_held, is_late
from watchkeeper.core.times import utc_words
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message with what became of it. sentence: that in words. carried: the others that go with it.

    state: ``told``, ``held`` (it waits to be told with others), ``on its way``, ``undelivered``, ``withdrawn``.
    """

    notification: Notification
    state: str
    sentence: str
    attempts: tuple[Attempt, ...] = ()
    carried: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel is by its last attempts. retry_at: when one that is down is tried again."""

    name: str
    kind: str
    down: bool
    failures: int
    error: str
    last_at: float | None = None
    retry_at: float | None = None


class Deliveries:
    """Reads the outbox for people."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def newest(self, undelivered: bool = False, before: int | None = None, limit: int = 50) -> list[Delivery]:
        """Newest first, with numbers below `before`."""
        with self._store.read() as session:
            rows = session.newest_notifications(undelivered, before, limit)
        return [self._seen(row) for row in rows]

    def show(self, number: int) -> Delivery:
        """One with all its attempts, newest first. Raises `NotFound`."""
        with self._store.read() as session:
            row = session.notification(number)
            carrier = row.folded_into or row.id
            attempts = tuple(session.attempts(carrier))
            carried = tuple(session.carried_by(row.id))
        return self._seen(row, attempts, carried)

    def channels(self) -> list[ChannelState]:
        """Every declared channel, in the order of the file."""
        team = self._holder.current.team
        with self._store.read() as session:
            healths: Mapping[str, Health] = {
                each.name: health_of(session.last_attempts(each.name)) for each in team.channels
            }
        return [
            ChannelState(
                each.name, each.kind, health.down, health.failures, health.error,
                health.last_at if health.failures else None, health.retry_at if health.down else None,
            )
            for each in team.channels
            for health in (healths[each.name],)
        ]  # fmt: skip

    def retry(self, number: int, actor: Actor, channel: str = "") -> Delivery:
        """Try it now, also on a channel that is down. channel: that one first, whether it was in its list or not."""
        assert_allowed(actor, "notifications.retry")
        names = [each.name for each in self._holder.current.team.channels]
        if channel and channel not in names:
            raise NotFound(f"There is no channel {channel} in watchkeeper.yaml.", f"Its channels: {', '.join(names)}.")

        def work(session: Session) -> int:
            row = session.notification(number)
            row = session.notification(row.folded_into) if row.folded_into is not None else row
            if row.delivered_at is not None:
                raise Usage(f"Notification {number} needs no other try: {self._seen(row).sentence}")
            known = tuple(name for name in row.channels if name in names) or tuple(names)
            ordered = tuple(dict.fromkeys((channel, *known))) if channel else known
            if not ordered:
                raise Usage("watchkeeper.yaml declares no channel to try.", "Add channels to watchkeeper.yaml.")
            now = self._clock()
            session.save_notifications([replace(row, channels=ordered, position=0, tries=AT_ONCE, due_at=now)])
            if row.message.incident:
                text = f"{actor.name} had it tried again on {ordered[0]}: {row.message.title}"
                session.add_event(Event(0, row.message.incident, now, "notification", actor.name, text))
            return row.id

        return self.show(self._store.write(work))

    def _seen(
        self, row: Notification, attempts: Sequence[Attempt] = (), carried: Sequence[Notification] = ()
    ) -> Delivery:
        state, sentence = self._state(row)
        return Delivery(row, state, sentence, tuple(attempts), tuple(carried))

    def _state(self, row: Notification) -> tuple[str, str]:
        now = self._clock()
        if row.delivered_by:
            return "told", f"{row.delivered_by} took it {utc_words(row.delivered_at)}."
        if row.delivered_at is not None:
            if row.message.kind == "test":
                return "undelivered", f"It was tried once: {row.last_error}"
            return "withdrawn", "It was withdrawn before it was told."
        if not row.channels:
            return "undelivered", "watchkeeper.yaml declares no channel, so nobody could be told."
        if row.folded_into is not None:
            return "on its way", f"It goes together with notification {row.folded_into}."
        if is_held(row, now):
            return "held", f"It waits until {utc_words(row.due_at)}, to be told together with others."
        if not is_late(row, now):
            return "on its way", "It is being sent."
        tried = f"{row.tried} {'try' if row.tried == 1 else 'tries'}" if row.tried else "no try yet"
        return "undelivered", f"{row.last_error or 'Nobody has taken it yet.'} ({tried}; next {utc_words(row.due_at)})"
