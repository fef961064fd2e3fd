"""Playing many scenarios on several demos at the same time: each demo takes the next one as soon as it is free."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence

from watchkeeper.adapters.sample import breaks
from watchkeeper.adapters.sample.places import Places
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.drill.played import Played, skipped
from watchkeeper.faces.cli.drill.playing import Drill, Stopping
from watchkeeper.faces.cli.drill.showing import describe

MOST = 3
JOIN_S = 40.0


def default_fleets(scenarios: int) -> int:
    """How many demos to play on: most of a scenario is waiting, so one more than there are cores, at most three."""
    return max(1, min(scenarios, len(os.sched_getaffinity(0)) + 1, MOST))


class Fleets:
    """Plays scenarios on several demos.

    start: makes a demo run (fleet and watch), called in the thread of that demo; None when they run already, and then
    each is put right at the end, because it goes on.
    """

    def __init__(
        self,
        places: Sequence[Places],
        start: Callable[[Places], object] | None = None,
        say: Callable[[str], None] = render.note,
    ) -> None:
        self._places, self._start, self._say = places, start, say
        self._stopping, self._guard = threading.Event(), threading.Lock()
        self._waiting: deque[tuple[int, breaks.Scenario]] = deque()
        self._results: dict[int, Played] = {}
        self._total = 0
        self._faults: list[Exception] = []

    def play(self, names: Sequence[str], repeat: int = 1) -> list[Played]:
        """Every scenario, `repeat` times; the results stand in the order of the names, one round after the other.

        The longest go first, so that no demo is left alone with one at the end. Raises what kept every demo from
        starting; a demo that fails in the middle leaves its scenarios to the others.
        """
        scenarios = [breaks.scenario(name) for _ in range(repeat) for name in names]
        self._total = len(scenarios)
        self._waiting = deque(sorted(enumerate(scenarios), key=lambda item: -item[1].weight_s))
        threads = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in self._places]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join(JOIN_S)
        if not self._results and self._faults:
            raise self._faults[0]
        for index, scenario in self._waiting:
            self._results[index] = Played(scenario.name, scenario.expected, "not played: no fleet was left to play on")
        return [self._results[index] for index in sorted(self._results)]

    def _work(self, places: Places) -> None:
        """One demo: start it, play until nothing waits."""
        try:
            if self._start is not None:
                self._start(places)
            drill = Drill(places, stop=self._stopping)
            while (taken := self._next()) is not None:
                index, scenario = taken
                try:
                    drill.put_right()
                except BaseException:
                    with self._guard:
                        self._waiting.appendleft(taken)  # for another fleet; this one is not fit to play on
                    raise
                self._ended(index, scenario, drill.play_one(scenario))
            if self._start is None:
                drill.put_right()
        except Stopping:
            pass
        except Exception as error:  # also a fault of ours: the other fleets go on, and the drill says so
            self._faults.append(error)
            self._say(f"The fleet in {places.directory} plays no more: {error}")

    def _next(self) -> tuple[int, breaks.Scenario] | None:
        """The next scenario that can be played here; those that cannot are told at once."""
        while not self._stopping.is_set():
            with self._guard:
                if not self._waiting:
                    return None
                index, scenario = self._waiting.popleft()
            why = scenario.missing()
            if not why:
                return index, scenario
            self._ended(index, scenario, skipped(scenario, why))
        return None

    def _ended(self, index: int, scenario: breaks.Scenario, played: Played) -> None:
        with self._guard:
            self._results[index] = played
            number = len(self._results)
            self._say(f"[{number}/{self._total}] {scenario.name}: {scenario.say}\n      {describe(played)}")
