"""Is watchkeeper alive as a whole: asked by /health, by the outbound heartbeat, and by people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.times import format_duration
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, StorePort, WatchPort

GRACE_S = 20.0
"""How long after its start main does not miss the watch, which starts beside it."""
STUCK_S: Mapping[str, float] = {"flips": 60.0, "proof": 60.0, "sweep": 120.0, "outbox": 300.0}
"""After how many seconds without a good round a loop of main counts as stuck. A slow channel may hold the outbox."""
DOING = {
    "flips": "taking what the watch found",
    "proof": "proving fixes",
    "sweep": "looking for incidents nobody holds",
    "outbox": "delivering pages",
}
WAITS_S = 120.0
UNDELIVERED_S = 300.0


class Pulse:
    """When each loop of main last went round well. Written by the loops, read by everybody. Times: monotonic."""

    def __init__(self, monotonic: Clock) -> None:
        self._monotonic = monotonic
        self._at: dict[str, float] = {}
        self._guard = threading.Lock()

    def beat(self, name: str) -> None:
        """This loop has just gone round well, or begins now."""
        with self._guard:
            self._at[name] = self._monotonic()

    def stuck(self) -> list[str]:
        """One sentence for each loop that has not gone round for too long."""
        now = self._monotonic()
        with self._guard:
            quiet = [(name, now - at) for name, at in self._at.items() if now - at > STUCK_S.get(name, float("inf"))]
        return [f"main has not got round to {DOING[name]} for {format_duration(age)}." for name, age in sorted(quiet)]


@dataclass(slots=True)
class _Progress:
    """The watch's count of questions, and when it last grew (monotonic)."""

    starts: object
    since: float


class Health:
    """Looks at watch, loops, outbox and disk; a few milliseconds. disk: its fault as a sentence, or ""."""

    def __init__(
        self, store: StorePort, watch: WatchPort, holder: InventoryHolder, pulse: Pulse, disk: Callable[[], str],
        clock: Clock, monotonic: Clock,
    ) -> None:  # fmt: skip
        self._store = store
        self._watch = watch
        self._holder = holder
        self._pulse = pulse
        self._disk = disk
        self._clock = clock
        self._monotonic = monotonic
        self._started = monotonic()
        self._progress = _Progress(None, self._started)
        self.more: list[Callable[[], str]] = []
        """Other looks at ourselves: each says what is stuck, or ""."""

    def faults(self) -> list[str]:
        """What is stuck, the watch first; empty when watchkeeper is alive as a whole."""
        disk = self._disk()
        found = [self._watching(), *self._pulse.stuck(), disk]
        if not disk:
            found += self._outbox()
            found += [look() for look in self.more]
        return [each for each in found if each]

    def _watching(self) -> str:
        now = self._monotonic()
        try:
            status = self._watch.status()
        except NoAnswer as error:
            return error.sentence if now - self._started > GRACE_S else ""
        if status.get("store_fault"):
            return str(status["store_fault"])
        owns_none = status.get("checks") == 0  # one of several nodes
        if owns_none or status.get("starts") != self._progress.starts:
            self._progress = _Progress(status.get("starts"), now)
        checks = self._holder.current.checks.values()
        quiet, shortest = now - self._progress.since, min((check.every_s for check in checks), default=None)
        if shortest is not None and quiet > 60.0 + 3 * shortest:
            return f"The watch has asked nothing for {format_duration(quiet)}."
        return ""

    def _outbox(self) -> list[str]:
        """Messages that wait for nobody, or reached nobody although every channel was tried."""
        now = self._clock()
        with self._store.read() as session:
            waiting = [each for each in session.notifications(undelivered=True) if each.folded_into is None]
        late = [each for each in waiting if not each.failed and now - each.due_at > WAITS_S]
        lost = [each for each in waiting if each.failed and now - each.created_at > UNDELIVERED_S]
        found = []
        if late:
            oldest = format_duration(now - min(each.due_at for each in late))
            found.append(f"The outbox is stuck: {_count(late)} due for {oldest}.")
        if lost:
            oldest = format_duration(now - min(each.created_at for each in lost))
            found.append(f"No channel takes pages: {_count(lost)} undelivered for {oldest}.")
        return found


def _count(found: Sequence[object]) -> str:
    return "1 message is" if len(found) == 1 else f"{len(found)} messages are"
