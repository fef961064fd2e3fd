"""The search index and the documents it is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watchkeeper.adapters.repositories.knowledge import LARGEST, KnowledgeRepository
from watchkeeper.core.search import Piece
from watchkeeper.services.ports.search import IndexLost
from watchkeeper.store.search import SearchIndex

PIECES = [
    Piece("runbook", "runbooks/shop.md", "Shop is down", "Fix", "restart the desk program", "1"),
    Piece("document", "docs/desk.md", "The order desk", "", "where café orders go", "2"),
    Piece("document", "docs/desk.md", "The order desk", "Restart", "ten seconds", "2"),
    Piece("service", "shop", "Web shop", "", "hosts app1", "3"),
]


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    found = SearchIndex(tmp_path / "search.db")
    found.keep(PIECES)
    return found


def names(index: SearchIndex, *words: str, every: bool = True, kinds: tuple[str, ...] = ()) -> list[str]:
    return [each.name for each in index.find(words, kinds, 10, 0, every)]  # type: ignore[arg-type]


def test_titles_count_more_than_text(index: SearchIndex) -> None:
    assert names(index, "desk")[0] == "docs/desk.md" and "runbooks/shop.md" in names(index, "desk")
    assert names(index, "shop")[0] in ("runbooks/shop.md", "shop")


def test_beginnings_accents_kinds_and_any(index: SearchIndex) -> None:
    assert names(index, "rest") and names(index, "cafe") == ["docs/desk.md"]
    assert names(index, "desk", kinds=("runbook",)) == ["runbooks/shop.md"]
    assert names(index, "desk", "nowhere") == [] and names(index, "desk", "nowhere", every=False)


@pytest.mark.parametrize("word", ['"', 'a" OR "b', "*", "title:desk", "NEAR", "-", "'", "\x00", "^desk", ")"])
def test_no_word_is_an_operator(index: SearchIndex, word: str) -> None:
    assert isinstance(names(index, word), list)
    assert names(index, "desk", word) in ([], ["docs/desk.md"], names(index, "desk"))


def test_the_index_follows_what_it_is_given(index: SearchIndex) -> None:
    index.keep([PIECES[0], Piece("document", "docs/desk.md", "The order desk", "", "nothing of before", "9")])
    assert names(index, "seconds") == [] and names(index, "shop") == ["runbooks/shop.md"]
    assert names(index, "before") == ["docs/desk.md"]
    index.keep([])
    assert names(index, "desk") == []


@pytest.mark.parametrize("damage", [b"no database at all", b"", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_index_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "search.db"
    path.write_bytes(damage)
    index = SearchIndex(path)
    index.keep(PIECES)
    assert names(index, "desk") and path.stat().st_mode & 0o077 == 0
    index.close()
    again = SearchIndex(path)
    assert names(again, "desk")


def test_an_index_that_is_lost_while_it_is_used_says_so(index: SearchIndex) -> None:
    assert index._connection is not None
    index._connection.executescript("DROP TABLE words")
    with pytest.raises(IndexLost):
        index.find(["desk"], (), 10, 0, True)
    index.keep(PIECES)
    assert names(index, "desk")


def test_only_documents_of_the_repo_are_read(tmp_path: Path) -> None:
    ops = tmp_path / "ops"
    for folder in ("docs/deep", "queries", "routines", "docs/.hidden", "other"):
        (ops / folder).mkdir(parents=True)
    (ops / "docs/deep/a.md").write_text("# A\n")
    (ops / "queries/q.sql").write_text("-- Q\nselect 1")
    (ops / "routines/r.md").write_text("# R\n")
    for path in ("docs/.hidden/x.md", "docs/picture.png", "other/x.md", "docs/.x.md"):
        (ops / path).write_text("no")
    (tmp_path / "secret.md").write_text("secret")
    (ops / "docs/out.md").symlink_to(tmp_path / "secret.md")
    (ops / "docs/loop").symlink_to(ops / "docs")
    os.mkfifo(ops / "docs/pipe.md")
    (ops / "docs/huge.md").write_bytes(b"x" * (LARGEST + 1))
    (ops / "docs/odd.md").write_bytes(b"# \xff\xfe odd\n")
    repository = KnowledgeRepository(ops)
    found = {each.path: each for each in repository.documents()}
    assert sorted(found) == ["docs/deep/a.md", "docs/odd.md", "queries/q.sql", "routines/r.md"]
    assert found["queries/q.sql"].kind == "query" and found["queries/q.sql"].title == "Q"
    before = repository.signature()
    (ops / "docs/new.md").write_text("# New\n")
    assert repository.signature() != before


def test_no_documents_is_no_fault(tmp_path: Path) -> None:
    assert KnowledgeRepository(tmp_path).documents() == []
    assert KnowledgeRepository(tmp_path / "nowhere").documents() == []
