"""What the emergency did, item by item, and what a person must do outside of watchkeeper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done. many: how many there were; None where it is not counted."""

    what: str
    many: int | None = None


@dataclass(frozen=True, slots=True)
class Outside:
    """A secret that only a person can replace. name: in secrets.yaml; where: ``env``, ``file`` or ``command``."""

    name: str
    where: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Emergency:
    """The whole of it. at: epoch seconds; entry: its number in the operations log."""

    at: float
    by: str
    why: str
    done: tuple[Done, ...]
    outside: tuple[Outside, ...]
    entry: int
