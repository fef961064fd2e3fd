"""What `wk log import` shows."""

from __future__ import annotations

from watchkeeper.core.log.documents.drafting import draft_of
from watchkeeper.core.log.documents.reading import read
from watchkeeper.core.log.documents.values import Doubt, Options, Span
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.faces.api.imported import imported_json
from watchkeeper.faces.cli.log.importing import page
from watchkeeper.services.log.importing import Difference, Imported

TEXT = "## 2026-01-02 10:00 CST - Moved it\n\n**Severity**: MAJOR\n\n## 2026-01-03: No time \x1b[31m\n"


def looked(**more) -> Imported:
    found = read(TEXT, Options()).entries
    new = tuple(draft_of(each, "log.md", Vocabulary(), "ana") for each in found)
    values = {
        "source": "log.md", "lines": 5, "found": 2, "first_at": new[0].at, "last_at": new[1].at,
        "severities": {"High": 1, "Low": 1},
        "new": new, "same": 3, "own": 1, "differences": (Difference(7, 9, "Other", ("-old", "+new")),),
        "doubts": (Doubt(1, "CST can mean several."),), "rest": (Span(1, 4, "chapter", "Template"),), "damage": "Mac Roman",
        "damaged_line": 2, "damaged_text": "‚úÖ", "meant": "✅", "secrets": (3,), "suspected": tuple(range(20)), "left": 2,
    } | more  # fmt: skip
    return Imported(**values)


def test_the_page_says_what_was_found_what_is_new_and_what_is_in_doubt() -> None:
    shown = page(imported_json(looked(), True))
    for part in (
        "log.md: 5 lines, 2 entries from 2026-01-02 to 2026-01-03 (UTC).", "1 High, 1 Low",
        "New: 2; 3 in the log already, 1 written by watchkeeper itself, 1 with another text than in the log.",
        "2026-01-02 10:00Z ?", "Moved it", "2026-01-03 ", "Entry 7 has another text in line 9: Other",
            "  +new", "CST can mean several.",
        "1-4  Template", "line 2 has ‚úÖ for ✅. --repair undoes it.", "Secrets that watchkeeper knows: line 3.", "and 8 more",
    ):  # fmt: skip
        assert part in shown, shown
    assert "\x1b" not in shown


def test_no_entry_at_all_is_said() -> None:
    empty = looked(
        found=0, new=(), first_at=None, last_at=None, severities={}, same=0, own=0, differences=(), damage=""
    )
    assert "no entry was found" in page(imported_json(empty, True))


def test_the_answer_hides_what_only_machines_read() -> None:
    one = imported_json(looked(), True)["new"][0]
    assert one["words"] == {"severity": "MAJOR"} and "layout" not in one["facts"] and one["facts"]["zone"] == "CST"
    assert imported_json(looked(), False)["new"] == []
