"""Follow-ups that an entry names: what is to be done, until when, by whom. Words of people in, tasks out.

- [ ] Delete the old directory            a task
- [x] Told the desk                       done already, no task
Monitor for 48 hours for path issues      due 48 h after the entry, and it lasts that long
Review on 2026-01-02 (ana)                due that morning, for ana
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.incidents.records import Task
from watchkeeper.core.log.due import spoken_time
from watchkeeper.core.log.values import Draft
from watchkeeper.core.times import format_duration, utc_words

SECTIONS: Final = (
    "follow-up actions",
    "follow-up action",
    "follow-ups",
    "follow-up",
    "follow up",
    "next steps",
    "next step",
)
"""Headings whose lines are to be done, in lower case and without marks."""
MOST: Final = 50
LONGEST: Final = 500

_ITEM: Final = re.compile(r"(?P<indent>[ \t]*)(?:[-*+•]|\d{1,3}[.)])[ \t]+(?:\[(?P<tick>[ xX✓✔])\][ \t]*)?(?P<text>.*)")
_BARE_TICK: Final = re.compile(r"(?P<indent>[ \t]*)(?:\[(?P<tick>[ xX✓✔])\]|(?P<box>[☐☑✅]))[ \t]*(?P<text>.*)")
_IN_LINE: Final = re.compile(r"(?<=\S)[ \t]+[-*+][ \t]+\[([ xX])\][ \t]+")
_NOTHING: Final = re.compile(
    r"(?:none|no(?:thing)?|n/?a|nil|not (?:applicable|needed)|tbd|-+|)[\s.!]*(?:needed|required)?\.?", re.I
)
_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.S)
_EMPHASIS: Final = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One thing to do, as an entry names it. owner: one of the people that are known, "" when none is named."""

    text: str
    due_at: float | None = None
    lasts_s: float | None = None
    owner: str = ""
    bound_to: str = ""


def follow_ups_of(
    draft: Draft, zone: tzinfo, people: Collection[str] = (), checks: Collection[str] = ()
) -> tuple[FollowUp, ...]:
    """The open follow-ups of an entry, in its order, each text once. checks: keys that a text may name."""
    found: dict[str, FollowUp] = {}
    for heading, text in draft.sections:
        if heading.strip(" *_:#").casefold() not in SECTIONS:
            continue
        for line in items(text):
            if len(found) >= MOST:
                return tuple(found.values())
            spoken = spoken_time(line, draft.at, zone)
            made = FollowUp(line, spoken.due_at, spoken.lasts_s, owner_in(line, people), check_in(line, checks))
            found.setdefault(line.casefold(), made)
    return tuple(found.values())


# ---- the lines of a section ------------------------------------------------------------------------------------------------


def items(text: str) -> Iterator[str]:
    """What is to be done, a line each: unticked items with what is written below them, or the paragraphs."""
    listed, paragraphs = _listed(_unfenced(_COMMENT.sub("", text)))
    for done, said in listed or [(False, each) for each in paragraphs]:
        line = _EMPHASIS.sub(r"\2", " ".join(said.split()))
        if not done and not _NOTHING.fullmatch(line):
            yield line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _unfenced(text: str) -> Iterator[str]:
    """Lines outside of code fences: commands are not tasks. Boxes that stand in one line become lines."""
    fence = ""
    for line in _IN_LINE.sub(r"\n- [\1] ", text).splitlines():
        opening = _FENCE.match(line)
        if fence:
            bare = line.strip()
            fence = "" if bare and not bare.strip(fence[0]) and len(bare) >= len(fence) else fence
        elif opening:
            fence = opening.group(1)
        else:
            yield line


def _listed(lines: Iterator[str]) -> tuple[list[tuple[bool, str]], list[str]]:
    """((done, text) of each item, paragraphs that belong to none). What is indented below an item belongs to it."""
    found: list[tuple[bool, str]] = []
    paragraphs: list[str] = []
    outer, in_item, open_paragraph = 0, False, False
    for line in lines:
        if not line.strip():
            in_item = open_paragraph = False
            continue
        match = _BARE_TICK.match(line) or _ITEM.match(line)
        width = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        if match:
            own_box = match["tick"] is not None or ("box" in match.groupdict() and match["box"] is not None)
            if found and width > outer + 1 and not own_box:
                found[-1] = (found[-1][0], _joined(found[-1][1], match["text"]))
                continue
            done = (match["tick"] or " ") != " " or match.groupdict().get("box") in ("☑", "✅")
            found.append((done, match["text"]))
            outer, in_item = (min(outer, width) if len(found) > 1 else width), True
        elif found and (in_item or width > outer + 1):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif open_paragraph:
            paragraphs[-1] += f" {line.strip()}"
        else:
            paragraphs.append(line.strip())
            open_paragraph = True
    return found, paragraphs


