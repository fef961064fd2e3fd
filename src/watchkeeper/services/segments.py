"""A segment of a run: steps are executed until the plan is done or something must be waited for.

Nothing waits inside a segment: a run that needs a person is parked as a row and its segment ends. What comes next is
told by the rows alone (`core.runs.order`), so a run that was interrupted anywhere goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Literal

from watchkeeper.core.runs.modes import Decision
from watchkeeper.core.runs.order import READS_AT_ONCE, at_once, is_diagnosed, next_steps
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState
from watchkeeper.services.backgrounds import Followers
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.diagnosing import Diagnosing, Diagnosis
from watchkeeper.services.endings import end_run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.performing import Outcome, Performer
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import Responder
from watchkeeper.services.run_notes import RunNotes, Watch
from watchkeeper.services.standing import Standing
from watchkeeper.services.steps import StepRunner
from watchkeeper.services.turns import HostTurns
from watchkeeper.services.undoing import begin_undo, end_undo


class Segments:
    """Executes segments. Every write of a step says which fence it holds; an older one stops silently."""

    def __init__(
        self, store: StorePort, steps: StepRunner, responder: Responder, holder: InventoryHolder, clock: Clock,
        measurer: Measurer,
    ) -> None:  # fmt: skip
        self._store = store
        self._steps = steps
        self._responder = responder
        self._holder = holder
        self._clock = clock
        self._notes = RunNotes(store, holder, clock, measurer)
        standing = Standing(store, responder, holder, clock)
        self._performer = Performer(steps, standing, self._notes, HostTurns(store, clock), holder, measurer)
        self._diagnosing = Diagnosing(self._performer, self._notes)
        self._hosts = ThreadPoolExecutor(max_workers=READS_AT_ONCE, thread_name_prefix="step")

    def execute(self, number: int) -> None:
        """Claim a ready run and take it as far as it goes. Returns at once when another executor was first."""
        run = self._store.write(lambda session: session.claim_run(number, self._clock()))
        if run is None:
            return
        followers, diagnosis = Followers(self._steps, self._notes), self._diagnosing.of(run)
        try:
            for step in run.steps:
                if step.plan.background and step.state is StepState.RUNNING:
                    followers.follow(run, step, first=False)
            self._advance(run, followers, diagnosis, self._notes.watch(run))
        finally:
            diagnosis.leave(run)
            followers.leave()

    def _advance(self, run: Run, followers: Followers, diagnosis: Diagnosis, watch: Watch) -> None:
        number, fence = run.id, run.fence
        while True:
            beside = diagnosis.beside(run)
            current = self._notes.fresh(number)
            if current.state is not RunState.RUNNING or current.fence != fence:
                return
            dead = followers.dead(current)
            if dead is not None:
                if not self._failed(current, (dead,), followers):
                    return
                continue
            outcomes = diagnosis.take(current, beside)
            if outcomes is not None:
                if not self._after(current, outcomes, followers):
                    return
                continue
            steps = next_steps(current, beside | diagnosis.beside(current))
            if not steps:
                return self._finish(current, followers, diagnosis)
            if is_diagnosed(current):
                self._notes.diagnosed(current)
            if not self._take_all(current, steps, followers, watch):
                return

    def give_up(self, number: int, sentence: str) -> None:
        """End a run whose segment failed by a fault of ours, and tell people."""
        run = self._notes.fresh(number)
        if run.state is RunState.RUNNING:
            self._end(run, RunState.FAILED, sentence)

    # ---- one step on its hosts ---------------------------------------------------------------------------------------

    def _take_all(self, run: Run, steps: Sequence[RunStep], followers: Followers, watch: Watch) -> bool:
        """One step on all its hosts, as many at once as it allows; no new host after one that failed. False: over here."""
        width = at_once(steps[0].plan)
        if len(steps) == 1 or width == 1:
            outcomes: list[Outcome] = []
            for step in steps:
                outcomes.append(self._take(run, step, followers, watch))
                if outcomes[-1].verdict != "on":
                    break
        else:
            outcomes = self._together(run, steps, width, watch)
        return self._after(run, outcomes, followers)

    def _together(self, run: Run, steps: Sequence[RunStep], width: int, watch: Watch) -> list[Outcome]:
        """Several hosts at once. Whatever happens on one of them, those at work come to their end first."""
        left = list(steps)
        at_work: set[Future[Outcome]] = set()
        outcomes: list[Outcome] = []
        fault: BaseException | None = None
        while left or at_work:
            stopped = fault is not None or any(each.verdict != "on" for each in outcomes)
            while left and len(at_work) < width and not stopped:
                at_work.add(self._hosts.submit(self._there, run, left.pop(0), watch))
            if not at_work:
                break
            done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            for future in done:
                fault = fault or future.exception()
                outcomes += [] if future.exception() else [future.result()]
        if fault is not None:
            raise fault
        return outcomes

    def _there(self, run: Run, step: RunStep, watch: Watch) -> Outcome:
        """One of several hosts, on a thread of the pool, which keeps no connection to the store afterwards."""
        try:
            return self._performer.take(run, step, watch)
        finally:
            self._store.release()

    def _take(self, run: Run, step: RunStep, followers: Followers, watch: Watch) -> Outcome:
        if not step.plan.background or step.plan.manual:
            return self._performer.take(run, step, watch)
        return self._performer.start(run, step, lambda begun: followers.follow(run, begun, first=True))

    # ---- what follows ------------------------------------------------------------------------------------------------

    def _after(self, run: Run, outcomes: Sequence[Outcome], followers: Followers) -> bool:
        """Whether the segment goes on."""
        if any(each.verdict == "lost" for each in outcomes):
            return False
        if any(each.step.state is StepState.CANCELLED for each in outcomes) and not self._still_ours(run):
            return False  # with its run; a command that somebody else ended on its host has failed
        failed = tuple(
            each.step for each in outcomes if each.verdict == "ended" and each.step.state is not StepState.INTERRUPTED
        )
        if failed:
            return self._failed(run, failed, followers)
        for each in outcomes:
            if each.verdict == "ended":
                why = f"Step {each.step.plan.id} on {each.step.plan.host}: {each.step.message}."
                self._notes.park(run, each.step, Decision(False, why, cause="interrupted"))
                return False
            if each.verdict == "waits" and each.decision is not None:
                self._notes.park(run, each.step, each.decision, each.void)
                return False
        return True

    def _failed(self, run: Run, steps: Sequence[RunStep], followers: Followers) -> bool:
        """A step failed: take back what was done, where that is possible; else the run ends. True: the segment goes on."""
        phase = steps[0].plan.phase
        if run.undo is not None:
            if phase == "verify":
                followers.stop()
                self._end_undo(run, "failed")
                return False
            return True  # an undo that failed: what is behind it stays, and it is verified all the same
        followers.stop()
        why = told(run, steps)
        ends = RunState.UNPROVEN if phase == "verify" else RunState.FAILED
        if self._store.write(lambda session: self._turn_round(session, run, why, ends)):
            return True
        self._end(run, ends, why)
        return False

    def _still_ours(self, run: Run) -> bool:
        with self._store.read() as session:
            return is_ours(session, run)

    def _turn_round(self, session: Session, run: Run, why: str, ends: RunState) -> bool:
        return is_ours(session, run) and begin_undo(session, run.id, why, ends, self._clock())

    def _finish(self, run: Run, followers: Followers, diagnosis: Diagnosis) -> None:
        """All steps are done: hand over to the proof, or end."""
        if is_diagnosed(run):
            self._notes.diagnosed(run)
        followers.stop()
        fence, run = run.fence, self._notes.fresh(run.id)
        if run.state is not RunState.RUNNING or run.fence != fence:
            return
        dead = followers.dead(run)
        if dead is not None and run.undo is None:
            if self._failed(run, (dead,), followers):
                self._advance(run, followers, diagnosis, self._notes.watch(run))
            return
        verifies = [step for step in run.steps if step.plan.phase == "verify" and step.state is StepState.DONE]
        if run.undo is not None:
            self._end_undo(run, "good" if verifies else "none")
        elif run.incident is not None and not any(step.plan.phase == "fix" for step in run.steps):
            self._end(run, RunState.DONE, "the runbook has no fix, so a person decides")
        elif run.incident is not None:
            self._store.write(lambda session: to_proof(session, run))
        elif verifies:
            self._end(run, RunState.PROVEN, f"proven by its own verification, {len(verifies)} steps")
        else:
            self._end(run, RunState.DONE, "done, not verified: the runbook has no verification")

    def _end_undo(self, run: Run, verified: Literal["good", "failed", "none"]) -> None:
        def work(session: Session) -> None:
            if is_ours(session, run):
                end_undo(session, self._responder, self._holder, session.run(run.id), verified, self._clock())

        self._store.write(work)

    def _end(self, run: Run, state: RunState, message: str) -> None:
        def work(session: Session) -> None:
            if is_ours(session, run):
                end_run(session, self._responder, self._holder, run.id, state, message, self._clock())

        self._store.write(work)


def is_ours(session: Session, run: Run) -> bool:
    """Whether this executor still has the run: a node that was frozen may wake up after another has taken it over."""
    fresh = session.run(run.id)
    return fresh.state is RunState.RUNNING and fresh.fence == run.fence


def to_proof(session: Session, run: Run) -> None:
    """From now on the checks of the incident decide; unless the run was ended meanwhile."""
    if is_ours(session, run):
        session.save_run(replace(session.run(run.id), state=RunState.VERIFYING))


def told(run: Run, steps: Sequence[RunStep]) -> str:
    """The sentence of what failed; with the host when the run has several."""
    several = len({step.plan.host for step in run.steps}) > 1
    said = [f"step {step.plan.id}{f' on {step.plan.host}' if several else ''} {step.message}" for step in steps]
    return "; ".join(said)
