"""What runs out: one list of certificates, secrets, disks, grants, proofs, backups and what people wrote down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Literal

from watchkeeper.core.times import format_duration

ExpiryKind = Literal["certificate", "secret", "disk", "grant", "proof", "backup", "declared"]
STAGES: Final = (30, 14, 7, 1)
"""Days before the end at which it is told, once each."""
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Declared:
    """A date that the team wrote down. on: ISO date, at whose beginning it is over. warn_s: when it is told first."""

    name: str
    on: str
    owner: str = ""
    warn_s: float = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that runs out. name: its stable name. ends_at: epoch seconds. day: its end as it counts for telling once;
    a forecast has none, since its end moves. about: the service, response or host it belongs to. what: in words.
    """

    kind: ExpiryKind
    name: str
    ends_at: float
    what: str
    about: str = ""
    owner: str = ""
    next_step: str = ""
    warn_s: float = 30 * DAY_S
    day: str = ""
    forecast: bool = False

    def words(self, now: float) -> str:
        """``certificate of shop/tls ends in 6 days``."""
        left = self.ends_at - now
        if abs(left) < 60.0 and self.kind not in ("disk", "backup"):
            return f"{self.what} ends now"
        when = f"ended {format_duration(-left)} ago" if left <= 0 else f"ends in {format_duration(left)}"
        if self.kind == "disk":
            when = "is full now" if left <= 0 else f"is full in about {format_duration(left)}"
        if self.kind == "backup":
            when = f"is overdue by {format_duration(-left)}" if left <= 0 else f"is due in {format_duration(left)}"
        return f"{self.what} {when}"


def sorted_within(found: Iterable[Expiry], now: float, within_s: float) -> tuple[Expiry, ...]:
    """Those that end within the time or have ended, the first end on top."""
    near = (each for each in found if each.ends_at - now <= within_s)
    return tuple(sorted(near, key=lambda each: (each.ends_at, each.kind, each.name)))


def begin_of(day: str, zone: tzinfo) -> float:
    """When a date begins in a time zone, epoch seconds; dates before 1971 and after 9000 as these."""
    year = int(day[:4])
    day = "1971-01-01" if year < 1971 else "9000-01-01" if year > 9000 else day
    return datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()


def stage_of(expiry: Expiry, now: float) -> int | None:
    """The day count of the newest warning that is due: the smallest stage that is reached; None while none is.

    0 when it has ended. Nothing is told longer before than its own `warn_s`; a `warn` beyond 30 days is a stage itself.
    """
    left = expiry.ends_at - now
    if left <= 0:
        return 0
    stages = sorted({*STAGES, max(1, round(expiry.warn_s / DAY_S))})
    reached = [days for days in stages if left <= days * DAY_S and days * DAY_S <= expiry.warn_s + 1.0]
    return min(reached, default=None)


def due_line(found: Sequence[Expiry], now: float, most: int = 3) -> str:
    """``Due: certificate of shop/tls ends in 6 days; ...`` for the bridge; "" when nothing is near its own warning."""
    near = [each for each in found if each.ends_at - now <= min(each.warn_s, 30 * DAY_S)]
    if not near:
        return ""
    said = "; ".join(each.words(now) for each in near[:most])
    rest = f"; {len(near) - most} more" if len(near) > most else ""
    return f"Due: {said}{rest}."
