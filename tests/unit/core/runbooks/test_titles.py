"""Titles are sentences of the document; ids stay what they were."""

from __future__ import annotations

import pytest

from watchkeeper.core.runbooks import Step, read_runbook
from watchkeeper.core.runbooks.titles import heading_of, sentence_of


def first(above: str, heading: str = "Resolution") -> Step:
    return read_runbook(f"# T\n\n## {heading}\n\n{above}\n\n```bash\ncp a b\n```\n", "t.md").steps[0]


@pytest.mark.parametrize(
    ("above", "title"),
    [
        ("Save the settings of the press:", "Save the settings of the press"),
        ("The tray is full. Empty the tray first.", "Empty the tray first."),
        ("It has no state, so nothing is lost.", "cp a b"),
        ("Never by hand, that cost us a weekend.", "cp a b"),
        ("Shop and worker belong there, nobody else.", "cp a b"),
        ("What does the press say?", "What does the press say?"),
        ("Then restart the press.", "Then restart the press."),
        ("Then restart the press:", "Then restart the press"),
        ("See [the plan](https://example.org/plan) of the hall:", "cp a b"),
        ("Copy [the plan](https://example.org/plan) of the hall:", "Copy the plan of the hall"),
        ("**Solution:**", "cp a b"),
        ("**Save the settings:**", "Save the settings"),
        ("### Save the settings", "Save the settings"),
        ("### 2.1 Save the settings", "Save the settings"),
        ("### Steps", "cp a b"),
        ("Output:", "cp a b"),
        ("設定を保存する：", "設定を保存する"),
        ("x" * 300, "cp a b"),
    ],
)
def test_the_sentence_above_is_the_title_and_the_command_stays_the_id(above: str, title: str) -> None:
    step = first(above)
    assert (step.title, step.id) == (title, "cp-a-b")


def test_a_heading_names_a_fence_only_when_it_has_one() -> None:
    text = "## Resolution\n\n### Empty it\n\n```bash\ncp a b\n```\n\nThen:\n\n```bash\ncp c d\n```\n"
    assert [step.title for step in read_runbook(text, "t.md").steps] == ["cp a b", "cp c d"]


def test_a_second_paragraph_of_an_item_names_its_own_fence() -> None:
    text = "1. Look at it\n\n   ```bash\n   df -h\n   ```\n\n   Count the sheets:\n\n   ```bash\n   ls /srv\n   ```\n"
    steps = read_runbook("## Diagnosis\n\n" + text, "t.md").steps
    assert [step.title for step in steps] == ["Look at it", "Count the sheets"]
    assert [step.id for step in steps] == ["look-at-it", "look-at-it-2"]


def test_comments_and_names_win() -> None:
    text = "## Resolution\n\nMove it:\n\n```bash\n# Copy first\ncp a b\n```\n"
    assert [(step.id, step.title) for step in read_runbook(text, "t.md").steps] == [("copy-first", "Copy first")]
    named = "## Resolution\n\nMove it:\n\n```bash {name=go}\ncp a b\n```\n"
    assert [(step.id, step.title) for step in read_runbook(named, "t.md").steps] == [("go", "Move it")]


def test_text_of_a_list_above_does_not_name_the_fence_below() -> None:
    assert first("- The tray is full\n- Ink is low").title == "cp a b"


def test_sentences_and_headings() -> None:
    assert sentence_of("") == "" and sentence_of("a" * 5000) == "" and heading_of("3. Resolution") == ""
    assert heading_of("(b) Clean the rollers:") == "Clean the rollers"
