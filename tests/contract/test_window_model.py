"""Random windows, silences, flips, edits and restarts against what must hold after every step.

The model knows little: who is muted follows from the rows by a rule of its own. After a beat, an open incident that nothing
mutes has been told since it opened; what is muted was not told while it was; nothing begins or ends twice.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.fixtures.windows import CREW, World

from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.windows import Window

CHECKS = ["shop/web", "shop/disk", "shop/web", "shop/disk", "shop/slow", "mail/queue@app1", "mail/queue@app2"]
TARGETS = [
    "shop",
    "all",
    *["shop/web", "shop/disk"] * 3,
    "mail/queue",
    "mail/queue@app2",
    "host:app1",
    "label:env=prod",
]
ACTS = ["fail"] * 4 + ["silence"] * 2 + ["window"] + ["end"] * 3 + ["wait", "recover", "extend", "restart", "crash"]


def covered(window: Window, check: str) -> bool:
    """Written again, without the code under test."""
    service, _, host = check.partition("/")[0], "", check.partition("@")[2] or "app1"
    return any(
        target in ("all", service, check, check.partition("@")[0], f"host:{host}")
        or (target == "label:env=prod" and service == "shop")
        for target in window.targets
    )


def is_muted(world: World, incident: Incident, rows: list[Window]) -> bool:
    holding = [each for each in rows if each.ended_at is None and each.starts_at <= world.now < each.ends_at]
    return all(any(covered(each, held.check) for each in holding) for held in incident.checks)


def told_since_opening(world: World, incident: Incident) -> bool:
    return any(
        each.message.incident == incident.id and each.created_at >= incident.opened_at - 0.01
        for each in world.messages("opened", "escalated")
    )


class Play:
    """One random history."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World(root)
        self.ended: dict[int, float] = {}

    def rows(self) -> list[Window]:
        with self.world.store.read() as session:
            return session.windows(limit=500)

    def step(self) -> None:
        world, dice = self.world, self.random
        act = dice.choice(ACTS)
        open_rows = [each for each in self.rows() if each.ended_at is None and each.ends_at > world.now]
        if act == "fail":
            world.fails(dice.choice(CHECKS), dice.choice([State.CRIT] * 4 + [State.WARN, State.UNKNOWN]))
        elif act == "recover":
            for check in dice.sample(CHECKS, dice.randint(1, 2)):
                world.recovers(check)
        elif act in ("silence", "window"):
            make = world.silence if act == "silence" else world.window
            make(
                *dice.sample(TARGETS, dice.randint(1, 2)), lasts_s=dice.choice([60.0, 600.0, 7200.0]),
                until_green=dice.random() < 0.2, starts_at=world.now + dice.choice([0.0, 0.0, 300.0]),
            )  # fmt: skip
        elif act == "end" and open_rows:
            world.windows.end(dice.choice(open_rows).id, CREW)
        elif act == "extend" and open_rows:
            world.windows.extend(dice.choice(open_rows).id, CREW, 300.0)
        elif act == "wait":
            world.now += dice.choice([1.0, 61.0, 700.0])
        elif act == "restart":
            world.restart()
        elif act == "crash":
            self.crash()
        world.recorder.follow()
        world.incidents.prove()

    def crash(self) -> None:
        """A beat that dies at its nth transaction, and a new main."""
        real, left = self.world.store.write, self.random.randint(0, 3)

        def write(work):  # type: ignore[no-untyped-def]
            nonlocal left
            left -= 1
            if left < 0:
                raise RuntimeError("killed")
            return real(work)

        self.world.store.write = write  # type: ignore[method-assign]
        try:
            self.world.beats.beat()
        except RuntimeError:
            pass
        self.world.store.write = real  # type: ignore[method-assign]
        self.world.restart()

    def look(self) -> None:
        """What must hold, before and after a beat."""
        world = self.world
        rows = self.rows()
        quiet = {
            each.id for each in world.open() if is_muted(world, each, rows) and not told_since_opening(world, each)
        }
        world.beats.beat()
        world.beats.beat()
        rows = self.rows()
        for incident in world.open():
            muted = is_muted(world, incident, rows)
            assert muted or told_since_opening(world, incident), f"nobody was told of {incident}"
            if muted and incident.id in quiet:
                assert not told_since_opening(world, incident), f"told although muted: {incident}"
        for row in rows:
            if row.ended_at is not None:
                assert self.ended.setdefault(row.id, row.ended_at) == row.ended_at, "ended twice"
                assert row.ended_at <= row.ends_at
        titles = world.log()
        entries = [row.entry for row in rows if row.entry is not None]
        assert len(entries) == len(set(entries)) <= len(titles)
        with world.store.read() as session:
            began = [
                each for each in session.changes(0, 9e12, limit=2000) if each.title.startswith("maintenance began")
            ]
        assert len({(each.detail, each.service, each.host) for each in began}) == len(began), "begun twice"


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_fails_stays_untold(tmp_path: Path, seed: int) -> None:
    play = Play(tmp_path / "state", seed)
    for _ in range(40):
        play.step()
        play.look()
    play.world.passes(8 * 3600, 3600)
    play.look()
    assert not [each for each in play.rows() if each.ended_at is None]
    play.world.store.close()
