"""Which headings of a document are entries, by the document's own shape.

    entry     an entry; what is deeper belongs to it
    part      a section of the entry before it
    day       a date that stands over entries
    context   a heading over days or entries: the document's title, a year, "Archive"
    guide     a chapter about the log, or beside it: nothing in it is an entry

The shape is judged where it stands, from what each heading carries and what stands below it, so that a document may
change its shape half way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from watchkeeper.core.log.documents import stamps, words
from watchkeeper.core.log.documents.lines import LINE_LEVEL, Heading, Lines
from watchkeeper.core.log.documents.values import Doubt, Stamp

LABEL_LINES = 14
"""So many lines behind a heading may hold its date as a label."""
LABEL = re.compile(
    r"[ \t>]*(?:[-*+•][ \t]+)?(?:\*\*|__)?[ \t]*([^\W\d_][^:：*\n|]{0,40}?)[ \t]*(?:(?:\*\*|"
    r"__)[ \t]*[:：]|[:：][ \t]*(?:\*\*|__)|[:：])[ \t]*(.*?)[ \t\\]*\r?\n?$"
)
"""A line that begins with a label: (label, value)."""
_TIMED = re.compile(r"(?:[-*+][ \t]+)?[*_\[(`]{0,3}\d{1,2}:\d\d(?!\d)")
_TABLE_LABEL = re.compile(
    r"[ \t]*\|[ \t]*(?:\*\*)?([^\W\d_][^|*]{0,40}?)(?:\*\*)?[ \t]*\|[ \t]*([^|]*?)[ \t]*\|[ \t]*\r?\n?$"
)


def outline(lines: Lines, day: tuple[int, int, int] | None) -> list[Doubt]:
    """Give every heading its end, parent, role and day. day: of the document's name."""
    headings = lines.headings
    _nest(headings, len(lines.all))
    for heading in headings:
        _look_for_labels(lines, heading)
    repeated = _repeated(headings)
    doubts: list[Doubt] = []
    state = _State(lines, day, repeated, doubts)
    for heading in headings:
        state.judge(heading)
    return doubts


def _nest(headings: Sequence[Heading], count: int) -> None:
    open_ones: list[Heading] = []
    for heading in headings:
        while open_ones and open_ones[-1].level >= heading.level:
            open_ones.pop().end = heading.index
        if open_ones:
            heading.parent = open_ones[-1]
            open_ones[-1].kids.append(heading)
        open_ones.append(heading)
    for heading in open_ones:
        heading.end = count


def _look_for_labels(lines: Lines, heading: Heading) -> None:
    """A heading without a whole stamp may carry it as a label: ``**Date**: 2026-01-02``, ``**Time:** 12:00 PM SAST``."""
    if heading.level == LINE_LEVEL or (
        heading.stamp is not None and heading.stamp.day and heading.stamp.start is not None
    ):
        return
    day: Stamp | None = None
    time: Stamp | None = None
    end: Stamp | None = None
    last = heading.kids[0].index if heading.kids and heading.kids[0].level < LINE_LEVEL else heading.end
    for index in range(heading.body, min(last, heading.body + LABEL_LINES)):
        if lines.kinds[index]:
            break
        line = lines.all[index][:500]
        match = LABEL.match(line) or _TABLE_LABEL.match(line)
        meaning = words.meaning(match.group(1)) if match else ""
        if match is None or meaning not in ("date", "time", "end"):
            continue
        stamp = stamps.leading(stamps.plain(match.group(2)), lines.day_first, lines.zones)
        if stamp is None:
            continue
        if meaning == "end":
            end = end or stamp
        elif stamp.day and stamp.day[0]:
            day = day or stamp
        elif stamp.day is None:
            time = time or stamp
    heading.label = joined(day, time, end)


