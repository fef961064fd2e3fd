"""Which entries of the operations log came from documents."""

from __future__ import annotations

from watchkeeper.core.log.documents.identity import Key, Known
from watchkeeper.store import models
from watchkeeper.store.rows import storable


class LogDocumentRows:
    """The methods of `services.ports.log_documents.LogDocumentRows`."""

    _using: str

    def add_import(self, number: int, source: str, key: Key) -> None:
        models.LogImport.objects.using(self._using).create(
            number=number, source=storable(source), slot=key.slot, text=key.text, day=key.day, start=key.start
        )  # fmt: skip

    def imports(self) -> list[Known]:
        rows = models.LogImport.objects.using(self._using).order_by("id")
        return [
            Known(number, source, Key(slot, text, day, start))
            for number, source, slot, text, day, start in rows.values_list(
                "number", "source", "slot", "text", "day", "start"
            )
        ]

    def import_count(self, slot: str, text: str) -> int:
        return models.LogImport.objects.using(self._using).filter(slot=slot, text=text).count()
