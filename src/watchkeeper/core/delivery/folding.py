"""Several messages as one: what it says, and under which key it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

from watchkeeper.core.notifications import Item, Message, MessageKind, Notification

ALARMS: tuple[MessageKind, ...] = ("opened", "warning")
SHOWN = 40
"""Most messages that are written out in the text of one; the others are counted, and all stand in `items`."""


def direction(kind: MessageKind) -> str:
    """``alarm`` says that something is wrong, ``needs`` that a person must act, ``end`` that it is over."""
    if kind in ALARMS:
        return "alarm"
    return {"escalated": "needs", "closed": "end"}.get(kind, kind)


def item_of(message: Message) -> Item:
    """One message as a part of another."""
    return Item(message.key, message.kind, message.title, message.incident, message.severity, message.at, message.facts)


def fold(rows: Sequence[Notification], since: float | None, zone: tzinfo, why: str = "") -> Message:
    """The message of several rows, oldest first, that were frozen together; of one row its own message.

    since: when the first message of this cause was told, None when nothing was. why: why they come together.
    """
    first = rows[0].message
    if len(rows) == 1:
        return first
    items = tuple(item_of(row.message) for row in rows)
    opening = _needs_you_at_once(rows)
    if opening is not None:
        return replace(opening, items=items)
    standing = _standing(items)
    kind: MessageKind = "closed" if not standing else standing[0].kind
    severity = min((each.severity for each in standing or items if each.severity), default="")
    only = {item.incident for item in items}
    lines = [f"{clock(item.at, zone)}  {item.title}" for item in items[:SHOWN]]
    if len(items) > SHOWN:
        lines.append(f"and {len(items) - SHOWN} more")
    return replace(
        first,
        kind=kind,
        title=_headline(items, standing, severity, since, zone),
        body="\n".join(([why] if why else []) + lines),
        link=first.link if len(only) == 1 else "/incidents",
        incident=first.incident if len(only) == 1 else None,
        severity=severity,
        facts=first.facts if len(only) == 1 else {},
        items=items,
    )


def _needs_you_at_once(rows: Sequence[Notification]) -> Message | None:
    """An opening that needs a person from its first moment is one message: the opening with the reason."""
    if len(rows) != 2 or rows[0].message.incident is None or rows[0].message.incident != rows[1].message.incident:
        return None
    opened, needs = rows[0].message, rows[1].message
    if opened.kind != "opened" or needs.kind != "escalated":
        return None
    return replace(opened, kind="escalated", body=f"{opened.body}\n{needs.title}")


def _standing(items: Sequence[Item]) -> list[Item]:
    """Of each incident the last word, where that is not its end; the most severe first."""
    last = {item.incident: item for item in items}
    return sorted((item for item in last.values() if item.kind != "closed"), key=lambda each: each.severity or "P9")


def _headline(items: Sequence[Item], standing: Sequence[Item], severity: str, since: float | None, zone: tzinfo) -> str:
    more = f"{len(items)} more" if since is not None else f"{len(items)} messages"
    when = f" since {clock(since if since is not None else items[0].at, zone)}"
    ended = sum(1 for item in items if item.kind == "closed")
    if not standing:
        return f"{more}{when}, all closed; last: {items[-1].title}"
    closed = f", {ended} closed" if ended else ""
    return f"{severity} {more}{when}{closed}: {standing[0].title}".strip()


def updated(told: Sequence[Message], fresh: Message, zone: tzinfo) -> Message:
    """A message that replaces what a channel shows of its group: all that was told there, and this.

    told: oldest first; the key of the first names the group.
    """
    items = tuple(item for each in (*told, fresh) for item in (each.items or (item_of(each),)))
    standing = _standing(items)
    lines = [f"{clock(item.at, zone)}  {item.title}" for item in items[-SHOWN:]]
    severity = min((each.severity for each in standing or items if each.severity), default="")
    title = _headline(items, standing, severity, None, zone)
    return replace(
        fresh, title=title, body="\n".join(lines), severity=severity, items=items, update=True,
        kind=standing[0].kind if standing else "closed",
    )  # fmt: skip


def clock(at: float, zone: tzinfo) -> str:
    """``03:12`` on the team's clocks."""
    return f"{datetime.fromtimestamp(at, zone):%H:%M}"
