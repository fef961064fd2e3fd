"""The drill: break the sample fleet for real, watch what watchkeeper makes of it, ask from outside whether it works."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from watchkeeper.adapters.sample import breaks, outside
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.times import format_duration
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.demo_watch import client_of

LOOK_S = 0.15
DETECT_WITHIN_S = 30.0
END_WITHIN_S = 150.0
TOLD_WITHIN_S = 15.0
SETTLE_WITHIN_S = 90.0
FIGURES = ("detected_s", "diagnosed_s", "fix_started_s", "verified_s", "total_s")


@dataclass(frozen=True, slots=True)
class Played:
    """One scenario, played once. Times in seconds from the break, None where not applicable.

    outcome: `closed`, `escalated`, or what went wrong. incident, entry: their numbers. evidence: steps that left some.
    works: whether an order, placed from outside after the end, was confirmed.
    """

    scenario: str
    expected: str
    outcome: str
    detected_s: float | None = None
    diagnosed_s: float | None = None
    fix_started_s: float | None = None
    verified_s: float | None = None
    total_s: float | None = None
    incident: int | None = None
    entry: int | None = None
    evidence: int = 0
    works: bool = False

    @property
    def as_expected(self) -> bool:
        """The expected outcome; closed counts only when orders go through as well."""
        return self.outcome == self.expected and (self.expected != "closed" or self.works)

    @property
    def false_closure(self) -> bool:
        """Closed, although it does not work or should not have been closed."""
        return self.outcome.startswith("closed") and not self.as_expected


class Drill:
    """Plays scenarios on a running demo, one after the other."""

    def __init__(self, places: Places, say: Callable[[str], None] = render.note) -> None:
        self._places = places
        self._client = client_of(places, "drill")
        self._say = say

    def play(self, names: Sequence[str], repeat: int = 1) -> list[Played]:
        """Every scenario, `repeat` times; the fleet is put right before each and at the end."""
        results: list[Played] = []
        total = len(names) * repeat
        for _ in range(repeat):
            for name in names:
                scenario = breaks.scenario(name)
                self.put_right()
                self._client.post("/drill/boundary")
                self._say(f"[{len(results) + 1}/{total}] {name}: {scenario.say}")
                played = self._play(scenario)
                self._say(f"      {describe(played)}")
                results.append(played)
        self.put_right()
        return results

    def put_right(self) -> None:
        """Heal the fleet and wait until every check is OK and no incident is open. Raises `NoAnswer`."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        healed = 0.0
        while True:
            status = self._status()
            if status is not None and status["state"] == "OK" and not status["incidents"]:
                return
            if status is not None and time.monotonic() - healed > 20.0 and self._broken(status):
                breaks.heal(self._places)
                healed = time.monotonic()
            if time.monotonic() > deadline:
                wrong = status["sentence"] if status else "the watch does not answer"
                raise NoAnswer(
                    f"The sample fleet did not get well within {SETTLE_WITHIN_S:g} s: {wrong}",
                    f"'wk --ops {self._places.ops} status' says more.",
                )
            time.sleep(0.2)

    @staticmethod
    def _broken(status: Mapping[str, Any]) -> bool:
        return bool(status["incidents"]) or status["state"] in ("CRIT", "WARN")

    def _status(self) -> dict[str, Any] | None:
        try:
            status: dict[str, Any] = self._client.get("/status")["status"]
        except WatchkeeperError:
            return None
        return status

    # ---- one scenario --------------------------------------------------------------------------------------------

    def _play(self, scenario: breaks.Scenario) -> Played:
        at = scenario.break_it(self._places)
        number = self._detected(scenario, at)
        if number is None:
            works = outside.works(self._places.ports())
            return Played(scenario.name, scenario.expected, "not detected", works=works)
        incident = self._ended(number, at)
        outcome = self._outcome(scenario, incident)
        works = outside.works(self._places.ports())
        if outcome == "closed":
            incident = self.look(number)
            if incident["status"] != "closed":
                outcome = "closed, then open again"
        elif incident["status"] != "closed":
            incident |= {"entry": self._entry_after_healing(number)}
        return result(scenario, incident, at, outcome, works)

    def _detected(self, scenario: breaks.Scenario, at: float) -> int | None:
        """The incident that this break opened."""
        deadline = time.monotonic() + DETECT_WITHIN_S
        while time.monotonic() < deadline:
            number = self.newest(scenario.service, at - 0.5)
            if number is not None:
                return number
            time.sleep(LOOK_S)
        return None

    def newest(self, service: str, since: float) -> int | None:
        """The newest incident of a service that was opened after `since`."""
        for incident in self._ask("/incidents?limit=20", "incidents") or []:
            if incident["service"] == service and (render.parse_time(incident["opened_at"]) or 0.0) >= since:
                return int(incident["id"])
        return None

    def _ended(self, number: int, at: float) -> dict[str, Any]:
        """The incident once it is closed, or escalated with somebody told; as it stands when neither comes about."""
        deadline = time.monotonic() + END_WITHIN_S
        while True:
            incident = self.look(number)
            if incident["status"] == "closed":
                return incident
            if incident["escalated_at"]:
                waited = time.time() - (render.parse_time(incident["escalated_at"]) or 0.0)
                if was_told(incident) or waited > TOLD_WITHIN_S:
                    return incident
            if time.monotonic() > deadline:
                return incident
            time.sleep(LOOK_S)

    def _outcome(self, scenario: breaks.Scenario, incident: Mapping[str, Any]) -> str:
        if incident["status"] == "closed":
            return "closed" if incident["ending"] == "fixed" else f"closed: {incident['ending']}"
        if not incident["escalated_at"]:
            return "neither closed nor escalated"
        if not was_told(incident):
            return "escalated, but nobody was told"
        if scenario.name == "bad-config" and not self._blames_settings(incident):
            return "escalated, but the changed file is not the first suspect"
        if scenario.name == "crash-loop" and len(tried(incident)) < 2:
            return "escalated, but before the budget was used"
        return "escalated"

    def _blames_settings(self, incident: Mapping[str, Any]) -> bool:
        first = next(iter(incident["suspects"]), None)
        change = first["change"] if first else {}
        return change.get("kind") == "configuration" and self._places.settings_file.name in str(change.get("title"))

    def _entry_after_healing(self, number: int) -> int | None:
        """A person puts it right; the incident then closes by proof and is written into the log."""
        breaks.heal(self._places)
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while time.monotonic() < deadline:
            incident = self.look(number)
            if incident["status"] == "closed":
                entry = incident["entry"]
                return int(entry) if entry is not None else None
            time.sleep(LOOK_S)
        return None

    def look(self, number: int) -> dict[str, Any]:
        """The whole incident; a watch that is just being started again is waited for."""
        deadline = time.monotonic() + 30.0
        while True:
            found = self._ask(f"/incidents/{number}", "incident")
            if found is not None:
                return dict(found)
            if time.monotonic() > deadline:
                raise NoAnswer(f"The watch does not answer about incident {number}.", "Look at watch.log of the demo.")
            time.sleep(LOOK_S)

    def _ask(self, path: str, noun: str) -> Any:
        try:
            return self._client.get(path)[noun]
        except NoAnswer:
            return None


