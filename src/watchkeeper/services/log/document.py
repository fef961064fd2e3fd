"""The log's own Markdown document in the ops repo, kept current.

The document says by itself which entries it has: each that watchkeeper wrote carries its number and hash. So a crash at
any point leaves nothing twice and nothing out: the next look reads the document again. What came from this very
document is not written back into it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.log.documents import placing
from watchkeeper.core.log.documents.drafting import SOURCE, is_imported
from watchkeeper.core.log.documents.identity import key_of
from watchkeeper.core.log.documents.reading import read
from watchkeeper.core.log.documents.values import Options
from watchkeeper.core.log.markdown import log_parts
from watchkeeper.core.log.values import Entry
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Session, StorePort
from watchkeeper.services.ports.log_document import LogDocumentPort

log = logging.getLogger(__name__)
MARK = "log.document"
"""Setting: the document, the last entry it was brought up to, and the digests that tell our text from people's."""
PART = 2000
"""So many entries are put in at a time."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """file; number: of the last entry that is in it; base: sha256 of the committed file before our uncommitted text,
    "" when nothing waits; wrote: sha256 of the file as we wrote it last."""

    file: str = ""
    number: int = 0
    base: str = ""
    wrote: str = ""


class LogDocument:
    """Keeps the declared document current. trailer: the line that every commit of ours carries."""

    def __init__(
        self, store: StorePort, holder: InventoryHolder, document: LogDocumentPort, trailer: Callable[[], str]
    ) -> None:
        self._store = store
        self._holder = holder
        self._document = document
        self._trailer = trailer
        self._fault = ""
        self._waits = ""

    def warnings(self) -> tuple[str, ...]:
        """Why the document is not current; for every face."""
        return (self._fault,) if self._fault else ()

    def findings(self) -> list[Finding]:
        """For the doctor."""
        file = self._holder.current.team.log.document.file
        if not file:
            return []
        if self._fault:
            return [Finding("log document", State.WARN, self._fault)]
        with self._store.read() as session:
            head, _ = session.log_head()
            number = _mark(session, file).number
        behind = f"{file} has the entries up to {number} of {head}; the others follow." if number < head else ""
        return [Finding("log document", State.OK, self._waits or behind or f"{file} has every entry.")]

    def beat(self) -> None:
        """Bring it up to the last entry. What stops it is told by `warnings`."""
        file = self._holder.current.team.log.document.file
        if not file:
            self._say("")
            return
        with self._store.read() as session:
            head, _ = session.log_head()
            mark = _mark(session, file)
        if head <= mark.number and not mark.base:
            self._say("")
            return
        try:
            self._waits = self._bring(file, head, mark)
            self._say("")
        except Invalid as error:
            self._say(f"{error.sentence} {error.hint}")
        except placing.Unplaceable as error:
            self._say(
                f"New entries cannot be put into {file}: {error}. Name another file under `log: file:`, or a new one."
            )

    def _say(self, fault: str) -> None:
        if fault and fault != self._fault:
            log.warning("%s", fault)
        self._fault = fault

    def _bring(self, file: str, head: int, mark: _Mark) -> str:
        before = self._document.read(file)
        if head > mark.number:
            first, last = (mark.number + 1, min(mark.number + PART, head)) if before is not None else (1, head)
            with self._store.read() as session:
                missing = self._missing(session, file, before, first, last)
            if missing:
                after = self._with(before, missing)
                ours = mark.base and mark.wrote == _sha(before)
                base = _sha(before) if self._document.committed(file) == before else mark.base if ours else ""
                self._keep(_Mark(file, mark.number, base, _sha(after)))
                if not self._document.replace(file, before, after):
                    return ""  # somebody saved it in this moment: the next look reads it again
                before = after
                mark = _Mark(file, last, base, _sha(after))
            else:
                mark = _Mark(file, last, mark.base, mark.wrote)
            self._keep(mark)
        return "" if mark.number < head else self._commit(file, before, mark)

    def _with(self, before: bytes | None, missing: Sequence[Entry]) -> bytes:
        team = self._holder.current.team
        if before is None:
            ordered = sorted(missing, key=lambda each: (each.draft.at, each.number), reverse=True)
            return "".join(log_parts(ordered, team.timezone, team.name)).encode("utf-8", "replace")
        if before[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise placing.Unplaceable("it is not UTF-8")
        text = before.decode("utf-8", "surrogateescape")
        after = placing.placed(text, missing, team.timezone, team.log.document.zones)
        return after.encode("utf-8", "surrogateescape")

    def _missing(self, session: Session, file: str, before: bytes | None, first: int, last: int) -> list[Entry]:
        """Entries first..last that the document does not have, by number."""
        text = (before or b"").decode("utf-8", "surrogateescape")
        written = placing.numbers_in(text)
        slots: set[str] | None = None
        known: dict[int, set[str]] = {}
        found: list[Entry] = []
        for entry in _entries(session, first, last):
            if written.get(entry.number) == entry.hash:
                continue
            if before is not None and is_imported(entry.draft.facts):
                if PurePosixPath(str(entry.draft.facts.get(SOURCE))).name == PurePosixPath(file).name:
                    continue
                if slots is None:
                    slots, known = self._slots(text, file), _slots_by_number(session)
                if known.get(entry.number, set()) & slots:
                    continue
            found.append(entry)
        return found

    def _slots(self, text: str, file: str) -> set[str]:
        team = self._holder.current.team
        document = read(text, Options(team.timezone, team.log.document.zones, file))
        return {key_of(each).slot for each in document.entries}

    def _commit(self, file: str, now: bytes | None, mark: _Mark) -> str:
        """Commit what is only ours: the committed file, with our text and nothing else on top."""
        if not mark.base:
            return ""
        if _sha(now) != mark.wrote or _sha(self._document.committed(file)) != mark.base:
            self._keep(_Mark(file, mark.number))  # somebody edited or committed it: it is theirs to commit
            return ""
        why = self._document.commit(file, self._message(file, mark))
        if not why:
            self._keep(_Mark(file, mark.number))
            return ""
        return f"{file} is current and not committed: {why}. Commit your own changes, or the file itself."

    def _message(self, file: str, mark: _Mark) -> str:
        trailer = self._trailer()
        return f"Operations log up to entry {mark.number}\n\n{file} as watchkeeper keeps it.\n" + (
            f"\n{trailer}\n" if trailer else ""
        )

    def _keep(self, mark: _Mark) -> None:
        text = json.dumps([mark.file, mark.number, mark.base, mark.wrote])
        self._store.write(lambda session: session.set_setting(MARK, text))


def _mark(session: Session, file: str) -> _Mark:
    kept = session.setting(MARK)
    mark = _Mark(*json.loads(kept)) if kept else _Mark()
    return mark if mark.file == file else _Mark(file)


def _entries(session: Session, first: int, last: int) -> list[Entry]:
    """Entries first..last, in order; those whose text left the log are passed over."""
    found: list[Entry] = []
    for number in range(first, last + 1):
        try:
            found.append(session.entry(number))
        except (NotFound, Invalid):
            continue
    return found


def _slots_by_number(session: Session) -> dict[int, set[str]]:
    slots: dict[int, set[str]] = {}
    for each in session.imports():
        slots.setdefault(each.number, set()).add(each.key.slot)
    return slots


def _sha(data: bytes | None) -> str:
    return hashlib.sha256(data if data is not None else b"\0none").hexdigest()
