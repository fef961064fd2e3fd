"""Health, heartbeat and the backup schedule over fakes of their ports: what counts as stuck, and what is then said."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from watchkeeper.core.backups import Backup, Manifest, Versions
from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.inventory.values import BackupPlan, HeartbeatPlan, Team
from watchkeeper.core.notifications import Message, Notification
from watchkeeper.services.backups import Backups
from watchkeeper.services.health import GRACE_S, Health, Pulse
from watchkeeper.services.heartbeat import Heartbeat
from watchkeeper.services.ports import DeliveryError

NOW = 1_763_000_000.0


class World:
    """A clock, a watch, an outbox and a team that a test changes by hand; the fakes of all ports in one."""

    def __init__(self) -> None:
        self.now = NOW
        self.watch: dict[str, object] | None = {"starts": 1, "store_fault": ""}
        self.undelivered: list[Notification] = []
        self.disk = ""
        self.current = SimpleNamespace(team=Team(), checks={"web/http": SimpleNamespace(every_s=30.0)})
        self.pulse = Pulse(self.clock)
        self.health = Health(self, self, self, self.pulse, lambda: self.disk, self.clock, self.clock)  # type: ignore[arg-type]

    def clock(self) -> float:
        return self.now

    def later(self, seconds: float, alive: bool = True) -> None:
        """Time passes; the watch asks and main's loops go round unless `alive` is off."""
        self.now += seconds
        if alive and self.watch is not None:
            self.watch["starts"] = int(str(self.watch["starts"])) + 1
        if alive:
            for name in ("flips", "outbox"):
                self.pulse.beat(name)

    def status(self) -> dict[str, object]:
        if self.watch is None:
            raise NoAnswer("The watch is not running.")
        return dict(self.watch)

    @contextmanager
    def read(self):
        yield SimpleNamespace(notifications=lambda undelivered: list(self.undelivered))


@pytest.fixture
def world() -> World:
    world = World()
    world.later(1)
    return world


def page(**more: object) -> Notification:
    message = Message("k", "opened", "t", "b", "/", 1, "P1")
    return replace(Notification(1, message, ("duty",), 0, 0, NOW, NOW), **more)  # type: ignore[arg-type]


# ---- health --------------------------------------------------------------------------------------------------------


def test_all_well_for_as_long_as_everything_goes_round(world: World) -> None:
    for _ in range(50):
        world.later(20)
        assert world.health.faults() == []


def test_a_watch_that_is_away_is_missed_after_its_start_only(world: World) -> None:
    world.watch = None
    assert world.health.faults() == []
    world.later(GRACE_S)
    assert world.health.faults() == ["The watch is not running."]


def test_a_watch_that_answers_but_asks_nothing_is_stuck(world: World) -> None:
    assert world.health.faults() == []
    world.later(149, alive=False)
    world.pulse.beat("flips"), world.pulse.beat("outbox")
    assert world.health.faults() == []
    world.later(10, alive=False)
    assert world.health.faults() == ["The watch has asked nothing for 2 min 39 s."]
    world.later(1)
    assert world.health.faults() == []
    world.current.checks = {}
    world.later(9999, alive=False)
    world.pulse.beat("flips"), world.pulse.beat("outbox")
    assert world.health.faults() == [], "without checks there is nothing to ask"


def test_a_watch_that_cannot_write_a_disk_and_a_stuck_loop(world: World) -> None:
    assert world.watch is not None
    world.watch["store_fault"] = "The disk is full."
    assert world.health.faults() == ["The disk is full."]
    world.watch["store_fault"] = ""
    world.disk = "The disk takes no writes."
    assert world.health.faults() == ["The disk takes no writes."]
    world.disk = ""
    world.later(61, alive=False)
    assert world.health.faults() == ["main has not got round to taking what the watch found for 1 min 1 s."]


def test_pages_that_wait_for_nobody_or_reach_nobody(world: World) -> None:
    world.undelivered = [page(due_at=world.now - 100)]
    assert world.health.faults() == []
    world.undelivered = [page(due_at=world.now - 130), page(due_at=world.now)]
    assert world.health.faults() == ["The outbox is stuck: 1 message is due for 2 min 10 s."]
    world.undelivered = [page(failed=True, created_at=world.now - 200, due_at=world.now + 50)]
    assert world.health.faults() == []
    world.later(150)
    assert world.health.faults() == ["No channel takes pages: 1 message is undelivered for 5 min 50 s."]


