"""The operations log: reading, writing by hand, verifying, Markdown out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from watchkeeper.core.access import assert_allowed, assert_at_all, may_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.chain import Verification
from watchkeeper.core.log.markdown import render_log
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.log.vocabulary import Vocabulary, folded
from watchkeeper.core.log.writing import LARGEST_FILE, MOST_FILES, Written, assert_no_key, draft_of
from watchkeeper.core.redaction import SHORTEST
from watchkeeper.services.access import on_either
from watchkeeper.services.changes.suspects import entry_change
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.questions import catch_up
from watchkeeper.services.log.tasks import follow_ups
from watchkeeper.services.ports import Clock, Session, StorePort

EXPORT_PAGE = 500
UNDONE = ("Rolled Back",)
"""Statuses that tell of another change of the world."""
File = tuple[str, bytes]
"""Name and bytes of something to attach."""


class Log:
    """Append-only: there is no way to change or remove an entry here."""

    def __init__(
        self,
        store: StorePort,
        verifier: Callable[[], Verification],
        holder: InventoryHolder,
        clock: Clock,
        redact: Callable[[str], str] = str,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._store = store
        self._verifier = verifier
        self._holder = holder
        self._clock = clock
        self._redact = redact
        self._secrets = secrets

    @property
    def vocabulary(self) -> Vocabulary:
        """The team's words of this moment."""
        return self._holder.current.team.log.vocabulary

    def newest(self, limit: int = 50, before: int | None = None, text: str = "") -> list[Entry]:
        """By number, the last one first."""
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

    def may_write(self, actor: Actor) -> bool:
        """Whether this actor may write into the log, about one service at least."""
        return may_at_all(actor, "log.write")

    def write(self, actor: Actor, written: Written, files: Sequence[File] = ()) -> Entry:
        """Append what a person or an agent wrote. Known secrets, and what looks like one, are taken out before.

        Raises `Usage` with every mistake, `NotFound` when an entry that it speaks of does not exist.
        """
        self._assert_may(actor, written)
        inventory, now = self._holder.current, self._clock()
        for number in (written.corrects, written.status_of, written.thread):
            if number is not None:
                self.get(number)
        _assert_files(files)
        assert_no_key("the entry", "\n".join(written.texts()).encode("utf-8", "replace"))
        clean = _about(self._redacted(written), inventory)
        draft = draft_of(clean, actor.name, now, inventory.team.timezone, inventory.team.log.vocabulary)
        contents = [(self._redact(name), self._redacted_file(name, data)) for name, data in files]

        def work(session: Session) -> Entry:
            kept = tuple(session.keep_file(name, data) for name, data in contents)
            entry = session.append_entry(replace(draft, attachments=kept))
            if _is_change(draft):
                session.add_change(entry_change(entry, inventory))
            follow_ups(session, entry, now, inventory)
            return entry

        return self._store.write(work)

    def correct(self, actor: Actor, number: int, written: Written, files: Sequence[File] = ()) -> Entry:
        """A new entry that puts an older one right; what it does not say is as it was there."""
        old = self.get(number).draft
        title = written.title or f"Correction of entry {number}: {old.title}"[:300]
        words = self.vocabulary
        same = replace(
            written,
            corrects=number,
            title=title,
            type=written.type or _known(words.demand_type, old.type),
            severity=written.severity or _known(words.demand_severity, old.severity),
            status=written.status or _known(words.demand_status, self.status_now(number)),
        )
        if not written.sections and not written.title and not written.fields:
            raise Usage(f"The correction of entry {number} says nothing.", "Say what is right: --change, or a title.")
        return self.write(actor, same, files)

    def change_status(self, actor: Actor, number: int, status: str, why: str = "") -> Entry:
        """A new entry that gives an older one another status."""
        assert_at_all(actor, "log.write")
        old, present = self.get(number).draft, self.status_now(number)
        name, _ = self.vocabulary.demand_status(status)
        if folded(name) == folded(present):
            raise Usage(f"Entry {number} is {present} already.", "`wk log show` tells since when and why.")
        words, inventory = self.vocabulary, self._holder.current
        service, host = (str(old.facts.get(fact) or "") for fact in ("service", "host"))
        written = Written(
            title=f"{name}: {old.title}"[:300],
            type=_known(words.demand_type, old.type),
            severity=_known(words.demand_severity, old.severity),
            status=status,
            sections=(("Reason", why),),
            service=service if service in inventory.services else "",
            host=host if host in inventory.hosts else "",
            status_of=number,
        )
        return self.write(actor, written)

    def reply(self, actor: Actor, number: int, written: Written, files: Sequence[File] = ()) -> Entry:
        """A new entry in the thread of an older one."""
        old = self.get(number)
        root = old.draft.thread if old.draft.thread is not None else number
        text = written.title or next((text.strip().split("\n")[0] for _, text in written.sections if text.strip()), "")
        usual = next((word.name for word in self.vocabulary.types if word.name == "Note"), "")
        fields = written.fields if root == number else (*written.fields, ("Answers", f"entry {number}"))
        answer = replace(written, thread=root, title=text[:300], type=written.type or usual, fields=fields)
        return self.write(actor, answer, files)

    def status_now(self, number: int) -> str:
        """The present status of an entry: its own, or what the last entry about it says."""
        catch_up(self._store)
        with self._store.read() as session:
            links = session.entry_links([number])[number]
            return session.entry(links.status_by[-1] if links.status_by else number).draft.status

    def file(self, number: int, name: str) -> tuple[str, bytes]:
        """(name, bytes) of an attachment, by its name or its place from 1; checked against its digest."""
        with self._store.read() as session:
            entry = session.entry(number)
            attached = entry.draft.attachments
            found = next((each for each in attached if each.name == name), None)
            if found is None and name.isascii() and name.isdigit() and 1 <= int(name) <= len(attached):
                found = attached[int(name) - 1]
            if found is None:
                names = ", ".join(each.name for each in attached)
                raise Usage(
                    f"Entry {number} has no attachment {name[:60]}.", f"It has: {names}." if names else "It has none."
                )
            return found.name, session.kept_file(found)

    def rebuild_index(self, actor: Actor) -> int:
        """Make what the log is asked by anew from the log itself; how many entries it has."""
        assert_allowed(actor, "log.index")
        return self._store.write(lambda session: session.rebuild_log_index())

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

    def _assert_may(self, actor: Actor, written: Written) -> None:
        """Agents may note what they did; a viewer only looks. What is about no service is the team's, or of the entry
        that it speaks of."""
        assert_at_all(actor, "log.write")
        inventory, about = self._holder.current, (written.service, written.host)
        spoken = next(
            (each for each in (written.corrects, written.status_of, written.thread) if each is not None), None
        )
        if not any(about) and spoken is not None:
            facts = self.get(spoken).draft.facts
            about = (str(facts.get("service") or ""), str(facts.get("host") or ""))
        assert_allowed(actor, "log.write", *on_either(inventory, *about))

    def _redacted(self, written: Written) -> Written:
        clean = self._redact
        return replace(
            written,
            title=clean(written.title),
            type=clean(written.type),
            severity=clean(written.severity),
            status=clean(written.status),
            fields=tuple((clean(label), clean(text)) for label, text in written.fields),
            sections=tuple((clean(heading), clean(text)) for heading, text in written.sections),
            tags=tuple(clean(tag) for tag in written.tags),
        )

    def _redacted_file(self, name: str, data: bytes) -> bytes:
        """Text without secrets; other bytes as they are, refused when a known secret stands in them."""
        try:
            return self._redact(data.decode()).encode()
        except UnicodeDecodeError:
            if any(len(value) >= SHORTEST and value.strip().encode() in data for value in self._secrets()):
                raise Usage(
                    f"{name[:60]} holds a secret of yours, and it is no text, so it cannot be taken out. Nothing was written.",
                    "Attach a copy without it, or name the place where the file is kept.",
                ) from None
            return data


