"""docs/reference/cli.md is what the parsers say today."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.faces.cli.program import VERBS
from watchkeeper.faces.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_current() -> None:
    hint = "run: python -m watchkeeper.faces.cli.reference > docs/reference/cli.md"
    assert PAGE.read_text(encoding="utf-8") == reference(), hint


def test_every_verb_that_exists_stands_in_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"### wk {name}\n" in text for verbs in VERBS.values() for name, _, _ in verbs if name != "demo")
