"""Template tags: states as shape, word and colour; times in the team's zone; our own files by their hashed names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from watchkeeper.core.checks.values import State
from watchkeeper.core.runs.automation_report import OUTCOMES, Outcome
from watchkeeper.core.runs.causes import CAUSES
from watchkeeper.core.runs.values import RunState, StepState
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import files
from watchkeeper.faces.web.prose import prose

register = template.Library()

CLASSES = {State.OK: "ok", State.WARN: "warn", State.CRIT: "crit", State.UNKNOWN: "unknown"}
WORDS = {"ok": "works", "warn": "late or slow", "crit": "critical", "unknown": "unknown"}
RISKS = {"read": "reads", "change": "changes", "destroy": "destroys"}
RUN_MARKS = {
    RunState.READY: ("plan", "READY"), RunState.RUNNING: ("run", "RUNNING"), RunState.PARKED: ("wait", "WAITS FOR YOU"),
    RunState.VERIFYING: ("verify", "VERIFYING"), RunState.PROVEN: ("done", "Proven"),
    RunState.UNPROVEN: ("failed", "NOT PROVEN"),
    RunState.DONE: ("done", "Done"), RunState.FAILED: ("failed", "FAILED"), RunState.CANCELLED: ("", "cancelled"),
}  # fmt: skip
STEP_MARKS = {
    StepState.PLANNED: ("plan", "PLANNED"), StepState.WAITS: ("wait", "WAITS FOR APPROVAL"),
    StepState.RUNNING: ("run", "RUNNING"),
    StepState.DONE: ("done", "done"), StepState.FAILED: ("failed", "FAILED"), StepState.INTERRUPTED: ("lost", "INTERRUPTED"),
    StepState.SKIPPED: ("", "skipped"), StepState.REFUSED: ("failed", "REFUSED"), StepState.CANCELLED: ("", "cancelled"),
}  # fmt: skip


def css_class(state: State | str | None) -> str:
    """The class of a state: ``ok``, ``warn``, ``crit``, ``unknown``; "" for none."""
    return CLASSES[State(state)] if state else ""


@register.simple_tag
def mark(name: str, more: str = "") -> SafeString:
    """A shape of the sprite, hidden from readers: the word beside it says the same."""
    if not name:
        return SafeString("")
    return format_html('<svg class="mark {}" aria-hidden="true"><use href="#m-{}"/></svg>', more, name)


@register.simple_tag
def state(value: State | str) -> SafeString:
    """A state: shape and word."""
    name = css_class(value)
    return format_html('<span class="state {}">{}{}</span>', name, mark(name), str(value))


@register.simple_tag
def doing(value: RunState | StepState, extra: str = "") -> SafeString:
    """What a run or step is doing. Only what runs moves; a run is green nowhere."""
    table: Any = RUN_MARKS if isinstance(value, RunState) else STEP_MARKS
    name, word = table[value]
    if not name:
        return format_html('<span class="state plain"><s>{}</s></span>', word)
    moving = "running" if name == "run" else "plain"
    return format_html('<span class="state {}">{}{} {}</span>', moving, mark(name), word, extra)


@register.simple_tag
def severity(value: str) -> SafeString:
    """P1 filled, P2 bordered, P3 thin; always the letters."""
    return format_html('<span class="sev {}">{}</span>', value.lower(), value)


@register.simple_tag
def risk(value: str, where: str = "") -> SafeString:
    """What a step may do, as a verb: reads, changes, destroys."""
    word = RISKS.get(value, value)
    return format_html('<span class="risk {}">{}{}</span>', word, word, f" {where}" if where else "")


@register.filter
def state_class(value: State | str | None) -> str:
    """The class of a state for a row or a rule."""
    return css_class(value)


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds for people."""
    return "" if seconds is None else format_duration(seconds)


