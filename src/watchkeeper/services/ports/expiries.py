"""Rows of what was told about things that run out."""

from __future__ import annotations

from typing import Protocol


class ExpiryRows(Protocol):
    """A part of `Session`."""

    def expiry_warned(self, name: str, ends: str) -> list[int]:
        """The days before its end at which this thing was warned of already."""
        ...

    def note_expiry_warning(self, name: str, ends: str, days: int, now: float) -> None:
        """Keeps that it was; a second note of the same changes nothing."""
        ...
