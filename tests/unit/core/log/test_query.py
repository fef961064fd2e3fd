"""The query language: what is read, what it means, and that no text breaks it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.log.chain import canonical
from watchkeeper.core.log.facets import HAS, IS, indexed
from watchkeeper.core.log.query import KEYS, holds, like, parse, says, select
from watchkeeper.core.log.search import _APART, fold, matches, needle
from watchkeeper.core.log.spans import span
from watchkeeper.core.log.values import Attachment, Draft
from watchkeeper.core.log.vocabulary import Vocabulary, folded

ZONE = ZoneInfo("Africa/Johannesburg")
NOW = datetime(2026, 11, 21, 10, 30, tzinfo=ZONE).timestamp()  # a Saturday
DAY = 86_400.0
USUAL = Vocabulary()
ENTRY = Draft(
    at=NOW - 3 * DAY, type="Infrastructure (disks)", title="Raised the worker  count", actor="ana", severity="High",
    status="✅ Complete (watched)", sections=(("Change", "two\nlines of 50%"), ("Verification", "seen")),
    facts={"service": "shop", "incident": 12}, fields=(("Took part", "Ben + Cleo"), ("Component", "Queue"),
    ("Approved by", "dora")), tags=("q4",), attachments=(Attachment("plan.pdf", 3, "0" * 64),), thread=4,
)  # fmt: skip


def found(question: str, draft: Draft = ENTRY) -> bool:
    selection = select(parse(question), USUAL, ZONE, NOW)
    return holds(selection, indexed(9, draft)) and says(selection, draft)


@pytest.mark.parametrize("question", [
    "", "severity>=high", "severity:MAJOR", "severity<critical", "sev:high,low", "type:infrastructure", "type:infra",
    "status:complete", "status:done", "service:shop", "SERVICE:Shop", "by:ana", "operator:ben", "operator:cleo",
    "operator:be*", "component:queue", "tag:q4", "-tag:q5", "tag:q3,q4", "incident:12", "thread:4", "approved:dora",
    "has:attachment", "has:verification", "is:reply", "since:30d", "since:2026-11-18", "until:yesterday", "on:2026-11-18",
    "on:this-week", "on:2026-11", "on:2026", "on:2026-W47", "since:wednesday", 'since:"2026-11-18 10:00"',
    "worker", "WORKER", '"worker count"', '"two lines"', "-nothing", "50%", "plan.pdf", "entry:9", "entry:1..20", "entry>=9",
    'severity>=high since:30d type:infrastructure "worker count" -canary',
])  # fmt: skip
def test_it_is_found(question: str) -> None:
    assert found(question)


@pytest.mark.parametrize("question", [
    "severity>high", "severity:low", "-severity>=high", "type:deployment", "status:failed", "service:sho", "by:an",
    "tag:q", "since:2d", "until:4d", "on:yesterday", "on:last-month", "is:corrected", "has:rollback", "entry:10..", "-worker",
    '"count worker"', "severity:critical,low", "-service:s*", "until:2026-11-17", "since:thursday", "is:gone",
])  # fmt: skip
def test_it_is_not_found(question: str) -> None:
    assert not found(question)


@pytest.mark.parametrize(("question", "place", "said"), [
    ("severity>=hgih", 1, "Did you mean high?"),
    ("a since:soon", 3, "'soon' is no time"),
    ("a b sevrity:high", 5, "Did you mean severity>=high?"),
    ('word "open', 6, "quotation mark is not closed"),
    ("is:corected", 1, "Did you mean is:corrected?"),
    ("tag:", 1, "nothing follows tag:"),
    ("service>shop", 1, "cannot be compared"),
    ("a OR b", 3, "tag:a,b"),
    ("entry:x", 1, "is no number"),
    ('""', 1, "nothing stands"),
    ("-since:3d", 1, "says nothing"),
    ("since:2026-13-01", 1, "is no time"),
    ("since:9999-12-31", 1, "is no time"), ("host:*a*b*c*d*e*", 1, "more than 4 stars"),
])  # fmt: skip
def test_mistakes_name_their_place(question: str, place: int, said: str) -> None:
    with pytest.raises(Usage) as error:
        select(parse(question), USUAL, ZONE, NOW)
    assert f"at character {place} (" in error.value.sentence
    assert said in str(error.value)


def test_days_are_those_of_the_zone_also_over_a_change_of_the_clock() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 10, 25, 12, tzinfo=berlin).timestamp()
    start, end = span("today", now, berlin)
    assert end - start == 25 * 3600  # the day on which summer time ends
    assert span("yesterday", now, berlin)[1] == start
    assert span("2026-10-25", now, berlin) == (start, end)
    assert span("sunday", now, berlin) == (start, end)
    week = span("this-week", now, berlin)
    assert week[1] == end and span("last-week", now, berlin)[1] == week[0]
    month = span("last-month", now, berlin)
    assert datetime.fromtimestamp(month[0], berlin) == datetime(2026, 9, 1, tzinfo=berlin)
    assert span("6mo", now, berlin)[0] == datetime(2026, 4, 25, 12, tzinfo=berlin).timestamp()
    assert span("2 days ago", now, berlin)[0] == now - 2 * DAY
    assert span("1 year", now, berlin)[0] == datetime(2025, 10, 25, 12, tzinfo=berlin).timestamp()
    leap = datetime(2028, 3, 31, 12, tzinfo=berlin).timestamp()
    assert span("1mo", leap, berlin)[0] == datetime(2028, 2, 29, 12, tzinfo=berlin).timestamp()
    assert span("2h", now, berlin) == (now - 7200, now - 7200)
    assert span("2026-10-25T10:00:00Z", now, berlin)[0] == datetime(2026, 10, 25, 11, tzinfo=berlin).timestamp()


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        selection = select(parse(text), USUAL, ZONE, NOW)
    except Usage as error:
        assert error.sentence.endswith(".")
        return
    says(selection, ENTRY), holds(selection, indexed(9, ENTRY))


WORDS = st.sampled_from(["high", "shop", "a b", "30d", "today", "x*", "9", "corrected", "2026-11", ",", "q4,q5"])


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([*KEYS, ""]), st.sampled_from([":", ">=", "<"]), WORDS), max_size=5
    )
)
def test_what_is_made_of_its_own_words_is_read_or_refused(parts: list[tuple[bool, str, str, str]]) -> None:
    text = " ".join(f'{"-" * minus}{key}{sign * bool(key)}"{word}"' for minus, key, sign, word in parts)
    try:
        selection = select(parse(text), USUAL, ZONE, NOW)
    except Usage:
        return
    holds(selection, indexed(9, ENTRY))


@given(
    st.sampled_from(["service", "tag", "operator"]),
    st.text(st.characters(exclude_characters='*,"'), min_size=1, max_size=20),
)
def test_the_contrary_is_the_contrary(key: str, value: str) -> None:
    if not folded(value):
        return
    part = f'{key}:"{value}"'
    assert found(part) != found(f"-{part}")


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_what_is_found_in_a_text_is_surely_in_its_bytes(before: str, word: str, after: str) -> None:
    draft = Draft(NOW, "Note", before + word + after, "ana")
    if not fold(word) or not matches(draft, word):
        return
    part = needle(word)
    assert part.lower() in canonical(draft).decode().lower()


def test_no_other_letter_becomes_ascii_when_it_is_small() -> None:
    others = [chr(code) for code in range(128, 0x110000) if any(each.isascii() for each in chr(code).lower())]
    assert sorted(map(ord, others)) == sorted(_APART)


@given(st.text(max_size=20), st.text(max_size=20))
def test_stars_stand_for_any_text(start: str, rest: str) -> None:
    if "*" not in start:
        assert like(start + "*", start + rest)
    assert like("*", rest)


def test_every_word_of_the_language_has_an_example_that_is_read() -> None:
    for example in KEYS.values():
        select(parse(example), USUAL, ZONE, NOW)
    for name in IS:
        select(parse(f"is:{name}"), USUAL, ZONE, NOW)
    for name in HAS:
        select(parse(f"has:{name}"), USUAL, ZONE, NOW)


def test_an_entry_is_indexed_by_a_bounded_number_of_things() -> None:
    much = Draft(
        NOW, "T" * 5000, "x", "a", tags=tuple(f"t{n}" for n in range(5000)), fields=(("Operator", "x, " * 3000),)
    )
    row = indexed(1, much)
    assert len(row.facets) <= 200 and len(row.type) <= 200 and all(len(value) <= 200 for _, value in row.facets)
