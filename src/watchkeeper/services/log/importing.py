"""Taking a document into the operations log: what it holds, what the log has already, what differs.

Nothing is ever written twice, however often and wherever it ends: each group of entries is one transaction that looks
again whether somebody was first, and the next import goes on with what is left. No entry is made about the import.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Invalid, NotFound, Usage
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.documents.damage import first_damage, undone
from watchkeeper.core.log.documents.drafting import draft_of, rebuilt
from watchkeeper.core.log.documents.identity import Key, Matched, key_of, match
from watchkeeper.core.log.documents.reading import read
from watchkeeper.core.log.documents.values import Document, Doubt, Found, Options, Span
from watchkeeper.core.log.documents.zones import zone_named
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.redaction import Redactor
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.tasks import follow_ups
from watchkeeper.services.ports import Clock, Session, StorePort

GROUP = 100
"""So many entries are one transaction."""
AT_MOST = 2000
"""So many entries are written by one call; whoever called asks again."""
LARGEST = 64 * 1024 * 1024
REMEMBERED = 16 * 1024 * 1024
"""A longer document is read again by each call, so that it does not stay in memory."""
_OWN = re.compile(r"^\s*(\d{1,12}), sha256 ([0-9a-f]{64})\s*$")


@dataclass(frozen=True, slots=True)
class Wish:
    """What to import and how. source: the name under which the document is known. zone: for times without one."""

    source: str
    zone: str = ""
    repair: bool = False
    redact: bool = False
    update: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """An entry whose text in the document is another than in the log."""

    entry: int
    line: int
    title: str
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found, and what it did. lines: of the document. own: entries that watchkeeper wrote there itself.

    secrets: (line, what) of known secrets; numbers: of the entries written now; left: how many are still to be written.
    """

    source: str
    lines: int
    found: int
    first_at: float | None
    last_at: float | None
    severities: dict[str, int]
    new: tuple[Draft, ...]
    same: int
    own: int
    differences: tuple[Difference, ...]
    doubts: tuple[Doubt, ...]
    rest: tuple[Span, ...]
    damage: str = ""
    damaged_line: int = 0
    damaged_text: str = ""
    meant: str = ""
    repaired: bool = False
    secrets: tuple[int, ...] = ()
    suspected: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A document that was read."""

    document: Document
    doubts: tuple[Doubt, ...]
    damage: tuple[str, int, str, str] | None
    repaired: bool
    secrets: tuple[int, ...]
    suspected: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """A document that was read, and compared with the log."""

    seen: _Seen
    matched: Matched
    own: int
    doubts: list[Doubt]


class Importer:
    """Imports documents. secrets: the values that must never be written."""

    def __init__(
        self, store: StorePort, holder: InventoryHolder, secrets: Callable[[], Sequence[str]], clock: Clock
    ) -> None:
        self._store = store
        self._holder = holder
        self._secrets = secrets
        self._clock = clock
        self._last: tuple[tuple[str, Wish, str], _Seen] | None = None

    def look(self, actor: Actor, data: bytes, wish: Wish) -> Imported:
        """What an import would do; nothing is written."""
        assert_allowed(actor, "log.import")
        return self._told(self._look(data, wish), wish, actor)

    def take(self, actor: Actor, data: bytes, wish: Wish, at_most: int = AT_MOST) -> Imported:
        """Import what is new; with `update` also what differs, as corrections. Raises `Invalid` for known secrets."""
        assert_allowed(actor, "log.import")
        look = self._look(data, wish)
        if look.seen.secrets and not wish.redact:
            lines = ", ".join(map(str, look.seen.secrets[:10]))
            raise Invalid(
                f"{wish.source} holds secrets that watchkeeper knows, in line {lines}: nothing was imported.",
                "Take them out of the document, or import it with --redact: each is then replaced by [redacted].",
            )
        told = self._told(look, wish, actor, at_most)
        numbers, left = self._write(look, wish, actor, at_most)
        if not left:
            self._last = None
        return dataclasses.replace(told, numbers=tuple(numbers), left=left)

    def _look(self, data: bytes, wish: Wish) -> _Look:
        if len(data) > LARGEST:
            raise Usage(f"{wish.source} has more than {LARGEST >> 20} MB.", "Import it in parts.")
        team = self._holder.current.team
        if wish.zone and zone_named(wish.zone, team.log.document.zones)[0] is None:
            raise Usage(f"{wish.zone} is no time zone.", "Name one such as Africa/Johannesburg, UTC or +02:00.")
        key = (hashlib.sha256(data).hexdigest(), wish, self._holder.current.revision)
        last = self._last  # a long document is written by several calls: it is read once
        seen = last[1] if last is not None and last[0] == key else self._seen(data, wish)
        self._last = (key, seen) if len(data) <= REMEMBERED else None
        with self._store.read() as session:
            own, others = _without_own(session, seen.document.entries)
            matched = match(others, session.imports(), wish.source)
        doubts = [*seen.doubts, *seen.document.doubts]
        for entry, first in matched.repeated:
            doubts.append(Doubt(entry.first, f"The same entry stands in line {first} too: it counts once."))
        return _Look(seen, matched, own, doubts)

    def _seen(self, data: bytes, wish: Wish) -> _Seen:
        team = self._holder.current.team
        text, doubts = decoded(data)
        damage = first_damage(text)
        repaired = False
        if damage is not None and wish.repair:
            text, repaired = undone(text), True
        secrets, suspected = self._secret_lines(text)
        if wish.redact and (secrets or suspected):
            text = Redactor(self._secrets()).text(text)
        options = Options(team.timezone, team.log.document.zones, wish.source, wish.zone)
        return _Seen(read(text, options), tuple(doubts), damage, repaired, secrets, suspected)

    def _secret_lines(self, text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(lines that hold a known secret, lines that hold what looks like one)."""
        values = self._secrets()
        whole = Redactor(values)
        if whole.text(text) == text:
            return (), ()
        known: list[int] = []
        looks: list[int] = []
        plain, both = Redactor(), Redactor(values)
        for number, line in enumerate(text.split("\n"), 1):
            if both.text(line) != line:
                (looks if plain.text(line) == both.text(line) else known).append(number)
        return tuple(known), tuple(looks)

    def _told(self, look: _Look, wish: Wish, actor: Actor, at_most: int | None = None) -> Imported:
        """at_most: so many of the new entries are drafted, and severities are not counted; None: all."""
        vocabulary = self._holder.current.team.log.vocabulary
        entries, matched, damage = look.seen.document.entries, look.matched, look.seen.damage
        new = tuple(
            draft_of(each, wish.source, vocabulary, actor.name) for each, _ in _ordered(matched.new, look)[:at_most]
        )
        drafts = [draft_of(each, wish.source, vocabulary) for each in entries] if at_most is None else []
        with self._store.read() as session:
            differences = tuple(_difference(session, *each) for each in matched.differing)
        return Imported(
            source=wish.source,
            lines=look.seen.document.lines,
            found=len(entries),
            first_at=min((each.when.at for each in entries), default=None),
            last_at=max((each.when.at for each in entries), default=None),
            severities=dict(Counter(each.severity for each in drafts)),
            new=new,
            same=matched.same,
            own=look.own,
            differences=differences,
            doubts=tuple(sorted(set(look.doubts), key=lambda each: each.line)),
            rest=tuple(each for each in look.seen.document.rest if each.kind not in ("blank", "day")),
            damage=damage[0] if damage else "",
            damaged_line=damage[1] if damage else 0,
            damaged_text=damage[2] if damage else "",
            meant=damage[3] if damage else "",
            repaired=look.seen.repaired,
            secrets=look.seen.secrets,
            suspected=look.seen.suspected,
            left=len(matched.new),
        )

    def _write(self, look: _Look, wish: Wish, actor: Actor, at_most: int) -> tuple[list[int], int]:
        vocabulary = self._holder.current.team.log.vocabulary
        todo: list[tuple[Found, Key, int | None]] = [
            (found, key, None) for found, key in _ordered(look.matched.new, look)
        ]
        if wish.update:
            todo += [(found, key, number) for found, key, number in look.matched.differing]
        numbers: list[int] = []
        times: Counter[tuple[str, str]] = Counter()
        part = todo[:at_most]
        for start in range(0, len(part), GROUP):
            group = []
            for found, key, corrects in part[start : start + GROUP]:
                pair = (key.slot, key.text)
                draft = draft_of(found, wish.source, vocabulary, actor.name)
                draft = dataclasses.replace(draft, corrects=corrects) if corrects is not None else draft
                group.append((draft, key, look.matched.there.get(pair, 0) + times[pair]))
                times[pair] += 1
            numbers += self._store.write(
                partial(_append, source=wish.source, group=group, now=self._clock(), inventory=self._holder.current)
            )
        return numbers, len(todo) - len(part)


