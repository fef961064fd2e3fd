"""A random walk through the life of incidents against a small model of what must be true at every step.

Faults come and go on a tree of services, people act, the watch is asked late or not at all; after each step promises 1
(never closed without proof) and 5 (one cause, one message; no failing service without an incident) are looked at.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.virtual_watch import Office, a_service

from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.incidents.values import Ending, Incident, Status

ADA = Actor("person", "ada", "operator")
EVERY_S = 2.0
TREE = {"disk": "", "db": "disk", "cache": "", "shop": "db, cache", "desk": "shop", "worker": "db", "alone": ""}
STEPS = 30


class Model:
    """What was seen so far: the readings after which an incident may close, and what became of each incident."""

    def __init__(self, desk: Office) -> None:
        self.desk = desk
        self.before: dict[int, Incident] = {}
        self.unproven: set[int] = set()
        self.orphan_since: dict[str, float] = {}

    def check(self) -> None:
        """All promises, after one step."""
        now = {each.id: each for each in self.desk.all()}
        for number, incident in now.items():
            self._one(self.before.get(number), incident)
        self._one_per_service(list(now.values()))
        self._nobody_forgotten(list(now.values()))
        self._messages(now)
        self.before = now

    def _one(self, before: Incident | None, incident: Incident) -> None:
        moves = {
            None: {Status.OPEN, Status.MERGED},
            Status.OPEN: {Status.OPEN, Status.MERGED, Status.CLOSED},
            Status.MERGED: {Status.OPEN, Status.MERGED, Status.CLOSED},
            Status.CLOSED: {Status.CLOSED, Status.OPEN, Status.MERGED},
        }
        assert incident.status in moves[before.status if before else None]
        if incident.status is Status.CLOSED and (before is None or before.status is not Status.CLOSED):
            self._closed_by_proof(incident)
        if incident.status is Status.MERGED:
            cause = self.desk.incidents.get(incident.merged_into or 0)
            assert cause.id != incident.id and cause.service != incident.service
            assert cause.merged_into != incident.id, "no circle"
        assert (incident.merged_into is not None) == (incident.status is Status.MERGED) or incident.closed_at
        assert (incident.closed_at is not None) == (incident.status is Status.CLOSED)
        assert incident.checks, "an incident always holds what failed"

    def _closed_by_proof(self, incident: Incident) -> None:
        """Promise 1, from the readings themselves: `recover` good ones in a row after the last bad one, of each check."""
        assert incident.entry is not None, "its end is in the operations log"
        if incident.ending is Ending.UNPROVEN:
            assert incident.id in self.unproven, "only a person closes without proof"
            return
        for held in incident.checks:
            readings = self.desk.world.readings(held.check, held.flipped_at)
            bad = [each.reading.at for each in readings if each.verdict.state is not State.OK]
            good = [each.reading.at for each in readings if each.reading.at > max(bad, default=held.flipped_at)]
            apart = [at for index, at in enumerate(good) if index == 0 or at - good[index - 1] >= 0.999]
            assert len(apart) >= 2, f"incident {incident.id} closed after {len(apart)} good readings of {held.check}"

    def _one_per_service(self, found: list[Incident]) -> None:
        living = [each.service for each in found if each.status is not Status.CLOSED]
        assert len(living) == len(set(living)), "one living incident per service"

    def _nobody_forgotten(self, found: list[Incident]) -> None:
        """A failing service has an incident, or one that it depends on has; at the latest within two intervals."""
        now = self.desk.world.now
        living = {each.service for each in found if each.status is not Status.CLOSED}
        for name in TREE:
            settled = self.desk.world.settled().get(f"{name}/web")
            failing = settled is not None and settled.state is State.CRIT
            covered = name in living or any(above in living for above in ancestors(name))
            if failing and not covered:
                since = self.orphan_since.setdefault(name, now)
                assert now - since <= 2 * EVERY_S + 2.0, f"{name} fails since {now - since:g} s and nobody has it"
            else:
                self.orphan_since.pop(name, None)

    def _messages(self, now: dict[int, Incident]) -> None:
        keys = [message.key for _, message in self.desk.phone.got]
        assert len(keys) == len(set(keys)), "the same message was sent twice"
        for incident in now.values():
            if incident.status is not Status.MERGED:
                continue
            waiting = [each for each in self.desk.notifications(incident.id) if each.delivered_at is None]
            assert not [each for each in waiting if each.message.kind != "closed"], "a part tells nobody"


def ancestors(name: str) -> set[str]:
    found: set[str] = set()
    for each in filter(None, (part.strip() for part in TREE[name].split(","))):
        found |= {each} | ancestors(each)
    return found


def act(desk: Office, model: Model, dice: random.Random) -> str:
    """One step: a fault, a repair, a person, or only time."""
    what = dice.choice(["break", "break", "mend", "mend", "mend", "ack", "note", "close", "severity", "watch", "time"])
    service = dice.choice(sorted(TREE))
    living = [each for each in desk.all() if each.status is not Status.CLOSED]
    number = dice.choice(living).id if living else 1
    if what == "break":
        desk.world.break_(service)
    elif what == "mend":
        desk.world.mend(dice.choice(sorted(desk.world.faults)) if desk.world.faults else service)
    elif what == "watch":
        desk.world.answers = not desk.world.answers
    elif what != "time":
        try:
            if what == "ack":
                desk.incidents.acknowledge(number, ADA)
            elif what == "note":
                desk.incidents.note(number, ADA, "looked")
            elif what == "severity":
                desk.incidents.set_severity(number, ADA, dice.choice(["P1", "P3"]), "it is so")
            elif living:
                desk.incidents.close_unproven(number, ADA, "known")
                model.unproven.add(number)
        except WatchkeeperError as error:
            refused = ("part of", "There is no", "at work", "closed already")
            assert any(words in error.sentence for words in refused), error
    return f"{what} {service} {number}"


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Office]:
    seed = request.param
    services = {name: a_service(needs, every=f"{EVERY_S:g}s", respond=seed % 2 == 0) for name, needs in TREE.items()}
    steady = (
        "defaults: {flapping: false}\n" if seed % 3 else ""
    )  # else what comes and goes is held open for ten minutes
    made = Office(tmp_path, services, team=steady, seed=seed)
    made.seed = seed  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.mark.parametrize("desk", range(4), indirect=True)
def test_a_random_life_of_incidents_keeps_every_promise(desk: Office) -> None:
    dice = random.Random(desk.seed)  # type: ignore[attr-defined]
    model = Model(desk)
    for name in TREE:
        desk.world.lag_s[name] = dice.choice([0.0, 0.0, 1.0, 5.0])
    desk.run(5)
    story = []
    for _ in range(STEPS):
        story.append(act(desk, model, dice))
        for _ in range(dice.choice([1, 2, 4, 8])):
            desk.run(1.0, step_s=1.0)
            try:
                model.check()
            except AssertionError as error:
                raise AssertionError(f"{error}\n" + "\n".join(story)) from error
    for service in list(desk.world.faults):
        desk.world.mend(service)
    desk.world.answers = True
    for _ in range(20 if desk.seed % 3 else 70):  # type: ignore[attr-defined]
        desk.rest(10.0)
        model.check()
    assert [each for each in desk.all() if each.status is not Status.CLOSED] == [], "what is well again is closed"