@register.filter
def span(seconds: float | None) -> str:
    """How long something has lasted, in whole units, so that a page does not change every second."""
    if seconds is None:
        return ""
    return format_duration(float(round(seconds)) if seconds < 60 else seconds // 60 * 60)


@register.filter
def size(value: float | None) -> str:
    """Bytes for people."""
    number = float(value or 0)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


@register.filter
def bytes_long(text: str) -> int:
    """How many bytes a text is as it is sent."""
    return len(text.encode())


@register.filter
def after_slash(key: str) -> str:
    """The name of a check on its service's page: its key without the service."""
    return key.partition("/")[2]


@register.filter
def short(digest: str) -> str:
    """The first twelve digits of a digest."""
    return digest[:12]


@register.filter
def named(plan: Any) -> str:
    """What a step is called; its phase where its title only repeats the command that is shown below it."""
    title = " ".join(str(plan.title).split())
    said = title and title.rstrip("… .") not in " ".join(plan.text.split())
    return title if said or not plan.text else str(plan.phase).capitalize()


@register.simple_tag
def outcome(name: Outcome) -> str:
    """What came of a match, in words."""
    return OUTCOMES.get(name, name)


@register.simple_tag
def cause(name: str) -> str:
    """Why it would not have acted, in words."""
    return CAUSES.get(name, name)


@register.filter
def prompt(text: str) -> str:
    """A command without its last line end."""
    return text.rstrip("\n")


def local(at: float, zone: tzinfo) -> datetime:
    """An epoch time in the team's zone."""
    return datetime.fromtimestamp(at, zone)


@register.simple_tag(takes_context=True)
def at(context: template.Context, value: float | None, form: str = "seconds") -> SafeString:
    """A `<time>` in the viewer's zone, the team's as its title where that is another. form: ``seconds``, ``minutes``,
    ``day`` (the same), or ``clock`` (never the day). A time of another day says which."""
    if value is None:
        return SafeString("")
    zone = context.get("zone") or ZoneInfo("UTC")
    moment, today = local(value, zone), local(context["now_at"], zone).date()
    text = f"{moment:%H:%M:%S}" if form == "seconds" else f"{moment:%H:%M}"
    if moment.date() != today and form != "clock":
        text = f"{moment:%a} {moment.day} {moment:%b} {text}"
    whole, team = moment.isoformat(timespec="seconds"), context.get("team_zone")
    if team is None:
        return format_html('<time datetime="{}">{}</time>', whole, text)
    there = local(value, team)
    title = f"{there:%a} {there.day} {there:%b %H:%M:%S} {there.tzname() or ''}"
    return format_html('<time datetime="{}" title="{}">{}</time>', whole, title, text)


_NOUNS = re.compile(r"\bIncident (\d+)|\(the oldest (\d+)\)|\bthe oldest \((\d+)\)|(\d+|[Oo]ne) steps? waits? for you")


@register.simple_tag(takes_context=True)
def truth(context: template.Context, sentence: str) -> SafeString:
    """The sentence of truth: its first part in the colour of the state, its nouns as links."""
    head, stop, rest = sentence.partition(". ")
    first = format_html("<strong>{}</strong> ", head + ("." if stop else ""))
    if context.get("state_name") == "ok":
        first = format_html("{} ", head + ("." if stop else ""))
    return format_html("{}{}", first, format_html_join("", "{}", ((part,) for part in _linked(rest, context))))


def _linked(text: str, context: template.Context) -> Iterable[str]:
    position = 0
    for match in _NOUNS.finditer(text):
        number = match.group(1) or match.group(2) or match.group(3)
        target = f"/incidents/{number}" if number else str(context.get("needs_link") or "/runs")
        yield text[position : match.start()]
        yield format_html('<a href="{}">{}</a>', target, match.group(0))
        position = match.end()
    yield text[position:]


@register.simple_tag
def asset(name: str) -> str:
    """The address of one of our own files, with its hash in the name."""
    return files.address(name)


@register.simple_tag
def band(bands: dict[int, str], event: int) -> str:
    """The class of the rule beside one event."""
    return bands.get(event, "")


register.simple_tag(prose, name="prose")
