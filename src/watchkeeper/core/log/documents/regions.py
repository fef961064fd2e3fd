"""Entries that have no heading of their own: dated lines, lists below a date, rows of tables, records of labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.log.documents import stamps, words
from watchkeeper.core.log.documents.lines import TEXT, Lines
from watchkeeper.core.log.documents.outline import LABEL, joined
from watchkeeper.core.log.documents.values import Stamp

_ITEM = re.compile(r"([ \t]*)(?:([-*+•・]|\d{1,4}[.)])[ \t]+)?(?:\[[ xX]\][ \t]+)?")
_ROW = re.compile(r"[ \t]*\|.*\|[ \t]*\r?\n?$")
_CELL_RULE = re.compile(r"[ \t]*\|?(?:[ \t]*:?-{1,}:?[ \t]*\|)*[ \t]*:?-{1,}:?[ \t]*\|?[ \t]*\r?\n?$")
_DATE_WORDS = re.compile(
    r"^\W*(?:date.*|when|time(?:stamp)?|time .*|day|at|start(?:ed)?|日期|时间|日付|日時|"
    r"実施日|時刻|날짜|일시|일자|시간|시각|发生时间|操作时间|作業日)\W*$",
    re.IGNORECASE,
)


_VERSION = re.compile(r"(?:version|ver\.?|rev\.?|revision|版本|版本号|版数|版|バージョン|버전|개정)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines first..last (from 0, last excluded) that are one entry. stamp: as far as it was written.

    title: what of it names the entry; fields: what a row says by column.
    """

    first: int
    last: int
    stamp: Stamp | None
    title: str
    shape: str
    fields: tuple[tuple[str, str], ...] = ()


def pieces(
    lines: Lines, first: int, last: int, day: tuple[int, int, int] | None, *, in_day: bool, alone: bool
) -> list[Piece]:
    """The entries within lines first..last (last excluded), which no heading claims.

    day: that holds for lines with a time only. in_day: the lines stand below a date. alone: nothing else in the
    document is an entry.
    """
    found = _rows(lines, first, last, day)
    if found:
        return found
    found = _stamped_lines(lines, first, last, day, in_day=in_day, alone=alone)
    if found:
        return found
    if in_day:
        return _list_items(lines, first, last)
    return _records(lines, first, last) if alone else []


def _rows(lines: Lines, first: int, last: int, day: tuple[int, int, int] | None) -> list[Piece]:
    found: list[Piece] = []
    index = first
    while index < last - 1:
        if (
            not lines.kinds[index]
            and "|" in lines.all[index]
            and _CELL_RULE.match(lines.all[index + 1])
            and "-" in lines.all[index + 1]
        ):
            end = index + 2
            while end < last and "|" in lines.all[end] and not lines.kinds[end] and lines.all[end].strip():
                end += 1
            found += _table(lines, index, end, day)
            index = end
        else:
            index += 1
    return found


def cells_of(line: str) -> list[str]:
    """The cells of a row; a bar behind a backslash or within code ends none."""
    text = line.strip()
    text = text[1:] if text.startswith("|") else text
    text = text[:-1] if text.endswith("|") and not text.endswith("\\|") else text
    cells, current, code, escaped = [], [], False, False
    for sign in text:
        if escaped:
            escaped = False
            if sign != "|":
                current.append("\\")
        elif sign == "\\":
            escaped = True
            continue
        elif sign == "`":
            code = not code
        elif sign == "|" and not (code and "`" in text[text.index(sign) :]):
            cells.append("".join(current).strip())
            current, code = [], False
            continue
        current.append(sign)
    cells.append("".join(current).strip())
    return cells


