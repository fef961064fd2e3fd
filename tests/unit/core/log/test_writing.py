"""What people write: the template goes there and back, every mistake is named, nothing written is lost."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.core.log.writing import (
    FIELDS,
    SECTIONS,
    Written,
    assert_no_key,
    draft_of,
    follow_ups,
    moment_of,
    read_template,
    template,
)

USUAL = Vocabulary()
NOW = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC, 16:13 in Johannesburg
ZONE = "Africa/Johannesburg"
LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40).map(
    lambda text: " ".join(text.split())
)


def test_the_empty_template_says_nothing() -> None:
    assert read_template(template(USUAL)) == (Written(), ())


def test_a_filled_template_comes_back() -> None:
    written = Written(
        title="Raised the count", type="Release", severity="MAJOR", status="done", at="14:00", service="shop", host="app1",
        fields=(*tuple((label, f"of {label}") for label in FIELDS.values()), ("Own label", "x")),
        sections=(*tuple((heading, f"text of\n\n- {heading}") for heading in SECTIONS.values()), ("Own", "y")),
        tags=("a", "b"), attach=("plan.pdf",),
    )  # fmt: skip
    assert read_template(template(USUAL, written, ["line 3 -- wrong"])) == (written, ())


@given(st.lists(st.tuples(LINE, LINE), max_size=4), LINE)
def test_no_text_of_a_section_is_lost(sections: list[tuple[str, str]], title: str) -> None:
    text = f"# {title}\n" + "".join(f"\n## {heading}\nx {body}\n" for heading, body in sections)
    written, slips = read_template(text)
    kept = "\n".join([written.title, *(part for pair in written.sections for part in pair)])
    if not slips:
        for _, body in sections:
            assert f"x {body}" in kept or "<!--" in text


def test_the_form_of_the_log_itself_is_read_too() -> None:
    written, slips = read_template(
        "# T\n\n**Type**: Release\n\n**Change**:\na\n\n**Reason**: b\nc\n\n```\n# no\n**Impact**:\n```\n"
    )
    assert not slips and written.type == "Release"
    assert dict(written.sections) == {"Change": "a", "Reason": "b\nc\n\n```\n# no\n**Impact**:\n```"}


def test_a_text_without_headings_is_the_change() -> None:
    assert read_template("just words\nmore")[0].sections == (("Change", "just words\nmore"),)


def test_slips_name_their_lines() -> None:
    _, slips = read_template("# T\n**Type**: a\n**Type**: b\n**no field\n\n##\n")
    assert [slip.line for slip in slips] == [3, 4, 6]


def test_every_mistake_is_named_at_once() -> None:
    wrong = Written(title=" ", type="Odd", severity="Hihg", at="soon", tags=("a b",), fields=(("x", "y" * 501),))
    with pytest.raises(Usage) as error:
        draft_of(wrong, "ana", NOW, ZONE, USUAL)
    for part in ("no title", "'Odd'", "Did you mean High?", "'soon'", "'a b'", "501"):
        assert part in error.value.sentence


def test_words_are_kept_as_they_were_written() -> None:
    draft = draft_of(Written("T", "Release", "MAJOR", "complete"), "ana", NOW, ZONE, USUAL)
    assert (draft.type, draft.severity, draft.status) == ("Deployment", "High", "Complete")
    assert draft.words == {"type": "Release", "severity": "MAJOR"}


@pytest.mark.parametrize(("words", "at"), [
    ("", NOW), ("2h", NOW - 7200), ("14:00", NOW - 8000), ("2026-09-21 9:30", NOW - 24200), ("yesterday 16:13", NOW - 86420),
    ("2026-09-20T10:00:00+02:00", 1_789_891_200.0), ("2026-09-21T12:13:20Z", NOW - 7200),
])  # fmt: skip
def test_times_of_the_past(words: str, at: float) -> None:
    assert moment_of(words, NOW, ZONE) == at


@pytest.mark.parametrize("words", ["2031-01-01", "18:00", "soon", "25:00", "1980-01-01", "last-moon"])
def test_times_that_cannot_be(words: str) -> None:
    with pytest.raises(Usage):
        moment_of(words, NOW, ZONE)
    assert ZoneInfo(ZONE)


def test_private_keys_are_refused() -> None:
    kind = "OPENSSH PRIVATE KEY"
    with pytest.raises(Usage, match=r"private key stands in id\.txt"):
        assert_no_key("id.txt", f"x\n-----BEGIN {kind}-----\nabc".encode())
    assert_no_key("id.pub", b"-----BEGIN PUBLIC KEY-----")


def test_follow_ups_are_tasks() -> None:
    assert follow_ups(["watch  it", "- [x] told", " "]) == "- [ ] watch it\n- [x] told"
