"""Which lasting keys were replaced."""

from __future__ import annotations

from watchkeeper.store import models
from watchkeeper.store.rows import storable


class KeyRows:
    """Mix-in of `DjangoSession`."""

    _using: str

    def key_generations(self) -> dict[tuple[str, str], int]:
        """(purpose, subject) to the generation that holds; 1 is left out."""
        rows = models.KeyGeneration.objects.using(self._using).values_list("purpose", "subject", "generation")
        return {(purpose, subject): number for purpose, subject, number in rows}

    def rotate_key(self, purpose: str, subject: str, now: float, by: str) -> int:
        """The next generation holds from now on; returns it."""
        rows = models.KeyGeneration.objects.using(self._using)
        values = {"purpose": storable(purpose), "subject": storable(subject)}
        known = rows.filter(**values).values_list("generation", flat=True).first()
        number = (known or 1) + 1
        rows.update_or_create(**values, defaults={"generation": number, "rotated_at": now, "rotated_by": storable(by)})
        return number
