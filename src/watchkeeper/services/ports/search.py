"""The knowledge base of the ops repo, and the index it is searched by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from watchkeeper.core.search import Document, Found, Kind, Piece


class IndexLost(Exception):
    """The index cannot be used any more and holds nothing now: it is to be filled anew."""


class KnowledgePort(Protocol):
    """The documents of the ops repo that are neither definitions nor runbooks: docs/, queries/, routines/."""

    def signature(self) -> str:
        """Changes whenever one of them was saved, added or removed; reads no file."""
        ...

    def documents(self) -> list[Document]:
        """All of them by path, bounded in number and size."""
        ...


class SearchIndexPort(Protocol):
    """A derived full-text index; it may be lost at any time. Safe to use from several threads."""

    def keep(self, pieces: Sequence[Piece]) -> None:
        """The index holds exactly these from now on; what has not changed costs nothing."""
        ...

    def find(self, words: Sequence[str], kinds: Sequence[Kind], limit: int, offset: int, every: bool) -> list[Found]:
        """What holds these words (also as beginnings of words), the best first. every: all of them, else any of them.

        Raises `IndexLost`.
        """
        ...