def _append(
    session: Session, source: str, group: Sequence[tuple[Draft, Key, int]], now: float, inventory: Inventory
) -> list[int]:
    """Append those of a group that nobody else appended meanwhile. What young entries ask to be done becomes tasks."""
    numbers = []
    for draft, key, place in group:
        if session.import_count(key.slot, key.text) > place:
            continue
        entry = session.append_entry(draft)
        session.add_import(entry.number, source, key)
        follow_ups(session, entry, now, inventory)
        numbers.append(entry.number)
    return numbers


def _ordered(new: Sequence[tuple[Found, Key]], look: _Look) -> list[tuple[Found, Key]]:
    """By time, the oldest first; at the same time as the document tells it."""
    told = list(reversed(new)) if look.seen.document.newest_first else list(new)
    return sorted(told, key=lambda each: each[0].when.at)


def _without_own(session: Session, entries: Sequence[Found]) -> tuple[int, list[Found]]:
    """(how many entries watchkeeper itself wrote into the document, the others)."""
    own, others = 0, []
    for each in entries:
        if own_number(session, each) is not None:
            own += 1
        else:
            others.append(each)
    return own, others


def own_number(session: Session, found: Found) -> int | None:
    """The number of the log's entry that this is the rendering of; None when it is another's, or was not rendered."""
    for label, value in found.fields:
        match_ = _OWN.match(value) if label == "Entry" else None
        if match_:
            try:
                entry = session.entry(int(match_.group(1)))
            except (NotFound, Invalid):
                continue
            if entry.hash == match_.group(2):
                return entry.number
    return None


