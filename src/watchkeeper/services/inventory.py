"""Keeping the current inventory: loaded anew when the files change, the last good one while they are broken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from watchkeeper.core.errors import Invalid
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.packing import Packed, read_packed
from watchkeeper.core.inventory.values import Inventory, Loaded, Mistake
from watchkeeper.services.ports.repositories import LastGoodPort, OpsRepositoryPort

QUIET_S = 0.3


class InventoryHolder:
    """The inventory that counts now. Made with the first load; `refresh` is called about twice a second.

    A save is taken up when the files have stayed the same for `quiet_s`, so that half of a save, or the first of
    several files that belong together, is not taken for the whole.
    """

    def __init__(
        self,
        repository: OpsRepositoryPort,
        clock: Callable[[], float],
        quiet_s: float = QUIET_S,
        last_good: LastGoodPort | None = None,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        """loaded: called after each load that brought an inventory, where it was loaded."""
        self._last_good, self._after = last_good, loaded
        self._repository = repository
        self._clock = clock
        self._quiet_s = quiet_s
        self._reader = _Remembering()
        self._current: Inventory | None = None
        self._signature = ""
        self._waiting: tuple[str, float] | None = None
        self._loaded = Loaded(None, ())
        if not self._load(repository.signature()) and last_good is not None:
            kept = last_good.files()
            self._current = load(kept, clock(), (), self._reader).inventory if kept else None
            self._after()

    @property
    def current(self) -> Inventory:
        """The last good inventory. Raises `Invalid` while there has been none yet."""
        if self._current is None:
            raise Invalid(self.fault, "'wk lint' lists every mistake.", mistakes=len(self._loaded.errors))
        return self._current

    @property
    def loaded(self) -> Loaded:
        """What the last attempt found, warnings included."""
        return self._loaded

    @property
    def fault(self) -> str:
        """ "" while the files are fine, else one sentence: the first mistake, and what keeps watching meanwhile."""
        errors = self._loaded.errors
        if not errors:
            return ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        first = f"{sentence(errors[0])}{more}."
        if self._current is None:
            return f"{first} There is no inventory to watch by yet."
        return f"{first} The inventory of {_day_and_time(self._current)} keeps watching."

    def refresh(self) -> bool:
        """Look whether the files changed; True when a new inventory took over. Costs a few file status calls."""
        signature = self._repository.signature()
        if signature == self._signature:
            self._waiting = None
            return False
        now = self._clock()
        if self._waiting is None or self._waiting[0] != signature:
            self._waiting = (signature, now)
            return False
        if 0 <= now - self._waiting[1] < self._quiet_s:
            return False
        return self._load(signature)

    def reload(self) -> bool:
        """Load at once, without waiting for quiet; True when a new inventory took over."""
        return self._load(self._repository.signature())

    def _load(self, signature: str) -> bool:
        files = self._repository.files()
        faults = tuple(self._repository.faults())
        loaded = load(files, self._clock(), faults, self._reader)
        self._signature, self._waiting, self._loaded = signature, None, loaded
        self._reader.forget(set(files))
        if loaded.inventory is None:
            return False
        if self._current is not None and self._current.revision == loaded.inventory.revision:
            return False
        self._current = loaded.inventory
        if self._last_good is not None:
            self._last_good.keep(files)
        self._after()
        return True


class _Remembering:
    """Reads a YAML file again only when its bytes changed: reading is nine tenths of a load."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, Packed]] = {}

    def __call__(self, path: str, data: bytes) -> Packed:
        digest = hashlib.sha256(data).digest()
        known = self._known.get(path)
        if known is None or known[0] != digest:
            known = (digest, read_packed(path, data))
            self._known[path] = known
        return known[1]

    def forget(self, kept: set[str]) -> None:
        for path in set(self._known) - kept:
            del self._known[path]


def sentence(mistake: Mistake) -> str:
    """A mistake as half a sentence: ``services/docs.yaml, line 14: expected a map, found 'x'``."""
    guess = f" (did you mean '{mistake.did_you_mean}'?)" if mistake.did_you_mean else ""
    return f"{mistake.file}, line {mistake.line}: expected {mistake.expected}, found {mistake.found}{guess}"


def _day_and_time(inventory: Inventory) -> str:
    zone: tzinfo = ZoneInfo(inventory.team.timezone)
    return datetime.fromtimestamp(inventory.loaded_at, zone).strftime("%a %H:%M")
