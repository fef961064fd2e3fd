"""What the watch knows and has not written yet: reading to verdict, verdict to settled state, settled state to flip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.checks.settling import begun_anew, fixed, gap, settle
from watchkeeper.core.inventory.values import Check
from watchkeeper.services.checks.derived import DerivedValues

_KEPT_UNWRITTEN = 50_000


@dataclass(slots=True)
class Batch:
    """What one commit takes."""

    readings: list[Judged] = field(default_factory=list)
    flips: list[Flip] = field(default_factory=list)
    settled: dict[str, Settled] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.readings or self.flips or self.settled)


class Book:
    """The settled state of every check in memory, and the batch that waits for the next commit."""

    def __init__(self) -> None:
        self.settled: dict[str, Settled] = {}
        self.last_at: dict[str, float] = {}
        self._rules: dict[str, str] = {}
        self._batch = Batch()
        self.lost = 0
        self.derived = DerivedValues()

    def load(self, settled: Mapping[str, Settled], rules: Mapping[str, str], last_at: Mapping[str, float]) -> None:
        """Begin with what the store knows."""
        self.settled, self._rules, self.last_at = dict(settled), dict(rules), dict(last_at)

    def absorb(self, settled: Mapping[str, Settled], rules: Mapping[str, str], last_at: Mapping[str, float]) -> None:
        """Go on with checks of another node from where it left them."""
        self.settled |= settled
        self._rules |= rules
        self.last_at |= last_at

    def adopt(self, check: Check) -> None:
        """A check that is new or has another rule: a renamed one goes on as what it was, a changed one begins anew.

        Beginning anew keeps the settled state and empties its window: old readings under another rule prove nothing.
        """
        self.derived.adopt(check)
        former = former_key(check)
        if check.key not in self.settled and former in self.settled:
            self.settled[check.key] = self.settled[former]
            self._rules[check.key] = self._rules.get(former, "")
            if former in self.last_at:
                self.last_at[check.key] = self.last_at[former]
        known = self.settled.get(check.key)
        if known is not None and self._rules.get(check.key) != check.rule_hash:
            self.settled[check.key] = begun_anew(known)
            self._rules[check.key] = check.rule_hash
            self._batch.settled[check.key] = self.settled[check.key]

    def take(self, check: Check, reading: Reading) -> tuple[Judged, Flip | None]:
        """Judge a reading and fold it in; it waits for the next commit."""
        derived = self.derived.of(check, reading)
        if derived:
            reading = replace(reading, values={**reading.values, **derived})
        verdict = judge(check, reading)
        judged = Judged(reading, verdict, check.rule_hash)
        settled, flip = settle(check, self.settled.get(check.key), verdict, reading)
        self._keep(check, judged, settled, flip)
        return judged, flip

    def blind(self, check: Check, since: float, until: float) -> Flip | None:
        """We were away: nobody could see this check, so it is UNKNOWN and nothing from before counts."""
        known = self.settled.get(check.key)
        if known is None:
            return None
        settled, flip = gap(check, known, since, until)
        reading = Reading(check.key, until, 0.0, {}, settled.reason)
        self._keep(check, Judged(reading, Verdict(State.UNKNOWN, settled.reason), check.rule_hash), settled, flip)
        return flip

    def fixed(self, check: Check, now: float) -> Flip | None:
        """A fix of ours was proven by this check: what it did before is no flapping."""
        known = self.settled.get(check.key)
        if known is None or not known.turns:
            return None
        self.settled[check.key], flip = fixed(check, known, now)
        self._batch.settled[check.key] = self.settled[check.key]
        if flip is not None:
            self._batch.flips.append(flip)
        return flip

    def _keep(self, check: Check, judged: Judged, settled: Settled, flip: Flip | None) -> None:
        self.settled[check.key], self._rules[check.key] = settled, check.rule_hash
        self.last_at[check.key] = judged.reading.at
        self._batch.readings.append(judged)
        self._batch.settled[check.key] = settled
        if flip is not None:
            self._batch.flips.append(flip)

    def drain(self) -> Batch:
        """Hand over what waits for a commit."""
        batch, self._batch = self._batch, Batch()
        return batch

    def put_back(self, batch: Batch) -> None:
        """A commit failed: keep it for the next one. Beyond a bound the oldest readings go; flips never do."""
        newer, self._batch = self._batch, batch
        batch.readings.extend(newer.readings)
        batch.flips.extend(newer.flips)
        batch.settled.update(newer.settled)
        surplus = len(batch.readings) - _KEPT_UNWRITTEN
        if surplus > 0:
            del batch.readings[:surplus]
            self.lost += surplus

    @property
    def unwritten(self) -> int:
        """Readings that wait for a commit."""
        return len(self._batch.readings)


def former_key(check: Check) -> str:
    """The key this check had before it was renamed; its own when it was not."""
    if not check.was:
        return check.key
    host = check.key.partition("@")[2]
    return f"{check.service}/{check.was}" + (f"@{host}" if host else "")
