"""Dates and times as people write them at the head of an entry: English, Chinese, Japanese, Korean."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping

from watchkeeper.core.log.documents.values import DAY, MINUTE, SECOND, Stamp
from watchkeeper.core.log.documents.zones import AMBIGUOUS, HOURS

WIDE = str.maketrans("０１２３４５６７８９：／．（）［］　～〜－‐‑ー−", "0123456789:/.()[] ~~-----")
"""Full-width forms, one character for one, so that places stay."""
_MONTHS = {
    name.lower(): number
    for number in range(1, 13)
    for name in (calendar.month_name[number], calendar.month_abbr[number])
}
_MONTHS["sept"] = 9
_MONTH = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_WEEKDAY = (
    r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?|[日月火水木金土](?:曜日?)?|"
    r"(?:星期|周|週|礼拜)[一二三四五六日天]|[월화수목금토일](?:요일)?)"
)
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "R": 2018, "H": 1988}
_DATE = re.compile(
    rf"""(?P<y>(?:19|20)\d\d)(?P<s>[-/.])[ ]?(?P<m>\d{{1,2}})(?P=s)[ ]?(?P<d>\d{{1,2}})(?!\d)(?:(?<=\d)\.(?!\d))?
    |(?P<y2>(?:19|20)\d\d)[ -](?P<n2>{_MONTH})[ -](?P<d2>\d{{1,2}})(?!\d)
    |(?P<cy>(?:19|20)\d\d)[ ]?[年년][ ]?(?P<cm>\d{{1,2}})[ ]?[月월][ ]?(?P<cd>\d{{1,2}})[ ]?[日일号號]
    |(?P<era>令和|平成|昭和|\b[RH](?=\d))[ ]?(?P<ey>\d{{1,2}}|元)(?:年|\.)
        [ ]?(?P<em>\d{{1,2}})(?:月|\.)[ ]?(?P<ed>\d{{1,2}})(?:日)?(?!\d)
    |(?P<ky>(?:19|20)\d\d)(?P<km>0[1-9]|1[0-2])(?P<kd>0[1-9]|[12]\d|3[01])(?=\D|$)
    |(?P<a>\d{{1,2}})(?P<s2>[./-])[ ]?(?P<b>\d{{1,2}})(?P=s2)[ ]?(?P<y3>(?:19|20)\d\d)(?!\d)
    |(?P<n4>{_MONTH})[ ]?(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?[ ]{{0,2}}(?P<y4>(?:19|20)\d\d)(?!\d))?
    |(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?[ -](?:of[ ])?(?P<n5>{_MONTH})(?:[ ,-]{{1,2}}(?P<y5>(?:19|20)\d\d)(?!\d))?
    |(?P<m6>\d{{1,2}})[ ]?[月월][ ]?(?P<d6>\d{{1,2}})[ ]?[日일号號]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PERIODS = "上午|下午|午前|午後|오전|오후|凌晨|早上|晚上|中午|傍晚|正午"
_LATE = ("下午", "午後", "오후", "晚上", "傍晚")
_TIME = re.compile(
    rf"""(?:(?P<period>{_PERIODS})[ ]?)?
    (?:(?P<h>[01]?\d|2[0-4])(?::(?P<mi>[0-5]\d)(?::(?P<se>[0-5]\d)(?:[.,]\d{{1,9}})?)?(?!\d|:\d)
        |[ ]?[時时点點시](?!间|間)(?:[ ]?(?P<mi2>\d{{1,2}})[ ]?[分분](?:[ ]?(?P<se2>\d{{1,2}})[ ]?[秒초])?|(?P<half>[半반]))?
        |h(?P<mi3>[0-5]\d)(?!\d)
        |(?=[ ]?[ap]\.?m\b))
      |(?P<h4>[01]\d|2[0-3])(?P<mi4>[0-5]\d)(?=[ ]?(?-i:hrs?\b|h\b|Z\b|[A-Z]{{3,4}}\b)|[ ]?[-–][ ]?[0-2]\d[0-5]\d\b)
    )(?:[ ]?(?P<ap>[ap])\.?m\b\.?)?(?:[ ]?(?:hrs?|hours|Uhr)\b)?""",
    re.VERBOSE | re.IGNORECASE,
)
_COMPACT_TIME = re.compile(r"T?([01]\d|2[0-3])([0-5]\d)([0-5]\d)?(?=Z|[+-]\d|\b)")
_WORDS = "|".join(sorted(map(re.escape, (*HOURS, *AMBIGUOUS)), key=len, reverse=True))
_ZONE = re.compile(
    rf"""[ ]?[(\[]?[ ]?(?:(?P<utc>(?:UTC|GMT)[ ]?[+\u2212-][ ]?\d{{1,2}}(?::?\d\d)?(?!\d))
    |(?P<plus>\+\d{{1,2}}(?::?\d\d)?(?!\d))|(?P<minus>-\d{{4}}(?![\d:]))
    |(?P<area>(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/]+)
    |(?P<word>(?:{_WORDS})(?![A-Za-z0-9_]))|(?P<caps>[A-Z]{{3,5}}(?![A-Za-z0-9_])))[ ]?[)\]]?""",
    re.VERBOSE,
)
_ISO_MINUS = re.compile(r"-\d\d:?\d\d(?!\d)")
_RANGE = re.compile(r"[ ]?(?:-|–|—|~|→|->|to|until|till|bis|至|到|から|부터)[ ]?", re.IGNORECASE)
_BETWEEN = re.compile(
    r"[ ]?(?:T(?=\d)|[,@|·:_-]?[ ]{0,2}(?:at[ ]|@[ ]?|around[ ]|approx\.?[ ]|ca\.?[ ]|~[ ]?)?|[ ]?[-–—|·•][ ])",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[ ]?,?[ ](?:on )?", re.IGNORECASE)
_WEEKDAY_AFTER = re.compile(rf"[ ,]{{0,2}}[(（\[]?[ ]?{_WEEKDAY}[ ]?[)）\]]?(?![A-Za-z])", re.IGNORECASE)
_DECORATION = re.compile(
    rf"(?:[^\w\[({{<*_`~+-]|[\[(*_`~<]|(?:{_WEEKDAY})(?=[ ,.])[,.]?|(?:date|day|時間|日期|日付|"
    rf"날짜)[ ]?[:：]|#?\d{{1,4}}[.)][ ])+?(?=[\w~])",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"\b(?:on|by|until|till|before|after|since|due|from|to|through|of|at|in|for|as of|via)[ ]*$", re.IGNORECASE
)
_NOT_YET = re.compile(
    r"\W*(?:next|upcoming|due|deadline|target|eta|last (?:updated?|review(?:ed)?|modified|"
    r"edited)|updated|version|valid|effective|"
    r"created|generated|as of|planned for|scheduled for|最終更新|次回|更新日|最后更新|下次|최종 수정|다음)\b",
    re.IGNORECASE,
)
"""Headings whose date is not when something was done."""
_WEEK = re.compile(r"\W*(?:week|month|day) (?:of|beginning|starting|commencing)[ ]*$", re.IGNORECASE)
_LAST_TIME = re.compile(r"(?:[(|·—–]|[ ]-)[ ]?(?=\d{1,2}:\d\d)")
_SEPARATORS = " \t-–—:|·•,/()[]{}*_`~@>#：【】「」（）"


def plain(text: str) -> str:
    """The same length, with full-width digits and signs as ASCII."""
    return text.translate(WIDE)


def stamp_at(
    text: str, position: int = 0, day_first: bool | None = None, zones: Mapping[str, str] | None = None
) -> Stamp | None:
    """The stamp that begins exactly here. text: already `plain`."""
    found = _DATE.match(text, position)
    if found is None:
        return _times(text, position, position, None, None, False, zones or {})
    day, unsure = _day(found, day_first)
    if day is None:
        return None
    stop = _after_weekday(text, found.end())
    until = None
    between = _RANGE.match(text, stop)
    if between and between.group().strip():
        second = _DATE.match(text, between.end())
        if second is not None:
            until, _ = _day(second, day_first)
            if until is not None:
                stop = _after_weekday(text, second.end())
                if not day[0]:
                    day = (until[0], day[1], day[2])
                if not until[0]:
                    until = (day[0], until[1], until[2])
    return _times(text, position, stop, day, until, unsure, zones or {})


def _after_weekday(text: str, position: int) -> int:
    after = _WEEKDAY_AFTER.match(text, position)
    return after.end() if after else position


def _day(found: re.Match[str], day_first: bool | None) -> tuple[tuple[int, int, int] | None, bool]:
    get = found.groupdict().get
    unsure = False
    if get("y"):
        day = int(get("y") or 0), int(get("m") or 0), int(get("d") or 0)
    elif get("y2"):
        day = int(get("y2") or 0), _month(get("n2")), int(get("d2") or 0)
    elif get("cy"):
        day = int(get("cy") or 0), int(get("cm") or 0), int(get("cd") or 0)
    elif get("era"):
        year = 1 if get("ey") == "元" else int(get("ey") or 0)
        day = _ERAS[(get("era") or "").upper()] + year, int(get("em") or 0), int(get("ed") or 0)
    elif get("ky"):
        day = int(get("ky") or 0), int(get("km") or 0), int(get("kd") or 0)
    elif get("y3"):
        day, unsure = _turned(int(get("a") or 0), int(get("b") or 0), int(get("y3") or 0), get("s2") or "", day_first)
    elif get("n4"):
        day = int(get("y4") or 0), _month(get("n4")), int(get("d4") or 0)
    elif get("n5"):
        day = int(get("y5") or 0), _month(get("n5")), int(get("d5") or 0)
    else:
        day = 0, int(get("m6") or 0), int(get("d6") or 0)
    year = day[0] or 2000
    if not (1 <= day[1] <= 12 and 1 <= day[2] <= calendar.monthrange(year, day[1])[1]):
        return None, False
    return day, unsure


def _turned(a: int, b: int, year: int, separator: str, day_first: bool | None) -> tuple[tuple[int, int, int], bool]:
    """``02.01.2026``: a dot means day first; else what must be; else what the document or the team says, marked."""
    if separator == "." or a > 12:
        return (year, b, a), False
    if b > 12:
        return (year, a, b), False
    if a == b:
        return (year, a, b), False
    return ((year, a, b) if day_first is False else (year, b, a)), day_first is None


def _month(name: str | None) -> int:
    return _MONTHS[(name or "").rstrip(".").lower()]


def _times(
    text: str, begin: int, stop: int, day: tuple[int, int, int] | None, until: tuple[int, int, int] | None, unsure: bool,
    zones: Mapping[str, str],
) -> Stamp | None:  # fmt: skip
    position, compact, strict = stop, None, False
    if day is not None:
        strict = text[stop : stop + 1] in ("T", "t")
        compact = _COMPACT_TIME.match(text, stop) if strict else None
        between = _BETWEEN.match(text, stop)
        position = between.end() if between else stop
        while text[position : position + 1] in "([*_`" and position < len(text) and position < stop + 6:
            position += 1
    found = compact or _TIME.match(text, position)
    if found is None:
        return None if day is None else Stamp(day, until, None, None, DAY, "", begin, stop, unsure)
    if compact:
        start: int | None = int(compact[1]) * 3600 + int(compact[2]) * 60 + int(compact[3] or 0)
        precision = SECOND if compact[3] else MINUTE
    else:
        start, precision = _seconds(found)
    if start is None:
        return None if day is None else Stamp(day, until, None, None, DAY, "", begin, stop, unsure)
    stop = found.end()
    military = not compact and bool(found.group("h4"))
    zone, stop = ("", stop) if military and text[stop : stop + 1] in "-–" else _zone(text, stop, strict, zones)
    end: int | None = None
    between = _RANGE.match(text, stop)
    if between and between.group().strip():
        inner = between.end()
        second_day = _DATE.match(text, inner)
        if second_day is not None:
            later, _ = _day(second_day, None)
            gap = _BETWEEN.match(text, second_day.end())
            inner = gap.end() if gap and later else inner
        else:
            later = None
        second = _TIME.match(text, inner)
        if second is not None:
            end, _ = _seconds(second)
            if end is not None and not found.groupdict().get("ap") and second.groupdict().get("ap") and not compact:
                start = _same_half(start, end, (second.group("ap") or "").lower())
            if end is not None:
                stop = second.end()
                until = later if later is not None else until
                second_zone, stop = _zone(text, stop, strict, zones)
                zone = zone or second_zone
    if day is None:  # ``10:00 2026-01-02 Restart``
        behind = _BEHIND.match(text, stop)
        named = _DATE.match(text, behind.end()) if behind else None
        written, turned = _day(named, None) if named else (None, False)
        if named and written and written[0]:
            day, unsure, stop = written, turned, named.end()
    return Stamp(day, until, start, end, precision, zone, begin, stop, unsure)


def _same_half(start: int, end: int, half: str) -> int:
    """``9:00-11:30 PM``: the first time is of the same half of the day unless it would be after the second."""
    moved = start % 43_200 + (43_200 if half == "p" else 0)
    return moved if moved <= end else start


def _seconds(found: re.Match[str]) -> tuple[int | None, str]:
    get = found.groupdict().get
    hour = int(get("h") or get("h4") or 0)
    minute = int(get("mi") or get("mi2") or get("mi3") or get("mi4") or (30 if get("half") else 0))
    second = int(get("se") or get("se2") or 0)
    if minute > 59 or second > 59:
        return None, MINUTE
    half, period = (get("ap") or "").lower(), get("period") or ""
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    elif period in _LATE and hour < 12:
        hour += 12
    elif period in ("午前", "上午", "오전", "凌晨") and hour == 12:
        hour = 0
    if hour > 24 or (hour == 24 and (minute or second)):
        return None, MINUTE
    return hour * 3600 + minute * 60 + second, SECOND if get("se") or get("se2") else MINUTE


def _zone(text: str, position: int, strict: bool, zones: Mapping[str, str]) -> tuple[str, int]:
    """(word, where it ends). A word of capitals that nobody knows counts only where a separator follows it."""
    if strict:
        minus = _ISO_MINUS.match(text, position)
        if minus:
            return minus.group(), minus.end()
    found = _ZONE.match(text, position)
    if found is None:
        return "", position
    word = found.group().strip(" ()[]")
    if found.group("caps") and word.upper() not in {key.upper() for key in zones}:
        follows = text[found.end() : found.end() + 3].strip()[:1]
        if len(word) < 3 or not word.endswith("T") or follows not in ("-", "–", "—", ":", "|", ""):
            return "", position
    if (
        text[found.end() - 1 : found.end()] not in ")]"
        and not found.group().startswith(" (")
        and found.group()[-1:] == " "
    ):
        return word, found.end() - 1
    return word, found.end()


def leading(text: str, day_first: bool | None = None, zones: Mapping[str, str] | None = None) -> Stamp | None:
    """The stamp at the head of a text, behind decoration (``[``, ``**``, an emoji, a weekday, ``Date:``)."""
    start = len(text) - len(text.lstrip())
    found = stamp_at(text, start, day_first, zones)
    if found is not None:
        return found
    decoration = _DECORATION.match(text, start)
    return stamp_at(text, decoration.end(), day_first, zones) if decoration else None


def delimited(text: str, day_first: bool | None = None, zones: Mapping[str, str] | None = None) -> Stamp | None:
    """The date that stands between separators or at the end of a heading; None for a date within a sentence."""
    found = leading(text, day_first, zones)
    if found is not None:
        return _with_times(text, found, zones)
    if _NOT_YET.match(text):
        return None
    for match in _DATE.finditer(text):
        stamp = stamp_at(text, match.start(), day_first, zones)
        if stamp is None or stamp.day is None or not stamp.day[0]:
            continue
        before, after = text[: match.start()], text[stamp.stop :]
        if before[-1:].isalnum() or (_PREPOSITION.search(before) and not _WEEK.match(before)):
            continue
        cut = before.rstrip()[-1:] in "-–—:|·•,/([{【「（" or before.endswith("  ")
        closes = not after.strip(_SEPARATORS + "✅❌⚠️🚨.!") or after.lstrip()[:1] in "-–—:|·•,)]}】」）"
        short = len(before.split()) <= 3
        if (closes and (cut or short or not after.strip(_SEPARATORS + "✅❌⚠️🚨.!"))) or (cut and short):
            return _with_times(text, stamp, zones)
    ends = [each.end() for each in _LAST_TIME.finditer(text)]  # ``Title (14:30 UTC)``, ``Title - 14:30``
    times = stamp_at(text, ends[-1], None, zones) if ends else None
    if times is not None and times.day is None and not text[times.stop :].strip(") "):
        return times
    return None


def _with_times(text: str, stamp: Stamp, zones: Mapping[str, str] | None) -> Stamp:
    """The stamp with the time that stands in parentheses at the end of the heading: ``2026-01-05 Night (22:00-06:00)``."""
    if stamp.start is not None or not text.rstrip().endswith(")"):
        return stamp
    place = text.rfind("(", stamp.stop)
    times = stamp_at(text, place + 1, None, zones) if place >= 0 else None
    if times is None or times.start is None or times.day is not None or text[times.stop :].strip(") "):
        return stamp
    return Stamp(
        stamp.day,
        stamp.until,
        times.start,
        times.end,
        times.precision,
        times.zone,
        stamp.begin,
        stamp.stop,
        stamp.unsure,
    )


def rest_of(text: str, stamp: Stamp) -> str:
    """A heading without its stamp and the separators around it; `text` may be the unplain one, of the same length."""
    before, after = text[: stamp.begin], text[stamp.stop :]
    for dash in _DAMAGED:
        after = after.lstrip(" ").removeprefix(dash)
        before = before.rstrip(" ").removesuffix(dash)
    after = after.lstrip(" \t-–—:|·•,：)]*_`>")
    after = after[1:].lstrip(" -–—:") if after[:1] in "】」）" else after
    before = before.strip(" \t-–—:|·•,([{*_`~<【「（")
    if not any(each.isalnum() for each in before) or _NOTHING.fullmatch(before):
        before = ""
    after = after if any(each.isalnum() for each in after) and not _NOTHING.fullmatch(after.strip(" ()")) else ""
    if before and after:
        return f"{before} - {after}"
    return before or after


_DAMAGED = ("‚Äî", "‚Äì", "\xe2\u20ac\u201d", "\xe2\u20ac\u201c", "\xe2\x80\x94", "\xe2\x80\x93")
"""Dashes that were read in a wrong encoding."""
_NOTHING = re.compile(rf"(?:{_WEEKDAY}|#?\d{{1,4}}[.)]?|date|day|日期|日付|날짜)[ ,.:：]*", re.IGNORECASE)
_YEAR = re.compile(r"\D{0,12}((?:19|20)\d\d)(?:[ ]?[年년])?\W*$")
_YEAR_MONTH = re.compile(
    rf"\D{{0,12}}(?:((?:19|20)\d\d)(?:[-/.]|[ ]?[年년][ ]?)(\d{{1,2}})(?:[ ]?[月월])?|({_MONTH}),?[ ]((?:19|20)\d\d))\W*$",
    re.IGNORECASE,
)


def year_of(text: str) -> int:
    """The year of a heading that says a year or a month of a year; 0 for another."""
    found = _YEAR_MONTH.match(text) or _YEAR.match(text)
    if found is None:
        return 0
    return int(next(part for part in found.groups() if part and len(part) == 4 and part.isdigit()))


def orders(text: str) -> set[bool]:
    """What the dates of a text such as ``13/01/2026`` prove: True for day first, False for month first."""
    proven: set[bool] = set()
    for found in re.finditer(r"(?<![\d./-])(\d{1,2})([/-])(\d{1,2})\2(?:19|20)\d\d(?!\d)", text):
        a, b = int(found.group(1)), int(found.group(3))
        if a > 12 >= b:
            proven.add(True)
        elif b > 12 >= a:
            proven.add(False)
    return proven
