"""The public status page: which parts of what the team runs others see, under which names, and what they are told.

Only names and texts that were written for the public are in these values; nothing of a check, host or runbook is. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.errors import Usage
from watchkeeper.core.incidents.impact import dependents
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.readings.availability import Availability

PublicState = Literal["works", "slow", "down", "unknown", "maintenance"]
Stage = Literal["investigating", "identified", "watching", "resolved"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Publish = Literal["auto", "manual"]

WORDS: Mapping[PublicState, str] = {
    "works": "works", "slow": "late or slow", "down": "down", "unknown": "unknown", "maintenance": "maintenance",
}  # fmt: skip
STAGE_WORDS: Mapping[Stage, str] = {
    "investigating": "We are looking into it", "identified": "Cause known", "watching": "Watching",
    "resolved": "Over",
}  # fmt: skip
BADNESS: tuple[PublicState, ...] = ("works", "maintenance", "unknown", "slow", "down")
"""From good to bad: the page shows the worst."""
OF_STATE: Mapping[State, PublicState] = {
    State.OK: "works", State.WARN: "slow", State.CRIT: "down", State.UNKNOWN: "unknown",
}  # fmt: skip
MOST_COMPONENTS = 100
LONGEST_TEXT, LONGEST_TITLE = 4000, 160
DAYS = 90
UNSEEN_S = 60.0
"""A day of which more was not seen counts as unknown; a restart of watchkeeper takes less."""


@dataclass(frozen=True, slots=True)
class Component:
    """One part that the public knows. key: in addresses. of: services, or checks as ``service/check``. hidden: not shown."""

    key: str
    name: str
    of: tuple[str, ...]
    description: str = ""
    group: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class StatusPagePolicy:
    """The key `status_page` of watchkeeper.yaml.

    publish auto: an incident on a part that is shown appears `after_s` seconds after it was opened; manual: when a person
    says so. severities: which incidents appear by themselves.
    """

    title: str
    description: str = ""
    components: tuple[Component, ...] = ()
    publish: Publish = "manual"
    after_s: float = 120.0
    severities: tuple[str, ...] = ("P1", "P2")

    @property
    def shown(self) -> tuple[Component, ...]:
        """What the public sees."""
        return tuple(each for each in self.components if not each.hidden)


@dataclass(frozen=True, slots=True)
class Notice:
    """What the public is told of one incident. components: keys. published_at: None while it is a draft.

    began_at: of the incident. ended_at: when it was over; proven: the checks said so. withdrawn_*: taken off the page.
    """

    id: int
    incident: int
    title: str
    components: tuple[str, ...]
    impact: PublicState
    stage: Stage
    began_at: float
    created_at: float
    created_by: str
    published_at: float | None = None
    ended_at: float | None = None
    proven: bool = False
    withdrawn_at: float | None = None
    withdrawn_by: str = ""
    withdrawn_why: str = ""

    @property
    def public(self) -> bool:
        """Whether the page shows it."""
        return self.published_at is not None and self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Update:
    """One thing said about a notice; it is never changed. published_at: None while it is a draft. actor: is not shown."""

    id: int
    notice: int
    at: float
    stage: Stage
    text: str
    actor: str
    published_at: float | None = None
    published_by: str = ""
    discarded_at: float | None = None


# ---- the page as the public gets it ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PublicComponent:
    """One part. since: of its state, None when not known. days: oldest first, None where nothing was watched yet.

    available: share (0..1) of the known time by number of days; None when nothing is known.
    """

    key: str
    name: str
    description: str
    group: str
    state: PublicState
    since: float | None
    days: tuple[PublicState | None, ...]
    available: Mapping[int, float | None] = field(default_factory=dict)
    until: float | None = None
    """Of maintenance."""


@dataclass(frozen=True, slots=True)
class PublicUpdate:
    """One update."""

    id: int
    at: float
    stage: Stage
    text: str


@dataclass(frozen=True, slots=True)
class PublicNotice:
    """One incident with its updates, newest first. names: of its parts."""

    id: int
    title: str
    names: tuple[str, ...]
    impact: PublicState
    stage: Stage
    began_at: float
    ended_at: float | None
    proven: bool
    updates: tuple[PublicUpdate, ...]


@dataclass(frozen=True, slots=True)
class PublicWindow:
    """Planned maintenance of some parts."""

    names: tuple[str, ...]
    starts_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class PublicPage:
    """Everything the page shows. days: (start, end) of each of the 90 days. seen_at: when it was last looked at, if ever."""

    title: str
    description: str
    timezone: str
    at: float
    seen_at: float | None
    state: PublicState
    sentence: str
    days: tuple[tuple[float, float], ...]
    components: tuple[PublicComponent, ...]
    open: tuple[PublicNotice, ...]
    planned: tuple[PublicWindow, ...]
    past: tuple[PublicNotice, ...]


# ---- rules --------------------------------------------------------------------------------------------------------------


def key_of(name: str) -> str:
    """``order-confirmations`` of "Order confirmations"; "" of a name without a letter or digit of ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63]


