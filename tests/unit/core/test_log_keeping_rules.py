"""Which entries are old enough, what naming entries say, and how anchors are compared."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Invalid
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.log.absence import claim_of, numbers_of, spans
from watchkeeper.core.log.chain import GENESIS, Row, Verification, canonical, chained, microseconds, verify
from watchkeeper.core.log.chain_file import line_of, row_of
from watchkeeper.core.log.keeping import (
    YEAR_S,
    Keep,
    Kept,
    archive_entry,
    due,
    grouped,
    hold_entry,
    holds_of,
    purge_entry,
    release_entry,
)  # fmt: skip
from watchkeeper.core.log.proof import Anchor, compared, read_value, trailer
from watchkeeper.core.log.values import Draft, Entry

NOW = 1_763_000_000.0


def kept(number: int, age_years: float, severity: str = "Low", **more) -> Kept:
    return Kept(number, NOW - age_years * YEAR_S, severity, **more)


@pytest.mark.parametrize(("severity", "age", "leaves"), [
    ("Low", 0.99, False), ("Low", 1.01, True), ("low", 1.01, True), ("Medium", 1.99, False), ("Medium", 2.01, True),
    ("High", 90, False), ("Critical", 90, False), ("Whatever", 90, False),
])  # fmt: skip
def test_an_entry_leaves_when_the_time_of_its_severity_is_over(severity: str, age: float, leaves: bool) -> None:
    assert bool(due([kept(1, age, severity)], Keep(), NOW)) is leaves


def test_an_entry_and_all_its_corrections_are_as_severe_as_the_most_severe() -> None:
    chain_of = [kept(1, 5), kept(2, 4, corrects=1), kept(3, 3, "High", corrects=2), kept(4, 3, corrects=1)]
    assert due(chain_of, Keep(), NOW) == []
    assert [each.number for each in due([*chain_of[:2], kept(5, 3, corrects=99)], Keep(), NOW)] == [1, 2, 5]
    assert due([kept(1, 5), kept(2, 4, corrects=1, fixed=True)], Keep(), NOW) == []


def test_years_are_those_of_the_team_and_groups_are_bounded() -> None:
    new_year = 1_577_836_800.0  # 2020-01-01 00:00 UTC
    rows = [Kept(1, new_year - 60, "Low"), Kept(2, new_year + 60, "Low")]
    assert [each.place[-10:] for each in grouped(rows, "UTC")] == ["2019.jsonl", "2020.jsonl"]
    assert [each.place[-10:] for each in grouped(rows, "Asia/Tokyo")] == ["2020.jsonl"]
    many = grouped([Kept(n, new_year, "Low") for n in range(1, 2502)], "UTC")
    assert [len(each.numbers) for each in many] == [1000, 1000, 501]


@given(st.sets(st.integers(1, 400)))
def test_lists_of_numbers_come_back(numbers: set[int]) -> None:
    assert numbers_of(spans(numbers)) == tuple(sorted(numbers))


@pytest.mark.parametrize("text", ["", "x", "1-", "-3", "1,,2", "1-99999999999999999", "1;2", "9" * 40])
def test_what_is_no_list_of_numbers_names_nothing(text: str) -> None:
    assert numbers_of(text) == ()


def rows_of(*drafts: Draft) -> list[Row]:
    rows, head = [], GENESIS
    for number, draft in enumerate(drafts, 1):
        entry, body = chained(draft, number, head)
        rows.append(Row(number, head, microseconds(draft.at), entry.digest, entry.hash, body))
        head = entry.hash
    return rows


def draft(n: int) -> Draft:
    return Draft(NOW + n, "Change", f"entry {n}", "ana")


def bare(row: Row) -> Row:
    return Row(row.number, row.previous, row.at, row.digest, row.hash, None)


def test_a_body_may_be_absent_only_when_a_later_entry_and_a_row_say_so() -> None:
    digest = rows_of(draft(1))[0].digest
    naming = purge_entry(1, str(digest), "why", "ana", NOW + 9)
    rows = rows_of(draft(1), draft(2), naming)
    claim = claim_of(3, naming, microseconds(naming.at))
    assert claim is not None
    absences = list(claim.absences())
    gone = [bare(rows[0]), *rows[1:]]
    assert verify(gone, absences).purged == 1
    assert verify(gone).first_bad == 1
    assert verify(rows, absences).first_bad == 1, "the body is there all the same"
    assert verify(rows).first_bad == 1, "an entry names a purge that no row knows"
    assert verify([bare(rows[0]), bare(rows[1]), rows[2]], absences).first_bad == 2
    assert verify(gone[:2], absences).first_bad == 1, "a cut tail takes the naming entry along"


def test_archived_bodies_are_asked_for_where_they_are() -> None:
    leaving = grouped([Kept(1, NOW + 1, "Low")], "UTC")[0]
    naming = archive_entry(leaving, "f" * 64, "ana", NOW + 9)
    rows = rows_of(draft(1), naming)
    claim = claim_of(2, naming, microseconds(naming.at))
    assert claim is not None
    absences, gone = list(claim.absences()), [bare(rows[0]), rows[1]]
    found = verify(gone, absences, lambda absence: rows[0].body)
    assert (found.ok, found.archived, found.checked) == (True, 1, 1)
    assert verify(gone, absences, lambda absence: None).checked == 0
    assert verify(gone, absences, lambda absence: b"{}").first_bad == 1
    assert "it is gone" in verify(gone, absences, lambda absence: "it is gone.").sentence


def test_holds_are_what_naming_entries_say() -> None:
    drafts = [hold_entry("case 1", "", (1, 2), "court", "ana", NOW), hold_entry("case 2", "tag:x", (), "", "bo", NOW)]
    entries = [Entry(number, each, "", "", "") for number, each in enumerate(drafts, 5)]
    first = holds_of(entries)[0]
    assert (first.entry, first.name, first.numbers, first.why, first.released_by) == (
        5,
        "case 1",
        (1, 2),
        "court",
        None,
    )
    ended = Entry(9, release_entry(first, "over", "ana", NOW), "", "", "")
    assert [each.released_by for each in holds_of([*entries, ended])] == [9, None]


@given(st.text(), st.text(), st.integers(1, 10**9))
def test_a_line_of_the_chain_file_comes_back_byte_for_byte(title: str, text: str, at: int) -> None:
    made = Draft(float(at), "T", title, "ana", sections=(("Change", text),))
    row = rows_of(made)[0]
    line = line_of(row)
    assert "\n" not in line
    assert row_of(line, "the line") == row
    assert json.loads(line)["body"].encode() == canonical(made)


@pytest.mark.parametrize("line", [
    "", "{}", "[]", "1", '{"number":1}', '{"number":"1","previous":"","at":1,"digest":"","hash":"","body":null}',
    '{"number":true,"previous":"","at":1,"digest":"","hash":"","body":null}', "[" * 100_000,
    '{"number":1,"previous":"","at":1.5,"digest":"","hash":"","body":null}',
    '{"number":1,"previous":"","at":1,"digest":"","hash":"","body":"\\ud800"}',
])  # fmt: skip
def test_what_is_no_line_of_a_chain_is_refused(line: str) -> None:
    with pytest.raises(Invalid, match="the line"):
        row_of(line, "the line")


def verified(entries: int) -> Verification:
    return Verification(True, entries, None, "All hold.", "h")


def test_anchors_show_a_cut_tail_and_a_chain_that_was_written_anew() -> None:
    hashes = {n: f"{n:064x}" for n in range(1, 6)}
    good = [Anchor(3, hashes[3], 1.0, "commit a"), Anchor(5, hashes[5], 2.0, "the webhook")]
    assert compared(verified(5), good, hashes).anchors == 2
    cut = compared(verified(4), good, {n: hashes[n] for n in range(1, 5)})
    assert (cut.ok, cut.first_bad) == (False, 5)
    assert "the webhook says that there were 5 entries, the log has 4" in cut.sentence
    anew = compared(verified(5), [Anchor(3, "f" * 64, 1.0, "commit b")], hashes)
    assert (anew.ok, anew.first_bad) == (False, 3)
    assert compared(verified(5), [], hashes) == verified(5)


def test_a_restore_explains_only_the_anchors_of_what_it_left_out() -> None:
    hashes = {n: f"{n:064x}" for n in range(1, 6)}
    lost = [(4, 100.0)]
    before, later, earlier = (
        Anchor(9, "a" * 64, 50.0, "x"),
        Anchor(9, "a" * 64, 150.0, "x"),
        Anchor(3, "a" * 64, 50.0, "x"),
    )
    assert compared(verified(5), [before], hashes, lost).ok
    assert not compared(verified(5), [later], hashes, lost).ok
    assert not compared(verified(5), [earlier], hashes, lost).ok


def test_the_trailer_is_read_as_it_is_written() -> None:
    assert read_value(trailer(12, "a" * 64).partition(": ")[2]) == (12, "a" * 64)
    assert read_value("12 xyz") is None


def policy(text: str):
    files = {"watchkeeper.yaml": f"team: Test\nlog:\n{text}".encode(), "secrets.yaml": b"secrets: {key: {env: KEY}}\n"}
    return load(files, NOW)


def test_the_policy_is_read_from_the_file() -> None:
    log = policy(
        "  keep: {low: 90d, Critical: 10y}\n  anchor: {webhook: 'secret:key', every: 12h}\n"
    ).inventory.team.log
    assert log.keeping.times["Low"] == 90 * 86_400.0
    assert log.keeping.times["Critical"] == 10 * YEAR_S
    assert log.keeping.times["High"] is None
    assert (log.anchoring.webhook, log.anchoring.every_s) == ("secret:key", 43_200.0)


@pytest.mark.parametrize("text", [
    "  keep: {Low: 5d}\n", "  keep: {Low: sometimes}\n", "  keep: {Lo: 2y}\n", "  keep: 2y\n", "  keep: {}\n",
    "  anchor: {webhook: ftp://x}\n", "  anchor: {every: 1d}\n", "  anchor: {webhook: 'secret:none'}\n",
])  # fmt: skip
def test_a_mistake_in_it_is_said(text: str) -> None:
    assert policy(text).mistakes
