"""Lint of documents needs files and a bash, and neither a daemon nor a store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from watchkeeper.adapters.repositories.documents import FolderDocuments
from watchkeeper.adapters.shell_syntax import BashSyntax
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.runbooks.lint import Proof
from watchkeeper.services.lint import Linted, Linter

OTHERS = ("docs", "routines")
"""Folders of the ops repo whose documents are no runbooks, and have links all the same."""


def lint_ops(
    ops: Path, runbooks: Mapping[str, bytes], inventory: Inventory | None, proofs: Mapping[str, Proof]
) -> list[Linted]:
    """All findings of the documents of an ops repo. runbooks: those it was loaded from, path to bytes."""
    files = FolderDocuments(ops)
    linter = Linter(files, BashSyntax(), inventory, proofs)
    return [*linter.runbooks(runbooks), *linter.documents(files.markdown(*OTHERS))]


def lint_files(
    root: Path,
    documents: Mapping[str, bytes],
    inventory: Inventory | None = None,
    proofs: Mapping[str, Proof] | None = None,
) -> list[Linted]:
    """All findings of single documents below `root`, each read as a runbook."""
    return Linter(FolderDocuments(root), BashSyntax(), inventory, proofs).runbooks(documents)
