"""What the watch loop needs from around it, and its bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from watchkeeper.core.inventory.values import Inventory
from watchkeeper.services.ports import ReadingsPort
from watchkeeper.services.ports.rollups import RollupsPort

T = TypeVar("T")


class WatchReadings(ReadingsPort, RollupsPort, Protocol):
    """The readings store with what the watch needs to go on after a restart."""

    def rules(self) -> dict[str, str]: ...

    def last_asked(self) -> dict[str, float]: ...


class Inventories(Protocol):
    """Holds the last good inventory; `refresh` and `reload` look at the files (blocking) and take over what is valid.

    `current` raises `Invalid` while there has been none yet.
    """

    @property
    def current(self) -> Inventory: ...

    @property
    def fault(self) -> str: ...

    def refresh(self) -> bool: ...

    def reload(self) -> bool: ...


class Offload(Protocol):
    """Runs blocking work beside the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and rhythms of the watch, seconds. gap_s: own silence that counts as having been away.

    open_probes, slow_probes: places of the two lanes, see `lanes`.
    """

    open_probes: int = 256
    slow_probes: int = 2048
    slow_after_s: float = 0.5
    flush_s: float = 0.15
    refresh_s: float = 0.5
    pulse_s: float = 1.0
    gap_s: float = 5.0
    unseen_s: float = 10.0
