"""Write-back: only edited lines change, every other byte stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.core.errors import Usage
from watchkeeper.core.runbooks import read_runbook
from watchkeeper.core.runbooks.attributes import read_info
from watchkeeper.core.runbooks.writing import (
    LineEdit,
    edit,
    insert_after,
    line_count,
    replace_fence,
    replace_lines,
    replace_step,
    set_attributes,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "runbooks"
_BODY = st.binary(max_size=12).map(lambda one: one.replace(b"\r", b"").replace(b"\n", b"").replace(b"\xef", b""))
_ENDING = st.sampled_from([b"\n", b"\r\n", b"\r"])
_DOCUMENT = st.tuples(
    st.sampled_from([b"", b"\xef\xbb\xbf"]), st.lists(st.tuples(_BODY, _ENDING), max_size=12), _BODY
).map(lambda parts: parts[0] + b"".join(body + ending for body, ending in parts[1]) + parts[2])
_TEXT = st.text(alphabet="ab é漢\t<{", max_size=8)


def _lines(data: bytes) -> list[bytes]:
    return re.split(rb"\r\n|\n|\r", data)


@given(_DOCUMENT)
@settings(deadline=None)
def test_no_edit_changes_no_byte(data: bytes) -> None:
    assert edit(data, []) == data
    assert line_count(data) == len(_lines(data))


@given(_DOCUMENT, st.data())
@settings(max_examples=200, deadline=None)
def test_one_edit_changes_only_its_lines(data: bytes, choose: st.DataObject) -> None:
    count = line_count(data)
    first = choose.draw(st.integers(2, count)) if count > 1 else 1
    last = choose.draw(st.integers(first, count))
    new = choose.draw(st.lists(_TEXT, min_size=1, max_size=4))
    made = replace_lines(data, first, last, "\n".join(new))
    old, got = _lines(data), _lines(made)
    assert got[: first - 1] == old[: first - 1]
    assert [line.removeprefix(b"\xef\xbb\xbf") for line in got[first - 1 : first - 1 + len(new)]] == [
        line.encode() for line in new
    ]
    assert got[first - 1 + len(new) :] == old[last:]
    before = re.findall(rb"[^\r\n]*(?:\r\n|\n|\r)", data)[: first - 1]
    assert made.startswith(b"".join(before))
    after = b"".join(re.findall(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)", data)[last:])
    assert made.endswith(after)


@given(_DOCUMENT, st.data())
@settings(max_examples=200, deadline=None)
def test_an_insertion_taken_back_gives_the_same_bytes(data: bytes, choose: st.DataObject) -> None:
    count = line_count(data)
    line = choose.draw(st.integers(0, count))
    new = choose.draw(st.lists(_TEXT, min_size=1, max_size=3))
    made = insert_after(data, line, "\n".join(new))
    got = _lines(made)
    assert [one.removeprefix(b"\xef\xbb\xbf") for one in got[:line] + got[line + len(new) :]] == [
        one.removeprefix(b"\xef\xbb\xbf") for one in _lines(data)
    ]
    assert edit(made, [LineEdit(line + 1, line + len(new), None)]) == data or line == 0
    assert made.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")


@given(_DOCUMENT)
@settings(deadline=None)
def test_a_line_replaced_by_itself_is_no_change(data: bytes) -> None:
    for number, line in enumerate(_lines(data), 1):
        text = line.decode("utf-8", "replace")
        if text.encode() == line:
            assert replace_lines(data, number, number, text) == data


def test_a_missing_last_newline_stays_missing() -> None:
    assert replace_lines(b"a\r\nb", 2, 2, "c\nd") == b"a\r\nc\r\nd"
    assert insert_after(b"a\nb", 2, "c") == b"a\nb\nc"
    assert insert_after(b"a\n", 1, "c") == b"a\nc\n"
    assert edit(b"a\nb", [LineEdit(2, 2, None)]) == b"a"


def test_edits_are_made_together_and_refused_when_they_meet() -> None:
    data = b"1\n2\r\n3\n4\n"
    assert edit(data, [LineEdit(1, 1, "one"), LineEdit(4, 4, "four\nmore")]) == b"one\n2\r\n3\nfour\nmore\n"
    with pytest.raises(Usage, match="line 2"):
        edit(data, [LineEdit(1, 2, "x"), LineEdit(2, 3, "y")])
    with pytest.raises(Usage, match="has 5 lines"):
        replace_lines(data, 6, 7, "x")


_LISTED = (
    b"# T\r\n\r\n## Resolution\n\n1. Do it  \n   ```bash { name=one, x=y }\r\n"
    b"   cp a b\n\n   cp c d\r\n   ```\n> ```sh\n> ls\n> ```"
)


def test_a_fence_in_a_list_or_quote_keeps_its_depth() -> None:
    made = replace_fence(_LISTED, 6, "mv a b\n\nmv c d\nsync")
    old = b"   cp a b\n\n   cp c d\r\n"
    assert old in _LISTED
    assert made == _LISTED.replace(old, b"   mv a b\n\n   mv c d\r\n   sync\r\n")
    assert made.startswith(_LISTED[: _LISTED.index(b"   cp a b")]) and made.endswith(b"   ```\n> ```sh\n> ls\n> ```")
    assert replace_fence(_LISTED, 11, "pwd").endswith(b"> ```sh\n> pwd\n> ```")
    with pytest.raises(Usage, match="would close"):
        replace_fence(_LISTED, 6, "a\n```\nb")
    with pytest.raises(Usage, match="does not open"):
        replace_fence(_LISTED, 7, "a")


def test_lines_of_a_fence_that_say_the_same_keep_their_bytes() -> None:
    data = b"a\r\n\r\n  ```sh\n  one\n  \t \r\n two\n  three  \n\n   \n  ```\n"
    (fence,) = read_runbook(data.decode(), "a.md").fences
    assert replace_fence(data, fence.line, fence.text) == data
    assert replace_fence(data, fence.line, fence.text.replace("one", "1")) == data.replace(b"  one", b"  1")
    assert replace_fence(data, fence.line, fence.text.replace("three", "3")) == data.replace(b"three", b"3")


def test_a_step_is_replaced_where_it_stands() -> None:
    text = "## Resolution\n\n- Go\n  ```bash\n  # first\n  cp a b\n\n  # second\n  cp c d\n  ```\n"
    second = read_runbook(text, "a.md").steps[1]
    made = replace_step(text.encode(), second, "# second\ncp c e")
    assert made.decode() == text.replace("cp c d", "cp c e")
    prompted = read_runbook("## Resolution\n\n```console\n$ cp a b\n```\n", "a.md").steps[0]
    with pytest.raises(Usage, match="as it runs"):
        replace_step(b"## Resolution\n\n```console\n$ cp a b\n```\n", prompted, "cp a c")


@pytest.mark.parametrize(
    ("info", "changes", "wanted"),
    [
        ("bash", {"name": "a"}, "bash { name=a }"),
        ("bash", {"expect": "two words"}, 'bash {"expect":"two words"}'),
        ("bash  ", {}, "bash  "),
        ("bash { name=a  x=1 }", {"name": "b"}, "bash { name=b  x=1 }"),
        ("bash { name=a }", {"name": "b", "risk": "read"}, "bash { name=b risk=read }"),
        ("bash {name=a}", {"risk": "read"}, "bash {name=a risk=read}"),
        ("bash { name=a x=1 }", {"name": None}, "bash { x=1 }"),
        ("bash { name=a }", {"expect": "a b"}, 'bash {"name":"a","expect":"a b"}'),
        ('bash {"name": "a", "x": 3}', {"name": "b"}, 'bash {"name": "b", "x": 3}'),
        ('bash {"name":"a","x":true}', {"risk": "read"}, 'bash {"name":"a","x":true,"risk":"read"}'),
        ('bash {"name":"a"} tail', {"name": None}, "bash {} tail"),
        (
            'bash {"name":"a"}',
            {"expect": "[0-9]{3}`x`"},
            'bash {"name":"a","expect":"[0-9]\\u007b3\\u007d\\u0060x\\u0060"}',
        ),
        ("", {"name": "a"}, "{ name=a }"),
    ],
)
def test_attributes_are_set_in_their_form(info: str, changes: dict[str, str | None], wanted: str) -> None:
    data = f"\ufeff1. x\r\n\r\n   ```{info}\r\n   ls\r\n   ```".encode()
    made = set_attributes(data, 3, changes)
    assert made.decode() == data.decode().replace(f"```{info}", f"```{wanted}", 1)
    read = read_info(wanted).attributes
    assert all(read.get(key) == value for key, value in changes.items())


@given(
    st.dictionaries(
        st.sampled_from(["name", "when", "expect", "x-y"]), st.text(max_size=12).filter(lambda one: "\r" not in one)
    ),
    st.sampled_from(["", "bash", "bash { a=1 b=2 }", 'sh {"a": "1", "b":2}', "bash {}"]),
)
@settings(deadline=None)
def test_what_is_set_is_read_back(changes: dict[str, str], info: str) -> None:
    data = f"```{info}\nls\n```\n".encode()
    try:
        data.decode()
        made = set_attributes(data, 1, changes)
    except (Usage, UnicodeEncodeError):
        assert any(not value.isprintable() or "\\" in value or value != value.strip() for value in changes.values())
        return
    found = read_runbook(made.decode("utf-8", "surrogatepass"), "a.md")
    line = made.decode("utf-8", "surrogatepass").split("\n")[0]
    attributes = read_info(line.removeprefix("```")).attributes
    assert {key: attributes[key] for key in changes} == changes
    assert len(found.fences) == 1


def test_odd_names_and_lines_are_refused() -> None:
    for changes, line in (({"a b": "1"}, 1), ({"name": "a"}, 2)):
        with pytest.raises(Usage):
            set_attributes(b"```bash\nls\n```\n", line, changes)


def test_the_fixtures_survive_an_edit_of_every_fence() -> None:
    for path in sorted(FIXTURES.glob("*.md")):
        data = path.read_bytes()
        runbook = read_runbook(data.decode(), path.name)
        for fence in runbook.fences:
            assert replace_fence(data, fence.line, fence.text) == data
            assert set_attributes(data, fence.line, {}) == data