def _table(lines: Lines, head: int, end: int, day: tuple[int, int, int] | None) -> list[Piece]:
    names = [cell.strip("*_` ") for cell in cells_of(lines.all[head])]
    if names and _VERSION.match(names[0]):  # the history of the document itself
        return []
    rows = [(index, cells_of(lines.all[index])) for index in range(head + 2, end)]
    columns = [at for at, name in enumerate(names) if _DATE_WORDS.match(name)]
    read: dict[int, list[Stamp | None]] = {at: [_cell_stamp(lines, row, at) for _, row in rows] for at in columns}
    dates = [at for at in columns if any(each and each.day and each.day[0] for each in read[at])]
    times = [at for at in columns if at not in dates and any(each and each.start is not None for each in read[at])]
    if not rows or not (dates or (times and day)):
        return []
    found: list[Piece] = []
    previous: Stamp | None = None
    for place, (index, row) in enumerate(rows):
        if not any(row) or any("](#" in cell for cell in row):
            continue
        stamp = read[dates[0]][place] if dates else None
        if (
            stamp is None
            and dates
            and previous is not None
            and (len(row) <= dates[0] or row[dates[0]] in ("", '"', "〃", "″", "''", "-", "同上"))
        ):
            stamp = Stamp(previous.day, None, None, None, "day", "", 0, 0, previous.unsure)
        time = read[times[0]][place] if times else None
        stamp = _with_time(stamp, time)
        if stamp is None:
            continue
        previous = stamp if stamp.day else previous
        used = {*dates[:1], *times[:1]}
        fields = tuple((names[at], cell) for at, cell in enumerate(row) if cell and at < len(names) and at not in used)
        found.append(Piece(index, index + 1, stamp, _row_title(fields), "row", fields))
    return found if len(found) * 2 >= len(rows) else []


def _cell_stamp(lines: Lines, row: Sequence[str], at: int) -> Stamp | None:
    if at >= len(row) or words.PLACEHOLDER.search(row[at]):
        return None
    return stamps.leading(stamps.plain(row[at]), lines.day_first, lines.zones)


def _with_time(stamp: Stamp | None, time: Stamp | None) -> Stamp | None:
    if stamp is None or time is None or stamp.start is not None:
        return stamp or time
    return Stamp(stamp.day, stamp.until, time.start, time.end, time.precision, time.zone, 0, 0, stamp.unsure)


_TITLES = re.compile(
    r"^(?:what|action|actions|title|summary|change|changes|description|event|task|activity|"
    r"work|details?|entry|subject|operation|操作|操作内容|内容|变更内容|描述|事件|标题|"
    r"作業内容|作業|変更内容|件名|概要|내용|작업|작업 내용|작업내용|변경 내용|제목)$",
    re.IGNORECASE,
)


def _row_title(fields: Sequence[tuple[str, str]]) -> str:
    for name, value in fields:
        if _TITLES.match(name.strip()):
            return value
    free = [value for name, value in fields if not words.meaning(name) and words.folded(name) not in words.ONE_LINE]
    return max(free or [value for _, value in fields] or [""], key=len)


def _stamped_lines(
    lines: Lines, first: int, last: int, day: tuple[int, int, int] | None, *, in_day: bool, alone: bool
) -> list[Piece]:
    starts: list[tuple[int, int, bool, Stamp]] = []
    for index in range(first, last):
        line = lines.all[index]
        if lines.kinds[index] != TEXT or len(line) < 4:
            continue
        item = _ITEM.match(line)
        offset = item.end() if item else 0
        if "](#" in line or not _may_begin(line, offset):  # a table of contents
            continue
        text = line[offset : offset + 300].rstrip("\r\n")
        stamp = _line_stamp(text, lines)
        if stamp is None:
            continue
        if (stamp.day and stamp.day[0]) or (day and stamp.start is not None and not stamp.day):
            starts.append((index, len(item.group(1).expandtabs(4)) if item else 0, bool(item and item.group(2)), stamp))
    if not starts or (not in_day and not alone and len(starts) < 2):
        return []
    indent = min(each[1] for each in starts)
    top = [each for each in starts if each[1] <= indent]
    if in_day and all(each[2] for each in top):
        top += _untimed_items(lines, first, last, indent, {each[0] for each in top}, after=top[0][0])
        top.sort(key=lambda each: each[0])
    found = []
    for place, (index, _, _, stamp) in enumerate(top):
        end = top[place + 1][0] if place + 1 < len(top) else last
        item = _ITEM.match(lines.all[index])
        text = lines.all[index][item.end() if item else 0 :].rstrip("\r\n")
        title = stamps.rest_of(text, stamp) if stamp.precision else text
        found.append(Piece(index, _trimmed(lines, index, end), stamp if stamp.precision else None, title, "line"))
    return found


_BEGIN = re.compile(r"[\s*_`~\[(【<]{0,6}(?:\d|[A-Za-z]{3,9}[ .,]|[令平昭上下午前後오])")


