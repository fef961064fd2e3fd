"""When something is worth an entry: rules per kind of change, and whether an entry tells of a change already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from watchkeeper.core.changes import Change
    from watchkeeper.core.log.values import Draft, Entry
    from watchkeeper.core.runs.values import Run

When = Literal["always", "ask", "never"]
KINDS: Final = (
    "deployment", "migration", "security", "access", "outage", "infrastructure", "configuration", "package", "image",
    "reboot", "commit", "documentation", "development", "test", "run", "window", "log",
)  # fmt: skip
"""Kinds a rule may name. watchkeeper sees some of them itself, the others are for people and agents who ask."""
OTHER_WORDS: Final = {"config": "configuration", "packages": "package", "images": "image", "reboots": "reboot",
                      "deployments": "deployment", "migrations": "migration", "commits": "commit", "schema": "migration",
                      "permission": "access", "permissions": "access", "incident": "outage", "tests": "test"}  # fmt: skip
OWN: Final = ("run", "window", "log")
"""Kinds that write their entries themselves."""
ASK_AFTER_S: Final = 3600.0
BEFORE_S: Final = 900.0
"""An entry written so long before a change may announce it."""
COVERS_S: Final = 86400.0
"""How long after a change an entry that names its service or host still counts as telling of it."""
TOGETHER_S: Final = 600.0
"""Changes of one kind, place and person within this time are one question."""


@dataclass(frozen=True, slots=True)
class WhenToLog:
    """The team's rules. What no list names is never asked about."""

    always: tuple[str, ...] = ("deployment", "migration", "security", "access", "outage", "infrastructure")
    ask: tuple[str, ...] = ("package", "configuration", "image", "reboot", "documentation", "development")
    never: tuple[str, ...] = ("commit", "test")

    def of(self, kind: str) -> When:
        """The rule of a kind of change. Kinds that log themselves are never asked about."""
        if kind in OWN or kind in self.never:
            return "never"
        return "always" if kind in self.always else "ask" if kind in self.ask else "never"


def tells_of(entry: Entry, change: Change) -> bool:
    """Whether an entry tells of this change: it names its number, or its service, host or file at about that time."""
    draft = entry.draft
    if draft.facts.get("change") == change.id:
        return True
    if not change.at - BEFORE_S <= draft.at <= change.at + COVERS_S or draft.status_of is not None:
        return False
    if change.service and draft.facts.get("service") == change.service:
        return True
    return bool({change.service, change.host, *_paths(change.title)} & _words(draft) - {""})


def _paths(title: str) -> set[str]:
    return {word.rstrip(".,;:") for word in title.split() if word.startswith("/") and len(word) > 2}


def _words(draft: Draft) -> set[str]:
    said = " ".join((draft.title, *(text for _, text in draft.sections), *(text for _, text in draft.fields)))
    return set(re.findall(r"[A-Za-z0-9/][A-Za-z0-9._/-]*[A-Za-z0-9]|[A-Za-z0-9]", said))


def logs_itself(change: Change, runs: Iterable[Run]) -> bool:
    """Whether a run of ours made the change: its own entry tells of it. Also what watchkeeper itself committed."""
    if change.own or change.incident is not None:
        return True
    return any(_made_by(change, run) for run in runs)


def _made_by(change: Change, run: Run) -> bool:
    if run.last_change_at is None or not run.created_at - 5.0 <= change.at <= (run.ended_at or change.at) + 60.0:
        return False
    hosts = {step.host for step in run.plan.steps}
    return (bool(change.service) and change.service == run.plan.service) or (bool(change.host) and change.host in hosts)


def together(change: Change, others: Sequence[Change]) -> list[Change]:
    """Those of `others` that are one question with `change`."""
    same = (change.kind, change.service, change.host, change.actor)
    return [
        each for each in others
        if (each.kind, each.service, each.host, each.actor) == same and abs(each.at - change.at) <= TOGETHER_S
    ]  # fmt: skip


def question(change: Change, more: int, rule: When) -> str:
    """The words of the open task."""
    about = change.service or change.host
    title = change.title if not about or about in change.title else f"{about}: {change.title}"
    rest = f" and {more} more like it" if more else ""
    return f"{title}{rest}: not in the log. {'Log it' if rule == 'always' else 'Log it?'}"[:500]


def prefilled(change: Change, more: Sequence[Change]) -> tuple[str, str, str]:
    """(type, title, Markdown of the Change section) of the entry that would tell of it."""
    types = {"deployment": "Deployment", "migration": "Migration", "configuration": "Configuration"}
    about = change.service or change.host
    title = change.title if not about or about in change.title else f"{about}: {change.title}"
    lines = [f"- {each.title}" + (f" ({each.detail})" if each.detail else "") for each in (change, *more)]
    return types.get(change.kind, "Maintenance"), title[:300], "\n".join(lines)
