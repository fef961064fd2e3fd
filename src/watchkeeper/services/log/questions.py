"""Asking the operations log: one question, saved questions, one entry with everything that was said about it since."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core.access import assert_allowed
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.log.query import NAME, Question, Selection, parse, select
from watchkeeper.core.log.values import Entry
from watchkeeper.core.times import zone_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.ports.log_index import Links

_SAVED = "log_queries"
MOST_SAVED = 200
MOST = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry with what later entries say about it. status: the present one."""

    entry: Entry
    links: Links
    status: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found, newest first. total: how many there are in all; None when the question asks for text.

    more: the number to ask on from; None when this is everything.
    """

    question: str
    entries: tuple[Listed, ...]
    total: int | None
    more: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One entry, and the entries that belong to it: its thread, corrections and changes of status, oldest first."""

    listed: Listed
    thread: tuple[Entry, ...]
    corrections: tuple[Entry, ...]
    statuses: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved question. by: who saved it; "" when it stands in watchkeeper.yaml."""

    name: str
    question: str
    by: str = ""


def catch_up(store: StorePort) -> None:
    """Let the index of the log know every entry; in pieces, so that no other writer waits long."""
    with store.read() as session:
        done = session.is_log_indexed()
    while not done:
        done = store.write(lambda session: session.index_log())


class Questions:
    """Reads the log by the query language of `core.log.query`."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def catch_up(self) -> None:
        """The index learns of the entries that were written since somebody asked."""
        catch_up(self._store)

    def ask(self, text: str, limit: int = 50, before: int | None = None, words: str = "") -> Answer:
        """The entries that a question asks for. words: a text that they must hold besides. Raises `Usage`."""
        limit = max(1, min(limit, MOST))
        self.catch_up()
        with self._store.read() as session:
            asked = self._expanded(session, text)
            selection = self._selection(parse(asked), words)
            found = session.asked_entries(selection, limit + 1, before)
            total = None if selection.words else session.asked_count(selection)
            listed = _listed(session, found[:limit])
        return Answer(asked, listed, total, found[limit - 1].number if len(found) > limit else None)

    def between(self, since: float, until: float) -> tuple[Listed, ...]:
        """All entries of a span, newest first."""
        found: list[Entry] = []
        self.catch_up()
        with self._store.read() as session:
            while page := session.asked_entries(
                Selection(since=since, until=until), MOST, found[-1].number if found else None
            ):
                found += page
                if len(page) < MOST:
                    break
            return _listed(session, found)

    def listed(self, entries: Sequence[Entry]) -> tuple[Listed, ...]:
        """The same entries with what was said about them since."""
        self.catch_up()
        with self._store.read() as session:
            return _listed(session, entries)

    def whole(self, number: int) -> Whole:
        """One entry with its thread. Raises `NotFound`."""
        self.catch_up()
        with self._store.read() as session:
            entry = session.entry(number)
            (listed,) = _listed(session, [entry])
            root = entry.draft.thread if entry.draft.thread is not None else number
            links = listed.links if root == number else session.entry_links([root])[root]
            around = list(dict.fromkeys((root, *links.answered_by))) if links.answered_by else []
            return Whole(
                listed,
                tuple(session.entry(each) for each in around[:MOST]),
                tuple(session.entry(each) for each in listed.links.corrected_by),
                tuple(session.entry(each) for each in listed.links.status_by),
            )

    # ---- saved questions ---------------------------------------------------------------------------------------------

    def saved(self) -> tuple[Saved, ...]:
        """Saved questions by name; one of watchkeeper.yaml goes before one of the same name in the store."""
        with self._store.read() as session:
            return tuple(sorted(self._all(session).values(), key=lambda each: each.name))

    def save(self, actor: Actor, name: str, text: str) -> Saved:
        """Keep a question for the whole team; one of the same name is replaced. Raises `Usage`, `Forbidden`."""
        assert_allowed(actor, "log.questions")
        if not NAME.fullmatch(name):
            raise Usage(
                f"'{name[:40]}' cannot be the name of a question.", "Letters, digits, '-' and '_': deployments."
            )
        question = " ".join(text.split())
        if not question:
            raise Usage("The question is empty.", 'Example: wk log save deployments "type:deployment since:30d".')
        if name in self._declared:
            raise Forbidden(
                f"The question {name} stands in watchkeeper.yaml, which goes first.",
                "Change it there, or take another name.",
            )
        self._selection(parse(question))

        def work(session: Session) -> Saved:
            kept = _kept(session) | {name: {"question": question, "by": actor.name}}
            if len(kept) > MOST_SAVED:
                raise Usage(f"There are {MOST_SAVED} saved questions already.", "Drop one: wk log save NAME --drop.")
            session.set_setting(_SAVED, json.dumps(kept))
            return Saved(name, question, actor.name)

        return self._store.write(work)

    def drop(self, actor: Actor, name: str) -> None:
        """Forget a saved question. Raises `NotFound`."""
        assert_allowed(actor, "log.questions")

        def work(session: Session) -> None:
            kept = _kept(session)
            if name not in kept:
                where = "It stands in watchkeeper.yaml." if name in self._declared else "List them: wk log save."
                raise NotFound(f"There is no saved question {name[:40]} in the store.", where)
            del kept[name]
            session.set_setting(_SAVED, json.dumps(kept))

        self._store.write(work)

    @property
    def _declared(self) -> Mapping[str, str]:
        return self._holder.current.team.log.queries

    def _all(self, session: Session) -> dict[str, Saved]:
        found = {name: Saved(name, row["question"], row["by"]) for name, row in _kept(session).items()}
        return found | {name: Saved(name, text) for name, text in self._declared.items()}

    def _expanded(self, session: Session, text: str) -> str:
        """With every ``@NAME`` replaced by its question, once: a saved question names no other."""
        if "@" not in text:
            return text
        known, words = self._all(session), []
        for word in text.split():
            if word.startswith("@") and NAME.fullmatch(word[1:]):
                saved = known.get(word[1:])
                if saved is None:
                    names = ", ".join(f"@{name}" for name in sorted(known)) or "none yet: wk log save NAME QUESTION"
                    raise NotFound(f"There is no saved question {word}.", f"Saved: {names}.")
                word = saved.question
            words.append(word)
        return " ".join(words)

    def _selection(self, question: Question, words: str = "") -> Selection:
        from dataclasses import replace

        from watchkeeper.core.log.search import fold

        team = self._holder.current.team
        found = select(question, team.log.vocabulary, zone_of(team.timezone), self._clock())
        return replace(found, words=(*found.words, (fold(words), False))) if fold(words) else found


def _kept(session: Session) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(session.setting(_SAVED) or "{}")
        return {str(name): {"question": row["question"], "by": row["by"]} for name, row in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _listed(session: Session, entries: Sequence[Entry]) -> tuple[Listed, ...]:
    links = session.entry_links([entry.number for entry in entries])
    there = {entry.number: entry for entry in entries}
    found = []
    for entry in entries:
        mine, status = links[entry.number], entry.draft.status
        if mine.status_by:
            last = mine.status_by[-1]
            status = (there.get(last) or session.entry(last)).draft.status
        found.append(Listed(entry, mine, status))
    return tuple(found)
