"""From plans to rows: every time of a plan within the next two days is a window of its own, made once."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.recurrence import occurrence_key, occurrences
from watchkeeper.core.windows import Item, Window
from watchkeeper.services.ports import Session
from watchkeeper.services.windows.carrying_out import Carrier
from watchkeeper.services.windows.muting import from_plan, plans_of

HORIZON_S = 48 * 3600.0
TAKEN_OUT = "its plan was taken out"
_FOLLOWS = ("targets", "why", "until_green", "remind_s", "watch_s")


def plan_ahead(session: Session, inventory: Inventory, now: float, carrier: Carrier) -> int:
    """Make, move and take out rows so that they say what the plans say. Returns how many rows were written.

    A window that a person ended or extended is left as he wanted it. A plan that is gone ends what it began.
    """
    found = differences(session, inventory, now)
    for row, fresh in found:
        if fresh is None and row is not None:
            carrier.end(session, row, now, "watchkeeper", TAKEN_OUT)
        elif fresh is not None and row is None:
            session.add_window(fresh)
        elif fresh is not None:
            session.save_window(fresh)
    return len(found)


def differences(session: Session, inventory: Inventory, now: float) -> list[tuple[Window | None, Window | None]]:
    """(row as it is, row as the plans want it) where they differ; None: not made yet, or not wanted any more."""
    wanted: dict[str, Window] = {}
    for plan in plans_of(session, inventory):
        for start, end in occurrences(plan, now, now + HORIZON_S):
            wanted[occurrence_key(plan, start)] = from_plan(plan, start, end, now)
    rows = {each.occurrence: each for each in session.open_windows() if each.occurrence is not None}
    found: list[tuple[Window | None, Window | None]] = []
    for key, fresh in wanted.items():
        row = rows.get(key)
        there = session.window_of(key) if row is None else None
        if row is not None and not row.changed:
            followed = _followed(row, fresh)
            found += [(row, followed)] if followed != row else []
        elif row is None and there is None:
            found.append((None, fresh))
        elif there is not None and there.begun_at is None and there.ended_why == TAKEN_OUT:  # its plan came back
            found.append((there, replace(fresh, id=there.id, created_at=there.created_at)))
    gone = [each for key, each in rows.items() if key not in wanted and not each.changed and each.ends_at > now]
    return [*found, *((row, None) for row in gone)]


def _followed(row: Window, fresh: Window) -> Window:
    changed = replace(row, ends_at=fresh.ends_at, **{name: getattr(fresh, name) for name in _FOLLOWS})
    return changed if row.begun_at is not None else replace(changed, items=_kept(row.items, fresh.items))


def _kept(old: tuple[Item, ...], new: tuple[Item, ...]) -> tuple[Item, ...]:
    """The lines as the plan has them now, with the answers that were given already."""
    given = {(item.when, item.text, item.check): item for item in old}
    return tuple(given.get((item.when, item.text, item.check), item) for item in new)
