"""One change of the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

ChangeKind = Literal[
    "configuration", "commit", "run", "deployment", "log", "package", "reboot", "image", "window", "migration"
]
KINDS: Final[tuple[ChangeKind, ...]] = get_args(ChangeKind)
TOLD_KINDS: Final[tuple[ChangeKind, ...]] = ("deployment", "configuration", "migration")
"""Kinds that somebody may tell us of; watchkeeper sees the others itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. service and host: where known; host alone: the whole host. own: made by watchkeeper, never a suspect.

    detail: more about it, for people. key: given by whoever told of it, one row per key. incident: the one it answers
    (a run), whose suspect it never is.
    """

    id: int
    at: float
    kind: ChangeKind
    title: str
    actor: str
    service: str = ""
    host: str = ""
    detail: str = ""
    own: bool = False
    key: str = ""
    incident: int | None = None
