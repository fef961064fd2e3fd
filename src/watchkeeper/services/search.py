"""Searching what the team wrote: runbooks, documents, queries, services, hosts and the operations log."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.inventory.values import Host, Inventory, Service
from watchkeeper.core.search import KINDS, Document, Found, Kind, Piece, around, pieces, title_of, words_of
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.questions import Questions
from watchkeeper.services.ports.search import IndexLost, KnowledgePort, SearchIndexPort

MOST = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found. any_word: nothing held all the words, so this holds some of them. more: ask on from there."""

    words: tuple[str, ...]
    found: tuple[Found, ...]
    entries: tuple[Found, ...]
    any_word: bool
    more: int | None


class Search:
    """Full text over the knowledge base, kept in step with the files; the log is asked by its own index.

    redact: takes secrets out before anything is indexed or given out.
    """

    def __init__(
        self, index: SearchIndexPort, knowledge: KnowledgePort, holder: InventoryHolder, questions: Questions,
        redact: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._index = index
        self._knowledge = knowledge
        self._holder = holder
        self._questions = questions
        self._redact = redact
        self._guard = threading.Lock()
        self._signature = ""
        self._documents: dict[str, Document] = {}
        self._runbooks: dict[str, Document] = {}

    def ask(self, text: str, kinds: Sequence[str] = (), limit: int = 20, offset: int = 0) -> Answer:
        """The best places first: files, services and hosts in `found`, entries of the log, newest first, in `entries`.

        Raises `Usage` for a question without words and for an unknown kind.
        """
        words = words_of(text)
        if not words:
            raise Usage("A search needs at least one word.", "Try the name of a service, a host, or what went wrong.")
        wanted = _kinds(kinds)
        limit, offset = max(1, min(limit, MOST)), max(0, min(offset, 10_000))
        self.refresh()
        files = [kind for kind in wanted if kind != "entry"]
        found, any_word = [], False
        if files:
            found = self._find(words, files, limit + 1, offset, True)
            if not found and len(words) > 1 and not offset:
                found, any_word = self._find(words, files, limit + 1, 0, False), True
        entries = self._entries(words, limit) if "entry" in wanted and not offset else []
        more = offset + limit if len(found) > limit and not any_word else None
        return Answer(tuple(words), tuple(found[:limit]), tuple(entries), any_word and bool(found), more)

    def _find(self, words: list[str], kinds: Sequence[Kind], limit: int, offset: int, every: bool) -> list[Found]:
        """Ask the index; one that was lost is filled anew first."""
        try:
            return self._index.find(words, kinds, limit, offset, every)
        except IndexLost:
            with self._guard:
                self._signature = ""
            self.refresh()
            return self._index.find(words, kinds, limit, offset, every)

    def _entries(self, words: list[str], limit: int) -> list[Found]:
        answer = self._questions.ask(" ".join(f'"{word}"' for word in words), limit)
        found = []
        for listed in answer.entries:
            draft = listed.entry.draft
            text = "\n".join(body for _, body in draft.sections)
            snippet = around(text, words)
            found.append(
                Found("entry", str(listed.entry.number), draft.title, "", snippet, listed.entry.number, draft.at)
            )
        return found

    # ---- documents -------------------------------------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """Every document, query and routine of the ops repo, by path; runbooks have their own catalogue."""
        self.refresh()
        return [self._documents[path] for path in sorted(self._documents)]

    def document(self, path: str) -> Document:
        """One of them, or the text of a runbook, its secrets taken out. Only what is in a catalogue can be read.

        Raises `NotFound`.
        """
        self.refresh()
        found = self._documents.get(path) or self._runbooks.get(path) or self._documents.get(f"docs/{path}")
        if found is None:
            names = ", ".join(sorted(self._documents)[:20]) or "none"
            raise NotFound(f"There is no document {path[:200]} in the ops repo.", f"Its documents: {names}.")
        return found

    def refresh(self) -> None:
        """Follow the files, when they changed; else this costs a few file status calls."""
        inventory = self._holder.current
        signature = f"{inventory.revision} {self._knowledge.signature()}"
        with self._guard:
            if signature == self._signature:
                return
            self._documents = {each.path: self._clean(each) for each in self._knowledge.documents()}
            files = inventory.runbooks.values()
            runbooks = [Document(each.path, "runbook", title_of(each.path, each.text), each.text, "") for each in files]
            self._runbooks = {each.path: self._clean(each) for each in runbooks}
            kept = (*self._runbooks.values(), *self._documents.values())
            every = [piece for each in kept for piece in pieces(each)]
            self._index.keep([*every, *(self._cleaned(piece) for piece in _of_inventory(inventory))])
            self._signature = signature

    def _clean(self, document: Document) -> Document:
        text = self._redact(document.text)
        return Document(document.path, document.kind, self._redact(document.title), text, _digest(text))

    def _cleaned(self, piece: Piece) -> Piece:
        body = self._redact(piece.body)
        return Piece(
            piece.kind, piece.name, self._redact(piece.title), piece.heading, body, _digest(piece.title + body)
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _kinds(names: Sequence[str]) -> list[Kind]:
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise Usage(f"There is no kind {unknown[0][:40]!r} to search.", f"The kinds: {', '.join(KINDS)}.")
    return [kind for kind in KINDS if not names or kind in names]


def _of_inventory(inventory: Inventory) -> Iterator[Piece]:
    for service in inventory.services.values():
        yield Piece("service", service.name, service.description or service.name, "", _service_text(service), "")
    for host in inventory.hosts.values():
        yield Piece("host", host.name, host.name, "", _host_text(host, inventory), "")


def _service_text(service: Service) -> str:
    parts = [service.description, f"owner {service.owner}" if service.owner else ""]
    parts += [f"hosts {', '.join(service.hosts)}"] if service.hosts else []
    parts += [f"needs {', '.join(service.depends_on)}"] if service.depends_on else []
    parts += [f"checks {', '.join(sorted({check.name for check in service.checks}))}"] if service.checks else []
    parts += [f"{key} {value}" for key, value in service.labels.items()]
    parts += [*service.docs, *service.logs, *service.config, service.repository]
    return ". ".join(part for part in parts if part)


def _host_text(host: Host, inventory: Inventory) -> str:
    services = [service.name for service in inventory.services.values() if host.name in service.hosts]
    parts = [host.kind, host.address, *(f"{key} {value}" for key, value in host.labels.items())]
    return ". ".join(part for part in (*parts, f"services {', '.join(services)}" if services else "") if part)
