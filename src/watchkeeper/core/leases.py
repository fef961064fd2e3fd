"""Leases: who holds a name for a while, such as ``host:app1``. A lease has an owner, an end and a fencing number.

The fencing number grows whenever a lease changes hands, also when its old holder takes it anew after its end. Whoever
acts under a lease remembers the number he was given: a higher one says that somebody was here in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """A name held by somebody. why: what for, as part of a sentence; run: the run that it is held for, if any."""

    name: str
    holder: str
    why: str
    fencing: int
    taken_at: float
    expires_at: float
    run: int | None = None


def is_live(lease: Lease, now: float) -> bool:
    """Whether somebody holds it at this moment."""
    return bool(lease.holder) and lease.expires_at > now


def is_held_by(lease: Lease, holder: str, now: float) -> bool:
    """Whether this holder has it at this moment."""
    return lease.holder == holder and is_live(lease, now)


def still_holds(mine: Lease, current: Lease | None, now: float) -> bool:
    """Whether the lease I was given is still the one that counts: nobody took it meanwhile, and it has not run out."""
    return current is not None and current.fencing == mine.fencing and is_held_by(current, mine.holder, now)


def taken(
    current: Lease | None, name: str, holder: str, now: float, lasts_s: float, why: str = "", run: int | None = None
) -> Lease:
    """The lease as it is after this holder asked for it.

    Free or run out: it is his, with the next fencing number. His already: it is renewed, with the number it has. Held
    by another: it stays as it is. A renewal that says no `why` and no `run` keeps the old ones.
    """
    if current is None:
        return Lease(name, holder, why, 1, now, now + lasts_s, run)
    if is_held_by(current, holder, now):
        kept = current.run if run is None else run
        return replace(current, expires_at=now + lasts_s, why=why or current.why, run=kept)
    if is_live(current, now):
        return current
    return Lease(name, holder, why, current.fencing + 1, now, now + lasts_s, run)


def released(current: Lease) -> Lease:
    """The lease after its holder let it go. Its fencing number stays, so the next one is higher."""
    return replace(current, holder="", why="", run=None, expires_at=current.taken_at)


HOST, DEPLOY, INCIDENT = "host:", "deploy:", "incident:"
"""The kinds of locks: one changing run per host, one deployment per service, one run per incident."""


def what(lease: Lease) -> str:
    """What its holder does: ``is changing app1``."""
    kind, _, name = lease.name.partition(":")
    words = {"host": "is changing", "deploy": "is deploying", "incident": "is at work on incident"}
    return f"{words[kind]} {name}" if kind in words else f"holds {lease.name}"


def held_sentence(lease: Lease) -> str:
    """Who holds it, what for, and until when: ``Run 12 (ada, step restart) is changing app1 until about 14:05 UTC.``"""
    who = lease.holder[:1].upper() + lease.holder[1:] if lease.run is not None else lease.holder
    about = f" ({lease.why})" if lease.why else ""
    until = datetime.fromtimestamp(lease.expires_at, UTC).strftime("%H:%M")
    return f"{who}{about} {what(lease)} until about {until} UTC."
