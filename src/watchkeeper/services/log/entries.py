"""The operations log: reading, writing by hand, verifying, Markdown out."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.core.actors import Actor, assert_role
from watchkeeper.core.errors import Usage
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.markdown import render_log
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.services.changes.suspects import entry_change
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

EXPORT_PAGE = 500


class Log:
    """Append-only: there is no way to change or remove an entry here."""

    def __init__(
        self, store: StorePort, verifier: Callable[[], Verification], holder: InventoryHolder, clock: Clock
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._holder = holder
        self._clock = clock

    def newest(self, limit: int = 50, before: int | None = None, text: str = "") -> list[Entry]:
        """Newest first."""
        with self._store.read() as session:
            return session.entries(limit, before, text)

    def get(self, number: int) -> Entry:
        """One entry; raises `NotFound`."""
        with self._store.read() as session:
            return session.entry(number)

    def count(self) -> int:
        """How many entries there are."""
        with self._store.read() as session:
            return session.entry_count()

    def add(
        self, actor: Actor, type: str, title: str, severity: str = "Low", body: str = "", corrects: int | None = None
    ) -> Entry:
        """An entry written by hand; raises `NotFound` when the entry it corrects does not exist."""
        if actor.is_person:  # agents may note what they did; a viewer only looks
            assert_role(actor, "operator", "write into the log")
        if not title.strip():
            raise Usage("The entry has no title.", 'Give one: wk log add "Rotated the signing key".')
        if corrects is not None:
            self.get(corrects)
        sections = (("Change", body.strip()),) if body.strip() else ()
        draft = Draft(
            self._clock(), type, title.strip()[:300], actor.name, severity, sections=sections, corrects=corrects
        )

        def work(session: Session) -> Entry:
            entry = session.append_entry(draft)
            if corrects is None:
                session.add_change(entry_change(entry, self._holder.current))
            return entry

        return self._store.write(work)

    def verify(self) -> Verification:
        """Walk the whole chain."""
        return self._verifier()

    def export(self) -> str:
        """The whole log as Markdown, newest first, in the team's time zone."""
        entries: list[Entry] = []
        before: int | None = None
        while True:
            page = self.newest(EXPORT_PAGE, before)
            entries.extend(page)
            if len(page) < EXPORT_PAGE:
                break
            before = page[-1].number
        team = self._holder.current.team
        return render_log(entries, team.timezone, team.name)
