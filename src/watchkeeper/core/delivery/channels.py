"""What the last attempts say of a channel: is it down, and when is it worth another try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watchkeeper.core.notifications import AT_ONCE, Attempt, Notification

DOWN_AFTER = 3
"""Failures in a row after which a channel counts as down, whichever messages they were."""
PROBE_PAUSES_S = (15.0, 30.0, 60.0)
"""How long a channel that is down is left alone before one message tries it again; the last one holds from then on."""


@dataclass(frozen=True, slots=True)
class Health:
    """failures: in a row, the newest at `last_at`. error: what the newest one said."""

    failures: int = 0
    last_at: float = 0.0
    error: str = ""

    @property
    def down(self) -> bool:
        """Messages go to the next channel first."""
        return self.failures >= DOWN_AFTER

    @property
    def retry_at(self) -> float:
        """From when on one message may try a channel that is down."""
        step = min(max(self.failures - DOWN_AFTER, 0), len(PROBE_PAUSES_S) - 1)
        return self.last_at + PROBE_PAUSES_S[step]

    def usable(self, now: float) -> bool:
        """Not down, or due for another try."""
        return not self.down or self.retry_at <= now


def health_of(newest_first: Iterable[Attempt]) -> Health:
    """The state of one channel from its attempts, the newest first."""
    failures, last_at, error = 0, 0.0, ""
    for attempt in newest_first:
        if attempt.ok:
            break
        if not failures:
            last_at, error = attempt.at + attempt.duration_s, attempt.error
        failures += 1
    return Health(failures, last_at, error)


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is with a message: a position in its channels, from `at` on. all_down: nobody can be told now."""

    position: int
    at: float
    all_down: bool = False


def turn_of(notification: Notification, healths: Mapping[str, Health], now: float) -> Turn:
    """The first usable channel from the one in turn on; when all are down, the one that may be tried first again."""
    channels = notification.channels
    nothing = Health()
    start = min(notification.position, len(channels) - 1)
    if notification.tries == AT_ONCE:
        return Turn(start, now)
    for position in range(start, len(channels)):
        if healths.get(channels[position], nothing).usable(now):
            return Turn(position, now)
    earliest = min(range(len(channels)), key=lambda each: healths.get(channels[each], nothing).retry_at)
    health = healths.get(channels[earliest], nothing)
    if health.usable(now):
        return Turn(earliest, now)
    return Turn(earliest, health.retry_at, all_down=True)
