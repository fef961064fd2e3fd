"""docs/how-to/import-documents.md, followed word by word: its document is imported, and what is said was printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, fences
from tests.docs.reader import unprinted

from watchkeeper.faces.cli.program import main

PAGE = DOCS / "how-to" / "import-documents.md"


def test_the_example_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("WATCHKEEPER_OPS", "WATCHKEEPER_STATE"):
        monkeypatch.delenv(name, raising=False)
    printed, followed = "", 0
    for fence in fences(PAGE):
        if fence.kind == "document":
            Path(fence.argument).write_text(fence.text)
        elif fence.kind == "run":
            for line in fence.text.splitlines():
                assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
            printed = capsys.readouterr().out
        elif fence.kind == "printed":
            assert unprinted(fence.text, printed) == []
        else:
            continue
        followed += 1
    assert followed == 3
    assert "# app1: named in OPERATIONS.md:31" in Path("ops/hosts.yaml").read_text()


def test_what_waited_becomes_active_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = next(fence for fence in fences(PAGE) if fence.kind == "document")
    Path("OPERATIONS.md").write_text(document.text)
    assert main(["init", "ops", "--from", "OPERATIONS.md"]) == 0
    hosts = Path("ops/hosts.yaml")
    hosts.write_text(hosts.read_text().replace("hosts: {}", "hosts:\n  app1: {ssh: deploy@app1.example.org}"))
    assert main(["init", "ops", "--from", "OPERATIONS.md"]) == 0
    text = Path("ops/services/notes.yaml").read_text()
    assert "hosts: [app1]" in text and "\n  - name: waiting-notes\n" in text
    assert (
        "  - to: [unit, health]\n    runbook: runbooks/OPERATIONS/notes-not-responding.md\n    mode: propose\n" in text
    )
