"""Time that is over, reclassified as maintenance: a record of its own, with the figures before and after in the log.

Nothing is rewritten: readings, flips and incidents stay as they were. Only the share of the time changes its name, and the
record can be taken back by another entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Draft
from watchkeeper.core.times import format_duration, utc_words
from watchkeeper.core.windows import Window, assert_known, assert_length, covered_checks
from watchkeeper.services.access import on_targets
from watchkeeper.services.availability import speaking
from watchkeeper.services.history import History
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.windows.carrying_out import scope_of
from watchkeeper.services.windows.muting import planned_by_check

OLDEST_S = 400 * 86_400.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds of one service within the reclassified time, by what they count as."""

    service: str
    up_s: float
    degraded_s: float
    down_s: float
    unknown_s: float
    maintenance_s: float

    def words(self) -> str:
        """``up 1 h, down 30 min``; what is zero is left out."""
        parts = (
            ("up", self.up_s), ("degraded", self.degraded_s), ("down", self.down_s), ("unknown", self.unknown_s),
            ("maintenance", self.maintenance_s),
        )  # fmt: skip
        return (
            ", ".join(f"{name} {format_duration(value)}" for name, value in parts if value >= 0.05) or "nothing watched"
        )


@dataclass(frozen=True, slots=True)
class Reclassified:
    """A record, and the figures of each service it touches before and after it."""

    window: Window
    before: tuple[Figures, ...]
    after: tuple[Figures, ...]


class Reclassifications:
    """Adds and takes back. Both need an approver: they change what a report says about the past."""

    def __init__(self, store: StorePort, history: History, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._history = history
        self._holder = holder
        self._clock = clock

    def add(
        self, targets: Sequence[str], starts_at: float, ends_at: float, why: str, actor: Actor, dry: bool = False
    ) -> Reclassified:
        """Count this time as maintenance. dry: only say what it would change."""
        assert_at_all(actor, "windows.past")
        inventory = self._holder.current
        now = self._clock()
        known = assert_known(targets, inventory)
        assert_allowed(actor, "windows.past", *on_targets(inventory, known))
        reason = " ".join(why.split())[:300]
        if not reason:
            raise Usage("Reclassifying needs a reason: it stands in the log for ever.", "Give --why TEXT.")
        if ends_at > now:
            raise Usage(
                f"It would end at {utc_words(ends_at)}, which is not over yet.",
                "Time to come is planned without --past.",
            )
        if starts_at < now - OLDEST_S:
            raise Usage(f"{utc_words(starts_at)} is longer ago than what is kept of the past.", "Give a later --from.")
        assert_length("window", starts_at, ends_at)
        window = Window(
            id=0, kind="window", targets=known, why=reason, actor=actor.name, starts_at=starts_at, ends_at=ends_at,
            created_at=now, remind_s=0.0, begun_at=starts_at, ended_at=ends_at, ended_by=actor.name,
            ended_why="it was over when it was written", past=True, watched_at=now,
        )  # fmt: skip
        with self._store.read() as session:
            before = self._figures(session, inventory, window)
            foreseen = self._figures(session, inventory, window, foreseen=True)
        if dry:
            return Reclassified(window, before, foreseen)
        return self._store.write(lambda session: self._add(session, inventory, window, before, actor))

    def _add(
        self, session: Session, inventory: Inventory, window: Window, before: tuple[Figures, ...], actor: Actor
    ) -> Reclassified:
        kept = session.add_window(window)
        after = self._figures(session, inventory, kept)
        said = (
            f"{utc_words(kept.starts_at)} to {utc_words(kept.ends_at)} of {scope_of(kept)} counts as maintenance now."
        )
        title = f"Reclassified as maintenance: {scope_of(kept)}"
        number = session.append_entry(_draft(kept, title, said, kept.why, before, after, actor, kept.created_at)).number
        kept = replace(kept, entry=number)
        session.save_window(kept)
        return Reclassified(kept, before, after)

    def take_back(self, number: int, actor: Actor, why: str) -> Reclassified:
        """The time counts again as what it was. The record stays, with who took it back and when."""
        assert_at_all(actor, "windows.past")
        reason = " ".join(why.split())[:300]
        if not reason:
            raise Usage("Taking it back needs a reason: it stands in the log for ever.", "Give --why TEXT.")
        now = self._clock()
        inventory = self._holder.current

        def work(session: Session) -> Reclassified:
            window = session.window(number)
            assert_allowed(actor, "windows.past", *on_targets(inventory, window.targets))
            if not window.past:
                raise Usage(
                    f"{window.kind.capitalize()} {number} is no reclassification.",
                    f"End it: wk {window.kind} end {number}.",
                )
            if window.taken_back_at is not None:
                raise Usage(f"Window {number} was taken back by {window.taken_back_by} already.", "See: wk window.")
            before = self._figures(session, inventory, window)
            back = replace(window, taken_back_at=now, taken_back_by=actor.name)
            session.save_window(back)
            after = self._figures(session, inventory, back)
            span = f"{utc_words(window.starts_at)} to {utc_words(window.ends_at)}"
            said = f"Window {number} is taken back: {span} counts again as what it was."
            title = f"Reclassification {number} taken back: {scope_of(back)}"
            draft = _draft(back, title, said, reason, before, after, actor, now)
            session.append_entry(replace(draft, corrects=window.entry))
            return Reclassified(back, before, after)

        return self._store.write(work)

    def _figures(
        self, session: Session, inventory: Inventory, window: Window, foreseen: bool = False
    ) -> tuple[Figures, ...]:
        """Of each service that it touches, over its time, as availability counts it. foreseen: as if it were kept already."""
        covered = covered_checks(window.targets, inventory)
        names = sorted({inventory.checks[key].service for key in covered})
        groups = {name: [check.key for check in speaking(inventory.services[name])] for name in names}
        every_s = {key: inventory.checks[key].every_s for keys in groups.values() for key in keys}
        planned = planned_by_check(session, inventory, window.starts_at, window.ends_at)
        if foreseen:
            planned = planned | {key: [(window.starts_at, window.ends_at)] for key in covered}
        splits = self._history.split_together(groups, window.starts_at, window.ends_at, planned, every_s)
        return tuple(
            Figures(name, each.up_s, each.degraded_s, each.down_s, each.unknown_s, each.maintenance_s)
            for name, each in splits.items()
        )


def _draft(
    window: Window, title: str, said: str, why: str, before: Sequence[Figures], after: Sequence[Figures], actor: Actor,
    now: float,
) -> Draft:  # fmt: skip
    figures = "\n".join(
        f"- {old.service}: before {old.words()}; after {new.words()}" for old, new in zip(before, after, strict=True)
    )
    facts: Mapping[str, str | int | float] = {
        "window": window.id, "kind": "window", "from": utc_words(window.starts_at), "to": utc_words(window.ends_at),
    }  # fmt: skip
    return Draft(
        at=now,
        type="Maintenance",
        title=title[:300],
        actor=actor.name,
        severity="Medium",
        sections=(
            ("Change", said),
            ("Reason", why),
            ("Impact", figures or "No check is covered, so no figure changes."),
        ),
        facts=facts,
    )
