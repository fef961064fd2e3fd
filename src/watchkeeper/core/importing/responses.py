"""From each check to the procedure that speaks of it: by its words, by its table, or because the service is down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.discovery.drafts import slug
from watchkeeper.core.discovery.text import words_of
from watchkeeper.core.discovery.yaml_text import scalar
from watchkeeper.core.importing.reading import Reading
from watchkeeper.core.importing.services import NAMED, Planned, stems_of
from watchkeeper.core.importing.understanding import Understanding
from watchkeeper.core.runs.planning import PHASE_ORDER

_TOPICS: Final = (
    words_of("memory ram oom heap leak swap rss"),
    words_of("disk space storage volume filesystem full inode"),
    words_of("queue job backlog pending waiting stuck depth task message"),
    words_of("cpu load processor"),
    words_of("certificate ssl tls expired expiry https cert"),
    words_of("database db postgres mysql sqlite sql replication"),
    words_of("latency slow response"),
    words_of("backup"),
)
_TOPIC_WORDS: Final = tuple({word for each in group for word in stems_of(each)} for group in _TOPICS)
_DOWN: Final = re.compile(
    r"\b(?:down|crash\w*|outage|unreachable|unavailable|dead|offline|stopped|gone|no answer|50[0234]|restart\w*|"
    r"not (?:responding|running|starting|available|reachable|answering)|health ?check fail\w*|"
    r"(?:won't|does not|doesn't|fails? to|failed to) (?:start|respond|run|answer)|connection (?:failed|refused))\b|"
    r"停止|落ち|応答しない|宕机|无响应",
    re.IGNORECASE,
)
_ALIVE: Final = words_of("unit container program process web health healthz ping status ready live")
_CENTRAL: Final = words_of("unit container health healthz web")
"""What stands for a whole service, where a document is about it alone and the procedure does not name it."""


@dataclass(frozen=True, slots=True)
class _Book:
    """One file that a plan takes, and what it speaks of. asked: addresses that its commands ask, as YAML values."""

    path: str
    where: str
    symptoms: str
    named: frozenset[str]
    tabled: frozenset[tuple[str, str]]
    asked: frozenset[str]


def add_responses(made: Understanding) -> None:
    """All responses of all services; each in mode propose, because a document grants nothing."""
    for reading in made.readings:
        about = {slug(each.name.lower()) for each in reading.seen if each.kind in NAMED}
        for book in _books(made, reading):
            for planned in made.services.planned.values():
                if not any(place.startswith(f"{reading.name}:") for place in planned.where):
                    continue
                only = about <= {planned.draft.name} or reading.book.service == planned.draft.name
                to = _answered(planned, book, only)
                if to and all(known[1] != book.path for known in planned.responses):
                    planned.responses.append((to, book.path, book.where))


def _books(made: Understanding, reading: Reading) -> list[_Book]:
    files = [(cut.path, [cut.procedure], cut.ranges) for cut in reading.procedures]
    if not files and reading.copied.startswith("runbooks/"):
        files = [(reading.copied, [each for each in reading.book.procedures if each.steps], ((1, 10**9),))]
    found = []
    for path, procedures, ranges in files:
        steps = [step for each in procedures for step in each.steps if step.phase in PHASE_ORDER]
        if not any(step.language for step in steps):
            continue
        inside = [each for each in reading.seen if any(first <= each.line <= last for first, last in ranges)]
        tables = [
            rows for (name, line), rows in made.tabled.items()
            if name == reading.name and any(first <= line <= last for first, last in ranges)
        ]  # fmt: skip
        fixes = any(step.phase == "fix" or step.risk != "read" for step in steps)
        found.append(
            _Book(
                path,
                f"{reading.name}:{procedures[0].line}",
                " ".join(f"{each.title} {each.symptoms}" for each in procedures),
                frozenset(slug(each.name.lower()) for each in inside if each.kind in NAMED),
                frozenset(entry for rows in tables for entry in rows),
                frozenset(scalar(each.name) for each in inside if fixes and each.kind in ("url", "port", "tls")),
            )
        )
    return found


def _answered(planned: Planned, book: _Book, only: bool) -> tuple[str, ...]:
    """Names of the checks that a procedure answers. only: its document is about this service alone."""
    close = planned.draft.name in book.named
    down = bool(_DOWN.search(book.symptoms))
    words = stems_of(book.symptoms)
    spoken = [topic for topic in _TOPIC_WORDS if topic & words] if close or only else []
    to = []
    for check in planned.draft.checks:
        fits = (
            (planned.draft.name, check.name) in book.tabled
            or any(topic & stems_of(check.name) for topic in spoken)
            or (down and check.name in (_ALIVE if close else _CENTRAL if only else ()))
            or (down and check.lines[0][1] in book.asked)
        )
        if fits and not check.suggestion:
            to.append(check.name)
    return tuple(to)
