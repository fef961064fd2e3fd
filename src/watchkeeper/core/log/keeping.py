"""How long entries are kept in the store: by severity, as the team's policy says. Older ones are archived, never lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from watchkeeper.core.log.absence import ACT, spans
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.times import format_duration, utc_words, zone_of

YEAR_S = 365 * 86_400.0
DEFAULT: Mapping[str, float | None] = MappingProxyType(
    {"Critical": None, "High": None, "Medium": 2 * YEAR_S, "Low": YEAR_S}
)
TYPE = "Log keeping"
"""Type of the entries that say what was done with the log itself."""
FOLDER = "docs/archive"
GROUP = 1000
"""Most entries that one naming entry lets go: bounds its text and the length of one transaction."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Severity -> how long, in seconds; None is for ever, and so is every severity that is not named.

    monthly: watchkeeper moves what is due by itself, once a month; else a person does, who may look before.
    """

    times: Mapping[str, float | None] = field(default_factory=lambda: DEFAULT)
    monthly: bool = False

    def longest(self, severities: Iterable[str]) -> float | None:
        """The longest time of several severities; None is for ever."""
        known = {name.casefold(): time_s for name, time_s in self.times.items()}
        found = [known.get(severity.casefold()) for severity in severities]
        return None if not found or None in found else max(time_s for time_s in found if time_s is not None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the rule asks of an entry whose body is in the store. at: epoch seconds. fixed: it never leaves."""

    number: int
    at: float
    severity: str
    corrects: int | None = None
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold, as its entry says. entry: the number of that entry, which is its id. query: as in `wk log list`.

    released_by: number of the entry that ended it.
    """

    entry: int
    name: str
    query: str
    numbers: tuple[int, ...]
    at: float
    by: str
    why: str = ""
    released_by: int | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """Entries that move together into one file. since, until: time of the first and of the last, epoch seconds."""

    place: str
    numbers: tuple[int, ...]
    since: float
    until: float
    severities: Mapping[str, int]


def due(kept: Iterable[Kept], keep: Keep, now: float) -> list[Kept]:
    """Those whose time is over, by number. An entry and its corrections count as severe as the most severe of them."""
    rows = {each.number: each for each in kept}
    chief = {number: number for number in rows}

    def root(number: int) -> int:
        while chief[number] != number:
            chief[number] = chief[chief[number]]
            number = chief[number]
        return number

    for each in rows.values():
        if each.corrects in rows and each.corrects is not None:
            chief[root(each.number)] = root(each.corrects)
    severities: dict[int, set[str]] = {}
    held: set[int] = set()
    for number, each in rows.items():
        severities.setdefault(root(number), set()).add(each.severity)
        if each.fixed:
            held.add(root(number))
    found = []
    for number, each in sorted(rows.items()):
        time_s = keep.longest(severities[root(number)])
        if time_s is not None and root(number) not in held and each.at < now - time_s:
            found.append(each)
    return found


def grouped(entries: Sequence[Kept], timezone: str) -> list[Leaving]:
    """What leaves together: by year in the team's time zone, at most `GROUP` at a time, in order of numbers."""
    from datetime import datetime

    zone = zone_of(timezone)
    years: dict[int, list[Kept]] = {}
    for each in entries:
        years.setdefault(datetime.fromtimestamp(each.at, zone).year, []).append(each)
    found = []
    for year, rows in sorted(years.items()):
        for start in range(0, len(rows), GROUP):
            found.append(_leaving(year, rows[start : start + GROUP]))
    return found


def _leaving(year: int, rows: Sequence[Kept]) -> Leaving:
    counts: dict[str, int] = {}
    for each in rows:
        counts[each.severity] = counts.get(each.severity, 0) + 1
    times = [each.at for each in rows]
    numbers = tuple(each.number for each in rows)
    return Leaving(f"{FOLDER}/operations-log-{year:04}.jsonl", numbers, min(times), max(times), counts)


# ---- the entries that say what was done with the log ---------------------------------------------------------------


def archive_entry(leaving: Leaving, digest: str, actor: str, now: float) -> Draft:
    """Names what is archived. digest: sha256 of the file as it was written."""
    count = len(leaving.numbers)
    counts = ", ".join(f"{number} {severity}" for severity, number in sorted(leaving.severities.items()))
    change = (
        f"{count} {'entry' if count == 1 else 'entries'} ({counts}) from {utc_words(leaving.since)} to "
        f"{utc_words(leaving.until)}: {spans(leaving.numbers)}."
    )
    return Draft(
        now, TYPE, f"Archived {count} {'entry' if count == 1 else 'entries'} in {leaving.place}", actor, "Low",
        sections=(
            ("Change", change),
            ("Reason", "The time that the policy keeps them in the store is over."),
            ("Verification", f"`wk log verify` reads them there. The file's sha256 was {digest} when it was written."),
        ),
        facts={ACT: "archived", "numbers": spans(leaving.numbers), "place": leaving.place, "digest": digest},
    )  # fmt: skip


def purge_entry(entry: int, digest: str, why: str, actor: str, now: float) -> Draft:
    """Names the one entry whose text goes for ever; says nothing of the text but its digest."""
    return Draft(
        now, TYPE, f"Purged the text of entry {entry}", actor, "High",
        sections=(("Change", f"The text of entry {entry} is gone; its digest was {digest}."), ("Reason", why)),
        facts={ACT: "purged", "numbers": str(entry), "place": "", "digest": digest},
    )  # fmt: skip


def hold_entry(name: str, query: str, numbers: Sequence[int], why: str, actor: str, now: float) -> Draft:
    """Names what is held: the entries that it names, and all that the query finds now and later."""
    what = [f"entries {spans(numbers)}"] if numbers else []
    what += [f"all that the question {query!r} finds, now and later"] if query else []
    return Draft(
        now, TYPE, f"Legal hold: {name}", actor, "Low",
        sections=(("Change", f"Neither archived nor purged: {'; '.join(what)}."), *((("Reason", why),) if why else ())),
        facts={ACT: "hold", "hold": name, "query": query, "numbers": spans(numbers)},
    )  # fmt: skip


def release_entry(hold: Hold, why: str, actor: str, now: float) -> Draft:
    """Names the hold that ends."""
    return Draft(
        now, TYPE, f"Legal hold ended: {hold.name}", actor, "Low",
        sections=(("Change", f"The hold of entry {hold.entry} is over."), *((("Reason", why),) if why else ())),
        facts={ACT: "release", "hold": hold.name, "of": hold.entry},
    )  # fmt: skip


def holds_of(entries: Iterable[Entry]) -> list[Hold]:
    """The holds that naming entries speak of, oldest first. entries: naming entries in order of their numbers."""
    from dataclasses import replace

    from watchkeeper.core.log.absence import act_of, numbers_of

    found: dict[int, Hold] = {}
    for entry in entries:
        facts, act = entry.draft.facts, act_of(entry.draft)
        if act == "hold":
            why = next((text for heading, text in entry.draft.sections if heading == "Reason"), "")
            found[entry.number] = Hold(
                entry.number, str(facts.get("hold", "")), str(facts.get("query") or ""),
                numbers_of(str(facts.get("numbers") or "")), entry.draft.at, entry.draft.actor, why,
            )  # fmt: skip
        elif act == "release":
            of = facts.get("of")
            if isinstance(of, int) and of in found and found[of].released_by is None:
                found[of] = replace(found[of], released_by=entry.number)
    return list(found.values())


def words_of(keep: Keep) -> str:
    """The policy in one line."""
    return ", ".join(f"{name} {'for ever' if t is None else format_duration(t)}" for name, t in keep.times.items())
