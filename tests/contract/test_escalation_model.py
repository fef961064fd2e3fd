"""Random orders of opening, acknowledging, closing, reopening, crashing and waiting, beside a model in a few lines."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.fixtures.empty_store import open_store
from tests.fixtures.telling import TEAM, Harbour

from watchkeeper.core.incidents.values import Status

STEPS = (0.0, 900.0, 3600.0)
TOLD_BY_STEP = (1, 3, 5)
"""How many messages each step of the policy makes."""


class Escalating(RuleBasedStateMachine):
    """One incident. The model: how long it has climbed, and which step is next; messages are counted."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="wk-ladder-"))
        self.store = open_store(self.root / "state", "")
        self.harbour = Harbour(self.root, self.store, TEAM)
        self.number = 0
        self.is_open = self.acknowledged = False
        self.climbed, self.next, self.alarms, self.openings = 0.0, 0, 0, 0

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.root)

    @initialize()
    def opens(self) -> None:
        self.number = self.harbour.opened().id
        self._opened()
        self.harbour.tick()

    def _opened(self) -> None:
        self.is_open, self.acknowledged, self.climbed = True, False, 0.0
        self.next, self.alarms = 1, self.alarms + TOLD_BY_STEP[0]

    def _climb(self) -> None:
        """What a beat must tell now: of the steps that are due the last one."""
        if not self.is_open or self.acknowledged:
            return
        due = [number for number in range(self.next, len(STEPS)) if STEPS[number] <= self.climbed]
        if due:
            self.next, self.alarms = due[-1] + 1, self.alarms + TOLD_BY_STEP[due[-1]]

    @rule(seconds=st.sampled_from([1, 60, 600, 890, 899, 900, 1800, 3600, 40_000]), beats=st.integers(1, 3))
    def waits(self, seconds: int, beats: int) -> None:
        self.harbour.now += seconds
        if self.is_open and not self.acknowledged:
            self.climbed += seconds
        self._climb()
        told = [self.harbour.escalations.walk() for _ in range(beats)]
        assert not any(told[1:])

    @rule()
    def crashes_in_the_middle_of_a_step(self) -> None:
        before = len(self.harbour.rows())

        def work(session) -> None:
            self.harbour.escalations._look(session, self.number)
            raise RuntimeError("killed")

        try:
            self.harbour.in_transaction(work)
        except RuntimeError:
            pass
        assert len(self.harbour.rows()) == before
        self.harbour.restart()

    @precondition(lambda self: self.is_open and not self.acknowledged)
    @rule()
    def is_acknowledged(self) -> None:
        self.harbour.acknowledge(self.number)
        self.acknowledged = True
        self.harbour.escalations.walk()

    @precondition(lambda self: self.is_open and self.acknowledged)
    @rule()
    def is_given_back(self) -> None:
        self.harbour.change(self.number, acknowledged_at=None, acknowledged_by=None)
        self.acknowledged = False
        self.harbour.escalations.walk()

    @precondition(lambda self: self.is_open)
    @rule()
    def closes(self) -> None:
        self.harbour.close(self.number)
        self.is_open = False

    @precondition(lambda self: self.number and not self.is_open)
    @rule(seconds=st.integers(1, 5000))
    def comes_back(self, seconds: int) -> None:
        self.harbour.now += seconds
        self.openings += 1
        self.harbour.change(
            self.number, status=Status.OPEN, reopened=self.openings, opened_at=self.harbour.now, closed_at=None, ending=None,
            acknowledged_at=None, acknowledged_by=None,
        )  # fmt: skip
        self.harbour.escalations.walk()  # the beat finds it without a row of its own
        self._opened()

    @invariant()
    def everybody_was_told_once(self) -> None:
        if self.number:
            alarms = [kind for kind, _ in self.harbour.told(self.number) if kind != "closed"]
            assert len(alarms) == self.alarms


Escalating.TestCase.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestEscalating = Escalating.TestCase
