"""The hash chain of the operations log: how an entry becomes bytes, how bytes are chained, how a chain is verified.

    body    canonical JSON of the draft: keys sorted, no spaces, UTF-8
    digest  sha256 of the body, hex
    hash    sha256 of the text [number,"previous",at,"digest"], hex; at: integer microseconds since 1970 UTC
    first   entry 1 has GENESIS as its previous hash

A chain shows every changed, removed, added or moved entry except a cut tail: an earlier state of a chain is itself a
whole chain. The head hash, kept elsewhere, shows that too (`core.log.proof`). A body may be absent only when a later
entry of the same chain names it (`core.log.absence`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchkeeper.core.checks.values import Value
from watchkeeper.core.log.absence import MARK, Claim, claim_of
from watchkeeper.core.log.values import Absence, Attachment, Draft, Entry

GENESIS = "0" * 64
FORM = 1
"""Version of the body's form; readers take unknown keys and missing ones."""
_WHEN_THERE = ("fields", "words", "tags", "attachments", "status_of", "thread")
"""Keys that a body holds only when they say something: bodies from before these keys keep their one form."""


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry as it is kept. at: integer microseconds. body: None when it is not there."""

    number: object
    previous: object
    at: object
    digest: object
    hash: object
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading the chain showed. entries: how many hold, from the first. head: hash of the last that holds.

    archived, purged: bodies that are not in the store; checked: archived ones that were read in their file. anchors: how
    many anchors outside were compared and fit.
    """

    ok: bool
    entries: int
    first_bad: int | None
    sentence: str
    head: str
    archived: int = 0
    purged: int = 0
    checked: int = 0
    anchors: int = 0


Look = Callable[[Absence], bytes | str | None]
"""Asked for an archived body: its bytes; None when its file is not there; a sentence when the file does not hold it."""


@dataclass(slots=True)
class _Walk:
    """What is learned on the way along the chain."""

    rows: dict[int, list[Absence]]
    look: Look | None
    claims: list[Claim] = field(default_factory=list)
    archived: int = 0
    purged: int = 0
    checked: int = 0


def microseconds(at: float) -> int:
    """Epoch seconds as the integer that is hashed."""
    return round(at * 1_000_000)


def canonical(draft: Draft) -> bytes:
    """The one byte form of a draft. Numbers that JSON does not know (NaN, infinity) are written as words."""
    body: dict[str, Any] = {
        "form": FORM,
        "at": draft.at,
        "type": draft.type,
        "title": draft.title,
        "actor": draft.actor,
        "severity": draft.severity,
        "status": draft.status,
        "sections": [[heading, text] for heading, text in draft.sections],
        "facts": {str(name): _finite(value) for name, value in draft.facts.items()},
        "corrects": draft.corrects,
        "fields": [[label, text] for label, text in draft.fields],
        "words": dict(draft.words),
        "tags": list(draft.tags),
        "attachments": [[each.name, each.size, each.digest] for each in draft.attachments],
        "status_of": draft.status_of,
        "thread": draft.thread,
    }
    for name in _WHEN_THERE:
        if not body[name]:
            del body[name]
    return _ENCODER.encode(body).encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape


def _finite(value: Value) -> Value:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def draft_of(body: bytes) -> Draft:
    """The draft of a body. Raises ValueError when the bytes are not one."""
    found = json.loads(body)
    if not isinstance(found, Mapping):
        raise ValueError("the body is not a JSON object")
    return Draft(
        at=float(found["at"]),
        type=found["type"],
        title=found["title"],
        actor=found["actor"],
        severity=found.get("severity", "Low"),
        status=found.get("status", "Complete"),
        sections=tuple((heading, text) for heading, text in found.get("sections", ())),
        facts=_facts(found.get("facts", {})),
        corrects=found.get("corrects"),
        fields=tuple((label, text) for label, text in found.get("fields", ())),
        words=dict(found.get("words", {})),
        tags=tuple(found.get("tags", ())),
        attachments=tuple(Attachment(name, size, digest) for name, size, digest in found.get("attachments", ())),
        status_of=found.get("status_of"),
        thread=found.get("thread"),
    )


def _facts(found: Mapping[str, Any]) -> dict[str, Value]:
    return dict(found)


def digest_of(body: bytes) -> str:
    """sha256 of the canonical body, hex."""
    return hashlib.sha256(body).hexdigest()


def hash_of(number: int, previous: str, at: int, digest: str) -> str:
    """sha256 of the canonical form of a chain row, hex."""
    return hashlib.sha256(f'[{number},"{previous}",{at},"{digest}"]'.encode()).hexdigest()


def chained(draft: Draft, number: int, previous: str) -> tuple[Entry, bytes]:
    """The entry that follows `previous`, and its body."""
    body = canonical(draft)
    digest = digest_of(body)
    return Entry(number, draft, digest, previous, hash_of(number, previous, microseconds(draft.at), digest)), body


