"""Writes the generated pages of docs/reference. A test fails while a page is older than its source."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.adapters.sample.breaks.reference import drills_page
from watchkeeper.core.inventory.reference import checks_page, ops_repo_page
from watchkeeper.core.runbooks.lint.reference import lint_page
from watchkeeper.core.runbooks.reference import runbooks_page

PAGES = {
    "checks.md": checks_page,
    "ops-repo.md": ops_repo_page,
    "drills.md": drills_page,
    "lint.md": lint_page,
    "runbooks.md": runbooks_page,
}


def main() -> None:
    folder = Path(__file__).resolve().parent.parent / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