# ---- heartbeat -----------------------------------------------------------------------------------------------------


def test_the_heartbeat_comes_on_time_only_while_all_is_well_and_its_troubles_are_said(world: World) -> None:
    sent: list[float] = []
    refusal: list[Exception] = []

    def send(_url: str) -> None:
        if refusal:
            raise refusal[0]
        sent.append(world.now)

    heartbeat = Heartbeat(send, world.health, world, world.clock, world.clock)  # type: ignore[arg-type]

    def run(seconds: int) -> None:
        for _ in range(seconds):
            world.later(1)
            heartbeat.beat()

    run(5)
    assert not sent and heartbeat.warning() == "", "none is asked for"
    world.current.team = Team(heartbeat=HeartbeatPlan("secret:life", 10.0))
    run(30)
    assert [round(b - a) for a, b in pairwise(sent)] == [10, 10]
    refusal.append(DeliveryError("outside.example.org answered 500, 2xx was expected."))
    run(10)
    assert heartbeat.warning().startswith("The heartbeat is not taken, the last one 1") and "500" in heartbeat.warning()
    refusal[0] = WatchkeeperError("There is no secret life.")
    run(10)
    assert "no secret life" in heartbeat.warning()
    refusal.clear()
    run(10)
    assert heartbeat.warning() == "" and (heartbeat.state().taken_at or 0) > NOW
    count = len(sent)
    world.disk = "The disk takes no writes."
    run(25)
    assert len(sent) == count
    assert heartbeat.warning().endswith("The disk takes no writes.") and "No heartbeat is sent" in heartbeat.warning()
    world.disk = ""
    run(10)
    assert len(sent) == count + 1 and heartbeat.warning() == ""


# ---- backups -------------------------------------------------------------------------------------------------------


class Shelf:
    """The port of backups, in memory."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made: list[float] = []
        self.fault = ""

    def _backup(self, at: float) -> Backup:
        return Backup("/b", Manifest(at, "1", "a", "h", Versions(), {}, 0, ""))

    def make(self, to: str, keep: int) -> Backup:
        if self.fault:
            raise WatchkeeperError(self.fault)
        self.made.append(self.world.now)
        return self._backup(self.world.now)

    def newest(self, to: str) -> Backup | None:
        return self._backup(self.made[-1]) if self.made else None

    def on_same_disk(self, to: str) -> bool:
        return True


def test_the_schedule_makes_says_and_tries_again(world: World) -> None:
    shelf = Shelf(world)
    schedule = Backups(shelf, world, world.clock)  # type: ignore[arg-type]

    def run(hours: float) -> None:
        for _ in range(round(hours * 12)):
            world.later(300)
            schedule.look()

    run(1)
    assert not shelf.made and schedule.warning() == "" and schedule.state().plan is None
    world.current.team = Team(backup=BackupPlan("/backup", 86_400.0, 14))
    run(49)
    assert len(shelf.made) == 3 and schedule.warning() == "" and schedule.state().same_disk
    shelf.fault = "The backup needs 5 MB, and /backup has 1 MB free."
    run(24)
    assert schedule.warning().startswith("The last backup of watchkeeper itself failed: The backup needs 5 MB")
    before = world.now
    shelf.fault = ""
    run(1)
    assert schedule.warning() == "" and 0 < shelf.made[-1] - before <= 900.0, "tried again within a quarter of an hour"


def test_a_directory_that_never_answers_is_said_without_waiting_for_it(world: World) -> None:
    world.current.team = Team(backup=BackupPlan("/backup", 86_400.0, 14))
    shelf = Shelf(world)
    schedule = Backups(shelf, world, world.clock)  # type: ignore[arg-type]
    schedule.look()
    shelf.make = shelf.newest = None  # type: ignore[assignment,method-assign]
    world.later(1.6 * 86_400)
    assert "2 days old" in schedule.warning() or "38 h" in schedule.warning()
