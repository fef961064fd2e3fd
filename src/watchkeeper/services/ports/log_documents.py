"""Which entries came from documents, as kept."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.core.log.documents.identity import Key, Known


class LogDocumentRows(Protocol):
    """Within one transaction."""

    def add_import(self, number: int, source: str, key: Key) -> None:
        """Entry `number` is what the document `source` holds under this key."""
        ...

    def imports(self) -> list[Known]:
        """All that came from documents, oldest first."""
        ...

    def import_count(self, slot: str, text: str) -> int:
        """How many entries came from documents with this identity and text."""
        ...
