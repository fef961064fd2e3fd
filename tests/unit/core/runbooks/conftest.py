"""Small documents for the runbook tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.core.runbooks import Runbook, read_runbook

FIXTURES = Path(__file__).parents[3] / "fixtures" / "runbooks"


@pytest.fixture(scope="session")
def spooler() -> Runbook:
    """The annotated document with all phases."""
    return read_runbook((FIXTURES / "print-spooler.md").read_text(encoding="utf-8"), "runbooks/print-spooler.md")


@pytest.fixture(scope="session")
def bindery() -> Runbook:
    """A plain document as a small team writes it: bold labels, menus, untagged fences."""
    return read_runbook((FIXTURES / "bindery.md").read_text(encoding="utf-8"), "runbooks/bindery.md")
