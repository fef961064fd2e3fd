"""Changes: anything that altered the world, and which of them is suspect when something breaks."""

from watchkeeper.core.changes.ranking import Relations, Suspect, first_suspect, rank, relations
from watchkeeper.core.changes.values import KINDS, TOLD_KINDS, Change, ChangeKind

__all__ = [
    "KINDS",
    "TOLD_KINDS",
    "Change",
    "ChangeKind",
    "Relations",
    "Suspect",
    "first_suspect",
    "rank",
    "relations",
]
