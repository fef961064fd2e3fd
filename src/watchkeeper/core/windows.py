"""Windows and silences: what each covers, when it holds, and how long it may last. Pure: every time is passed in.

A window is planned maintenance: its time counts as maintenance, and watchkeeper changes nothing by itself meanwhile. A
silence only mutes the creation of alerts: its time counts as what it was. Checks, flips and incidents go on in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Check, Inventory, Service
from watchkeeper.core.times import format_duration, utc_words

Kind = Literal["window", "silence"]
TargetKind = Literal["all", "service", "check", "host", "label"]
When = Literal["before", "after"]

LONGEST_S: Mapping[Kind, float] = {"window": 7 * 86_400.0, "silence": 30 * 86_400.0}
SHORTEST_S = 60.0
AHEAD_S = 366 * 86_400.0
"""How far ahead one may be planned."""
REMIND_S = 900.0
WATCH_S = 1800.0
"""How long the services of a window are watched closely after its end, unless it says otherwise."""
MOST_TARGETS = 100
MOST_ITEMS = 50
TARGETS = "shop, shop/disk, shop/disk@app1, host:app1, label:env=prod, or all"


@dataclass(frozen=True, slots=True)
class Target:
    """What one word of a scope names. labels: pairs that must all match; the value ``*`` matches any."""

    kind: TargetKind
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist. check: the key that answers it with its measured value; "" for a person who ticks it."""

    text: str
    when: When
    check: str = ""
    ok: bool | None = None
    answer: str = ""
    by: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One window or silence; a recurring one has one of these for each time.

    starts_at, ends_at: as planned. begun_at, ended_at: when it was carried out. occurrence: key of a time of a plan, given
    once. name: of that plan. past: a reclassification of time that was over when it was written. changed: a person moved
    its end, so its plan does not any more. flip_seq: the last flip that the watch afterwards has looked at.
    """

    id: int
    kind: Kind
    targets: tuple[str, ...]
    why: str
    actor: str
    starts_at: float
    ends_at: float
    created_at: float
    name: str = ""
    occurrence: str | None = None
    until_green: bool = False
    remind_s: float = REMIND_S
    watch_s: float = 0.0
    items: tuple[Item, ...] = ()
    begun_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""
    ended_why: str = ""
    reminded_at: float | None = None
    past: bool = False
    changed: bool = False
    taken_back_at: float | None = None
    taken_back_by: str = ""
    flip_seq: int = 0
    flips_after: int = 0
    watched_at: float | None = None
    entry: int | None = None

    def holds(self, now: float) -> bool:
        """Whether it mutes at this moment. Its planned end counts, whether or not anybody has carried it out yet."""
        return not self.past and self.ended_at is None and self.starts_at <= now < self.ends_at

    @property
    def span(self) -> tuple[float, float] | None:
        """The time it took, or will take; None when it was taken back or ended before it began."""
        end = self.ends_at if self.ended_at is None else min(self.ended_at, self.ends_at)
        if self.taken_back_at is not None or end <= self.starts_at:
            return None
        return self.starts_at, end


@dataclass(frozen=True, slots=True)
class Muting:
    """Why an alert is not made: which window or silence, whose, why, and until when."""

    kind: Kind
    id: int
    why: str
    until: float
    actor: str = ""

    def words(self) -> str:
        """``silence 3 of ana until 2026-11-21 14:00:00 UTC (swap the disk)``."""
        named = f"{self.kind} {self.id}" if self.id else self.kind
        return f"{named} of {self.actor} until {utc_words(self.until)}" + (f" ({self.why})" if self.why else "")


# ---- what is covered --------------------------------------------------------------------------------------------------


def parse_target(text: str) -> Target:
    """One word of a scope. Raises `Usage` with what can be named."""
    word = text.strip()
    kind, colon, rest = word.partition(":")
    if word == "all":
        return Target("all")
    if colon and kind == "label":
        return Target("label", labels=_labels(word, rest))
    if colon and kind in ("service", "check", "host") and rest:
        return Target(kind, rest)  # type: ignore[arg-type]
    if not word or colon:
        raise Usage(f"'{text}' names nothing that can be muted.", f"Name {TARGETS}.")
    return Target("check" if "/" in word else "service", word)


def _labels(word: str, rest: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in rest.split(","):
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise Usage(
                f"'{word}' is no label with a value.", "Write label:env=prod, or label:env=prod,team=web for both."
            )
        found[key.strip()] = value.strip()
    return found


def scope_words(targets: Iterable[str]) -> str:
    """``shop, host app1``: what is covered, in words."""
    words = []
    for text in targets:
        target = parse_target(text)
        labels = ", ".join(f"{key}={value}" for key, value in target.labels.items())
        words.append(
            "everything" if target.kind == "all" else f"label {labels}" if labels
            else f"host {target.name}" if target.kind == "host" else target.name
        )  # fmt: skip
    return ", ".join(words)


def assert_known(targets: Sequence[str], inventory: Inventory) -> tuple[str, ...]:
    """The targets without doubles. Raises `Usage` for one that names nothing in the inventory, and for none at all."""
    found = tuple(dict.fromkeys(each.strip() for each in targets))
    if not found:
        raise Usage("A window or silence needs to know what it covers.", f"Name {TARGETS}.")
    if len(found) > MOST_TARGETS:
        raise Usage(f"It names {len(found)} targets, more than {MOST_TARGETS}.", "Cover them by a label, or by all.")
    for each in found:
        why = unknown(parse_target(each), inventory.services.values(), inventory.hosts)
        if why:
            raise Usage(f"'{each}' covers nothing: {why}.", f"Name {TARGETS}.")
    return found


def unknown(target: Target, services: Iterable[Service], hosts: Mapping[str, object]) -> str:
    """Why a target covers nothing, to stand behind a colon; "" when it does. A label may match later: it is not judged."""
    services = list(services)
    if target.kind == "service" and all(each.name != target.name for each in services):
        return f"there is no service {target.name}"
    if target.kind == "host" and target.name not in hosts:
        return f"there is no host {target.name}"
    if target.kind == "check" and not any(_names(target.name, check) for each in services for check in each.checks):
        return f"there is no check {target.name}"
    return ""


def _names(name: str, check: Check) -> bool:
    return name == check.key or name == f"{check.service}/{check.name}"


def covers(targets: Iterable[Target], check: Check, inventory: Inventory) -> bool:
    """Whether one of the targets names this check, its service, its host, or labels of either."""
    return any(_covers(target, check, inventory) for target in targets)


def _covers(target: Target, check: Check, inventory: Inventory) -> bool:
    if target.kind == "all":
        return True
    if target.kind == "service":
        return check.service == target.name
    if target.kind == "check":
        return _names(target.name, check)
    if target.kind == "host":
        return check.host == target.name
    service, host = inventory.services.get(check.service), inventory.hosts.get(check.host or "")
    labels = {**(host.labels if host else {}), **(service.labels if service else {})}
    return has_labels(labels, target.labels)


def has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether all wanted pairs are there."""
    return all(key in labels and value in ("*", str(labels[key])) for key, value in wanted.items())