def _joined(text: str, more: str) -> str:
    return f"{text.rstrip()} {more}" if text.rstrip().endswith((":", ";", ",")) else f"{text.rstrip()}; {more}"


# ---- who and what ----------------------------------------------------------------------------------------------------------

_OWNER: Final = re.compile(
    r"(?:@|\((?:owner|assigned to|for)?[ :]*|\b(?:owner|assigned to|assignee)[ :]+@?)([A-Za-z][\w.-]{0,31})", re.I
)


def owner_in(text: str, people: Collection[str]) -> str:
    """The known person whom the words name as ``@ana``, ``(ana)`` or ``owner: ana``; else ""."""
    known = {each.casefold(): each for each in people}
    for match in _OWNER.finditer(text):
        name = known.get(match.group(1).rstrip(".-").casefold())
        if name:
            return name
    return ""


def check_in(text: str, checks: Collection[str]) -> str:
    """The one check that the words name as ``service/name``; "" when they name none or several."""
    named = {word.strip("`'\".,;:()[]") for word in text.split() if "/" in word}
    found = [each for each in checks if each in named] or sorted(
        {each.partition("@")[0] for each in checks if each.partition("@")[0] in named}
    )
    return found[0] if len(found) == 1 else ""


# ---- the check that a task is bound to -------------------------------------------------------------------------------------

REMIND_S: Final = 86400.0
"""What is overdue is told of again after so long."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the checks of a task say now. ok_s: how long all of them have been seen OK without a break; 0 while one is not."""

    state: State
    reason: str
    ok_s: float


def bound_state(
    bound_to: str, settled: dict[str, Settled], gaps: Iterable[tuple[float, float]], since: float, now: float
) -> Bound | None:
    """The worst of the checks that `bound_to` names; None when none of them was ever asked.

    Time before `since`, and time in which watchkeeper did not watch, does not count as OK.
    """
    found = [each for key, each in settled.items() if key == bound_to or key.partition("@")[0] == bound_to]
    if not found:
        return None
    worst = max(found, key=lambda each: each.state.rank)
    if worst.state is not State.OK:
        return Bound(worst.state, worst.reason, 0.0)
    begin = max(since, *(each.since for each in found))
    unseen = sum(max(0.0, min(end, now) - max(start, begin)) for start, end in gaps)
    return Bound(State.OK, worst.reason, max(0.0, now - begin - unseen))


def is_due(task: Task, now: float) -> bool:
    """Whether its time has come and it is not over."""
    return task.done_at is None and task.due_at is not None and task.due_at <= now


def wants_reminder(task: Task, now: float) -> bool:
    """Due, and not told of within a day. One that a check closes waits a moment for it."""
    patience = 60.0 if task.stays_s is not None else 0.0
    due = task.due_at is not None and task.done_at is None and task.due_at + patience <= now
    return due and (task.reminded_at is None or now - task.reminded_at >= REMIND_S)


def due_words(task: Task, now: float) -> str:
    """``due in 3 h``, ``overdue by 2 days``; "" without a date."""
    if task.due_at is None:
        return ""
    left = task.due_at - now
    return f"due in {format_duration(left)}" if left > 0 else f"overdue by {format_duration(-left)}"


def task_line(task: Task, now: float) -> str:
    """One line for messages and hand-overs: number, text, owner, date."""
    more = [each for each in (task.owner, due_words(task, now), task.bound_to) if each]
    return f"task {task.id}: {task.text}" + (f" ({', '.join(more)})" if more else "")


def proven_entry(task: Task, bound: Bound, checks: Sequence[str], now: float) -> Draft:
    """The entry that a task ends with when its check stayed OK: its proof."""
    begin = now - bound.ok_s
    proof = "\n".join(
        f"- {check}: OK, {bound.reason}. Seen OK without a break for {format_duration(bound.ok_s)} "
        f"(needed {format_duration(task.stays_s or 0.0)}), since {utc_words(begin)} or earlier"
        for check in checks
    )
    come_from = (
        f"entry {task.entry}" if task.entry else f"incident {task.incident}" if task.incident else task.created_by
    )
    return Draft(
        now, "Note", f"{task.text}: done, {task.bound_to} stayed OK"[:300], "watchkeeper",
        sections=(("Reason", f"Task {task.id}, from {come_from}."), ("Verification", proof)),
        facts={"task": task.id, "check": task.bound_to, "ok_s": round(bound.ok_s, 3)}, thread=task.entry,
    )  # fmt: skip
