"""Edits of a document by its lines: what is not edited keeps every byte.

Line endings (also mixed ones), a byte order mark, trailing spaces, a missing last newline and bytes that are no UTF-8
stay as they are. Lines are counted as the reader counts them: from 1, ended by ``\\n``, ``\\r\\n`` or ``\\r``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.errors import Usage
from watchkeeper.core.runbooks.attributes import read_info
from watchkeeper.core.runbooks.values import Step

_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\n|\r|\Z)")
_BOM: Final = b"\xef\xbb\xbf"
_OPENING: Final = re.compile(
    r"^(?P<prefix>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*[ \t>]*)(?P<mark>`{3,}|~{3,})(?P<info>.*)$", re.DOTALL
)
_NEEDS_JSON: Final = re.compile(r"[\s{}\"'`\\]|^$")


@dataclass(frozen=True, slots=True)
class LineEdit:
    """Put `text` in place of the lines `first` to `last` (1-based, both included).

    ``last == first - 1`` inserts before `first`. text: without a final newline; None removes the lines.
    """

    first: int
    last: int
    text: str | None


@dataclass(frozen=True, slots=True)
class _Line:
    body: bytes
    ending: bytes


def _split(data: bytes) -> list[_Line]:
    """All lines; the last one has no ending, and is empty when the data ends with a newline."""
    lines: list[_Line] = []
    for match in _LINE.finditer(data):
        lines.append(_Line(match.group(1), match.group(2)))
        if not match.group(2):
            break
    return lines


def line_count(data: bytes) -> int:
    """How many lines a document has; one more than its newlines."""
    return len(_split(data))


def _ending_near(lines: list[_Line], place: int) -> bytes:
    """The line ending used around a place: of the line before it, else of the next one, else ``\\n``."""
    around = (*range(min(place, len(lines)) - 1, -1, -1), *range(place, len(lines)))
    return next((lines[index].ending for index in around if lines[index].ending), b"\n")


def _checked(edits: Iterable[LineEdit], count: int) -> list[LineEdit]:
    """The edits from the bottom up. Raises `Usage` for lines that do not exist or that two edits share."""
    ordered = sorted(edits, key=lambda one: (one.first, one.last), reverse=True)
    below = count + 2
    for one in ordered:
        if one.first < 1 or one.last < one.first - 1 or one.last > count or one.first > count + 1:
            sentence = f"Lines {one.first} to {one.last} are not in the document, which has {count} lines."
            raise Usage(sentence, "Read the document again: it has changed.")
        if one.last >= below or (one.first == below and one.last >= one.first):
            raise Usage(f"Two edits touch line {one.last}.", "Make one edit of them.")
        below = one.first
    return ordered


def edit(data: bytes, edits: Iterable[LineEdit]) -> bytes:
    """The document with some lines replaced; without edits, exactly `data`. Raises `Usage` for impossible edits."""
    lines = _split(data)
    for one in _checked(edits, len(lines)):
        first, last = one.first - 1, one.last
        near, old, at_end = _ending_near(lines, first), lines[first:last], last == len(lines)
        new = [] if one.text is None else [part.encode("utf-8", "surrogatepass") for part in one.text.split("\n")]
        if first == 0 and lines[0].body.startswith(_BOM):
            new, lines[0:1] = _behind_mark(new, lines[0], replaced=bool(old))
        endings = [line.ending for line in old[:-1]]
        made = [_Line(part, endings[index] if index < len(endings) else near) for index, part in enumerate(new)]
        if made and old:
            made[-1] = _Line(made[-1].body, old[-1].ending)
        lines[first:last] = made
        if at_end:
            _end(lines, first, near)
        _keep_apart(lines, first, first + len(made))
    return b"".join(line.body + line.ending for line in lines)


def _behind_mark(new: list[bytes], first: _Line, *, replaced: bool) -> tuple[list[bytes], list[_Line]]:
    """Let a byte order mark stay at the very top: in front of what comes there."""
    if new and not new[0].startswith(_BOM):
        new = [_BOM + new[0], *new[1:]]
    return new, [first if replaced or not new else _Line(first.body.removeprefix(_BOM), first.ending)]


def _keep_apart(lines: list[_Line], first: int, last: int) -> None:
    """A lone ``\\r`` before an empty line that ends with ``\\n`` would read as one ending: let the edited line give way."""
    for index in range(max(first - 1, 0), min(last, len(lines) - 1)):
        following = lines[index + 1]
        if lines[index].ending == b"\r" and not following.body and following.ending == b"\n":
            if first <= index + 1 < last:
                lines[index + 1] = _Line(b"", b"\r\n")
            else:
                lines[index] = _Line(lines[index].body, b"\r\n")


def _end(lines: list[_Line], first: int, near: bytes) -> None:
    """After an edit that reached the end: only the last line has no ending, and the line before the edit has one."""
    if not lines:
        return
    if first and not lines[first - 1].ending and first < len(lines):
        lines[first - 1] = _Line(lines[first - 1].body, near)
    lines[-1] = _Line(lines[-1].body, b"")


def replace_lines(data: bytes, first: int, last: int, text: str) -> bytes:
    """Replace the lines `first` to `last` by `text` (its lines separated by ``\\n``)."""
    return edit(data, [LineEdit(first, last, text)])


def insert_after(data: bytes, line: int, text: str) -> bytes:
    """Insert `text` after a line; 0 inserts at the very top."""
    return edit(data, [LineEdit(line + 1, line, text)])


@dataclass(frozen=True, slots=True)
class _Opened:
    """The opening line of a fence. inside: what stands before each line of its body (indentation, ``> ``)."""

    prefix: str
    mark: str
    info: str
    inside: str


def _opening(lines: list[_Line], line: int) -> _Opened:
    text = lines[line - 1].body.decode("utf-8", "surrogateescape") if 1 <= line <= len(lines) else ""
    match = _OPENING.match(text.removeprefix("\ufeff"))
    if match is None:
        raise Usage(f"Line {line} does not open a fence.", "Read the document again: it has changed.")
    prefix = text[: len(text) - len(text.removeprefix("\ufeff"))] + match.group("prefix")
    inside = re.sub(r"[^\s>]", " ", match.group("prefix"))
    return _Opened(prefix, match.group("mark"), match.group("info"), inside)


def _closing(lines: list[_Line], line: int, mark: str) -> int:
    """The 1-based line that closes the fence opened at `line`."""
    pattern = re.compile(rf"^[ \t>]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$".encode())
    found = next((index for index in range(line, len(lines)) if pattern.match(lines[index].body)), None)
    if found is None:
        raise Usage(f"The fence at line {line} is never closed.", "Add its closing line first.")
    return found + 1


def replace_fence(data: bytes, line: int, text: str) -> bytes:
    """Put `text` into the fence that opens at `line`; the new lines stand as deep as the fence does."""
    lines = _split(data)
    opened = _opening(lines, line)
    last = _closing(lines, line, opened.mark)
    if re.search(rf"(?m)^\s*{re.escape(opened.mark[0])}{{{len(opened.mark)},}}", text):
        sentence = f"The new text holds a line of {opened.mark}, which would close the fence at line {line}."
        raise Usage(sentence, "Write the fence with more marks, or leave the line out.")
    body = [one.body.decode("utf-8", "surrogateescape") for one in lines[line : last - 1]]
    empty = max(_empty_at_end(body) - _empty_at_end(text.split("\n")), 0)  # the reader leaves those out of the text
    end = last - 1 - empty
    return _write_body(data, lines, line + 1, end, opened.inside, text)


def _empty_at_end(lines: list[str]) -> int:
    count = 0
    while count < len(lines) and not lines[-1 - count].strip(" \t>"):
        count += 1
    return count


def _write_body(data: bytes, lines: list[_Line], first: int, last: int, inside: str, text: str) -> bytes:
    """Put `text` in place of some lines of a fence. Lines at its top and bottom that say the same keep their bytes."""
    new = text.split("\n")
    old = [line.body.decode("utf-8", "surrogateescape") for line in lines[first - 1 : last]]
    depth = len(inside)

    def same(there: str, part: str) -> bool:
        lead = there[: len(there) - len(there.lstrip(" \t>"))]
        return there[min(depth, len(lead)) :] == part or (not part and not there.strip(" \t>"))

    top = bottom = 0
    while top < min(len(old), len(new)) and same(old[top], new[top]):
        top += 1
    while bottom < min(len(old), len(new)) - top and same(old[-1 - bottom], new[-1 - bottom]):
        bottom += 1
    rest = new[top : len(new) - bottom]
    if not rest:
        return edit(data, [LineEdit(first + top, last - bottom, None)]) if first + top <= last - bottom else data
    body = "\n".join(inside + part if part else inside.rstrip() for part in rest)
    return edit(data, [LineEdit(first + top, last - bottom, body)])


def replace_step(data: bytes, step: Step, text: str) -> bytes:
    """Replace the lines of one step. Raises `Usage` when they do not stand in the document as they run: behind
    prompts, for example."""
    lines = _split(data)
    old = step.text.split("\n")
    there = [line.body.decode("utf-8", "surrogateescape") for line in lines[step.line - 1 : step.line - 1 + len(old)]]
    inside = there[0][: len(there[0]) - len(there[0].lstrip(" \t>"))] if there else ""
    depth = len(inside) - (len(old[0]) - len(old[0].lstrip(" \t>")))
    if not step.language or depth < 0 or len(there) < len(old) or not _stands(there, old, inside[:depth]):
        sentence = f'Step "{step.id}" does not stand in the document as it runs (line {step.line}).'
        raise Usage(sentence, "Edit the document itself.")
    return _write_body(data, lines, step.line, step.line + len(old) - 1, inside[:depth], text)


def _stands(there: list[str], text: list[str], prefix: str) -> bool:
    return all(
        line == prefix + part or (not part and not line.strip(" \t>")) for line, part in zip(there, text, strict=True)
    )


def set_attributes(data: bytes, line: int, changes: Mapping[str, str | None]) -> bytes:
    """Set attributes in the info string of the fence that opens at `line`; None takes one away.

    The form that is there (JSON or ``k=v``), the order and unknown keys stay. A value that ``k=v`` cannot hold turns
    the attributes into JSON. Raises `Usage` when the line opens no fence, or what was written would not be read back.
    """
    lines = _split(data)
    opened = _opening(lines, line)
    info = _changed(opened.info, changes, line)
    wanted = {**read_info(opened.info.strip()).attributes}
    for key, value in changes.items():
        wanted.pop(key, None) if value is None else wanted.update({key: value})
    if dict(read_info(info.strip()).attributes) != wanted or ("`" in info and opened.mark[0] == "`"):
        keys = ", ".join(changes)
        raise Usage(f"The attributes {keys} cannot be written into the fence at line {line}.", "Edit the line itself.")
    new = (opened.prefix + opened.mark + info).encode("utf-8", "surrogateescape")
    lines[line - 1] = _Line(new, lines[line - 1].ending)
    return b"".join(one.body + one.ending for one in lines)


def _changed(info: str, changes: Mapping[str, str | None], line: int) -> str:
    for key in changes:
        if not re.fullmatch(r"[A-Za-z][\w.-]*", key):
            raise Usage(f'"{key}" is not a name of an attribute.', "Use letters, digits, _ . and -.")
    brace = info.find("{")
    if brace < 0:
        bare = info.rstrip()
        tail = info[len(bare) :]
        made = _new({key: value for key, value in changes.items() if value is not None})
        return f"{bare}{' ' if bare and made else ''}{made}{tail}"
    end = info.find("}", brace)
    if end < 0:
        raise Usage(f"The attributes of the fence at line {line} are not closed with }}.", "Close them first.")
    for stop in dict.fromkeys((end, info.rfind("}"))):
        pairs = _json_pairs(info[brace : stop + 1])
        if pairs is not None:
            written = _json_text(info[brace : stop + 1], _merged(pairs, changes))
            return info[:brace] + written + info[stop + 1 :]
    inner = info[brace + 1 : end]
    if any(value is not None and _NEEDS_JSON.search(value) for value in changes.values()):
        pairs = _merged(dict(read_info(info[brace : end + 1]).attributes), changes)
        return info[:brace] + _json_text("", pairs) + info[end + 1 :]
    return info[:brace] + "{" + _pairs_text(inner, changes) + "}" + info[end + 1 :]


def _new(values: Mapping[str, str]) -> str:
    if not values:
        return ""
    if any(_NEEDS_JSON.search(value) for value in values.values()):
        return _json_text("", values)
    return "{ " + " ".join(f"{key}={value}" for key, value in values.items()) + " }"


def _json_pairs(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _merged(pairs: Mapping[str, object], changes: Mapping[str, str | None]) -> dict[str, object]:
    found = {**pairs, **{key: value for key, value in changes.items() if value is not None}}
    return {key: value for key, value in found.items() if changes.get(key, "") is not None}


def _json_text(before: str, pairs: Mapping[str, object]) -> str:
    """JSON in the style of `before`. Braces and backticks in values are escaped: Runme reads to the first ``}``, and
    Markdown allows no backtick there."""
    comma = ", " if re.search(r"\",\s", before) else ","
    colon = ": " if re.search(r"\":\s", before) else ":"
    parts = []
    for key, value in pairs.items():
        written = json.dumps(value, ensure_ascii=False)
        if isinstance(value, str):
            written = written.replace("{", "\\u007b").replace("}", "\\u007d").replace("`", "\\u0060")
        parts.append(json.dumps(key, ensure_ascii=False) + colon + written)
    return "{" + comma.join(parts) + "}"


def _pairs_text(inner: str, changes: Mapping[str, str | None]) -> str:
    """The inside of ``{ k=v k=v }`` with some values changed; spaces and odd words stay."""
    left = dict(changes)
    parts: list[str] = []
    for part in re.split(r"(\s+)", inner):
        key, equals, _ = part.partition("=")
        if not equals or key not in changes:
            parts.append(part)
            continue
        value = changes[key]
        if key in left and value is not None:
            parts.append(f"{key}={value}")
        elif parts and not parts[-1].strip():
            parts.pop()
        left.pop(key, None)
    text = "".join(parts)
    added = " ".join(f"{key}={value}" for key, value in left.items() if value is not None)
    if not added:
        return text
    bare = text.rstrip()
    return f"{bare}{' ' if bare.strip() or text[:1].isspace() else ''}{added}{text[len(bare) :]}"