def covered_checks(targets: Sequence[str], inventory: Inventory) -> tuple[str, ...]:
    """The keys of all checks that these targets cover, in the order of the inventory."""
    by_service: dict[str, list[Target]] = {}
    others: list[Target] = []
    for target in map(parse_target, targets):
        if target.kind in ("service", "check"):
            by_service.setdefault(target.name.partition("/")[0], []).append(target)
        else:
            others.append(target)
    names = (
        inventory.services
        if others or len(by_service) > 1
        else [name for name in by_service if name in inventory.services]
    )
    return tuple(
        check.key
        for name in names
        if others or name in by_service
        for check in inventory.services[name].checks
        if covers([*by_service.get(name, ()), *others], check, inventory)
    )


def covers_host(targets: Sequence[str], host: str, inventory: Inventory) -> bool:
    """Whether a host as such is covered: by name or label, or because every service that runs on it is covered there."""
    parsed = [parse_target(each) for each in targets]
    labels = inventory.hosts[host].labels if host in inventory.hosts else {}
    if any(
        each.kind == "all"
        or (each.kind == "host" and each.name == host)
        or (each.kind == "label" and has_labels(labels, each.labels))
        for each in parsed
    ):
        return True
    services = [each for each in inventory.services.values() if host in each.hosts]
    on_it = [check for each in services for check in each.checks if check.host in (host, None)]
    return bool(on_it) and all(covers(parsed, check, inventory) for check in on_it)


