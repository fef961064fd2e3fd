"""The chain out and in: pages of lines for whoever wants to prove it, and a whole chain into an empty log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Invalid, Usage
from watchkeeper.core.log.chain import Row, Verification
from watchkeeper.core.log.chain_file import line_of, named, rows_of
from watchkeeper.core.log.markdown import log_parts
from watchkeeper.core.log.values import Absence
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.keeping import archived_entries
from watchkeeper.services.ports import Session, StorePort
from watchkeeper.services.ports.log_keeping import ArchivePort, StagePort

PAGE = 500
LARGEST = 4_000_000
"""Characters after which a page ends."""


class ChainFile:
    """Export and import of the chain."""

    def __init__(self, store: StorePort, archive: ArchivePort, stage: StagePort, holder: InventoryHolder) -> None:
        """stage: keeps what arrives until all of it is there."""
        self._store = store
        self._archive = archive
        self._stage = stage
        self._holder = holder

    def page(self, after: int = 0, limit: int = PAGE) -> list[str]:
        """The lines of the entries with number > after, at most `limit`; archived texts come from the archive."""
        with self._store.read() as session:
            rows = session.log_links(max(after, 0), max(1, min(limit, PAGE)))
            absent = [int(str(row.number)) for row in rows if row.body is None]
            absences = {each.number: each for each in session.log_absences(absent)}  # purged comes after archived
        lines, size = [], 0
        for row in rows:
            lines.append(line_of(self._whole(row, absences)))
            size += len(lines[-1])
            if size > LARGEST:
                break
        return lines

    def _whole(self, row: Row, absences: dict[int, Absence]) -> Row:
        absence = absences.get(int(str(row.number))) if row.body is None else None
        if absence is None or absence.reason == "purged":
            return row
        body = self._archive.body(absence)
        if not isinstance(body, bytes):
            return row
        if hashlib.sha256(body).hexdigest() != row.digest:
            raise Invalid(
                f"Entry {row.number} cannot be exported: its text in {absence.place} was altered.",
                "`wk log verify` says the same. Take the file from the history of the ops repo.",
            )
        return Row(row.number, row.previous, row.at, row.digest, row.hash, body)

    def receive(self, actor: Actor, offset: int, text: str) -> int:
        """Keep a part of a file that is to be imported; offset: its first byte, 0 begins anew. How many bytes are there now."""
        assert_allowed(actor, "log.chain")
        return self._stage.add(offset, text.encode())

    def take_over(self, actor: Actor, digest: str) -> Verification:
        """Make what was received the log. digest: sha256 of the whole file. Raises `Forbidden` when the log is not empty,
        `Invalid` when the chain does not hold; nothing is kept then."""
        assert_allowed(actor, "log.chain")
        if self._stage.digest() != digest:
            raise Usage("What arrived is not the whole file.", "Repeat the import.")

        def work(session: Session) -> Verification:
            session.take_over(named(self._rows()))
            found = session.verify_log()
            if not found.ok:
                raise Invalid(f"The chain does not hold, and was not imported. {found.sentence}", "Use another copy.")
            return found

        written = self._archives()
        try:
            found = self._store.write(work)
        except BaseException:
            for place in written:
                self._archive.remove(place)
            raise
        self._stage.forget()
        return found

    def _archives(self) -> list[str]:
        """Write the archive files of the chain that are not in the ops repo yet; which these were."""
        places: dict[str, set[int]] = {}
        purged: set[int] = set()
        for _row, absences in named(self._rows()):
            for each in absences:
                if each.reason == "purged":
                    purged.add(each.number)
                else:
                    places.setdefault(each.place, set()).add(each.number)
        written = []
        team = self._holder.current.team
        for place, numbers in sorted(places.items()):
            if self._archive.rows(place) is None:
                rows = [row for row in self._rows() if row.number in numbers]
                if all(row.body is not None or row.number in purged for row in rows):
                    entries = archived_entries(rows)
                    self._archive.write(place, rows, log_parts(entries, team.timezone, team.name))
                    written.append(place)
        return written

    def _rows(self) -> Iterator[Row]:
        return rows_of(self._stage.lines(), "the file")
