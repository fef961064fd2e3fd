"""What holds for every document: no line lost, nothing overlaps, new entries change no other line, out and in again."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.log.test_documents import LOGS, covers

from watchkeeper.core.log.documents.drafting import draft_of, rebuilt
from watchkeeper.core.log.documents.identity import key_of, match
from watchkeeper.core.log.documents.placing import Unplaceable, numbers_in, placed
from watchkeeper.core.log.documents.reading import read
from watchkeeper.core.log.documents.values import Options
from watchkeeper.core.log.markdown import render_log
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.log.vocabulary import Vocabulary

LINES = st.sampled_from([
    "", "text", "# Log", "## 2026-01-02", "## 2026-01-03: Title ✅", "### 10:00 UTC - a", "### 23:30-00:10 CST b", "#### deep",
    "### What changed", "**Type**: Deploy", "**Change**:", "**Date**: 2026-01-05",
        "- **Handed off to:** ben", "Type: x", "```", "```bash",
    "~~~", "- 2026-01-04 item", "- item", "  - nested", "2026-01-06 10:00 - line",
        "[2026-01-06 10:00] line", "10:30 line", "---", "===",
    "| Date | What |", "|---|---|", "| 2026-01-02 | row |", "| | row |", "<!--", "-->", "## Template",
        "## YYYY-MM-DD", "2026-01-07",
    "**2026-01-08**", "## 2026年1月9日", "### 午後3時 再起動", "## 2026-13-45", "# 2026", "### Dec 23",
        "> ## 2026-01-01 x", "\x00", "\ufeff",
    "## Status: waiting", "Date: 2026-01-10", "{\"a\": 1}", "## 02/03/2026 x", "\ud800",
        "## 99999999999999999999", "[x](#2026-01-02)",
])  # fmt: skip
ENDS = st.sampled_from(["\n", "\r\n", "\r", ""])
OPTIONS = Options("Africa/Johannesburg", {"SAST": "Africa/Johannesburg"}, "log.md")


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = draw(st.lists(LINES, max_size=40))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + draw(ENDS)


@given(documents())
@settings(max_examples=400, deadline=None)
def test_every_line_is_in_one_place_and_every_entry_is_rebuilt(text: str) -> None:
    document = read(text, OPTIONS)
    covers(document, text)
    for each in document.entries:
        assert rebuilt(draft_of(each, "log.md", Vocabulary())) == each.raw
        assert each.raw in text
    known = match(document.entries, (), "log.md")
    assert len(known.new) + len(known.repeated) == len(document.entries)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read(text: str) -> None:
    covers(read(text, OPTIONS), text)


def entry(number: int, at: float, title: str, **more) -> Entry:
    return Entry(number, Draft(at, "Deployment", title, "ana", **more), "d", "p", f"{number:064x}")


@given(documents(), st.lists(st.floats(1_760_000_000, 1_790_000_000), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_new_entries_leave_every_line_as_it_is(text: str, times: list[float]) -> None:
    entries = [entry(number, at, f"new {number}", sections=(("Change", "x"),)) for number, at in enumerate(times, 1)]
    try:
        after = placed(text, entries, "Africa/Johannesburg")
    except Unplaceable:
        return
    rest = iter(after.split("\n"))
    assert all(
        any(line.rstrip("\r") == each.rstrip("\r") for each in rest) for line in text.split("\n") if line.strip()
    )
    assert set(numbers_in(after)) == set(range(1, len(times) + 1))


@pytest.mark.parametrize(
    "name", ["day_headings.md", "titled_days.md", "role_stamps.md", "japanese.md", "underlined.md", "nested_archive.md"]
)
def test_what_is_put_into_a_document_is_read_from_it_again(name: str) -> None:
    text = (LOGS / name).read_text(encoding="utf-8")
    before = read(text, OPTIONS)
    new = [entry(1, 1_767_600_000.0, "Alpha"), entry(2, 1_767_603_600.0, "Beta", sections=(("Change", "x"),))]
    after = read(placed(text, new, "Africa/Johannesburg"), OPTIONS)
    titles = [each.title for each in after.entries]
    assert sorted(titles) == sorted([*(each.title for each in before.entries), "Alpha", "Beta"])
    again = {each.title: each for each in after.entries}
    assert again["Beta"].when.at == 1_767_603_600.0
    assert {key_of(each) for each in before.entries} <= {key_of(each) for each in after.entries}


WORD = st.text(st.sampled_from("abcdefghij klmnopqrstuvwxyz0123456789äöüé世界"), min_size=1, max_size=30).map(
    lambda text: "x" + " ".join(text.split())
)
PARAGRAPH = st.lists(st.one_of(WORD, WORD.map(lambda text: f"- {text}"), st.just("")), min_size=1, max_size=5).map(
    lambda lines: ("x\n" + "\n".join(lines)).rstrip()
)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    fields = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["Location", "Reviewed by", "Approved by", "Component", "Duration", "Cost"]), WORD
            ),
            max_size=3,
            unique_by=lambda each: each[0],
        )
    )
    sections = draw(
        st.lists(
            st.tuples(st.sampled_from(["Change", "Reason", "Procedure", "Impact", "Lessons Learned"]), PARAGRAPH),
            max_size=4,
            unique_by=lambda each: each[0],
        )
    )
    return Draft(
        60.0 * draw(st.integers(28_000_000, 30_000_000)),
        draw(st.sampled_from(["Deployment", "Incident", "Note"])), draw(WORD), draw(WORD),
        draw(st.sampled_from(["Critical", "High", "Medium", "Low"])), draw(st.sampled_from(["Complete",
            "Failed", "In Progress"])),
        sections=tuple(sections), fields=tuple(fields),
    )  # fmt: skip


@given(
    st.lists(drafts(), min_size=1, max_size=4),
    st.sampled_from(["UTC", "Africa/Johannesburg", "Asia/Shanghai", "America/St_Johns"]),
)
@settings(max_examples=150, deadline=None)
def test_what_is_exported_is_imported_as_it_was(made: list[Draft], zone: str) -> None:
    entries = [Entry(number, each, "d", "p", f"{number:064x}") for number, each in enumerate(made, 1)]
    document = read(render_log(entries, zone, "Harbour"), Options("Europe/Amsterdam"))
    found = {
        int(draft.facts["exported_as"].split(",")[0]): draft
        for draft in (draft_of(each, "x", Vocabulary()) for each in document.entries)
    }
    assert {number: replace(draft, facts={}) for number, draft in found.items()} == {
        each.number: each.draft for each in entries
    }


def test_long_and_hostile_documents_are_read() -> None:
    one = (
        "\n## 2026-01-02 10:{0:02} UTC - entry {1}\n\n**Type**: Deploy\n\n**Change**:\n" + "some words of a line\n" * 20
    )
    text = "# Log\n" + "".join(one.format(n % 60, n) for n in range(2_000))
    assert len(text) > 900_000 and len(read(text, OPTIONS).entries) == 2_000
    for hostile in (
        "#" * 30_000, "# x\n" * 30_000, "## 2026-01-02\n" * 8_000,
        "```x\n" * 15_000, "<!--\n" * 15_000, "[" * 30_000, "{" * 30_000,
        "| " * 15_000 + "\n" + "|-" * 15_000 + "|\n",
        "> " * 15_000 + "## 2026-01-01 x", "**" * 30_000, "1" * 60_000, "- " * 30_000,
        "## 2026-01-02\n" + "### Notes\n" * 8_000, "### 10:00 a\n" * 8_000,
        "a: " * 15_000, "=\n-\n" * 15_000, "## " + "2026-01-02 " * 8_000,
        "```\n## 2026-01-01 x\n```sh\n" * 4_000, "[" + "{\"date\": \"2026-01-02\", \"title\": \"" + "x" * 30_000 + "\"}]",
    ):  # fmt: skip
        covers(read(hostile, OPTIONS), hostile)


def test_a_shuffled_document_is_the_same_entries() -> None:
    text = (LOGS / "titled_days.md").read_text(encoding="utf-8")
    document = read(text, OPTIONS)
    parts = [each.raw for each in document.entries]
    random.Random(1).shuffle(parts)
    again = read("# other\n\n" + "\n\n".join(parts), OPTIONS)
    assert {key_of(each) for each in again.entries} == {key_of(each) for each in document.entries}
    assert Path(LOGS).is_dir()
