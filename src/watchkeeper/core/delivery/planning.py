"""What to send next on which channel: order per incident, groups of one cause, limits. Nothing is ever dropped.

Four rules, in this order.

1. *Order.* Of one incident, an end never overtakes what began it, nor a new beginning the end before it, on any channel
   that could show both. What was once tried together stays together, so its key means the same at every retry.
2. *Grouping.* The first message of a cause goes at once. Further ones within the group time wait for its end and go as
   one; a channel that can update gets them at once as a replacement of the first. The first P1 of a cause never waits,
   nor one that is back after its end.
3. *Limit.* A channel with `at_most: 10 per 1m` gets ten; what does not fit goes as one message in the last place.
4. *Health.* A channel that is down is passed over, and tried again by one message now and then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.core.delivery.channels import Health, Turn, turn_of
from watchkeeper.core.delivery.folding import direction
from watchkeeper.core.notifications import Notification

GROUP_S = 60.0
ALONE = ("approval", "test")
"""Kinds that are never held and never folded: a decision of its own, and the test of a channel."""
MOST_TOGETHER = 200


@dataclass(frozen=True, slots=True)
class Ways:
    """What a channel is able to do. at_most: (count, seconds) or None. updates: shows the newest word of a group only."""

    at_most: tuple[int, float] | None = None
    updates: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A notification that was delivered within the last minutes. closed: its incident was closed or reopened since."""

    row: Notification
    closed: bool = False

    @property
    def at(self) -> float:
        return self.row.delivered_at or 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that a plan needs. pending: undelivered, oldest first, without those that others carry. riders: of a carrier.

    told: delivered since `now` minus the longest of twice the group time and limits, riders included, oldest first.
    busy: channels at work now, and the rows in their hands.
    """

    pending: Sequence[Notification]
    told: Sequence[Told]
    healths: Mapping[str, Health]
    ways: Mapping[str, Ways]
    now: float
    group_s: float = GROUP_S
    riders: Mapping[int, Sequence[Notification]] = field(default_factory=dict)
    busy: Collection[str] = ()
    in_hand: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """Rows that go out as one message on a channel, oldest first. since: when this cause was first told, in a summary.

    group: key of the first message of the cause, on a channel that can update. limited: they go together because of a limit.
    """

    channel: str
    rows: tuple[Notification, ...]
    position: int
    since: float | None = None
    group: str = ""
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """sendings: at most one per channel. later: rows that wait, with the time. stranded: rows whose channels are all down."""

    sendings: tuple[Sending, ...] = ()
    later: Mapping[int, float] = field(default_factory=dict)
    stranded: Mapping[int, Turn] = field(default_factory=dict)


def plan(outlook: Outlook) -> Plan:
    """The next sending of every channel that has one."""
    turns = {row.id: turn_of(row, outlook.healths, outlook.now) for row in outlook.pending if row.channels}
    queues: dict[str, list[Notification]] = {}
    later: dict[int, float] = {}
    stranded: dict[int, Turn] = {}
    for row in outlook.pending:
        turn = turns.get(row.id)
        if turn is None or row.id in outlook.in_hand:
            continue
        if turn.all_down and row.message.kind != "test":  # a test says how its channel is, so it is tried all the same
            stranded[row.id] = turn
            continue
        queues.setdefault(row.channels[turn.position], []).append(row)
    by_incident = _by_incident(outlook)
    sendings = []
    for channel, queue in queues.items():
        if channel not in outlook.busy:
            sending = _Channel(outlook, channel, queue, turns, later, by_incident).next()
            if sending is not None:
                sendings.append(sending)
    return Plan(tuple(sendings), later, stranded)


def _by_incident(outlook: Outlook) -> dict[int, list[Notification]]:
    """Every undelivered row of an incident, whether it is carried by another or not."""
    found: dict[int, list[Notification]] = {}
    for row in outlook.pending:
        for each in (row, *outlook.riders.get(row.id, ())):
            if each.message.incident is not None:
                found.setdefault(each.message.incident, []).append(each)
    return found


class _Channel:
    """The choice of one channel's next sending."""

    def __init__(
        self, outlook: Outlook, name: str, queue: Sequence[Notification], turns: Mapping[int, Turn], later: dict[int, float],
        by_incident: Mapping[int, Sequence[Notification]],
    ) -> None:  # fmt: skip
        self._outlook = outlook
        self._by_incident = by_incident
        self._name = name
        self._turns = turns
        self._later = later
        self._now = outlook.now
        self._queue = queue
        self._ways = outlook.ways.get(name, Ways())
        self._told = [each for each in outlook.told if each.row.delivered_by == name]

    def next(self) -> Sending | None:
        bundles = [each for each in self._bundles() if self._in_order(each)]
        ready = [each for each in bundles if self._ready(each)]
        ready.sort(key=_urgency)
        free_at = self._free_at()
        if free_at > self._now:
            passing = [each for each in ready if _first_pages(each) or each[0].message.kind == "test"]
            self._later.update({row.id: free_at for each in ready if each not in passing for row in each})
            ready = passing
        if not ready:
            return None
        chosen = ready[0]
        if self._ways.at_most is not None and len(ready) > 1 and self._places() == 1:
            chosen = self._together(ready)
        return self._sending(chosen)

    # ---- which rows go together --------------------------------------------------------------------------------------------

    def _bundles(self) -> list[tuple[Notification, ...]]:
        """Frozen ones as they are; of the untried rows those of one cause together."""
        found: list[tuple[Notification, ...]] = []
        fresh: dict[tuple[str, tuple[str, ...]], list[Notification]] = {}
        for row in self._queue:
            if row.tried or row.id in self._outlook.riders:
                found.append((row, *self._outlook.riders.get(row.id, ())))
            elif row.due_at > self._now:
                continue
            elif row.message.kind in ALONE or not row.message.cause or not self._outlook.group_s:
                found.append((row,))
            else:
                fresh.setdefault((row.message.cause, row.channels), []).append(row)
        for rows in fresh.values():
            found.extend(self._split(rows))
        return found

    def _split(self, rows: list[Notification]) -> list[tuple[Notification, ...]]:
        """Of one cause: all that may go now in one message, in order.

        A person reads "down" and "closed" as two messages: only what waited for the end of a group is told in one.
        """
        window = self._window(rows[0].message.cause)
        free: list[Notification] = []
        passes = self._passes(rows, window)
        for row in rows:
            until = 0.0 if passes else self._hold(row, window)
            blockers = self._blockers(row, {each.id for each in free})
            if until > self._now:
                self._later[row.id] = until
            elif blockers:
                self._behind(row, blockers)
            else:
                free.append(row)
        if not free:
            return []
        if not window and not any(_was_held(row) for row in free):
            first = direction(free[0].message.kind)
            alike = ("alarm", "needs") if first == "alarm" else (first,)
            free = [
                row
                for at, row in enumerate(free)
                if all(direction(each.message.kind) in alike for each in free[: at + 1])
            ]
        return [tuple(free[:MOST_TOGETHER])]

    def _passes(self, rows: Sequence[Notification], window: Sequence[Told]) -> bool:
        """Whether nothing of this cause is held: the channel can update, or its first P1 is among it.

        A P1 that comes back after its end is a first one again: whoever read "closed" has gone back to sleep.
        """
        first = _first_pages(rows) and not any(_first_pages((each.row,)) and not each.closed for each in window)
        return self._ways.updates or not window or first

    def _together(self, ready: Sequence[tuple[Notification, ...]]) -> tuple[Notification, ...]:
        """All untried rows that are ready and have the same list of channels, for the last place under a limit."""
        first = next((each for each in ready if not self._frozen(each)), None)
        if first is None or self._frozen(ready[0]):
            return ready[0]
        joined = [
            row
            for each in ready
            if not self._frozen(each) and each[0].channels == first[0].channels and each[0].message.kind not in ALONE
            for row in each
        ]
        return tuple(sorted(joined, key=lambda row: row.id)[:MOST_TOGETHER]) or ready[0]

    def _frozen(self, rows: Sequence[Notification]) -> bool:
        return bool(rows[0].tried) or rows[0].id in self._outlook.riders

    # ---- may they go -------------------------------------------------------------------------------------------------------

    def _in_order(self, rows: Sequence[Notification]) -> bool:
        """Whether nothing older must be told first. Only what is older than the head counts: so no two wait for each other."""
        ids = {row.id for row in rows}
        blockers = [other for row in rows for other in self._blockers(row, ids) if other.id < rows[0].id]
        if blockers:
            self._behind(rows[0], blockers)
        return not blockers

    def _behind(self, row: Notification, blockers: Sequence[Notification]) -> None:
        """Nothing has to look at it before what it waits for comes due; it is hastened when that was told."""
        due = max(other.due_at for other in blockers)
        if due > self._now:
            self._later[row.id] = max(due, self._later.get(row.id, 0.0))

    def _blockers(self, row: Notification, beside: Collection[int]) -> list[Notification]:
        """Earlier undelivered messages of the same incident that must be told before this one."""
        if row.message.incident is None:
            return []
        return [
            other
            for other in self._by_incident.get(row.message.incident, ())
            if other.id < row.id and other.id not in beside and self._before(other, row)
        ]

    def _before(self, other: Notification, row: Notification) -> bool:
        if not set(other.channels) & set(row.channels):
            return False
        if row.message.kind == "approval" and not other.tried and other.due_at > self._now:
            return False  # a decision does not wait for an opening that is held
        return other.channels == row.channels or "end" in (direction(other.message.kind), direction(row.message.kind))

    def _ready(self, rows: Sequence[Notification]) -> bool:
        """Whether its time has come; notes until when it waits."""
        head = rows[0]
        turn = self._turns[head.id]
        until = max(turn.at, head.due_at) if self._frozen(rows) else turn.at
        if until <= self._now or head.message.kind == "test":
            return True
        self._later.update({row.id: until for row in rows if not self._frozen(rows)})
        return False

    def _hold(self, row: Notification, window: Sequence[Told]) -> float:
        """Until when the last message of the same direction holds this one back."""
        way, own = direction(row.message.kind), row.message.incident
        last = [
            each.at
            for each in window
            if direction(each.row.message.kind) == way and (not each.closed or each.row.message.incident == own)
        ]
        return max(last) + self._outlook.group_s if last else 0.0

    def _window(self, cause: str, times: int = 1) -> list[Told]:
        """What was told here of this cause within the group time, or so many of them."""
        since = self._now - self._outlook.group_s * times
        return [each for each in self._told if each.row.message.cause == cause and each.at > since]

    # ---- limits --------------------------------------------------------------------------------------------------------------

    def _counted(self) -> list[float]:
        if self._ways.at_most is None:
            return []
        since = self._now - self._ways.at_most[1]
        return [each.at for each in self._told if each.row.folded_into is None and each.at > since]

    def _places(self) -> int:
        return max(self._ways.at_most[0] - len(self._counted()), 0) if self._ways.at_most else MOST_TOGETHER

    def _free_at(self) -> float:
        """When the limit allows the next message."""
        if self._ways.at_most is None or self._places():
            return self._now
        count, period = self._ways.at_most
        return sorted(self._counted())[-count] + period

    def _sending(self, rows: tuple[Notification, ...]) -> Sending:
        turn = self._turns[rows[0].id]
        causes = {row.message.cause for row in rows}
        cause = causes.pop() if len(causes) == 1 else ""
        grouped = bool(cause) and rows[0].message.kind not in ALONE
        window = self._window(cause) if grouped else []
        group = ""
        if window and self._ways.updates:
            group = window[-1].row.grouped or window[0].row.message.key
        before = self._window(cause, 2) if grouped and any(_was_held(row) for row in rows) else window
        since = min((each.at for each in before), default=None)
        return Sending(self._name, rows, turn.position, since, group, limited=not cause and len(rows) > 1)


def _was_held(row: Notification) -> bool:
    """It was put off before it was ever tried: for the end of a group, or for a limit."""
    return not row.tried and row.due_at > row.created_at


def _first_pages(rows: Sequence[Notification]) -> bool:
    return any(row.message.severity == "P1" and row.message.kind == "opened" for row in rows)


def _urgency(rows: Sequence[Notification]) -> tuple[int, int, str, int]:
    """P1 pages first; then what was tried less often, so that one that no channel takes never holds up the others."""
    head = rows[0]
    return (0 if _first_pages(rows) and not head.tried else 1, head.tried, head.message.severity or "P9", head.id)
