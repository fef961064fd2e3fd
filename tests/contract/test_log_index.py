"""Asking the operations log: the same answers on SQLite and PostgreSQL, and the same as the pure rules give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.contract.test_store import fresh_database, server  # noqa: F401
from tests.fixtures.empty_store import open_store

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.log.facets import consequences, indexed
from watchkeeper.core.log.keeping import purge_entry
from watchkeeper.core.log.query import Selection, holds, parse, says, select
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.services.log.questions import catch_up
from watchkeeper.services.ports import Session
from watchkeeper.store.writer import Store

NOW = 1_790_000_000.0
DAY = 86_400.0
ZONE = ZoneInfo("Africa/Johannesburg")
QUESTIONS = (
    "", "severity>=high", "severity<high", "-severity:high", "severity:high,low", "type:release", "type:in*", "type:*o*",
    "status:failed", 'status:"rolled back"', "-status:complete", "service:shop", "service:sh*,docs", "-service:shop",
    "operator:ana", "operator:a*", "tag:a_b", "tag:a%b", "tag:a!b", "host:APP1", "since:3d", "until:3d", "on:2026-09-19",
    "since:5d until:2d", "is:corrected", "is:correction", "is:status", "is:reply", "-is:own", "has:reply", "has:status",
    "has:verification", "entry:3..9", "entry:4..", "-entry:5", "entry>30", "worker", "-worker", '"worker count"',
    "WORKER severity>=medium", "50%", "under_score", "ünïcode", "中文", "thread:3", "corrects:2", "approved:ben", "a'b",
    '"two lines"', "is:gone", "-is:gone type:deployment",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = fresh_database(request.getfixturevalue("server")) if request.param == "postgresql" else ""
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


def drafts(seed: int, count: int = 40) -> list[Draft]:
    """Entries of all kinds, many with the same words; later ones speak of earlier ones."""
    pick = random.Random(seed)
    texts = (
        "the worker count",
        "Worker  COUNT\nraised",
        "50% of it",
        "under_score",
        "ÜNÏCODE",
        "中文 text",
        "a'b",
        "two\nlines",
    )
    found = []
    for number in range(1, count + 1):
        older = pick.randrange(1, number) if number > 3 else None
        kind = pick.choice(("plain", "plain", "plain", "corrects", "status", "thread"))
        found.append(
            Draft(
                at=NOW - pick.choice((0.0, 1.0, 2.0, 3.0)) * DAY - pick.random() * pick.choice((0.0, 3600.0, DAY)),
                type=pick.choice(("Deployment", "Incident", "Release", "Infrastructure / X", "Odd")),
                title=f"entry {number} {pick.choice(texts)}",
                actor=pick.choice(("ana", "ben", "watchkeeper", "Äna")),
                severity=pick.choice(("Critical", "High", "Medium", "Low", "odd")),
                status=pick.choice(
                    ("Complete", "✅ Complete (really)", "Failed", "Rolled Back", "Complete, not proven")
                ),
                sections=(("Change", pick.choice(texts)), ("Verification", pick.choice(("", "seen")))),
                facts={"service": pick.choice(("shop", "docs", "she")), "host": pick.choice(("app1", ""))},
                fields=(("Approved by", pick.choice(("", "ben", "ben and ana"))),),
                tags=pick.choice(((), ("a_b",), ("a%b", "a!b"), ("axb",))),
                corrects=older if kind == "corrects" else None,
                status_of=older if kind == "status" else None,
                thread=older if kind == "thread" else None,
            )
        )
    return found


def expected(written: list[Draft], selection: Selection) -> list[int]:
    """What the pure rules answer, newest first."""
    rows = {number: indexed(number, draft) for number, draft in enumerate(written, 1)}
    for number, draft in enumerate(written, 1):
        for of, name, value in consequences(draft):
            rows[of] = replace(rows[of], facets=rows[of].facets | {(name, value)})
        if draft.status_of is not None:
            rows[draft.status_of] = replace(rows[draft.status_of], status=indexed(number, draft).status)
    found = [row for row in rows.values() if holds(selection, row) and says(selection, written[row.number - 1])]
    return [row.number for row in sorted(found, key=lambda row: (-row.at, -row.number))]


def append(store: Store, written: Sequence[Draft]) -> list[Entry]:
    """Append, and let the index catch up, as whoever asks does."""
    entries = store.write(lambda session: [session.append_entry(draft) for draft in written])
    catch_up(store)
    return entries


def ask(session: Session, selection: Selection, limit: int = 500) -> list[int]:
    return [entry.number for entry in session.asked_entries(selection, limit)]


def selection_of(text: str) -> Selection:
    return select(parse(text), Vocabulary(), ZONE, NOW)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_database_answers_as_the_rules_do(store: Store, seed: int) -> None:
    written = drafts(seed)
    append(store, written)
    answers = {}
    with store.read() as session:
        for question in QUESTIONS:
            selection = selection_of(question)
            answers[question] = ask(session, selection)
            assert answers[question] == expected(written, selection), question
            if not selection.words:
                assert session.asked_count(selection) == len(answers[question]), question
    assert sum(bool(found) for found in answers.values()) > len(QUESTIONS) // 2  # the questions say something
    store.write(lambda session: session.rebuild_log_index())
    with store.read() as session:
        assert {question: ask(session, selection_of(question)) for question in QUESTIONS} == answers


def test_pages_follow_each_other_without_gap_or_double(store: Store) -> None:
    written = drafts(7, 60)
    append(store, written)
    for question in ("", "worker", "severity>=medium"):
        selection = selection_of(question)
        found: list[int] = []
        with store.read() as session:
            while page := session.asked_entries(selection, 7, found[-1] if found else None):
                found += [entry.number for entry in page]
        assert found == expected(written, selection)


def test_the_index_follows_the_log_and_catches_up_before_it_is_asked(store: Store) -> None:
    written = drafts(5, 40)
    for draft in written[:10]:
        store.write(lambda session, draft=draft: session.append_entry(draft))
    with store.read() as session:
        assert not session.is_log_indexed() and ask(session, Selection()) == []
    assert store.write(lambda session: session.index_log(4)) is False  # in pieces
    append(store, written[10:])
    with store.read() as session:
        assert session.is_log_indexed()
        assert ask(session, Selection()) == expected(written, Selection())


def test_an_index_that_fails_costs_no_entry_and_is_made_up_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchkeeper.store import log_index

    def fails(*_: object) -> None:
        raise RuntimeError("no room")

    written = drafts(1, 3)
    monkeypatch.setattr(log_index, "_write", fails)
    with pytest.raises(RuntimeError, match="no room"):
        append(store, written)
    monkeypatch.undo()
    assert store.verify_log().entries == 3
    catch_up(store)
    with store.read() as session:
        assert ask(session, Selection()) == expected(written, Selection())


def test_several_let_the_index_catch_up_at_once(store: Store) -> None:
    written = drafts(9, 60)
    store.write(lambda session: [session.append_entry(draft) for draft in written])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: catch_up(store), range(8)))
    with store.read() as session:
        assert ask(session, Selection()) == expected(written, Selection())


def test_what_is_purged_before_it_was_indexed_is_not_found_by_its_words(store: Store) -> None:
    secret = Draft(NOW, "Hush", "the secret", "ana", tags=("hush",))
    entry = store.write(lambda session: session.append_entry(secret))
    store.write(lambda session: session.name_entry(purge_entry(1, entry.digest, "held a password", "ana", NOW)))
    catch_up(store)
    with store.read() as session:
        assert ask(session, selection_of("tag:hush")) == ask(session, selection_of("type:hush")) == []
        assert ask(session, selection_of("is:gone")) == [1]


def test_entries_from_before_the_index_are_found(store: Store) -> None:
    from watchkeeper.store import log

    written = drafts(3, 20)
    store.write(lambda session: [log.append(session._using, draft) for draft in written])  # type: ignore[attr-defined]
    with store.read() as session:
        assert ask(session, Selection()) == []
    assert store.write(lambda session: session.rebuild_log_index()) == 20
    with store.read() as session:
        assert ask(session, selection_of("severity>=high")) == expected(written, selection_of("severity>=high"))


def test_what_was_said_about_entries(store: Store) -> None:
    plain = Draft(NOW, "Note", "first", "ana")
    later = [
        replace(plain, corrects=1),
        replace(plain, status_of=1, status="Failed"),
        replace(plain, thread=1),
        replace(plain, corrects=1),
    ]
    append(store, [plain, *later])
    with store.read() as session:
        links = session.entry_links([1, 2])
        assert (links[1].corrected_by, links[1].status_by, links[1].answered_by) == ((2, 5), (3,), (4,))
        assert links[2].corrected_by == ()
        assert ask(session, selection_of("status:failed")) == [3, 1]


def test_files_are_kept_once_and_checked(store: Store, tamper: Callable[[Store, str], None]) -> None:
    data = b"\x00\xff" * 5000 + bytes(range(256))
    kept = store.write(lambda session: [session.keep_file(name, data) for name in ("a.bin", "b.bin")])
    assert kept[0].digest == kept[1].digest and kept[0].size == len(data)
    with store.read() as session:
        assert session.kept_file(kept[1]) == data
        with pytest.raises(NotFound, match=r"x\.bin"):
            session.kept_file(replace(kept[0], name="x.bin", digest="0" * 64))
    tamper(store, "UPDATE log_file SET packed = FALSE")
    with store.read() as session, pytest.raises(Invalid, match="digest"):
        session.kept_file(kept[0])
    assert store.write(lambda session: session.drop_file(kept[0].digest)) is True
    with store.read() as session, pytest.raises(NotFound, match="not in the store"):
        session.kept_file(kept[0])


@pytest.fixture
def tamper() -> Callable[[Store, str], None]:
    """SQL that a stranger ran."""

    def run(store: Store, statement: str) -> None:
        from django.db import connections

        def work(session: Session) -> None:
            with connections[session._using].cursor() as cursor:  # type: ignore[attr-defined]
                cursor.execute(statement)

        store.write(work)

    return run


def test_words_that_databases_cannot_hold_do_no_harm(store: Store) -> None:
    odd = Draft(NOW, "No\x00te", "nul \x00 and \ud800", "an\x00a", tags=("t\x00", "\ud800"), facts={"service": "s\x00"})
    (entry,) = append(store, [odd])
    with store.read() as session:
        assert ask(session, selection_of("operator:an\x00a")) == [entry.number]
        assert ask(session, Selection(words=(("nul", False),))) == [entry.number]


def test_a_purge_leaves_nothing_to_be_found(store: Store) -> None:
    def work(session: Session) -> list[Entry]:
        files = tuple(session.keep_file(name, name.encode()) for name in ("mine.txt", "shared.txt"))
        secret = Draft(NOW, "Hush", "the secret", "ana", tags=("hush",), facts={"service": "shop"}, attachments=files)
        return [session.append_entry(each) for each in (secret, Draft(NOW, "Note", "x", "ben", attachments=files[1:]))]

    entry, other = store.write(work)
    catch_up(store)
    store.write(lambda session: session.name_entry(purge_entry(1, entry.digest, "held a password", "ana", NOW)))
    catch_up(store)
    with store.read() as session:
        for question in ("tag:hush", "type:hush", "service:shop", '"the secret"'):
            assert ask(session, selection_of(question)) == [], question
        assert ask(session, selection_of("is:gone")) == [1]
        (shown,) = session.asked_entries(selection_of("entry:1"), 5)
        assert shown.absence is not None and "secret" not in shown.draft.title
        assert session.kept_file(other.draft.attachments[0]) == b"shared.txt"
        with pytest.raises(NotFound):
            session.kept_file(entry.draft.attachments[0])
    store.write(lambda session: session.rebuild_log_index())
    with store.read() as session:
        assert ask(session, selection_of("entry:1..3")) == [3, 2, 1]
