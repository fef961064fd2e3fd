"""Entries as Markdown, newest first under their dates.

    ## 2026-11-21

    ### 09:47 UTC - shop: web is CRIT

    **Type**: Incident
    **Severity**: High
    ...

    **Change**:
    What was changed.

The fields Location, Reviewed by, ... and the sections stand as the entry has them; a word of the team is shown as it
was written first. An entry of a document without a time has none here; zones whose short name could mean several are
shown as ``UTC+8``.

Texts come from hosts, people and agents. None of them can begin a heading, an entry, a field or a section, nor leave a
code fence open: what would is shown as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.times import zone_of

MORE = ("Tags", "Attachments", "Status of", "Thread")
FIELDS = ("Type", "Severity", "Status", "Operator", "Related", "Corrects", "Entry")
SECTIONS = (
    "Change", "Problem", "Reason", "Procedure", "Verification", "Impact", "Rollback Procedure", "Documentation Updated",
    "Lessons Learned", "Related Issues", "Follow-up Actions", "Results", "Next Steps",
)  # fmt: skip

_BREAKS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
_FENCE = re.compile(r"[ \t]*(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_MARKED = re.compile(r"([ \t]*(?:>[ \t]*|[-+*][ \t]+|\d{1,9}[.)][ \t]+)*)(#{1,6}(?=[ \t]|$)|<(?=[a-zA-Z/!?]))")
_RULE = re.compile(r"[ \t]*(?:=+|-(?:[ \t]*-)*|_(?:[ \t]*_){2,}|\*(?:[ \t]*\*){2,})[ \t]*$")
_REFERENCE = re.compile(r"[ \t]*\[[^\]]*\]:")


def render_log(entries: Iterable[Entry], timezone: str = "UTC", team: str = "") -> str:
    """The whole log; entries newest first, dates and times in the team's time zone.

    Newest by their own time: what was imported later may be older.
    """
    ordered = sorted(entries, key=lambda each: (each.draft.at, each.number), reverse=True)
    return "".join(log_parts(ordered, timezone, team))


def log_parts(entries: Iterable[Entry], timezone: str = "UTC", team: str = "") -> Iterator[str]:
    """The same in pieces, for logs of any length."""
    zone = zone_of(timezone)
    yield "# Operations Log" + (f" - {_one_line(team)}" if team.strip() else "") + "\n"
    date = ""
    for entry in entries:
        day = _local(entry.draft.at, zone).strftime("%Y-%m-%d")
        if day != date:
            date = day
            yield f"\n## {day}\n"
        yield "\n" + render_entry(entry, zone)


def render_entry(entry: Entry, zone: tzinfo = UTC) -> str:
    """One entry, from its ``###`` heading to its last section, with a line end."""
    draft = entry.draft
    lines = [f"### {_when(draft, zone)}{_one_line(draft.title)}", ""]
    lines += [f"**{name}**: {_one_line(value)}" for name, value in _fields(entry) if value.strip()]
    known = _labels(draft)
    for heading, text in draft.sections:
        if text.strip():
            label = _label(heading)
            lines += ["", *([f"**{label}**:"] if label else []), *_contained(text, known)]
    return "\n".join(lines) + "\n"


def _when(draft: Draft, zone: tzinfo) -> str:
    """``07:00-08:45 SAST - ``; nothing for an entry whose document gave it a day only."""
    if draft.facts.get("precision") == "day":
        return ""
    at, until = _local(draft.at, zone), draft.facts.get("until")
    end = ""
    if isinstance(until, int | float) and not isinstance(until, bool) and 0 <= until - draft.at < 86_400:
        end = f"-{_local(float(until), zone):%H:%M}"
    return f"{at:%H:%M}{end} {zone_word(at)} - "


