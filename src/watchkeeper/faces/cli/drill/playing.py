"""Playing one scenario on one demo: break the fleet for real, watch what watchkeeper makes of it, ask from outside."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from watchkeeper.adapters.sample import breaks, outside
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.demo_watch import client_of
from watchkeeper.faces.cli.drill.played import REOPENED, Played, result, skipped, was_told
from watchkeeper.faces.cli.drill.showing import describe

LOOK_S = 0.2
DETECT_WITHIN_S = 30.0
END_WITHIN_S = 150.0
TOLD_WITHIN_S = 15.0
SETTLE_WITHIN_S = 90.0
HEAL_AGAIN_S = 20.0
HEAD_BYTES = 16_384


class Stopping(Exception):
    """The drill was told to stop."""


class Drill:
    """Plays scenarios on a running demo, one after the other. stop: set by somebody else to end it at the next look."""

    def __init__(
        self, places: Places, say: Callable[[str], None] = render.note, stop: threading.Event | None = None
    ) -> None:
        self._places = places
        self._client = client_of(places, "drill")
        self._say = say
        self._stop = stop or threading.Event()
        self._paged = 0

    def play(self, names: Sequence[str], repeat: int = 1) -> list[Played]:
        """Every scenario, `repeat` times; the fleet is put right before each and at the end."""
        results: list[Played] = []
        total = len(names) * repeat
        for _ in range(repeat):
            for name in names:
                scenario = breaks.scenario(name)
                self._say(f"[{len(results) + 1}/{total}] {name}: {scenario.say}")
                self.put_right()
                results.append(self.play_one(scenario))
                self._say(f"      {describe(results[-1])}")
        self.put_right()
        return results

    def play_one(self, scenario: breaks.Scenario) -> Played:
        """Play on a fleet that is well. What stands against playing is its outcome, never an exception of ours."""
        why = scenario.missing()
        if why:
            return skipped(scenario, why)
        try:
            self._client.post("/drill/boundary")
            return self._play(scenario)
        except WatchkeeperError as error:
            return Played(scenario.name, scenario.expected, f"not played to the end: {error.sentence}")

    def put_right(self) -> None:
        """Heal the fleet and wait until every check is OK and no incident is open. Raises `NoAnswer`."""
        deadline = time.monotonic() + SETTLE_WITHIN_S
        healed = -HEAL_AGAIN_S
        while True:
            status = self._ask("/status", "status")
            if status is not None and status["state"] == "OK" and not status["incidents"]:
                return
            if status is not None and time.monotonic() - healed > HEAL_AGAIN_S and self._broken(status):
                breaks.heal(self._places)
                healed = time.monotonic()
            if time.monotonic() > deadline:
                wrong = status["sentence"] if status else "the watch does not answer"
                raise NoAnswer(
                    f"The sample fleet did not get well within {SETTLE_WITHIN_S:g} s: {wrong}",
                    f"'wk --ops {self._places.ops} status' says more.",
                )
            self._pause()

    @staticmethod
    def _broken(status: Mapping[str, Any]) -> bool:
        return bool(status["incidents"]) or status["state"] in ("CRIT", "WARN")

    # ---- one scenario --------------------------------------------------------------------------------------------

    def _play(self, scenario: breaks.Scenario) -> Played:
        self._paged = self._places.pages.stat().st_size if self._places.pages.exists() else 0
        at = scenario.break_it(self._places)
        number = self._detected(scenario, at)
        if number is None:
            works = outside.works(self._places.ports())
            return Played(scenario.name, scenario.expected, "not detected", works=works)
        incident = self._ended(number, at, scenario.expected)
        if scenario.again is not None:
            if incident["status"] != "closed" or incident["ending"] != "fixed":
                outcome = f"the first time {self._ending(incident)}"
                return result(scenario, incident, at, outcome, outside.works(self._places.ports()))
            at = scenario.again(self._places)
            incident = self._came_back(scenario, number, at)
            number = int(incident["id"])
        return self._judged(scenario, number, incident, at)

    def _judged(self, scenario: breaks.Scenario, number: int, incident: dict[str, Any], at: float) -> Played:
        """The end of a scenario: what it came to, what the world says, and whatever else must be true."""
        outcome = self._ending(incident, at)
        if outcome == "escalated":
            self._linger(number, scenario)
        works = outside.works(self._places.ports())
        incident = self.look(number)
        if outcome == "closed" and incident["status"] != "closed":
            outcome = REOPENED
        if outcome == "escalated" and incident["status"] == "closed" and scenario.again is None:
            outcome = "closed before it was put right"
        if outcome == scenario.expected:
            but = self._but(scenario, incident, at, works)
            outcome = f"{outcome}, but {but}" if but else outcome
        if incident["status"] != "closed":
            incident |= {"entry": self._entry_after_healing(number)}
        return result(scenario, incident, at, outcome, works)

    def _but(self, scenario: breaks.Scenario, incident: Mapping[str, Any], at: float, works: bool) -> str:
        """What stands against the expected outcome, "" when nothing does."""
        if scenario.expected == "escalated" and works != scenario.works:
            return "orders go through" if works else "orders do not go through"
        return scenario.judge(self._aftermath(incident, at))

    def _aftermath(self, incident: Mapping[str, Any], at: float) -> breaks.Aftermath:
        recent = self._ask("/incidents?limit=50", "incidents") or []
        opened = [each for each in recent if (render.parse_time(each["opened_at"]) or 0.0) >= at - 0.5]
        return breaks.Aftermath(
            self._places,
            at,
            incident,
            tuple(opened),
            tuple(pages_after(self._places, self._paged)),
            self._outputs(incident),
        )

    def _outputs(self, incident: Mapping[str, Any]) -> str:
        """What the steps of the incident's runs said: the start of each output."""
        found = []
        for run in incident["runs"]:
            for step in run["steps"]:
                if step["evidence"]:
                    _, data = self._client.raw("GET", f"/runs/{run['id']}/steps/{step['index']}/output")
                    found.append(data[:HEAD_BYTES].decode("utf-8", "replace"))
        return "\n".join(found)

    def _detected(self, scenario: breaks.Scenario, at: float) -> int | None:
        """The incident that this break opened."""
        deadline = time.monotonic() + DETECT_WITHIN_S
        while time.monotonic() < deadline:
            number = self.newest(scenario.service, at - 0.5, scenario.host)
            if number is not None:
                return number
            self._pause()
        return None

    def newest(self, service: str, since: float, host: str = "") -> int | None:
        """The newest incident of a service (or of a host, with service "") that was opened after `since`."""
        for incident in self._ask("/incidents?limit=20", "incidents") or []:
            of_it = incident["service"] == service and (not host or incident["host"] == host)
            if of_it and (render.parse_time(incident["opened_at"]) or 0.0) >= since:
                return int(incident["id"])
        return None

    def _came_back(self, scenario: breaks.Scenario, number: int, at: float) -> dict[str, Any]:
        """The incident of the second break once it has ended: the first one again, or a new one."""
        found = self._detected(scenario, at)
        return self._ended(number if found is None else found, at, scenario.expected)

    def _ended(self, number: int, at: float, expected: str) -> dict[str, Any]:
        """The incident once it is closed, or escalated with somebody told; as it stands when neither comes about."""
        deadline = time.monotonic() + END_WITHIN_S
        while True:
            incident = self.look(number)
            if incident["escalated_at"]:
                waited = time.time() - (render.parse_time(incident["escalated_at"]) or 0.0)
                if was_told(incident, at) or waited > TOLD_WITHIN_S:
                    return incident
            elif incident["status"] == "closed":
                return incident
            if time.monotonic() > deadline:
                return incident
            self._pause()

    @staticmethod
    def _ending(incident: Mapping[str, Any], at: float = 0.0) -> str:
        """What it came to. Escalated goes first: a person was called, whatever happened after that."""
        if incident["escalated_at"]:
            return "escalated" if was_told(incident, at) else "escalated, but nobody was told"
        if incident["status"] == "closed":
            return "closed" if incident["ending"] == "fixed" else f"closed: {incident['ending']}"
        return "neither closed nor escalated"

    def _linger(self, number: int, scenario: breaks.Scenario) -> None:
        """Look on for a while: what must not happen may come late. What came back is put right again meanwhile."""
        again = scenario.again is not None
        until = time.monotonic() + (SETTLE_WITHIN_S if again else scenario.linger_s)
        while time.monotonic() < until and not (again and self.look(number)["status"] == "closed"):
            self._pause()

    def _entry_after_healing(self, number: int) -> int | None:
        """A person puts it right; the incident then closes by proof and is written into the log."""
        breaks.heal(self._places)
        deadline = time.monotonic() + SETTLE_WITHIN_S
        while time.monotonic() < deadline:
            incident = self.look(number)
            if incident["status"] == "closed":
                entry = incident["entry"]
                return int(entry) if entry is not None else None
            self._pause()
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
            self._pause()

    def _ask(self, path: str, noun: str) -> Any:
        try:
            return self._client.get(path)[noun]
        except NoAnswer:
            return None

    def _pause(self) -> None:
        if self._stop.wait(LOOK_S):
            raise Stopping


def pages_after(places: Places, offset: int) -> list[dict[str, Any]]:
    """The messages that reached the sample's duty phone, from that byte of its file on, oldest first."""
    try:
        lines = places.pages.read_bytes()[offset:].splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.strip()]