def _may_begin(line: str, offset: int) -> bool:
    return _BEGIN.match(stamps.plain(line[offset : offset + 24])) is not None


def _line_stamp(text: str, lines: Lines) -> Stamp | None:
    if words.PLACEHOLDER.search(text[:60]):
        return None
    plain = stamps.plain(text)
    stamp = stamps.leading(plain, lines.day_first, lines.zones)
    if stamp is None:
        return None
    follows = plain[stamp.stop : stamp.stop + 1]
    if follows and (follows.isalnum() and follows.isascii()):
        return None
    if (
        stamp.day is None
        and stamp.start is not None
        and not stamp.zone
        and not re.search(r"\d[:hH時时点點시]", plain[stamp.begin : stamp.stop])
        and "m" not in plain[stamp.begin : stamp.stop].lower()
    ):
        return None
    return (
        stamp
        if any(each.isalnum() for each in stamps.rest_of(text, stamp))
        or text.rstrip().endswith((":", "："))
        or stamp.start is not None
        else None
    )


def _untimed_items(
    lines: Lines, first: int, last: int, indent: int, known: set[int], after: int
) -> list[tuple[int, int, bool, Stamp]]:
    """Items of the same list that carry no time: entries of the day."""
    nothing = Stamp(None, None, None, None, "", "", 0, 0)
    found = []
    for index in range(first, last):
        if index in known or lines.kinds[index] != TEXT:
            continue
        item = _ITEM.match(lines.all[index])
        if (
            item
            and item.group(2)
            and len(item.group(1).expandtabs(4)) == indent
            and lines.all[index][item.end() :].strip()
        ):
            found.append((index, indent, True, nothing))
    return found


def _list_items(lines: Lines, first: int, last: int) -> list[Piece]:
    """The items of a list that is all a day says; nothing when the day says anything else beside it, or labels."""
    tops: list[int] = []
    indent = ""
    for index in range(first, last):
        if lines.is_blank(index):
            continue
        line = lines.all[index]
        item = _ITEM.match(line)
        if lines.kinds[index] == TEXT and item and item.group(2) and (not tops or item.group(1) == indent):
            indent = item.group(1)
            label = LABEL.match(line[:500])
            if label and words.is_known(label.group(1)):
                return []
            tops.append(index)
        elif not tops or not line[:1].isspace():
            return []
    found = []
    for place, index in enumerate(tops):
        end = tops[place + 1] if place + 1 < len(tops) else last
        item = _ITEM.match(lines.all[index])
        text = lines.all[index][item.end() if item else 0 :].strip()
        found.append(Piece(index, _trimmed(lines, index, end), None, text, "item"))
    return found


def _trimmed(lines: Lines, first: int, last: int) -> int:
    while last > first + 1 and lines.is_blank(last - 1):
        last -= 1
    return last


def _label_stamp(lines: Lines, first: int, last: int, meaning: str) -> Stamp | None:
    for index in range(first, last):
        match = LABEL.match(lines.all[index][:500])
        if match and words.meaning(match.group(1)) == meaning:
            return stamps.leading(stamps.plain(match.group(2)), lines.day_first, lines.zones)
    return None


def _records(lines: Lines, first: int, last: int) -> list[Piece]:
    """Records that begin with a label ``Date:``; the block of lines that it stands in is the beginning of the record."""
    starts: list[tuple[int, Stamp]] = []
    for index in range(first, last):
        if lines.kinds[index]:
            continue
        match = LABEL.match(lines.all[index][:500])
        if match is None or words.meaning(match.group(1)) != "date":
            continue
        stamp = stamps.leading(stamps.plain(match.group(2)), lines.day_first, lines.zones)
        if stamp is None or not stamp.day or not stamp.day[0]:
            continue
        begin = index
        floor = starts[-1][0] + 1 if starts else first
        while begin > floor and not lines.is_blank(begin - 1) and LABEL.match(lines.all[begin - 1][:500]):
            begin -= 1
        starts.append((begin, stamp))
    found = []
    for place, (begin, stamp) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else last
        last_one = _trimmed(lines, begin, end)
        whole = joined(
            stamp, *(_label_stamp(lines, begin, min(last_one, begin + 20), each) for each in ("time", "end"))
        )
        found.append(Piece(begin, last_one, whole, "", "record"))
    return found
