"""Rows of shifts, their notes and their evidence."""

from __future__ import annotations

from typing import Protocol

from watchkeeper.core.shifts.values import Evidence, Note, Shift


class ShiftRows(Protocol):
    """Part of `Session`."""

    def add_shift(self, shift: Shift) -> Shift:
        """Raises `Locked` when this person has an open one."""
        ...

    def save_shift(self, shift: Shift) -> None: ...
    def shift(self, number: int) -> Shift:
        """Raises `NotFound`."""
        ...

    def open_shift(self, person: str) -> Shift | None: ...
    def open_shifts(self) -> list[Shift]:
        """Oldest first."""
        ...

    def shifts(self, limit: int = 50, before: int | None = None, person: str = "") -> list[Shift]:
        """Newest first."""
        ...

    def handed_over(self, person: str) -> Shift | None:
        """The newest ended shift that was handed to this person and not accepted, or the last that was handed to whoever
        comes next; once that one is accepted, those before it are told no more."""
        ...

    def add_note(self, note: Note) -> Note: ...
    def save_note(self, note: Note) -> None: ...
    def notes(self, shift: int) -> list[Note]:
        """Oldest first."""
        ...

    def open_blockers(self, limit: int = 100) -> list[Note]:
        """Blockers that nobody has said to be over, of all shifts, oldest first."""
        ...

    def add_evidence(self, shift: int, text: str, digest: str) -> Evidence:
        """The same text of the same shift is kept once."""
        ...

    def evidence(self, number: int) -> Evidence:
        """Raises `NotFound`."""
        ...
