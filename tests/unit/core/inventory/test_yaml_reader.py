"""The traps of YAML: each one a clear mistake with its exact place, never a trace."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.inventory.yaml_reader import Node, read_yaml

BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    f"{name}: &{name} [{','.join(['*' + chr(ord(name) - 1)] * 9)}]\n".encode() for name in "bcdefghi"
)


@pytest.mark.parametrize(
    ("data", "line", "column", "found", "expected", "meant"),
    [
        (b"a: 1\nb: 2\na: 3\n", 3, 1, "'a' a second time", "line 1", ""),
        (b"a:\n\tb: 1\n", 2, 1, "a tab", "spaces", ""),
        (b"a:\n  - x\n\t- y\n", 3, 1, "a tab", "spaces", ""),
        (b"a: on\n", 1, 4, "'on' without quotes", "true or false", "true"),
        (b"a: Off\n", 1, 4, "'Off' without quotes", "true or false", "false"),
        (b"a: [NO]\n", 1, 5, "'NO' without quotes", "true or false", "false"),
        (b"no: 1\n", 1, 1, "'no' without quotes", "true or false", "false"),
        (b"a: 0755\n", 1, 4, "'0755' without quotes", "octal", ""),
        (b"a: 0o17\n", 1, 4, "'0o17' without quotes", "octal", ""),
        (b"a: 12:30\n", 1, 4, "'12:30' without quotes", "base 60", ""),
        (b"x: 1\n---\ny: 2\n", 2, 1, "a second document", "one document", ""),
        (b"a: \xff\n", 1, 4, "the byte 0xff", "UTF-8", ""),
        ("a: é\nb: \xe9".encode("latin-1"), 1, 4, "the byte 0xe9", "UTF-8", ""),
        ("a: 1".encode("utf-16"), 1, 1, "UTF-16", "UTF-8", ""),
        (b"a: 1\nb: \x00\n", 2, 4, "the control character 0x00", "without control", ""),
        (b"a: &a [*a]\n", 1, 8, "*a inside its own anchor", "before it", ""),
        (b"a: *b\n", 1, 4, "*b without an anchor", "&b before it", ""),
        (b"a: !!python/object/apply:os.system [id]\n", 1, 4, "the tag", "plain value", ""),
        (b"<<: {a: 1}\n", 1, 1, "the merge key <<", "the keys themselves", ""),
        (b"? [a, b]\n: c\n", 1, 3, "a map or list as a key", "text as a key", ""),
        (b"{*a", 1, 2, "an alias as a key", "text as a key", ""),
        (b"a: b: c\n", 1, 5, "a second ': '", "in quotes", ""),
        (b"a: 'x\n", 1, 4, "never closed", "closing quote", ""),
        (b"a: [1, 2\nb: 3\n", 2, 2, "never closed, or a missing comma", "closing bracket", ""),
        (b"a: @x\n", 1, 4, "'@' at the start", "in quotes", ""),
        (b"a:\n  b: 1\n c: 2\n", 3, 2, "indented differently", "same indentation", ""),
        (b"a: 1\nbcd\n", 2, 1, "a line without ':'", "key: value", ""),
        (b"a: " + b"[" * 100_000, 1, 33, "more nesting", "30 levels", ""),
        (b"x" * 10_000_000, 1, 1, "10.0 MB", "at most 1 MB", ""),
        (b"- x\n" * 60_000, 49_999 + 1, 3, "more than 50000 values", "at most 50000", ""),
        (BOMB, 5, 23, "more than 50000 values", "at most 50000", ""),
    ],
    ids=lambda value: value[:20].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_traps(data: bytes, line: int, column: int, found: str, expected: str, meant: str) -> None:
    began = time.process_time()
    document = read_yaml("services/docs.yaml", data)
    assert time.process_time() - began < 10
    mistake = document.mistakes[0]
    assert (mistake.file, mistake.line, mistake.column) == ("services/docs.yaml", line, column)
    assert found in mistake.found
    assert expected in mistake.expected
    assert mistake.did_you_mean == meant
    assert mistake.level == "error"


def test_all_traps_of_a_file_at_once() -> None:
    document = read_yaml("x.yaml", b"a: on\nb: 0755\nc: 12:30\na: 2\n")
    assert [mistake.line for mistake in document.mistakes] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 'on'", "on"),
        ('a: "0755"', "0755"),
        ("a: 0", 0),
        ("a: -12", -12),
        ("a: 1.5", 1.5),
        ("a: true", True),
        ("a: ~", None),
        ("a:", None),
        ("a: 1_000", "1_000"),
        ("a: 2026-01-02", "2026-01-02"),
        ("a: 0x1f", "0x1f"),
        ("a: http://127.0.0.1:80/", "http://127.0.0.1:80/"),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: {b: [1, {c: 2}]}", {"b": [1, {"c": 2}]}),
        ("b: &x [1]\na: *x", [1]),
        ("\ufeffa: 1\r\n", 1),
    ],
)
def test_what_is_fine(text: str, value: object) -> None:
    document = read_yaml("x.yaml", text.encode())
    assert not document.mistakes
    assert document.root is not None and document.root.plain()["a"] == value


def test_positions_with_windows_line_ends_and_a_byte_order_mark() -> None:
    document = read_yaml("x.yaml", b"\xef\xbb\xbfa: 1\r\nb:\r\n  - 'c'\r\n")
    assert document.root is not None
    node = document.root.at("b")
    assert node is not None
    inner: Node = node.content[0]
    assert (inner.line, inner.column, inner.quoted) == (3, 5, True)


SIGNS = list("ab: -[]{},&*!|>'\"#%@`?\n\t ~0")
PIECES = st.sampled_from([*SIGNS, "  ", ": ", "- ", "---\n", "...", "<<", "*a", "&a ", "%YAML 9\n"])


@given(st.lists(PIECES, max_size=60).map("".join))
def test_no_text_makes_a_trace(text: str) -> None:
    document = read_yaml("x.yaml", text.encode())
    for mistake in document.mistakes:
        assert mistake.line >= 1 and mistake.column >= 1 and mistake.found and mistake.expected


@given(st.binary(max_size=80))
def test_no_bytes_make_a_trace(data: bytes) -> None:
    read_yaml("x.yaml", data)
