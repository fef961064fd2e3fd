"""How long entries stay in the store: the archive, legal holds, and the purge of a leaked secret.

Order of an archive: a durable note of the file, the file (synced, renamed), then one transaction with the naming entry,
the absences and the bodies that go, then the note is taken away. Of a purge: the note, the transaction, the file. Whoever
is killed in between leaves the note, and `repair` makes the files say what the rows say. The rows are the truth.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import WATCHKEEPER, Actor
from watchkeeper.core.errors import Forbidden, Invalid, Locked, NotFound, Usage
from watchkeeper.core.log import keeping
from watchkeeper.core.log.absence import act_of, numbers_of, spans
from watchkeeper.core.log.chain import Row, draft_of
from watchkeeper.core.log.keeping import Hold, Kept, Leaving, due, grouped, holds_of
from watchkeeper.core.log.markdown import log_parts
from watchkeeper.core.log.proof import trailer
from watchkeeper.core.log.values import Absence, Draft, Entry
from watchkeeper.core.times import zone_of
from watchkeeper.services.audit import audited
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.ports.log_keeping import ArchivePort

log = logging.getLogger(__name__)
MONTH = "log.archived_in"
"""Setting: the month in which the beat last archived, as 2026-11."""
PAGE = 1000
MOST_FILES = 100
Commit = Callable[[str, str], str]
Matcher = Callable[[str], Callable[[Entry], bool]]
"""From a question as in `wk log list` to what tells whether an entry is meant; raises `Usage` for a wrong one."""


@dataclass(frozen=True, slots=True)
class Purge:
    """What a purge takes away and cannot reach. entry: it, as long as its text is there. elsewhere: one sentence each."""

    entry: Entry
    named_by: int | None
    elsewhere: tuple[str, ...]


class Keeping:
    """Moves, holds and purges bodies. Every act is an entry of the log itself."""

    def __init__(
        self, store: StorePort, archive: ArchivePort, holder: InventoryHolder, clock: Clock, matcher: Matcher,
        erase: Callable[[], None] = lambda: None, commit: Commit = lambda paths, message: "",
    ) -> None:  # fmt: skip
        """erase: takes what the database still holds of deleted rows off its files. commit: of files of the ops repo, given as
        a pattern, with a message; "" when done, else why not."""
        self._store = store
        self._archive = archive
        self._holder = holder
        self._clock = clock
        self._matcher = matcher
        self._erase = erase
        self._commit = commit
        self._one = threading.Lock()

    # ---- the archive -----------------------------------------------------------------------------------------------

    def planned(self) -> list[Leaving]:
        """What would move now: files, entries, times."""
        return self._plan(self._clock())[0]

    def archive(self, actor: Actor) -> list[Leaving]:
        """Move what is due. Raises `Forbidden`, `WatchkeeperError` when a file cannot be written: nothing left then."""
        assert_allowed(actor, "log.archive")
        return self._archive_due(actor.name)

    def beat(self) -> None:
        """Where the team wants it once a month, in its time zone; and at once what a crash left half."""
        self.repair()
        team = self._holder.current.team
        if not team.log.keeping.monthly:
            return
        month = datetime.fromtimestamp(self._clock(), zone_of(team.timezone)).strftime("%Y-%m")
        with self._store.read() as session:
            done = session.setting(MONTH)
        if done == month or not self._holder.current.revision:
            return
        moved = self._archive_due(WATCHKEEPER.name)
        if moved:
            log.info("archived %d entries of the operations log", sum(len(each.numbers) for each in moved))
        self._store.write(lambda session: session.set_setting(MONTH, month))

    def repair(self) -> None:
        """After a crash in the middle of an act: the files say again what the rows say."""
        with self._one:
            places = self._archive.begun()
            for place in places:
                self._put_right(place)
            self._archive.done()

    def _archive_due(self, by: str) -> list[Leaving]:
        with self._one:
            moved: list[Leaving] = []
            found, seen = self._plan(self._clock())
            for leaving in found:
                moved.append(self._move(leaving, by, seen))
                with self._store.read() as session:
                    seen = session.log_head()[0]
            return moved

    def _plan(self, now: float) -> tuple[list[Leaving], int]:
        """What is due, and the number of the last entry that was looked at for holds."""
        team = self._holder.current.team
        with self._store.read() as session:
            head = session.log_head()[0]
            held = self._held(session)
        rows = [self._kept(number, draft, held) for number, draft in self._drafts() if number <= head]
        return grouped(due(rows, team.log.keeping, now), team.timezone), head

    def _kept(self, number: int, draft: Draft, held: Callable[[int, Draft], str]) -> Kept:
        fixed = bool(act_of(draft)) or bool(held(number, draft))
        severity = self._holder.current.team.log.vocabulary.severity(draft.severity)[0]
        return Kept(number, draft.at, severity, draft.corrects, fixed)

    def _drafts(self) -> Iterator[tuple[int, Draft]]:
        """Every entry whose body is in the store; in pages, so that no reading lasts long."""
        after = 0
        while True:
            with self._store.read() as session:
                page = session.log_links(after, PAGE)
            for row in page:
                if row.body is not None:
                    yield int(str(row.number)), _draft(row)
            if len(page) < PAGE:
                return
            after = int(str(page[-1].number))

    def _move(self, leaving: Leaving, by: str, seen: int) -> Leaving:
        """One group of entries of one year into its file."""
        place, kept = self._place(leaving.place)
        with self._store.read() as session:
            rows = session.log_links_of(leaving.numbers)
        if any(row.body is None for row in rows) or len(rows) != len(leaving.numbers):
            raise Locked("Somebody else archives or purges the same entries now.", "Repeat it in a minute.")
        leaving = Leaving(place, leaving.numbers, leaving.since, leaving.until, leaving.severities)
        self._archive.begin([place])
        digest = self._write(place, kept | {int(str(row.number)): row for row in rows})

        def work(session: Session) -> None:
            if any(act_of(each.draft) == "hold" for each in session.naming_entries(seen)):
                raise Locked("A legal hold came in between; nothing left the log.", "Repeat it: wk log archive.")
            session.name_entry(keeping.archive_entry(leaving, digest, by, self._clock()))

        try:
            self._store.write(work)
        except BaseException:
            self._put_right(place)  # when that fails too the note stays, and the next beat does it
            self._archive.done()
            raise
        self._archive.done()
        self._keep_in_git(place)
        return leaving

    def _keep_in_git(self, place: str) -> None:
        """Commit both files of a place, with the head of the chain; while people are at work in the repo it is theirs to do."""
        with self._store.read() as session:
            anchor = trailer(*session.log_head())
        why = self._commit(place.removesuffix(".jsonl") + ".*", f"Archive of the operations log: {place}\n\n{anchor}\n")
        if why:
            log.warning("%s is written and not committed: %s", place, why)

    def _place(self, wanted: str) -> tuple[str, dict[int, Row]]:
        """The file to write to and its rows: never one that the team wrote, or that belongs to another chain."""
        for again in range(1, MOST_FILES):
            place = wanted if again == 1 else wanted.replace(".jsonl", f"-{again}.jsonl")
            rows = self._archive.rows(place)
            if self._archive.free(place) and not self._strangers(rows or {}):
                with self._store.read() as session:
                    held = {each.number for each in session.log_absences(place=place)}
                return place, {number: row for number, row in (rows or {}).items() if number in held}
        raise Invalid(f"{wanted} and {MOST_FILES - 2} names beside it are taken by others.", "Move some of them away.")

    def _strangers(self, rows: dict[int, Row]) -> bool:
        with self._store.read() as session:
            hashes = session.hashes(list(rows))
        return any(hashes.get(number) != row.hash for number, row in rows.items())

    def _put_right(self, place: str) -> None:
        """Make a file hold exactly what the rows say is in it; purged texts go."""
        rows = self._archive.rows(place)
        if rows is None:
            return
        with self._store.read() as session:
            absences = session.log_absences(place=place)
            purged = _purged(session, [each.number for each in absences])
            hashes = session.hashes(list(rows))
        here = {each.number for each in absences}
        kept = {number: row for number, row in rows.items() if number in here or hashes.get(number) != row.hash}
        kept = {number: _without(row) if number in purged else row for number, row in kept.items()}
        if kept:
            self._write(place, kept)
        else:
            self._archive.remove(place)

    def _write(self, place: str, rows: dict[int, Row]) -> str:
        """Both files of a place; the Markdown newest first, with a word where a text was purged."""
        team = self._holder.current.team
        ordered = [rows[number] for number in sorted(rows)]
        return self._archive.write(place, ordered, log_parts(archived_entries(ordered), team.timezone, team.name))

    # ---- holds -----------------------------------------------------------------------------------------------------

    def holds(self) -> list[Hold]:
        """All of them, also those that ended, oldest first."""
        with self._store.read() as session:
            return holds_of(session.naming_entries())

    def hold(self, actor: Actor, name: str, query: str = "", entries: str = "", why: str = "") -> Hold:
        """From now on these entries stay. entries: ``1-40,43``; query: all that it finds, now and later."""
        assert_allowed(actor, "log.hold")
        name, query = " ".join(name.split())[:200], query.strip()
        numbers = numbers_of(entries) if entries.strip() else ()
        if not name:
            raise Usage("The hold has no name.", 'Name the case: wk log hold add "case 12" --entries 1-40')
        if entries.strip() and not numbers:
            raise Usage(f"'{entries}' is not a list of entries.", "Example: --entries 1-40,43")
        if not numbers and not query:
            raise Usage("The hold says neither --entries nor --query.", "Example: --entries 1-40,43")
        if query:
            self._matcher(query)
        draft = keeping.hold_entry(name, query, numbers, why.strip(), actor.name, self._clock())

        def work(session: Session) -> Entry:
            absent = sorted(set(numbers) - session.hashes(numbers).keys())
            if absent:
                raise NotFound(f"The operations log has no entry {spans(absent)}.", "`wk log list` lists them.")
            return session.name_entry(draft)

        with self._one:
            return holds_of([self._store.write(work)])[0]

    def release(self, actor: Actor, hold: int, why: str = "") -> Hold:
        """End a hold. hold: the number of its entry. Raises `NotFound`, `Usage` when it ended before."""
        assert_allowed(actor, "log.release")

        def work(session: Session) -> Hold:
            found = {each.entry: each for each in holds_of(session.naming_entries())}
            if hold not in found:
                raise NotFound(f"There is no hold {hold}.", "`wk log hold list` lists them.")
            if found[hold].released_by is not None:
                raise Usage(f"The hold {hold} ended before, with entry {found[hold].released_by}.")
            entry = session.name_entry(keeping.release_entry(found[hold], why.strip(), actor.name, self._clock()))
            return Hold(
                hold, found[hold].name, found[hold].query, found[hold].numbers, found[hold].at, found[hold].by,
                found[hold].why, entry.number,
            )  # fmt: skip

        with self._one:
            return self._store.write(work)

    def _held(self, session: Session) -> Callable[[int, Draft], str]:
        """Tells the name of the hold that an entry is under; "" for none."""
        active = [each for each in holds_of(session.naming_entries()) if each.released_by is None]
        numbers = {number: each.name for each in active for number in each.numbers}
        asked = [(each.name, self._matcher(each.query)) for each in active if each.query]

        def held(number: int, draft: Draft) -> str:
            if number in numbers:
                return numbers[number]
            entry = Entry(number, draft, "", "", "")
            return next((name for name, means in asked if means(entry)), "")

        return held

    # ---- purge -----------------------------------------------------------------------------------------------------

    def purge_plan(self, actor: Actor, number: int) -> Purge:
        """What would go; nothing is changed. Raises as `purge` does."""
        assert_allowed(actor, "log.purge")
        with self._store.read() as session:
            entry = self._purgeable(session, number)
        return Purge(entry, None, self._elsewhere(entry))

    def purge(self, actor: Actor, number: int, why: str) -> Purge:
        """The text of an entry goes for ever, also from the archive; an entry says so before. Raises `Forbidden` (role,
        legal hold), `NotFound`, `Usage`."""
        assert_allowed(actor, "log.purge")
        if not why.strip():
            raise Usage(
                "The purge has no reason.", 'Say it without the secret: wk log purge 12 --why "held a password"'
            )

        def work(session: Session) -> tuple[Entry, Entry]:
            gone = self._purgeable(session, number)
            draft = keeping.purge_entry(number, gone.digest, why.strip()[:2000], actor.name, self._clock())
            session.add_audit_event(audited(self._clock(), actor, "log.purge", f"entry {number}"))
            return gone, session.name_entry(draft)

        with self._one:
            with self._store.read() as session:
                places = [each.place for each in session.log_absences([number]) if each.place]
            self._archive.begin(places)
            entry, named = self._store.write(work)
            for place in places:  # when that fails the note stays, and the next beat does it
                self._put_right(place)
            self._archive.done()
            for place in places:
                self._keep_in_git(place)
            self._erase()
        return Purge(entry, named.number, self._elsewhere(entry))

    def _purgeable(self, session: Session, number: int) -> Entry:
        entry = session.entry(number)
        if entry.absence is not None and entry.absence.reason == "purged":
            raise Usage(f"The text of entry {number} was purged before, as entry {entry.absence.entry} says.")
        if act_of(entry.draft):
            raise Forbidden(
                f"Entry {number} says what was done with the log itself; without it the log could not be proven.",
                "It holds no text of other entries.",
            )
        held = self._held(session)(number, entry.draft)
        if held:
            raise Forbidden(
                f"Entry {number} is under the legal hold '{held}'.", "End that first: wk log hold release N."
            )
        return entry

    def _elsewhere(self, entry: Entry) -> tuple[str, ...]:
        """What may hold the same text and is not reached from here."""
        told = [
            "OPERATIONS_LOG.md and every export that was made: the text stays there until they are written anew",
            "the history of the ops repo in git, and every clone of it: git filter-repo, then a forced push",
            "backups of watchkeeper, before-upgrade of the state included: wk backup list",
            "tasks and changes that carry its title, messages that were sent about it, the evidence of its runs",
            "the chain export of others, if one was handed out",
        ]
        if entry.absence is not None:
            told.insert(1, f"earlier versions of {entry.absence.place} in git")
        return (*told, "whatever the secret opens: replace the secret itself first")


def archived_entries(rows: Sequence[Row]) -> list[Entry]:
    """Rows as the entries of a document, newest first."""
    return sorted((_entry(row) for row in rows), key=lambda each: (-each.draft.at, -each.number))


def _draft(row: Row) -> Draft:
    try:
        return draft_of(row.body or b"")
    except (KeyError, TypeError, ValueError):
        raise Invalid(
            f"Entry {row.number} of the operations log cannot be read: its body was altered.",
            "`wk log verify` names the first entry that does not hold.",
        ) from None


def _entry(row: Row) -> Entry:
    number = int(str(row.number))
    if row.body is None:
        at = int(str(row.at)) / 1e6
        draft = Draft(at, keeping.TYPE, "Its text was purged", WATCHKEEPER.name, "Low", "Purged")
    else:
        draft = _draft(row)
    return Entry(number, draft, str(row.digest), str(row.previous), str(row.hash))


def _without(row: Row) -> Row:
    return Row(row.number, row.previous, row.at, row.digest, row.hash, None)


def _purged(session: Session, numbers: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for start in range(0, len(numbers), 500):
        rows: list[Absence] = session.log_absences(numbers[start : start + 500])
        found |= {each.number for each in rows if each.reason == "purged"}
    return found
