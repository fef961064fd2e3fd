"""Keeping which lasting keys were replaced."""

from __future__ import annotations

from typing import Protocol


class KeyRows(Protocol):
    """Part of the Session."""

    def key_generations(self) -> dict[tuple[str, str], int]:
        """(purpose, subject) to the generation that holds; 1 is left out."""
        ...

    def rotate_key(self, purpose: str, subject: str, now: float, by: str) -> int:
        """The next generation holds from now on; returns it."""
        ...