def _difference(session: Session, found: Found, key: Key, number: int) -> Difference:
    try:
        old = _text_of(session.entry(number))
    except (NotFound, Invalid):
        old = ""
    lines = difflib.unified_diff(
        old.splitlines(), found.raw.splitlines(), f"entry {number}", f"line {found.first}", lineterm="", n=1
    )
    return Difference(number, found.first, found.title, tuple(lines)[:200])


def _text_of(entry: Entry) -> str:
    return rebuilt(entry.draft) or "\n".join(text for _, text in entry.draft.sections)


def decoded(data: bytes) -> tuple[str, list[Doubt]]:
    """The text of a document: UTF-8, UTF-16 with its mark, or, where it is none of them, Windows-1252, and that is said."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), []
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    for encoding, name in (("gb18030", "GB18030"), ("shift_jis", "Shift JIS"), ("euc_kr", "EUC-KR")):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_east_asian(text):
            return text, [Doubt(line, f"The document is not UTF-8: it is read as {name}.")]
    if data.count(b"\x00") == 0:
        text = data.decode("cp1252", "replace") if b"\x81" not in data else data.decode("latin-1")
        broken = data.decode("utf-8", "replace").count("\ufffd")
        if broken * 50 > len(text) or (broken < 3 and text.count("\ufffd") == 0):
            return text, [Doubt(line, "The document is not UTF-8: it is read as Windows-1252.")]
    return data.decode("utf-8", "replace"), [Doubt(line, "Bytes that are no UTF-8 were replaced by a mark.")]


def _is_east_asian(text: str) -> bool:
    odd = [each for each in text if ord(each) > 127]
    usual = sum(
        1
        for each in odd
        if "\u3040" <= each <= "\u30ff"
        or "\u4e00" <= each <= "\u9fff"
        or "\uac00" <= each <= "\ud7a3"
        or "\u3000" <= each <= "\u303f"
        or "\uff00" <= each <= "\uff60"
    )
    return bool(odd) and usual * 10 >= len(odd) * 9 and len(odd) >= 2


__all__ = ["Difference", "Imported", "Importer", "Wish", "decoded", "key_of", "own_number", "undone"]
