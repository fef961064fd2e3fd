"""docs/reference/roles.md is what the table says today."""

from __future__ import annotations

import sys

from tests.docs.pages import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from access_table import PAGE, page

from watchkeeper.core.access import RULES


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python tools/access_table.py"


def test_every_action_stands_in_it_once() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(text.count(f"| `{action}` |") == 1 for action in RULES)