def stage_of(text: str) -> Stage:
    """A stage by its name. Raises `Usage`."""
    if text not in STAGES:
        raise Usage(f"{text[:20]!r} is no state of an incident for the public.", f"It is one of {', '.join(STAGES)}.")
    return cast(Stage, text)


def said(text: str, longest: int = LONGEST_TEXT, what: str = "The update") -> str:
    """What a person wrote for the public, without control characters. Raises `Usage` when it is empty or too long."""
    kept = "".join(
        one for one in text.replace("\r\n", "\n") if one == "\n" or unicodedata.category(one)[0] != "C"
    ).strip()
    if not kept:
        raise Usage(
            f"{what} is empty.", 'Say it in words that the public understands: "Orders are taken; mail is late."'
        )
    if len(kept) > longest:
        raise Usage(f"{what} has {len(kept)} characters; at most {longest} are shown.", "Say it shorter.")
    return kept


def checks_of(component: Component, inventory: Inventory) -> tuple[str, ...]:
    """The keys of the checks that say how a part is. A check whose group speaks for it does not."""
    found: dict[str, None] = {}
    for name in component.of:
        service, slash, check = name.partition("/")
        known = inventory.services.get(service)
        for each in known.checks if known else ():
            named = each.name == check.partition("@")[0] and check in (each.name, each.key.partition("/")[2])
            if named if slash else not each.spoken_for:
                found[each.key] = None
    return tuple(found)


def state_now(
    keys: Collection[str], known: Mapping[str, tuple[State, float]], muted: Collection[str]
) -> tuple[PublicState, float | None]:
    """(state, since) of a part: the worst of its checks. known: (state, since) by key. muted: keys within a window now.

    What is bad within a window is maintenance; what nobody has answered yet, or no check at all, is unknown.
    """
    worst: PublicState = "works" if keys else "unknown"
    since: float | None = None
    for key in keys:
        one = known.get(key)
        state: PublicState = OF_STATE[one[0]] if one is not None else "unknown"
        if key in muted:
            state = "maintenance"
        begun = one[1] if one is not None else None
        if BADNESS.index(state) > BADNESS.index(worst):
            worst, since = state, begun
        elif state == worst and begun is not None:
            later = max if worst == "works" else min
            since = begun if since is None else later(since, begun)
    return worst, since


def day_of(part: Availability) -> PublicState | None:
    """The worst state of a day; None when nothing was watched then."""
    if part.span_s - part.unwatched_s <= 0:
        return None
    unseen = part.unknown_s - part.unwatched_s
    return (
        "down" if part.down_s > 0 else "slow" if part.degraded_s > 0 else "unknown" if unseen > UNSEEN_S
        else "maintenance" if part.maintenance_s > 0 else "works"
    )  # fmt: skip


def worst_public(states: Collection[PublicState]) -> PublicState:
    """The worst; works when there are none."""
    return max(states, key=BADNESS.index, default="works")


