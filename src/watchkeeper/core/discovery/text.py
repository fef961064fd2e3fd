"""Bytes from a host to lines that may be looked at: bounded, one line each, nothing that steers a terminal or a file."""

from __future__ import annotations

from collections.abc import Iterator

MOST_LINES = 20_000
LONGEST_LINE = 2_000


def printable(text: str) -> str:
    """The text with every character that is not printable (controls, directions, line separators) as ``?``."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


def lines(output: bytes) -> Iterator[str]:
    """The lines of an answer, at most `MOST_LINES`; tabs become blanks, what is not UTF-8 a replacement character."""
    for count, raw in enumerate(output.split(b"\n")):
        if count >= MOST_LINES:
            return
        line = raw[:LONGEST_LINE].decode("utf-8", "replace").replace("\t", " ").rstrip()
        if line:
            yield printable(line)


def sections(output: bytes, mark: str) -> Iterator[tuple[str, list[str]]]:
    """(what follows the mark, lines below it) for every line that begins with ``WK-mark``; what comes before has ""."""
    head, body = "", list[str]()
    for line in lines(output):
        if line == f"WK-{mark}" or line.startswith(f"WK-{mark} "):
            yield head, body
            head, body = line[len(mark) + 4 :], []
        else:
            body.append(line)
    yield head, body


def number(text: str) -> int:
    """A whole number of plain digits, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def words_of(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())
