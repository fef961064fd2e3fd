"""The documents of a folder, and a shell that reads without running."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from watchkeeper.core.runbooks.lint import Refusal


class DocumentsPort(Protocol):
    """The files below one root, by path relative to it with ``/`` between its parts."""

    def kind(self, path: str) -> Literal["file", "folder", ""]:
        """What stands at a path; "" when nothing does, or when it cannot be looked at."""
        ...

    def read(self, path: str) -> bytes | None:
        """The bytes of a file of bounded size; None when it cannot be read."""
        ...


class ShellSyntaxPort(Protocol):
    """Says whether bash would take a text. Never runs anything of it."""

    def refusals(self, texts: Sequence[str]) -> list[Refusal | None] | None:
        """One answer per text, None for a text that bash takes; None altogether where there is no bash.

        The number of processes is bounded: what could not be asked about within it counts as taken.
        """
        ...
