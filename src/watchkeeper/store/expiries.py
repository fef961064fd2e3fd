"""What was told about things that run out."""

from __future__ import annotations

from watchkeeper.store import models
from watchkeeper.store.rows import storable


class ExpiryRows:
    """Implements `services.ports.expiries.ExpiryRows`."""

    _using: str

    def expiry_warned(self, name: str, ends: str) -> list[int]:
        rows = models.ExpiryWarning.objects.using(self._using).filter(name=storable(name), ends=ends)
        return sorted(rows.values_list("days", flat=True))

    def note_expiry_warning(self, name: str, ends: str, days: int, now: float) -> None:
        if days not in self.expiry_warned(name, ends):
            models.ExpiryWarning.objects.using(self._using).create(name=storable(name), ends=ends, days=days, at=now)
