"""Lint of documents: what core finds in the text, with the shell asked once for all and every link looked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runbooks import Runbook, read_runbook
from watchkeeper.core.runbooks.lint import (
    Finding,
    Proof,
    Refusal,
    Surroundings,
    anchors,
    by_step,
    dead_links,
    links,
    lint,
    shell_texts,
)
from watchkeeper.core.runbooks.mojibake import detect
from watchkeeper.services.ports.documents import DocumentsPort, ShellSyntaxPort

MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True, slots=True)
class Linted:
    """One finding and the document it is about, by its path from the root."""

    path: str
    finding: Finding


class Linter:
    """Looks at documents below one root. proofs: by name of the response, empty when nobody can tell."""

    def __init__(
        self,
        files: DocumentsPort,
        shell: ShellSyntaxPort,
        inventory: Inventory | None = None,
        proofs: Mapping[str, Proof] | None = None,
    ) -> None:
        self._files = files
        self._shell = shell
        self._inventory = inventory
        self._proofs = proofs or {}
        self._targets: dict[str, frozenset[str] | None] = {}
        self._looked: set[str] = set()

    def runbooks(self, documents: Mapping[str, bytes]) -> list[Linted]:
        """All findings of these runbooks (path from the root -> bytes), by path and line."""
        texts = {path: _text(data) for path, data in sorted(documents.items())}
        books = {path: read_runbook(text, path) for path, text in texts.items()}
        refusals = self._refusals(books.values())
        found: list[Linted] = []
        for path, book in books.items():
            around = Surroundings(self._inventory, self._reachable(texts[path], path), self._proofs)
            more = tuple(damage(documents[path]))
            answers = refusals[path] if refusals is not None else None
            found += [Linted(path, each) for each in lint(book, texts[path], around, answers, more)]
        return found

    def documents(self, documents: Mapping[str, bytes]) -> list[Linted]:
        """What is wrong with documents that are no runbooks: dead links, damaged text."""
        found: list[Linted] = []
        for path, data in sorted(documents.items()):
            text = _text(data)
            dead = dead_links(text, path, self._reachable(text, path))
            own = sorted((*damage(data), *dead), key=lambda each: each.line)
            found += [Linted(path, each) for each in own]
        return found

    def _refusals(self, books: Iterable[Runbook]) -> dict[str, dict[str, Refusal]] | None:
        """What bash says to every step of every book, asked together."""
        asked = {book.path: shell_texts(book) for book in books}
        answers = self._shell.refusals([text.text for texts in asked.values() for text in texts])
        if answers is None:
            return None
        rest = iter(answers)
        return {path: by_step(texts, [next(rest) for _ in texts]) for path, texts in asked.items()}

    def _reachable(self, text: str, path: str) -> Mapping[str, frozenset[str] | None]:
        """Every place that a link of this document leads to, as far as it is there."""
        for link in links(text, path):
            if link.path and link.path not in self._looked:
                self._looked.add(link.path)
                kind = self._files.kind(link.path)
                if kind:
                    self._targets[link.path] = self._anchors(link.path) if kind == "file" else None
        return self._targets

    def _anchors(self, path: str) -> frozenset[str] | None:
        data = self._files.read(path) if path.lower().endswith(MARKDOWN) else None
        return None if data is None else anchors(_text(data))


def damage(data: bytes) -> list[Finding]:
    """The finding that the text was once read in a wrong encoding and saved so, with the repair offered."""
    found = detect(data)
    if found is None or not found.examples:
        return []
    first = found.examples[0]
    places = "1 place of this document holds" if found.places == 1 else f"{found.places} places of this document hold"
    sentence = (
        f'{places} UTF-8 that was read as {found.name} and saved so: "{first.found}" was '
        f'"{first.meant}". See the repair with: wk lint --repair-encoding FILE.'
    )
    return [Finding(first.line, "warning", sentence, "damaged-encoding")]


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")