def covers_subject(
    targets: Sequence[str], inventory: Inventory, service: str, host: str | None, checks: Sequence[str] = ()
) -> bool:
    """Whether what fails is covered: every one of these checks, or without checks the service (on that host) as a whole.

    service "": the host itself fails.
    """
    if not service:
        return host is not None and covers_host(targets, host, inventory)
    found = [find_check(inventory, key) for key in checks]
    if not checks:
        known = inventory.services.get(service)
        found = [check for check in (known.checks if known else ()) if host in (None, check.host)]
    if not found or None in found:
        return _covers_name(targets, inventory, service)  # no check, or one that was deleted meanwhile
    parsed = [parse_target(each) for each in targets]
    return all(check is not None and covers(parsed, check, inventory) for check in found)


def find_check(inventory: Inventory, key: str) -> Check | None:
    """The check of a key, looked for in its service alone: an inventory may have thousands."""
    service = inventory.services.get(key.partition("/")[0])
    return next((check for check in service.checks if check.key == key), None) if service else None


def _covers_name(targets: Sequence[str], inventory: Inventory, service: str) -> bool:
    known = inventory.services.get(service)
    return any(
        each.kind == "all"
        or (each.kind == "service" and each.name == service)
        or (each.kind == "label" and has_labels(known.labels if known else {}, each.labels))
        for each in map(parse_target, targets)
    )


def muted_line(holding: Sequence[Window]) -> str:
    """``2 windows, 1 silence: nothing else is muted.``; "" when nothing holds."""
    counts = [(kind, sum(1 for each in holding if each.kind == kind)) for kind in ("window", "silence")]
    words = [f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counts if count]
    return f"{', '.join(words)}: nothing else is muted." if words else ""


# ---- time ---------------------------------------------------------------------------------------------------------------


def merged(spans: Iterable[tuple[float, float]], since: float, until: float) -> list[tuple[float, float]]:
    """The spans within [since, until), oldest first, without overlaps."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((max(start, since), min(end, until)) for start, end in spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def overlap(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The time that is in both; each list is merged."""
    return merged(((max(a, c), min(b, d)) for a, b in one for c, d in other), float("-inf"), float("inf"))


def assert_length(kind: Kind, starts_at: float, ends_at: float) -> None:
    """Every window and silence has an end, and not a far one. Raises `Usage`."""
    lasts = ends_at - starts_at
    most = LONGEST_S[kind]
    if not lasts >= SHORTEST_S:  # so that what is no number is refused as well
        shown = format_duration(max(lasts, 0.0)) if lasts == lasts else "no time"
        raise Usage(
            f"A {kind} lasts at least 1 minute; this one lasts {shown}.",
            "Give --for 2h, or an end after its start.",
        )
    if lasts > most:
        raise Usage(
            f"A {kind} lasts at most {format_duration(most)}, not {format_duration(min(lasts, 1e10))}: "
            "a forgotten one hides what fails.",
            "Extend it when its end comes near: you are reminded."
            + (" What nobody needs to know is no check." if kind == "silence" else ""),
        )
