"""Logs that are data: a JSON list of objects, an object that holds one, or one object per line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from watchkeeper.core.log.documents import stamps, words
from watchkeeper.core.log.documents.times import Clockwork
from watchkeeper.core.log.documents.values import Document, Doubt, Found, Options, Span, Stamp

_DATES = (
    "timestamp",
    "datetime",
    "date_time",
    "date",
    "at",
    "when",
    "created_at",
    "createdat",
    "started_at",
    "start",
    "time",
    "ts",
    "日期",
    "时间",
    "日時",
    "日付",
    "날짜",
    "일시",
)
_TIMES = ("time", "start_time", "starttime", "时间", "時刻", "시간")
_TITLES = (
    "title",
    "summary",
    "subject",
    "action",
    "event",
    "message",
    "what",
    "change",
    "name",
    "description",
    "text",
    "标题",
    "操作",
    "内容",
    "件名",
    "作業内容",
    "제목",
    "내용",
)
_MAX_FIELD, _MAX_TITLE = 300, 200
_BLANK = " \t\r\n\ufeff"


def read(text: str, options: Options) -> Document | None:
    """The entries of a document that is JSON; None when it is none, or holds no dated objects."""
    head = text[:200].lstrip(_BLANK)
    if head[:1] not in ("[", "{"):
        return None
    try:
        objects = _array(text) if head[0] == "[" else _object_lines(text) or _inner(text)
    except (ValueError, RecursionError):
        return None
    if not objects:
        return None
    return _document(text, objects, options)


def _array(text: str) -> list[tuple[Mapping[str, Any], int, int]]:
    """(object, begin, end) of each element of the list that begins the text."""
    return _elements(text, text.index("[") + 1)


def _elements(text: str, place: int) -> list[tuple[Mapping[str, Any], int, int]]:
    decoder = json.JSONDecoder()
    found: list[tuple[Mapping[str, Any], int, int]] = []
    while True:
        place = _skipped(text, place, _BLANK + ",")
        if place >= len(text) or text[place] == "]":
            return found
        value, end = decoder.raw_decode(text, place)
        if isinstance(value, dict):
            found.append((value, place, end))
        place = end


def _skipped(text: str, place: int, signs: str) -> int:
    while place < len(text) and text[place] in signs:
        place += 1
    return place


def _object_lines(text: str) -> list[tuple[Mapping[str, Any], int, int]]:
    """One object per line; nothing unless every line with text is one."""
    decoder, place = json.JSONDecoder(), 0
    found: list[tuple[Mapping[str, Any], int, int]] = []
    while True:
        place = _skipped(text, place, _BLANK)
        if place >= len(text):
            return found
        try:
            value, end = decoder.raw_decode(text, place)
        except ValueError:
            return []
        if not isinstance(value, dict):
            return []
        found.append((value, place, end))
        if len(found) == 1 and _skipped(text, end, _BLANK) >= len(text) and not _stamp(value):
            return []
        place = end


def _inner(text: str) -> list[tuple[Mapping[str, Any], int, int]]:
    """The first list of dated objects within one object."""
    whole = json.loads(text.strip(_BLANK))
    for name, value in whole.items() if isinstance(whole, dict) else ():
        if isinstance(value, list) and any(isinstance(each, dict) and _stamp(each) for each in value):
            key = text.find("[", text.find(json.dumps(name)) if json.dumps(name) in text else text.find(name))
            return _elements(text, key + 1)
    return []


def _folded(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _stamp(value: Mapping[str, Any]) -> Stamp | None:
    by_name = {_folded(name): each for name, each in value.items()}
    stamp: Stamp | None = None
    for name in _DATES:
        each = by_name.get(name)
        if isinstance(each, str) and stamp is None:
            found = stamps.leading(stamps.plain(each[:100]))
            stamp = found if found is not None and found.day and found.day[0] else None
        elif isinstance(each, int | float) and not isinstance(each, bool) and stamp is None:
            stamp = _epoch(float(each))
    if stamp is not None and stamp.start is None:
        for name in _TIMES:
            each = by_name.get(name)
            time = stamps.leading(stamps.plain(each[:60])) if isinstance(each, str) else None
            if time is not None and time.start is not None and time.day is None:
                return Stamp(stamp.day, None, time.start, time.end, time.precision, time.zone, 0, 0, stamp.unsure)
    return stamp


def _epoch(value: float) -> Stamp | None:
    """Epoch seconds, or milliseconds, of this half century."""
    from datetime import UTC, datetime

    seconds = value / 1000 if value > 1e11 else value
    if not 631_152_000 <= seconds <= 4_102_444_800:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    day = (moment.year, moment.month, moment.day)
    return Stamp(day, None, moment.hour * 3600 + moment.minute * 60 + moment.second, None, "second", "UTC", 0, 0)


def _document(text: str, objects: Sequence[tuple[Mapping[str, Any], int, int]], options: Options) -> Document | None:
    clock, entries, doubts = Clockwork(options, ""), [], []
    starts = _line_starts(text)
    previous_end = 0
    rows = []
    for value, begin, end in objects:
        stamp = _stamp(value)
        when = clock.when(stamp, None) if stamp is not None else None
        first, last = _line(starts, begin), _line(starts, end - 1) + 1
        if when is None:
            doubts.append(Doubt(first + 1, "An object without a date that could be made out: not taken for an entry."))
            continue
        if stamp is not None and stamp.unsure:
            doubts.append(
                Doubt(first + 1, f"Day and month could be the other way round: read as {when.day.isoformat()}.")
            )
        rows.append((value, when, first, last, begin, end))
    for value, when, first, last, begin, end in rows:
        title, fields, sections = _taken(value)
        shares = first < previous_end
        raw = text[begin:end]
        previous_end = last
        gaps, texts = _gaps(raw, sections)
        title = " ".join(title.split()) or f"Entry of {when.day.isoformat()}"
        shown = title if len(title) <= _MAX_TITLE else title[: _MAX_TITLE - 3] + "..."
        entries.append(Found(first + 1, first if shares else last, raw, when, shown, fields, texts, gaps, "object"))
    if not entries:
        return None
    steps = [(b.when.at > a.when.at) - (b.when.at < a.when.at) for a, b in pairwise(entries)]
    return Document(tuple(entries), tuple(rest_of(entries, len(starts))), tuple(doubts), len(starts), sum(steps) < 0)


def _taken(value: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...], list[tuple[str, str]]]:
    by_name = {_folded(name): name for name in value}
    key = next((by_name[name] for name in _TITLES if isinstance(value.get(by_name.get(name, "")), str)), "")
    title = str(value.get(key, ""))
    fields, sections = [], []
    for name, each in value.items():
        shown = each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) if each is not None else ""
        if (name == key and len(shown) <= _MAX_TITLE) or not shown:
            continue
        if isinstance(each, str) and stamps.leading(stamps.plain(each[:60])) and (_folded(name) in _DATES + _TIMES):
            continue
        label = name if words.meaning(name.replace("_", " ")) == "" else name.replace("_", " ")
        if (isinstance(each, list | dict) and each) or len(shown) > _MAX_FIELD or "\n" in shown:
            sections.append((label, _block(each)))
        elif _folded(name) not in _DATES or not isinstance(each, int | float):
            fields.append((label, shown))
    return title, tuple(fields), sections


def _block(value: Any) -> str:
    """Text as text, lists of simple values as a list, all else as JSON."""
    if isinstance(value, str):
        return value.strip("\n")
    if isinstance(value, list) and all(isinstance(each, str | int | float | bool) for each in value):
        return "\n".join(f"- {each}" for each in value)
    return "```json\n" + json.dumps(value, ensure_ascii=False, indent=2) + "\n```"


def _gaps(raw: str, sections: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Texts of objects are decoded: they are no part of the raw text, which the gap before them holds whole."""
    return (raw,) if not sections else (raw, *("" for _ in sections)), tuple(sections)


def _line_starts(text: str) -> list[int]:
    starts, place = [0], text.find("\n")
    while place >= 0 and place + 1 < len(text):
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return starts


def _line(starts: Sequence[int], place: int) -> int:
    from bisect import bisect_right

    return bisect_right(starts, place) - 1


def rest_of(entries: Sequence[Found], count: int) -> list[Span]:
    """The spans of lines between entries. count: lines of the document."""
    spans, place = [], 0
    for each in entries:
        if each.first - 1 > place:
            spans.append(Span(place + 1, each.first - 1, "between"))
        place = max(place, each.last)
    if place < count:
        spans.append(Span(place + 1, count, "between"))
    return spans
