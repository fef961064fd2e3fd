"""A signal that comes and goes for an hour, through the real watch loop, the store, the incidents and the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.virtual_house import EPOCH, Receiver, VirtualHouse, write_ops

from watchkeeper.core.checks import Reading, State
from watchkeeper.core.incidents.values import Ending, Status
from watchkeeper.core.inventory.values import Check

CHECK = [
    "  - name: web",
    "    http: http://127.0.0.1:1/",
    "    from: here",
    "    every: {every}",
    "    crit: status != 200",
]
HOUR = 3600.0


class Story:
    """One check of one service; `bad` says when its target fails, in seconds since the beginning."""

    def __init__(self, place: Path, every: str) -> None:
        self.receiver = Receiver()
        self.receiver.keep = True
        team = f'team: t\ntimezone: UTC\nchannels:\n  duty: {{webhook: "{self.receiver.url}"}}\n'
        ops = write_ops(place / "ops", {"shop": [line.format(every=every) for line in CHECK]}, team)
        self.begins, self.ends, self.half_s = 100.0, 100.0 + HOUR, 10.0
        self.house = VirtualHouse(ops, place / "state", self._answer, beat_s=10.0)

    def _answer(self, check: Check, now: float) -> Reading:
        at = now - EPOCH
        bad = self.begins <= at < self.ends and int((at - self.begins) / self.half_s) % 2 == 0
        return Reading(check.key, now, 0.01, {"status": 500 if bad else 200, "connected": True})

    def incidents(self) -> list:
        with self.house.app.store.read() as session:
            return session.incidents(None, limit=100)

    def titles(self) -> list[str]:
        found = []
        for body in self.receiver.taken:
            message = json.loads(body)
            found.append(str(message.get("title") or message.get("message", {}).get("title")))
        return found


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[list[Story]]:
    stories: list[Story] = []
    yield stories
    for story in stories:
        story.house.close()
        story.receiver.close()


def test_an_hour_of_one_and_zero_is_two_messages(tmp_path: Path, begun: list[Story]) -> None:
    story = Story(tmp_path, "10s")
    begun.append(story)
    story.house.run(100.0 + HOUR)
    (incident,) = story.incidents()
    assert incident.status is Status.OPEN
    assert len(story.titles()) == 1, story.titles()
    settled = story.house.app.recorder._journal.settled()["shop/web"]
    assert settled.state is State.CRIT and settled.reason.startswith("flapping: ")
    service = story.house.app.status.now().services[0]
    assert service.state is State.CRIT and "flapping: " in service.reason
    story.house.run(900.0)
    (incident,) = story.incidents()
    assert (incident.status, incident.ending) == (Status.CLOSED, Ending.ITSELF)
    assert len(story.titles()) == 2, story.titles()
    flips = story.house.app.recorder._journal.flips(0)
    assert len(flips) <= 10, "the journal is bounded too"
    lost = sum(1 for each in story.house.app.incidents.timeline(incident.id))
    assert lost < 40, "and so is the timeline"