def affected(
    policy: StatusPagePolicy, inventory: Inventory, incident: Incident, settled: Mapping[str, Settled]
) -> tuple[tuple[str, ...], PublicState]:
    """(keys of the parts that are shown and suffer from an incident, how badly).

    A part suffers when it is made of what fails, or needs it (or runs on the host) and is itself not well.
    """
    failing = {held.check for held in incident.checks}
    needing = _needing(inventory, incident)
    found: list[str] = []
    states: list[PublicState] = []
    for component in policy.shown:
        keys = checks_of(component, inventory)
        own = [key for key in keys if key in failing]
        others = [key for key in keys if key not in failing and key.partition("/")[0] in needing]
        bad = [OF_STATE[settled[key].state] for key in others if key in settled and settled[key].state is not State.OK]
        own_states = [OF_STATE[held.state] for held in incident.checks if held.check in own]
        if own_states or bad:
            found.append(component.key)
            states += [*own_states, *bad]
    return tuple(found), worst_public(states)


def _needing(inventory: Inventory, incident: Incident) -> set[str]:
    if incident.service:
        return {incident.service, *(name for name, _, _ in dependents(incident.service, inventory))}
    here = {each.name for each in inventory.services.values() if incident.host in each.hosts}
    return here | {name for first in here for name, _, _ in dependents(first, inventory)}


def listed(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def first_title(names: Sequence[str], impact: PublicState) -> str:
    """``Ordering: late or slow``."""
    return f"{listed(names) or 'An interruption'}: {WORDS[impact]}"[:LONGEST_TITLE]


def first_words(names: Sequence[str], impact: PublicState) -> str:
    """What is said before a person has said anything."""
    what, many = listed(names) or "A part of it", len(names) > 1
    if impact == "unknown":
        return f"We cannot see whether {what} {'work' if many else 'works'}. We are looking into it."
    if impact == "works":
        return f"We are looking at {what}."
    return f"{what} {'are' if many else 'is'} {WORDS[impact]}. We are looking into it."


def last_words(names: Sequence[str], proven: bool, clock: str) -> str:
    """What is said at the end. clock: the time in words."""
    what, verb = listed(names) or "Everything", "work" if len(names) > 1 else "works"
    if proven:
        return f"{what} {verb} again since {clock}. Our checks have proven it."
    return f"We take it to be over since {clock}. Our checks have not proven it."


def again_words(names: Sequence[str]) -> str:
    """What is said when it comes back."""
    return f"It is back: {listed(names) or 'it'} did not stay well. We are looking into it."


def sentence(components: Sequence[PublicComponent], notices: Sequence[PublicNotice]) -> str:
    """The truth in one or two sentences."""
    if not components:
        return "Nothing is shown here yet."
    by_state: dict[PublicState, list[str]] = {}
    for each in components:
        by_state.setdefault(each.state, []).append(each.name)
    parts = []
    for state in ("down", "slow", "unknown", "maintenance"):
        names = by_state.get(state, [])
        if not names:
            continue
        verb = "are" if len(names) > 1 else "is"
        what = listed(names) if len(names) <= 3 else f"{len(names)} parts"
        if state == "unknown":
            parts.append(f"We cannot see whether {what} {'work' if len(names) > 1 else 'works'}.")
        elif state == "maintenance":
            parts.append(f"{what} {verb} under maintenance.")
        else:
            parts.append(f"{what} {verb} {WORDS[state]}.")
    if not parts:
        return "Everything works, but not everything is settled yet." if notices else "Everything works."
    calm = len(by_state.get("works", []))
    if calm and len(parts) == 1 and len(components) > 1:
        parts.append("All else works.")
    return " ".join(parts[:3])


def shown_names(policy: StatusPagePolicy, keys: Collection[str]) -> tuple[str, ...]:
    """The public names of these parts, in the order of the page; what is hidden or gone is left out."""
    return tuple(each.name for each in policy.shown if each.key in keys)


def public_notice(policy: StatusPagePolicy, notice: Notice, updates: Sequence[Update]) -> PublicNotice | None:
    """A notice as the public gets it; None when it is not public, or all of its parts are hidden by now."""
    names = shown_names(policy, notice.components)
    if not notice.public or (notice.components and not names):
        return None
    said_ = [each for each in updates if each.published_at is not None and each.discarded_at is None]
    newest = sorted(said_, key=lambda each: (each.published_at or 0.0, each.id), reverse=True)
    return PublicNotice(
        notice.id, notice.title, names, notice.impact, notice.stage, notice.began_at, notice.ended_at, notice.proven,
        tuple(PublicUpdate(each.id, each.published_at or each.at, each.stage, each.text) for each in newest),
    )  # fmt: skip