def _known(demand: Callable[[str], tuple[str, str]], word: str) -> str:
    """A word of an old entry; "" when the team does not know it any more, so that the usual one is taken."""
    try:
        return demand(word)[0]
    except Usage:
        return ""


def _is_change(draft: Draft) -> bool:
    """Whether an entry tells of a change of the world: not when it corrects, answers, or says that something is done."""
    if draft.status_of is not None:
        return draft.status in UNDONE
    return draft.corrects is None and draft.thread is None


def _about(written: Written, inventory: Inventory) -> Written:
    """With the service and the host it is about, where the title names exactly one of them. Raises `Usage`."""
    for name, known in (("service", inventory.services), ("host", inventory.hosts)):
        given = getattr(written, name)
        if given and given not in known:
            listed = ", ".join(list(known)[:12])
            raise Usage(f"There is no {name} {given[:60]}.", f"One of: {listed}." if listed else "")
        words = {word.strip(".,:;()'\"`") for word in written.title.split()}
        found = [each for each in known if each in words]
        if not given and len(found) == 1:
            written = replace(written, **{name: found[0]})  # type: ignore[arg-type]
    return written


def _assert_files(files: Sequence[File]) -> None:
    if len(files) > MOST_FILES:
        raise Usage(f"{len(files)} files are attached; an entry takes at most {MOST_FILES}.", "Pack them into one.")
    names: set[str] = set()
    for name, data in files:
        if len(data) > LARGEST_FILE:
            raise Usage(
                f"{name[:60]} has {len(data) / 1e6:.1f} MB; an attachment has at most 10 MB.",
                "Pack it, or name where it is.",
            )
        if not name.strip() or len(name) > 200 or "/" in name or not name.isprintable() or name in names:
            raise Usage(f"'{name[:60]}' cannot be the name of an attachment.", "A plain name without '/', each once.")
        assert_no_key(name[:60], data)
        names.add(name)
