"""What dpkg and apt write down: dpkg.log line by line, history.log run by run. Pure; the texts are untrusted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

PAUSE_S = 120.0
"""Lines of dpkg.log with a longer pause between them are two changes."""
SPARE_S = 2.0
NAMED = 2
"""So many packages are named in a title."""

_TIME = r"(\d{4})-(\d\d)-(\d\d) +(\d\d):(\d\d):(\d\d)"
_ACT = re.compile(
    rf"{_TIME} (install|upgrade|remove|purge|configure|trigproc|disappear) (\S{{1,200}}) (\S{{1,100}}) (\S{{1,100}})\s*\Z"
)
_TOLD = {"install": "installed", "upgrade": "upgraded", "remove": "removed", "purge": "removed"}
_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)")
_FIELD = re.compile(r"([A-Z][A-Za-z-]{1,40}): ?(.*)")
_LISTS = {
    "Install": "installed", "Upgrade": "upgraded", "Reinstall": "reinstalled", "Downgrade": "downgraded",
    "Remove": "removed", "Purge": "removed",
}  # fmt: skip
_PACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]{0,99})(?::[a-z0-9-]{1,20})? \(([^()]{0,200})\)")


@dataclass(frozen=True, slots=True)
class Package:
    """One package in it. how: ``upgraded``; versions as written, "" where there is none."""

    name: str
    how: str
    before: str = ""
    after: str = ""

    @property
    def words(self) -> str:
        """``openssl 3.0.11-1 to 3.0.19-1``."""
        if self.before and self.after:
            return f"{self.name} {self.before} to {self.after}"
        return f"{self.name} {self.after or self.before}".strip()


@dataclass(frozen=True, slots=True)
class Act:
    """Lines of dpkg.log that belong together. at: the first, ended_at: the last, epoch seconds."""

    at: float
    ended_at: float
    packages: tuple[Package, ...]
    by: str = ""

    @property
    def title(self) -> str:
        return _title(self.packages)

    @property
    def detail(self) -> str:
        return _detail(self.packages)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One run of apt. ended_at: None while it is at work. by: who asked for it, where apt knows; command: what was typed."""

    at: float
    ended_at: float | None
    packages: tuple[Package, ...]
    command: str = ""
    by: str = ""

    @property
    def title(self) -> str:
        return _title(self.packages)

    @property
    def detail(self) -> str:
        command = f"{self.command}: " if self.command else ""
        return command + _detail(self.packages)


def host_zone(text: str) -> float:
    """Seconds east of UTC of what ``date +%z`` printed; 0 when that is nothing known."""
    match = _ZONE.search(text)
    if match is None:
        return 0.0
    seconds = int(match.group(2)) * 3600.0 + int(match.group(3)) * 60.0
    return max(-14 * 3600.0, min(14 * 3600.0, -seconds if match.group(1) == "-" else seconds))


def _epoch(groups: Sequence[str], zone_s: float) -> float | None:
    year, month, day, hour, minute, second = (int(each) for each in groups)
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp() - zone_s
    except (ValueError, OverflowError):
        return None


def acts_of(text: str, zone_s: float) -> tuple[Act, ...]:
    """dpkg.log, one act a line; lines of another form (torn ones, states, triggers) are passed over. Oldest first."""
    found: list[tuple[float, Package]] = []
    for line in text.splitlines():
        match = _ACT.match(line)
        how = _TOLD.get(match.group(7)) if match else None
        at = _epoch(match.groups()[:6], zone_s) if match and how else None
        if match is None or how is None or at is None:
            continue
        name = match.group(8).partition(":")[0]
        before, after = ("" if each == "<none>" else each for each in match.groups()[8:10])
        found.append((at, Package(name, how, before, "" if how == "removed" else after)))
    return tuple(Act(at, at, (package,)) for at, package in sorted(found, key=lambda each: each[0]))


def transactions_of(text: str, zone_s: float) -> tuple[Transaction, ...]:
    """apt's history.log run by run, oldest first; runs that changed nothing or cannot be read are passed over."""
    found: list[Transaction] = []
    for block in re.split(r"\n\s*\n", text):
        found_fields = (_FIELD.match(line) for line in block.splitlines())
        fields = {match.group(1): match.group(2) for match in found_fields if match}
        started, ended = _moment(fields.get("Start-Date", ""), zone_s), _moment(fields.get("End-Date", ""), zone_s)
        packages = tuple(each for name, how in _LISTS.items() for each in _packages(fields.get(name, ""), how))
        if started is None or not packages:
            continue
        by = fields.get("Requested-By", "").partition(" (")[0]
        found.append(Transaction(started, ended, packages, fields.get("Commandline", "")[:300], by[:60]))
    return tuple(sorted(found, key=lambda each: each.at))


def _moment(text: str, zone_s: float) -> float | None:
    match = re.match(_TIME, text)
    return _epoch(match.groups(), zone_s) if match else None


def _packages(text: str, how: str) -> list[Package]:
    """``openssl:amd64 (3.0.11-1, 3.0.19-1), libssl3:amd64 (3.0.19-1, automatic)``."""
    found = []
    for name, inside in _PACKAGE.findall(text):
        versions = [each.strip() for each in inside.split(",") if each.strip() and each.strip() != "automatic"]
        two = len(versions) > 1
        before = versions[0] if versions and (two or how == "removed") else ""
        after = "" if how == "removed" else versions[1] if two else versions[0] if versions else ""
        found.append(Package(name, how, before, after))
    return found


def grouped(acts: Sequence[Act], runs: Sequence[Transaction], covered_until: float) -> list[Act | Transaction]:
    """Each change once: runs of apt as they are, and of dpkg what no run of apt explains. Oldest first.

    covered_until: the end of the newest run of apt that was told before; what dpkg did until then belongs to it.
    """
    found: list[Act | Transaction] = [run for run in runs if run.at > covered_until]
    together: list[Act] = []
    for act in acts:
        inside = any(run.at - SPARE_S <= act.at <= (run.ended_at or float("inf")) + SPARE_S for run in runs)
        if inside or act.at <= covered_until + SPARE_S:
            continue
        if together and act.at - together[-1].ended_at <= PAUSE_S:
            act = Act(together[-1].at, act.ended_at, (*together.pop().packages, *act.packages))
        together.append(act)
    return sorted([*found, *together], key=lambda each: each.at)


def _title(packages: Sequence[Package]) -> str:
    counts: dict[str, list[Package]] = {}
    for package in packages:
        counts.setdefault(package.how, []).append(package)
    said = []
    for how, found in counts.items():
        unique = list({each.name: each for each in found}.values())
        if len(unique) == 1:
            said.append(f"package {unique[0].words} {how}")
            continue
        rest = f" and {len(unique) - NAMED} more" if len(unique) > NAMED else ""
        said.append(f"{len(unique)} packages {how}: {', '.join(each.words for each in unique[:NAMED])}{rest}")
    return "; ".join(said)


def _detail(packages: Sequence[Package]) -> str:
    return ", ".join(dict.fromkeys(each.words for each in packages))