def verify(rows: Iterable[Row], absences: Iterable[Absence] = (), look: Look | None = None) -> Verification:
    """Walk the whole chain in the order of its numbers; stop at the first row that does not hold.

    absences: the rows that say which bodies left. look: reads archived bodies where they are; None asks nobody.
    """
    walk = _Walk({}, look)
    for each in absences:
        walk.rows.setdefault(each.number, []).append(each)
    head, count = GENESIS, 0
    for row in rows:
        fault = _fault(row, count + 1, head, walk)
        if fault:
            bad = row.number if isinstance(row.number, int) and row.number <= count + 1 else count + 1
            return Verification(False, count, bad, f"{fault} The {count} entries before it hold.", head)
        head, count = str(row.hash), count + 1
    unclaimed = _first_difference(walk)
    if unclaimed:
        number, fault = unclaimed
        return Verification(False, min(count, max(number - 1, 0)), number, fault, head)
    if not count:
        return Verification(True, 0, None, "The log is empty.", head)
    said = "The one entry holds" if count == 1 else f"All {count} entries hold"
    sentence = f"{said}{_absent_words(walk)}; the head is {head}."
    return Verification(True, count, None, sentence, head, walk.archived, walk.purged, walk.checked)


def _absent_words(walk: _Walk) -> str:
    words = ""
    if walk.archived:
        words += f", {walk.archived} {'body' if walk.archived == 1 else 'bodies'} archived"
        words += f" ({walk.checked} of them read in the archive)" if walk.look else ""
    if walk.purged:
        words += f", {walk.purged} {'body' if walk.purged == 1 else 'bodies'} purged"
    return words


def _fault(row: Row, expected: int, head: str, walk: _Walk) -> str:
    """Why a row does not follow; empty when it does. Only computed values enter the hash, and the digest of a body that
    left, which the hash covers."""
    if isinstance(row.number, int) and row.number < expected:
        return f"Entry {row.number} does not belong to the log: entry {expected} comes next."
    if row.number != expected or type(row.number) is not int:
        return f"Entry {expected} is missing: entry {row.number} stands in its place."
    gone = walk.rows.get(expected, ()) if walk.rows else ()
    if row.body is None:
        if not gone:
            return f"Entry {expected} has lost its body, and no entry names that."
        digest = str(row.digest)
    else:
        if gone:
            return f"Entry {expected} has its body, though a row says that it was {gone[0].reason}."
        digest = hashlib.sha256(row.body).hexdigest()
        if digest != row.digest:
            return f"Entry {expected} was altered: its text has the digest {digest}, the chain recorded {row.digest}."
    if row.previous != head:
        return f"Entry {expected} does not follow entry {expected - 1}: it names another previous hash."
    if type(row.at) is not int or hash_of(expected, head, row.at, digest) != row.hash:
        return (
            f"Entry {expected} was altered: its number, time, digest and previous hash do not give its recorded hash."
        )
    if row.body is None:
        return _looked(walk, expected, digest, gone)
    if MARK in row.body:
        claim = claim_of(expected, draft_of(row.body), row.at)
        if claim is not None:
            walk.claims.append(claim)
    return ""


def _looked(walk: _Walk, number: int, digest: str, gone: Iterable[Absence]) -> str:
    """Counts a body that left, and reads it where it was archived. Why that does not hold; empty when it does."""
    purged = next((each for each in gone if each.reason == "purged"), None)
    if purged is not None:
        walk.purged += 1
        if purged.digest != digest:
            return f"Entry {number} was purged, and the row of that names another digest than the chain."
        return ""
    walk.archived += 1
    place = next(iter(gone))
    found = walk.look(place) if walk.look else None
    if isinstance(found, str):
        return f"Entry {number} was archived in {place.place}, and {found}"
    if found is not None:
        walk.checked += 1
        if hashlib.sha256(found).hexdigest() != digest:
            return f"Entry {number} was archived in {place.place}, where its text was altered."
    return ""


def _first_difference(walk: _Walk) -> tuple[int, str] | None:
    """The first entry whose absence is not exactly what its naming entry says, and why."""
    claimed = {(each.number, each.reason): each for claim in walk.claims for each in claim.absences()}
    kept = {(each.number, each.reason): each for rows in walk.rows.values() for each in rows}
    different = [key for key in claimed.keys() | kept.keys() if claimed.get(key) != kept.get(key)]
    if not different:
        return None
    key = min(different)
    number, reason = key
    if key not in kept:
        return (
            number,
            f"Entry {number}: the row that says it was {reason} is missing; entry {claimed[key].entry} names it.",
        )
    if key not in claimed:
        return number, f"Entry {number}: a row says it was {reason}, and no entry of the log names that."
    return (
        number,
        f"Entry {number}: the row that says it was {reason} differs from what entry {claimed[key].entry} says.",
    )
