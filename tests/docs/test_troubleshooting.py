"""docs/how-to/troubleshooting-by-message.md quotes sentences that the program can still say."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "how-to" / "troubleshooting-by-message.md"
VARIES = "…"
MUST_BE_EXPLAINED = ("adapters/hosts/ssh_sentences.py",)
"""Modules whose every sentence a new user meets in the first hour."""


def quoted() -> list[str]:
    """The first cell of every row, without the marks of code."""
    rows = re.findall(r"^\| `(.+?)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 60
    return rows


@cache
def templates(folder: str = "") -> tuple[str, ...]:
    """Every text in our source, with `…` for what is filled in; `+` and line breaks of the source do not count."""
    found = []
    path = ROOT / "src/watchkeeper" / folder
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(each.value) if isinstance(each, ast.Constant) else VARIES for each in node.values)
                )
    return tuple(found)


def pattern(message: str) -> re.Pattern[str]:
    """What is between the `…` word by word; each `…` is some text, filled in or fixed."""
    return re.compile(".*?".join(re.escape(part) for part in message.split(VARIES)), re.DOTALL)


@pytest.mark.parametrize("message", quoted())
def test_the_program_can_still_say_it(message: str) -> None:
    assert len(max(message.split(VARIES), key=len)) >= 8, "too little to be found by"
    assert any(pattern(message).search(each) for each in templates()), f"nothing in src says: {message}"


@pytest.mark.parametrize("module", MUST_BE_EXPLAINED)
def test_what_keeps_us_from_a_host_is_explained(module: str) -> None:
    source = (ROOT / "src/watchkeeper" / module).read_text(encoding="utf-8")
    known = [pattern(message) for message in quoted()]
    generic = f"{VARIES} cannot be reached: {VARIES}."
    for sentence in re.findall(
        r'(?:sentence = |return |^ +)f"(\{place\}[^"]*\.|The host key[^"]*)"', source, re.MULTILINE
    ):
        text = re.sub(r"\{[^}]*\}", VARIES, sentence)
        assert text == generic or "cannot be read" in text or any(each.search(text) for each in known), sentence


def test_each_row_says_why_and_what_to_do() -> None:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            assert len(cells) == 3, line
            assert all(cells), line
