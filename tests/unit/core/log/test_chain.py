from __future__ import annotations

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.log.chain import (
    GENESIS,
    Row,
    canonical,
    chained,
    draft_of,
    hash_of,
    microseconds,
    verify,
)
from watchkeeper.core.log.values import Draft

TEXT = st.text(st.characters(), max_size=40)  # lone surrogates and NUL too
VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), TEXT
)
DRAFTS = st.builds(
    Draft, at=st.floats(0, 4e9), type=TEXT, title=TEXT, actor=TEXT, severity=TEXT, status=TEXT,
    sections=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple), facts=st.dictionaries(TEXT, VALUE, max_size=3),
    corrects=st.one_of(st.none(), st.integers(1, 999)),
)  # fmt: skip


def rows_of(drafts: list[Draft]) -> list[Row]:
    rows: list[Row] = []
    previous = GENESIS
    for number, draft in enumerate(drafts, 1):
        entry, body = chained(draft, number, previous)
        rows.append(Row(number, previous, microseconds(draft.at), entry.digest, entry.hash, body))
        previous = entry.hash
    return rows


@given(DRAFTS)
def test_a_draft_comes_back_from_its_bytes(draft: Draft) -> None:
    body = canonical(draft)
    assert draft_of(body) == draft
    assert canonical(draft_of(body)) == body
    body.decode("utf-8")


def test_the_form_is_what_the_documentation_says() -> None:
    draft = Draft(12.5, "note", "é", "ana", facts={"b": 1, "a": None}, sections=(("Change", "x"),))
    assert canonical(draft).decode() == (
        '{"actor":"ana","at":12.5,"corrects":null,"facts":{"a":null,"b":1},"form":1,"sections":[["Change","x"]],'
        '"severity":"Low","status":"Complete","title":"é","type":"note"}'
    )
    entry, body = chained(draft, 3, "ab" * 32)
    assert entry.digest == hashlib.sha256(body).hexdigest()
    row = json.dumps([3, "ab" * 32, 12_500_000, entry.digest], separators=(",", ":"))
    assert entry.hash == hashlib.sha256(row.encode()).hexdigest() == hash_of(3, "ab" * 32, 12_500_000, entry.digest)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_do_not_lose_the_entry(value: float) -> None:
    assert draft_of(canonical(Draft(1.0, "t", "t", "a", facts={"x": value}))).facts == {"x": str(value)}


def test_a_body_of_a_later_form_can_be_read() -> None:
    assert draft_of(b'{"at":1,"type":"t","title":"x","actor":"a","later":["new"]}') == Draft(1.0, "t", "x", "a")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b'{"at":"x","type":1,"title":1,"actor":1}'])
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises((KeyError, ValueError)):
        draft_of(body)


def test_an_empty_log_holds() -> None:
    assert (verify([]).ok, verify([]).head) == (True, GENESIS)


@given(st.lists(DRAFTS, min_size=1, max_size=6), st.data())
def test_every_damage_is_named_at_the_entry_where_it_is(drafts: list[Draft], data: st.DataObject) -> None:
    rows = rows_of(drafts)
    assert verify(rows).ok
    place = data.draw(st.integers(0, len(rows) - 1))
    row = rows[place]
    body = bytearray(row.body or b"")
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damages = [
        Row(row.number, row.previous, row.at, row.digest, row.hash, bytes(body)),
        Row(row.number, row.previous, row.at, row.digest, row.hash, None),
        Row(row.number, row.previous, int(str(row.at)) + 1, row.digest, row.hash, row.body),
        Row(row.number, row.previous, row.at, row.digest, "0" * 64, row.body),
        Row(row.number, "f" * 64, row.at, row.digest, row.hash, row.body),
        Row(row.number, row.previous, row.at, None, row.hash, row.body),
    ]
    for damaged in damages:
        found = verify([*rows[:place], damaged, *rows[place + 1 :]])
        assert (found.ok, found.first_bad, found.entries) == (False, place + 1, place)
    removed = verify(rows[:place] + rows[place + 1 :])
    assert (removed.ok, removed.first_bad) == ((True, None) if place == len(rows) - 1 else (False, place + 1))


def test_what_people_and_documents_label_belongs_to_the_body_and_comes_back() -> None:
    from watchkeeper.core.log.values import Attachment

    draft = Draft(
        1_763_000_000.0, "Deployment", "shop 4.2", "ana", "High", fields=(("Location", "app1"), ("Cost", "none")),
        words={"severity": "MAJOR"}, tags=("shop",), attachments=(Attachment("a.txt", 3, "ab" * 32),), status_of=3, thread=2,
    )  # fmt: skip
    assert draft_of(canonical(draft)) == draft


def test_a_body_from_before_a_key_keeps_its_one_form() -> None:
    body = canonical(Draft(1_763_000_000.0, "Deployment", "shop 4.2", "ana"))
    assert not {b'"fields"', b'"words"', b'"tags"', b'"attachments"', b'"status_of"', b'"thread"'} & set(
        body.split(b":")
    )
    assert canonical(draft_of(body)) == body