def joined(day: Stamp | None, time: Stamp | None, end: Stamp | None) -> Stamp | None:
    """One stamp of labels that say the date, the time and the end apart."""
    base = day or time
    if base is None:
        return None
    start, precision, zone, last, until = base.start, base.precision, base.zone, base.end, base.until
    if start is None and time is not None:
        start, precision, zone, last = time.start, time.precision, time.zone, time.end
    if last is None and end is not None and end.start is not None and start is not None:
        last, until, zone = end.start, until or end.day, zone or end.zone
    return Stamp(base.day, until, start, last, precision, zone, 0, 0, base.unsure)


def _repeated(headings: Sequence[Heading]) -> Counter[str]:
    """In how many dated places an undated heading stands below a date."""
    found: Counter[str] = Counter()
    for heading in headings:
        if heading.level < LINE_LEVEL and heading.stamp is not None and heading.stamp.day:
            found.update({words.folded(kid.text) for kid in heading.kids if kid.stamp is None})
    return found


class _State:
    """What is known while walking down the headings."""

    def __init__(
        self, lines: Lines, day: tuple[int, int, int] | None, repeated: Counter[str], doubts: list[Doubt]
    ) -> None:
        self._lines = lines
        self._day = day
        self._repeated = repeated
        self._doubts = doubts
        self._last_entry: Heading | None = None
        self._last_day: tuple[int, int, int] | None = None
        self._levels = Counter(
            each.level
            for each in lines.headings
            if each.level < LINE_LEVEL and each.stamp and each.stamp.day and each.stamp.day[0]
        )
        self._over: dict[int, bool] = {}
        self._siblings: dict[int, tuple[bool, bool]] = {}
        self._stamped = sum(1 for each in lines.headings if _is_stamped(each))

    def judge(self, heading: Heading) -> None:
        """Give a heading its role and day; its parents have theirs."""
        parent = heading.parent
        while parent is not None and parent.level == LINE_LEVEL:
            parent = parent.parent
        above = parent.role if parent else "context"
        owner = _owner(parent) if above in ("entry", "part") else None
        if owner is not None and (owner.end <= heading.index or self._outranks(heading, owner)):
            owner.end = min(owner.end, heading.index)
            above = "context"
        heading.day = self._known_day(heading)
        if above in ("entry", "part"):
            heading.role = "part"
            return
        if above == "guide":
            heading.role = "guide"
            return
        heading.role = self._role(heading, above)
        if heading.role == "entry":
            self._last_entry, self._last_day = heading, heading.day
        elif heading.role in ("context", "guide", "day"):
            self._last_entry = None

    def _outranks(self, heading: Heading, owner: Heading) -> bool:
        """Whether a dated heading within an entry is of the level on which the document has its entries.

        One entry with a heading of a higher level than all others (``# 2026-01-02``) must not hold those behind it.
        """
        if heading.stamp is None or not heading.stamp.day or not heading.stamp.day[0]:
            return False
        there = self._levels[heading.level]
        return there >= 3 and there > 2 * self._levels[owner.level]

    def _known_day(self, heading: Heading) -> tuple[int, int, int] | None:
        for stamp in (heading.stamp, heading.label):
            if stamp is not None and stamp.day:
                if stamp.day[0]:
                    return stamp.day
                year = self._year(heading)
                if year:
                    return (year, stamp.day[1], stamp.day[2])
        parent = heading.parent
        while parent is not None:
            if parent.day and parent.role in ("day", "context"):
                return parent.day
            parent = parent.parent
        return self._day

    def _year(self, heading: Heading) -> int:
        parent = heading.parent
        while parent is not None:
            year = (parent.day or (0,))[0] or stamps.year_of(stamps.plain(parent.text))
            if year:
                return year
            parent = parent.parent
        title = self._lines.headings[0].text if self._lines.headings else ""
        found = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", title)
        return self._day[0] if self._day else int(found.group()) if found else 0

    def _role(self, heading: Heading, above: str) -> str:
        stamp = heading.stamp
        kids = [kid for kid in heading.kids if kid.level < LINE_LEVEL]
        if heading.level == LINE_LEVEL:
            return "day" if heading.day and above != "day" else "line"
        if stamp is not None and stamp.day:
            if not heading.day:
                self._doubts.append(
                    Doubt(heading.index + 1, f"'{_short(heading)}' has no year: it is not taken for an entry.")
                )
                return self._undated(heading, above, kids)
            return self._dated(heading, stamp, kids)
        if stamp is not None and stamp.start is not None:
            if heading.day is None:
                self._doubts.append(
                    Doubt(heading.index + 1, f"'{_short(heading)}' has a time and no date stands above it.")
                )
                return self._undated(heading, above, kids)
            return "entry"
        if heading.label is not None and heading.label.day:
            return "context" if self._mostly_stamped(kids) else "entry"
        return self._undated(heading, above, kids)

    def _dated(self, heading: Heading, stamp: Stamp, kids: Sequence[Heading]) -> str:
        title = stamps.rest_of(heading.text, stamp)
        if stamp.start is not None:
            return "context" if not heading.leads and self._mostly_stamped(kids) else "entry"
        labelled = self._has_labels(heading)
        if self._stands_over(heading, kids, titled=bool(title)) and not (labelled and title):
            return "day"
        if labelled:
            return "entry"
        if title:
            stamped = any(_is_stamped(kid) for kid in kids)
            first = heading is self._lines.headings[0] and heading.level == 1
            if first and not kids and self._has_timed_lines(heading):
                return "day"
            return "day" if first and (stamped or not heading.leads) and kids else "entry"
        if any(_is_stamped(kid) or kid.label is not None or self._has_labels(kid) for kid in kids):
            return "day"
        if kids and all(self._is_section(kid) for kid in kids):
            return "entry"
        return "day"

    def _undated(self, heading: Heading, above: str, kids: Sequence[Heading]) -> str:
        if above == "day":
            return self._in_day(heading, kids)
        text = heading.text
        guide = bool(words.GUIDES.search(text) or words.PLACEHOLDER.search(text))
        below = self._stamped_below(heading)
        if guide and not (below and (heading.level == 1 or below * 2 > self._stamped)):
            return "guide"
        if below:
            return "context"
        before = self._last_entry
        if self._has_labels(heading) and self._last_day and not self._is_section(heading):
            heading.day = self._last_day
            day = "-".join(f"{part:02}" for part in heading.day)
            self._doubts.append(
                Doubt(
                    heading.index + 1,
                    f"'{_short(heading)}' has no date: it gets the day of the entry before it, {day}.",
                )
            )
            return "entry"
        if before is not None and before.level == heading.level and before.end == heading.index:
            before.end = heading.end
            self._doubts.append(
                Doubt(heading.index + 1, f"'{_short(heading)}' carries no date: kept as text of the entry before it.")
            )
            return "part"
        if self._has_labels(heading):
            self._doubts.append(
                Doubt(heading.index + 1, f"'{_short(heading)}' looks like an entry and has no date: it is not taken.")
            )
        return "context"

    def _in_day(self, heading: Heading, kids: Sequence[Heading]) -> str:
        day = heading.parent
        while day is not None and day.role != "day":
            day = day.parent
        if any(_is_stamped(kid) for kid in kids) and not self._has_labels(heading):
            return "context"
        top = heading.parent is not None and heading.parent.level == 1
        if words.PLACEHOLDER.search(heading.text) or (top and words.GUIDES.search(heading.text)):
            return "guide"
        if self._has_labels(heading) or heading.label is not None:
            return "entry"
        before = self._last_entry
        if before is not None and before.level == heading.level and before.end == heading.index:
            timed = self._about(heading)[0]
            if self._is_section(heading) or timed:
                before.end = heading.end
                if not self._is_section(heading):
                    self._doubts.append(
                        Doubt(
                            heading.index + 1, f"'{_short(heading)}' has no time: kept as text of the entry before it."
                        )
                    )
                return "part"
        return "context" if self._is_section(heading) and self._about(heading)[1] else "entry"

    def _about(self, heading: Heading) -> tuple[bool, bool]:
        """Whether one of its siblings is stamped, and whether one is more than a section."""
        parent = heading.parent
        if id(parent) not in self._siblings:
            kids = [kid for kid in (parent.kids if parent else ()) if kid.level < LINE_LEVEL]
            self._siblings[id(parent)] = (
                any(_is_stamped(kid) for kid in kids), any(not self._is_section(kid) for kid in kids),
            )  # fmt: skip
        return self._siblings[id(parent)]

    def _is_section(self, heading: Heading) -> bool:
        return bool(words.SECTIONS.match(heading.text)) or self._repeated[words.folded(heading.text)] > 1

    def _stands_over(self, heading: Heading, kids: Sequence[Heading], titled: bool) -> bool:
        """Whether a dated heading stands over entries, not over the parts of its own.

        What it is called says nothing then; what the others of its level stand over does.
        """
        if not self._mostly_stamped(kids):
            return False
        if not titled:
            return True
        dated = sum(1 for kid in kids if kid.stamp is not None and kid.stamp.day)
        if dated * 2 >= len(kids):
            return heading.level == 1 or heading is self._lines.headings[0]
        if heading.level not in self._over:
            alike = [
                each for each in self._lines.headings
                if each.level == heading.level and each.stamp and each.stamp.day and each.stamp.start is None
            ]  # fmt: skip
            over = sum(
                1 for each in alike if self._mostly_stamped([kid for kid in each.kids if kid.level < LINE_LEVEL])
            )
            self._over[heading.level] = over * 2 >= len(alike)
        return self._over[heading.level]

    def _mostly_stamped(self, kids: Sequence[Heading]) -> bool:
        candidates = [kid for kid in kids if not words.GUIDES.search(kid.text)]
        stamped = sum(1 for kid in candidates if _is_stamped(kid) and kid.leads)
        return bool(stamped) and stamped * 2 >= len(candidates)

    def _stamped_below(self, heading: Heading) -> int:
        """How many stamped headings stand below this one."""
        return sum(1 for kid in _descendants(heading) if _is_stamped(kid) or (kid.label is not None and kid.label.day))

    def _has_timed_lines(self, heading: Heading) -> bool:
        """Whether the document is one day whose entries are lines that begin with a time."""
        found = 0
        for index in range(heading.body, min(heading.end, heading.body + 200)):
            found += not self._lines.kinds[index] and _TIMED.match(self._lines.all[index]) is not None
        return found >= 2

    def _has_labels(self, heading: Heading) -> bool:
        """Whether one of the first lines below it is a label that entries have."""
        seen = 0
        last = min((kid.index for kid in heading.kids), default=heading.end)
        for index in range(heading.body, min(last, heading.body + LABEL_LINES)):
            line = self._lines.all[index]
            if self._lines.kinds[index] or seen >= 3:
                return False
            if not line.strip():
                continue
            seen += 1
            match = LABEL.match(line[:500])
            if match and words.meaning(match.group(1)) and match.group(2) and not words.PLACEHOLDER.search(line):
                return True
        return False


def _owner(heading: Heading | None) -> Heading | None:
    """The entry that a part belongs to."""
    while heading is not None and heading.role != "entry":
        heading = heading.parent
    return heading


def _descendants(heading: Heading) -> list[Heading]:
    found, waiting = [], list(heading.kids)
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting.extend(each.kids)
    return found


def _is_stamped(heading: Heading) -> bool:
    return heading.stamp is not None and heading.level < LINE_LEVEL and heading.stamp.day != (0, 0, 0)


def _short(heading: Heading) -> str:
    text = " ".join(heading.text.split())
    return text if len(text) <= 60 else text[:57] + "..."
