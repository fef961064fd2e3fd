"""docs/how-to/your-first-service.md and docs/tutorial.md, done word by word: files, commands, and what they print."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, fences
from tests.docs.reader import Reader, unprinted


@pytest.fixture
def reader() -> Iterator[Reader]:
    """In a directory with a short name, because long commands are cut in what is printed."""
    with tempfile.TemporaryDirectory(prefix="wk") as place:
        found = Reader(Path(place), columns=160)
        yield found
        for name in list(found.started):
            found.end(name)


def test_the_first_service_can_be_followed_word_by_word(reader: Reader) -> None:
    followed = list(fences(DOCS / "how-to" / "your-first-service.md"))
    assert len([one for one in followed if one.kind == "printed"]) >= 6
    for fence in followed:
        reader.follow(fence)
    assert '"kind":"opened"' in (reader.root / "ops" / "pages.jsonl").read_text()
    assert "wk" in reader.started, "the watch ran to the end"


def test_the_tutorial_can_be_followed_word_by_word(reader: Reader) -> None:
    launcher = reader.root / "wk"
    launcher.write_text(f'#!/bin/sh\nexec {Path(sys.executable).parent}/wk "$@"\n')
    launcher.chmod(0o755)
    followed = list(fences(DOCS / "tutorial.md"))
    assert len([one for one in followed if one.kind == "printed"]) >= 8
    try:
        for fence in followed:
            reader.follow(fence)
    finally:
        subprocess.run(
            ["./wk", "demo", "--stop"], cwd=reader.root, env=reader.environment, capture_output=True, check=False
        )


def test_a_line_that_was_not_printed_is_found() -> None:
    printed = "OK  notes/disk  41 ms  free 3 %\n\nAll 9 checks."
    assert not unprinted("OK  notes/disk  2 ms  free 77.5 %\n...\nAll 3 ...", printed)
    assert unprinted("CRIT  notes/disk", "OK  notes/disk") == ["CRIT  notes/disk"]
    assert unprinted("b\na", "a\nb") == ["a"]