def result(scenario: breaks.Scenario, incident: Mapping[str, Any], at: float, outcome: str, works: bool) -> Played:
    """The figures of one scenario from its incident."""

    def since(value: object) -> float | None:
        moment = render.parse_time(value)
        return None if moment is None or moment < at - 0.5 else round(max(moment - at, 0.0), 3)

    closed = outcome == "closed"
    proofs = [render.parse_time(check["proven_at"]) or 0.0 for check in incident["checks"]]
    end = incident["closed_at"] if closed else incident["escalated_at"]
    return Played(
        scenario=scenario.name,
        expected=scenario.expected,
        outcome=outcome,
        detected_s=since(incident["opened_at"]),
        diagnosed_s=since(incident["diagnosed_at"]),
        fix_started_s=since(incident["fix_started_at"]),
        verified_s=round(max(proofs) - at, 3) if closed and proofs else None,
        total_s=since(end),
        incident=int(incident["id"]),
        entry=incident["entry"],
        evidence=sum(1 for run in incident["runs"] for step in run["steps"] if step["evidence"]),
        works=works,
    )


def was_told(incident: Mapping[str, Any]) -> bool:
    """Whether the page of the escalation was delivered to somebody."""
    return any(told["message"]["kind"] == "escalated" and told["delivered_at"] for told in incident["notifications"])


def tried(incident: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The runs of an incident that changed something."""
    return [run for run in incident["runs"] if run["fix_started_at"]]


# ---- telling -----------------------------------------------------------------------------------------------------


def describe(played: Played) -> str:
    """One line about one scenario."""
    took = f" after {format_duration(played.total_s)}" if played.total_s is not None else ""
    works = "orders go through" if played.works else "orders do not go through"
    verdict = "as expected" if played.as_expected else f"EXPECTED {played.expected}"
    return f"{played.outcome}{took}, {works}: {verdict}"


def show(results: Sequence[Played]) -> str:
    """All results as a table, and with several plays the figures over them."""
    head = ("scenario", "detected", "diagnosed", "fix", "verified", "total", "incident", "entry", "works", "outcome")
    rows = [
        (
            each.scenario,
            *(_seconds(getattr(each, name)) for name in FIGURES),
            each.incident or "-",
            each.entry or "-",
            "yes" if each.works else "no",
            each.outcome if each.as_expected else f"{each.outcome}, expected {each.expected}",
        )
        for each in results
    ]
    good = sum(each.as_expected for each in results)
    lines = [render.table(rows, head), "", f"{good} of {len(results)} as expected."]
    if len({each.scenario for each in results}) < len(results):
        lines += ["", *summary(results)]
    return "\n".join(lines)


def summary(results: Sequence[Played]) -> list[str]:
    """p50 and p95 per scenario and figure, and the false closures."""
    lines = []
    for name in dict.fromkeys(each.scenario for each in results):
        played = [each for each in results if each.scenario == name]
        words = [
            f"{figure.removesuffix('_s')} {percentile(values, 50):.1f}/{percentile(values, 95):.1f}"
            for figure in FIGURES
            if (values := present(getattr(each, figure) for each in played))
        ]
        lines.append(f"{name}, {len(played)} times, p50/p95 in seconds: {', '.join(words)}")
    lines.append(f"false closures: {sum(each.false_closure for each in results)} of {len(results)}")
    return lines


def present(values: Iterable[float | None]) -> list[float]:
    """The values that are there."""
    return [value for value in values if value is not None]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; `values` is not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def as_json(results: Sequence[Played]) -> dict[str, Any]:
    """`{"scenarios": [...]}`."""
    return {"scenarios": [asdict(each) for each in results]}


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
