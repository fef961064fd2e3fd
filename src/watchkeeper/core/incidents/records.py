"""What people add to an incident: tasks and links. Both stay when it is closed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from watchkeeper.core.errors import Usage

LinkKind = Literal["url", "run", "entry", "incident"]
_NUMBERED = re.compile(r"(run|entry|incident|log)[ :#-]*(\d{1,12})\Z", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s/<>\"'\\]+[^\s<>\"'\\]*\Z")
LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done. due_at: None means whenever; done_at: None means not yet.

    incident, entry: what it came from; 0 and None for neither. bound_to: key of a check, or ``service/name``, whose state
    is shown with it. stays_s: it is done once that check was OK for so long without a break. source: what it was made from,
    once for ever; "" when a person made it. outcome: done, dropped, proven or logged once it is over; why: the words to it.
    closing: number of the entry that it ended with. estimate_s, started_at, worked_s: work on it, as its owner says.
    """

    id: int
    incident: int
    text: str
    created_at: float
    created_by: str
    owner: str = ""
    due_at: float | None = None
    done_at: float | None = None
    done_by: str = ""
    entry: int | None = None
    bound_to: str = ""
    stays_s: float | None = None
    source: str = ""
    outcome: str = ""
    why: str = ""
    closing: int | None = None
    reminded_at: float | None = None
    shift: int | None = None
    estimate_s: float | None = None
    started_at: float | None = None
    worked_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """Where more is written: a web address, or the number of a run, a log entry or another incident."""

    id: int
    incident: int
    kind: LinkKind
    target: str
    title: str
    at: float
    by: str


def read_link(text: str) -> tuple[LinkKind, str]:
    """(kind, target) of what a person wrote: ``https://...``, ``run 12``, ``entry:7``, ``incident #3``.

    Raises `Usage` for anything else, such as ``javascript:``: a link is shown to others, who click on it.
    """
    said = text.strip()
    numbered = _NUMBERED.match(said)
    if numbered:
        word = numbered.group(1).lower()
        kind: LinkKind = "entry" if word in ("entry", "log") else "run" if word == "run" else "incident"
        return kind, str(int(numbered.group(2)))
    if len(said) <= LONGEST and _URL.match(said):
        return "url", said
    raise Usage(
        f"{said[:80]!r} is no link: it is an http(s) address, or run, entry or incident with its number.",
        "For example: https://tracker.example.org/412, or run 31.",
    )


def address_of(link: Link) -> str:
    """Where a link leads on our own page, or out of it."""
    folders = {"run": "/runs/", "entry": "/log/", "incident": "/incidents/"}
    return link.target if link.kind == "url" else folders[link.kind] + link.target


def words_of(link: Link) -> str:
    """What a link is called: its title, else its target."""
    return link.title or (link.target if link.kind == "url" else f"{link.kind} {link.target}")
