"""Anchors: the head of the chain as it was at some moment, kept where nobody who can write the store reaches.

A commit of watchkeeper ends with the trailer ``Operations-Log-Head: NUMBER HASH``; the webhook of `log.anchor` gets the
same two values. A chain whose tail was cut, or which was written anew, does not fit them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from watchkeeper.core.log.chain import Verification

TRAILER = "Operations-Log-Head"
_VALUE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Entry `number` had this `hash`. at: when it was anchored, epoch seconds. where: ``commit 1a2b3c4`` or ``webhook``."""

    number: int
    hash: str
    at: float
    where: str


@dataclass(frozen=True, slots=True)
class Anchoring:
    """`log.anchor` of the team. webhook: where the head is sent, "" for nowhere; every_s: how often."""

    webhook: str = ""
    every_s: float = 86_400.0


def trailer(number: int, hash: str) -> str:
    """The last line of a commit message; stands below an empty line, as git wants its trailers."""
    return f"{TRAILER}: {number} {hash}"


def read_value(text: str) -> tuple[int, str] | None:
    """(number, hash) of what stands behind the colon of a trailer; None when it is none."""
    found = _VALUE.fullmatch(text.strip())
    return (int(found.group(1)), found.group(2)) if found else None


def compared(
    found: Verification, anchors: Iterable[Anchor], hashes: Mapping[int, str], lost: Sequence[tuple[int, float]] = ()
) -> Verification:
    """A verification after a look at the anchors: the first that the chain does not fit makes it bad.

    hashes: of the chain, of at least every number that an anchor names. lost: (first entry that is missing, time) of each
    restore from a backup, as it says in the log itself: an earlier anchor of what came after the backup fits nothing any
    more, and that is explained.
    """
    if not found.ok:
        return found
    fits = explained = 0
    for anchor in sorted(anchors, key=lambda each: (each.number, each.at)):
        if anchor.number <= found.entries and hashes.get(anchor.number) == anchor.hash:
            fits += 1
        elif any(anchor.number >= first and anchor.at <= at for first, at in lost):
            explained += 1
        else:
            return _unfit(found, anchor)
    return replace(found, anchors=fits, sentence=found.sentence + _said(fits, explained))


def _unfit(found: Verification, anchor: Anchor) -> Verification:
    if anchor.number > found.entries:
        sentence = (
            f"The end of the log was cut off: {anchor.where} says that there were {anchor.number} entries, "
            f"the log has {found.entries}."
        )
        return replace(found, ok=False, first_bad=found.entries + 1, sentence=sentence)
    sentence = (
        f"The log was written anew: {anchor.where} says that entry {anchor.number} had the hash {anchor.hash}, and now it "
        "has another. The first entry that differs is that one or an earlier one."
    )
    return replace(found, ok=False, first_bad=anchor.number, sentence=sentence)


def _said(fits: int, explained: int) -> str:
    if not fits and not explained:
        return ""
    words = f" {fits} anchor{'s' if fits != 1 else ''} outside fit{'s' if fits == 1 else ''}."
    if explained:
        words += f" {explained} {'belong' if explained > 1 else 'belongs'} to what a restore from a backup left out."
    return words