def zone_word(at: datetime) -> str:
    """The name of a moment's zone that means one thing."""
    from watchkeeper.core.log.documents.zones import HOURS  # most who render something need no zones

    name = at.tzname() or "UTC"
    minutes = int((at.utcoffset() or timedelta()).total_seconds() // 60)
    if HOURS.get(name) == minutes / 60:
        return name
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _label(heading: str) -> str:
    return _one_line(heading).replace("*", "").strip(" :")


def fenced(text: str, language: str = "") -> str:
    """Text as a code block that it cannot end itself."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}"


def inline(text: str) -> str:
    """Text as an inline code span on one line, that it cannot end itself."""
    flat = _one_line(text)
    longest = max((len(run) for run in re.findall(r"`+", flat)), default=0)
    tick = "`" * (longest + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{tick}{pad}{flat}{pad}{tick}"


def _fields(entry: Entry) -> Iterator[tuple[str, str]]:
    draft = entry.draft
    shown = ("type", "severity", "status")
    values = [draft.words.get(name) or getattr(draft, name) for name in shown]
    yield from zip(FIELDS, (*values, draft.actor), strict=False)
    for label, value in draft.fields:
        yield _label(label) or "-", value
    yield "Tags", ", ".join(draft.tags)
    yield "Attachments", ", ".join(f"{each.name} (sha256 {each.digest})" for each in draft.attachments)
    related = [f"{name} {draft.facts[name]}" for name in ("incident", "run", "service") if draft.facts.get(name)]
    yield "Related", ", ".join(related)
    yield "Corrects", f"entry {draft.corrects}" if draft.corrects is not None else ""
    yield "Status of", f"entry {draft.status_of}" if draft.status_of is not None else ""
    yield "Thread", f"entry {draft.thread}" if draft.thread is not None else ""
    yield "Entry", f"{entry.number}, sha256 {entry.hash}"


def _labels(draft: Draft) -> re.Pattern[str]:
    """What a line must begin with to look like a field or section of this entry."""
    names = {*FIELDS, *SECTIONS, *MORE, *(_label(each) for each, _ in (*draft.sections, *draft.fields))} - {""}
    either = "|".join(re.escape(name) for name in sorted(names))
    return re.compile(rf"[ \t]*(?=(?:\*\*|__)[ \t]*(?:{either})[ \t]*:?[ \t]*(?:\*\*|__))", re.IGNORECASE)


def _contained(text: str, labels: re.Pattern[str]) -> Iterator[str]:
    """The lines of a section, none of which can end it. Fences move to the margin, where no list ends them early."""
    fence, indent = "", 0
    for line in _plain(text).strip("\n").split("\n"):
        if fence:
            if _closes(line, fence):
                yield fence
                fence = ""
            else:
                yield _dedented(line, indent)
            continue
        opening = _FENCE.match(line)
        if opening:
            fence, indent = opening.group(1), len(line) - len(line.lstrip(" \t"))
            yield fence + opening.group(2)
        else:
            yield _escaped(line, labels)
    if fence:
        yield fence


def _closes(line: str, fence: str) -> bool:
    bare = line.strip(" \t")
    return len(bare) >= len(fence) and not bare.strip(fence[0])


def _dedented(line: str, indent: int) -> str:
    lead = len(line) - len(line.lstrip(" \t"))
    return line[min(lead, indent) :]


def _escaped(line: str, labels: re.Pattern[str]) -> str:
    """A line outside fences with a backslash before what would be a heading, HTML, a rule, a label or a definition."""
    if _RULE.match(line) or _REFERENCE.match(line):
        lead = len(line) - len(line.lstrip(" \t"))
        return f"{line[:lead]}\\{line[lead:]}"
    marked = _MARKED.match(line)
    if marked:
        return f"{marked.group(1)}\\{line[marked.end(1) :]}"
    label = labels.match(line)
    if label:
        return f"{line[: label.end()]}\\{line[label.end() :]}"
    return line


def _plain(text: str) -> str:
    """Only line feeds end lines, and no control characters."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _BREAKS.sub("\n", text))


def _one_line(text: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def _local(at: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at, zone)
