"""Documents cut into sections, questions cut into words."""

from __future__ import annotations

import pytest

from watchkeeper.core.search import Document, around, kind_of, one_line, pieces, readable, title_of, words_of


@pytest.mark.parametrize(
    ("question", "words"),
    [("How do I restart the order desk?", ["restart", "order", "desk"]), ("what is it", ["what", "is", "it"]), ("", []),
     ("?!", []), ("Shop shop SHOP", ["shop"]), ("disk-full app1", ["disk", "full", "app1"]), ("été", ["été"])],
)  # fmt: skip
def test_words_that_count(question: str, words: list[str]) -> None:
    assert words_of(question) == words


def test_the_number_of_words_is_bounded() -> None:
    assert len(words_of(" ".join(f"w{number}" for number in range(100)))) == 12


def test_sections_end_at_headings_but_not_within_code() -> None:
    text = "before\n# One\na\n```bash\n# no heading\n```\n## Two ##\nb\n~~~\n# neither\n~~~\n"
    found = list(pieces(Document("docs/a.md", "document", "A", text, "d")))
    assert [(each.heading, each.body.splitlines()[0]) for each in found] == [("", "before"), ("One", "a"), ("Two", "b")]
    assert "# no heading" in found[1].body and "# neither" in found[2].body


def test_long_sections_come_in_several_and_never_endlessly() -> None:
    found = list(pieces(Document("docs/a.md", "document", "A", "x" * 50_000, "d")))
    assert [len(each.body) for each in found] == [20_000, 20_000, 10_000]
    assert len(list(pieces(Document("a", "document", "A", "# h\n" * 5000, "d")))) == 400


def test_titles_and_kinds() -> None:
    assert title_of("docs/order-desk.md", "text\n# The desk\n") == "The desk"
    assert title_of("queries/stuck_jobs.sql", "-- Jobs that wait\nselect 1") == "Jobs that wait"
    assert title_of("queries/stuck_jobs.sql", "select 1") == "stuck jobs"
    assert [kind_of(path) for path in ("runbooks/a.md", "docs/a.md", "queries/a.sql", "routines/a.md", "a.md")] == [
        "runbook", "document", "query", "routine", "document",
    ]  # fmt: skip


def test_what_stands_around_a_word_is_shown_on_one_line() -> None:
    text = "first words " * 50 + "the\nneedle is here " + "last words " * 50
    found = around(text, ["needle"], 80)
    assert "needle is here" in found and "\n" not in found and len(found) <= 90
    assert readable("# A\n```bash\nls | wc\n```\n| a | b |\n|---|---|\n").split() == ["A", "ls", "wc", "a", "b"]
    assert one_line("a  b\nc") == "a b c" and one_line("word " * 100, 20) == "word word word..."
