"""One step of a run, from "may it start" to its end. Segments decide what comes next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.runbooks.values import SAFE_VALUE
from watchkeeper.core.runs import captures, conditions, order
from watchkeeper.core.runs.modes import Decision
from watchkeeper.core.runs.rate_limits import asked_for
from watchkeeper.core.runs.values import Run, RunStep, StepState
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.run_notes import RunNotes, Watch
from watchkeeper.services.standing import Standing
from watchkeeper.services.steps import INTERRUPTED, StepRunner
from watchkeeper.services.turns import HostTurns

log = logging.getLogger(__name__)
HOST_TURN_S = 60.0
LONGEST_PAUSE_S = 60.0
"""So long a run waits between two attempts because an output asks for patience; for longer it ends."""
LAST_OUTPUT = 65_536
DECIDED_S = 0.2
"""So long a decision that a step may start is good; after a longer wait for its host it is decided anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step. on: the run goes on. ended: it failed (or was interrupted, cancelled). waits: `decision` says why.

    lost: the run is not ours any more, nothing is written. void: what a person agreed to is not what would run now.
    """

    verdict: Literal["on", "ended", "waits", "lost"]
    step: RunStep
    decision: Decision | None = None
    void: bool = False


class Performer:
    """Takes single steps. Usable from several threads, one step each."""

    def __init__(
        self, steps: StepRunner, standing: Standing, notes: RunNotes, turns: HostTurns, holder: InventoryHolder,
        measurer: Measurer,
    ) -> None:  # fmt: skip
        self._steps = steps
        self._standing = standing
        self._notes = notes
        self._turns = turns
        self._holder = holder
        self._measurer = measurer

    def take(self, run: Run, step: RunStep, watch: Watch) -> Outcome:
        """Execute one step, or say why it does not start. A step that is at work already is followed to its end.

        One that has failed is not sent again: the process died before it could say so, and a person resumes.
        """
        if step.state in (StepState.FAILED, StepState.REFUSED):
            return Outcome("ended", step)
        decided_at = time.monotonic()
        if step.state is not StepState.RUNNING:
            prepared = self._prepared(run, step)
            if isinstance(prepared, Outcome):
                return prepared
            step = prepared
            void = self._asks_anew(run, step) if step.plan.risk == "read" else None
            if void is not None:
                return void
        reads = step.plan.risk == "read"
        ended = self._read(run, step, watch) if reads else self._change_in_turn(run, step, watch, decided_at)
        if isinstance(ended, Outcome):
            return ended
        if ended.state is StepState.FAILED:
            self._notes.patience(run, ended, self._steps.last_output(ended, LAST_OUTPUT))
        value, step = self._value_of(ended)
        if not self._notes.save_ended(run, step, value):
            return Outcome("lost", step)
        good = step.state is StepState.DONE or (step.plan.phase == "diagnose" and step.state is StepState.FAILED)
        return Outcome("on" if good else "ended", step)

    def start(self, run: Run, step: RunStep, follow: Callable[[RunStep], None]) -> Outcome:
        """Begin a background step: `follow` starts it and follows it beside the later steps."""
        prepared = self._prepared(run, step)
        if isinstance(prepared, Outcome):
            return prepared
        with self._turns.take(step.plan.host, HOST_TURN_S, run, step.plan) as turn:
            if not turn:
                return Outcome("waits", step, Decision(False, turn.refusal, cause="busy_host"))
            begun = self._begun(run, prepared)
            if isinstance(begun, Outcome):
                return begun
            if begun.state is not StepState.RUNNING:
                return Outcome("ended" if self._notes.save_ended(run, begun) else "lost", begun)
            follow(begun)
        return Outcome("on", begun)

    # ---- before it starts --------------------------------------------------------------------------------------------

    def _prepared(self, run: Run, step: RunStep) -> RunStep | Outcome:
        """The step with its values as it may start; otherwise what became of it."""
        judged = self._judged(run, step)
        if isinstance(judged, Outcome):
            return judged
        step = self._filled(run, judged)
        decision = Decision(True) if step.decided_by else self._standing.decide(run, step)
        if not step.decided_by and step.state is StepState.INTERRUPTED:
            decision = Decision(False, step.message, cause="interrupted")
        if decision.act and not step.decided_by:
            decision = asks_again(run, step) or decision
        if not decision.act and left_out(run, step):
            return self._over(run, replace(step, state=StepState.SKIPPED, message=decision.why))
        if not decision.act:
            return Outcome("waits", step, decision)
        if step.decided_by and step.plan.manual:
            by_hand = f"done by hand by {step.decided_by}"
            return self._over(run, replace(step, state=StepState.DONE, ended_at=self._notes.now(), message=by_hand))
        return step

    def _judged(self, run: Run, step: RunStep) -> RunStep | Outcome:
        """Its condition, when it has one. What a person decided on runs, whatever the condition says."""
        if not step.plan.when or step.decided_by:
            return step
        try:
            holds, why = order.judged(run, step)
        except conditions.ConditionError as error:
            why = f"Step {step.plan.id} waits for a person: its condition {step.plan.when} cannot be judged, {error}."
            if left_out(run, step):
                return self._over(run, replace(step, state=StepState.SKIPPED, message=why))
            return Outcome("waits", step, Decision(False, why, cause="condition"))
        if not holds:
            return self._over(run, replace(step, state=StepState.SKIPPED, message=why))
        return self._picked(run, step) if step.plan.alternatives else step

    def _picked(self, run: Run, step: RunStep) -> RunStep | Outcome:
        """One of several ways, picked by its condition. When more than one is picked, or may be, a person picks."""
        others = order.menu_of(run, step)
        rivals = []
        for other in others:
            try:
                if other.plan.when and order.judged(run, other)[0]:
                    rivals.append(other.plan.id)
            except conditions.ConditionError:
                rivals.append(other.plan.id)
        if rivals:
            return step  # it waits for a choice, as any other menu
        for other in others:
            left = replace(other, state=StepState.SKIPPED, message=f"{step.plan.id} was picked by its condition")
            if not self._notes.save(left, run.fence):
                return Outcome("lost", step)
        return replace(step, plan=replace(step.plan, alternatives=""))

    def _filled(self, run: Run, step: RunStep) -> RunStep:
        """With what earlier steps captured. An approval that was given for other values does not count any more."""
        plan = captures.filled(step.plan, run.captures)
        if plan == step.plan:
            return step
        return replace(step, plan=plan, decided_by="" if plan.environment != step.plan.environment else step.decided_by)

    def _over(self, run: Run, step: RunStep) -> Outcome:
        return Outcome("on" if self._notes.save(step, run.fence) else "lost", step)

    def _asks_anew(self, run: Run, step: RunStep) -> Outcome | None:
        """Right before the start: when a script file or a host is not what a person agreed to, that is void.

        Asks the host only when the step names script files.
        """
        agreed = self._standing.agreed(run, step)
        why = agreed.outlived
        if agreed.act and not why:
            why = self._measurer.pinner.changed(step.plan, agreed.pins, self._holder.current.hosts, agreed.act)
        asked = replace(step, decided_by="")
        return Outcome("waits", asked, Decision(False, why, cause="changed"), void=True) if why else None

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _read(self, run: Run, step: RunStep, watch: Watch) -> RunStep | Outcome:
        """A read step with its retries; read again from the start after a crash."""
        refused = self._steps.refused(step.plan)
        if refused:
            return replace(step, state=StepState.FAILED, ended_at=self._notes.now(), message=refused)
        ended = step
        for attempt in range(1, step.plan.retries + 1):
            begun = replace(
                step, state=StepState.RUNNING, attempt=step.attempt + attempt, started_at=self._notes.now(), message=""
            )
            if not self._notes.save(begun, run.fence):
                return Outcome("lost", begun)
            ended = self._steps.read(begun, watch.over)
            if ended.state in (StepState.DONE, StepState.CANCELLED) or attempt == step.plan.retries:
                return ended
            pause_s = self._pause(ended)
            if pause_s > max(LONGEST_PAUSE_S, step.plan.every_s):
                return ended
            if _over_while_waiting(pause_s, watch):
                return replace(ended, state=StepState.CANCELLED, message="cancelled between two attempts")
        return ended

    def _pause(self, failed: RunStep) -> float:
        """How long to wait before the next attempt: its own pause, or longer where the output asks for patience."""
        asked = asked_for(self._steps.last_output(failed, LAST_OUTPUT), self._notes.now())
        return max(failed.plan.every_s, asked or 0.0)

    def _value_of(self, step: RunStep) -> tuple[str | None, RunStep]:
        """(what the step captured, the step). Output that is no value is said on the step; later steps then ask a person."""
        plan = step.plan
        if not plan.capture or step.state is not StepState.DONE:
            return None, step
        if step.exit_code != 0 and not plan.expect:
            value, why = None, f"it ended with exit code {step.exit_code}"
        else:
            output, size = self._steps.output(step, captures.MAX_CAPTURE + 1)
            value, why = captures.captured(output, size, plan.capture_type or SAFE_VALUE)
        return value, step if value is not None else replace(step, message=f"no value for {plan.capture}: {why}")

    # ---- changing ----------------------------------------------------------------------------------------------------

    def _change_in_turn(self, run: Run, step: RunStep, watch: Watch, decided_at: float) -> RunStep | Outcome:
        with self._turns.take(step.plan.host, HOST_TURN_S, run, step.plan) as turn:
            if not turn:
                return Outcome("waits", step, Decision(False, turn.refusal, cause="busy_host"))
            waited = time.monotonic() - decided_at > DECIDED_S  # for the turn: a switch may have been thrown meanwhile
            if waited and step.state is not StepState.RUNNING and not step.decided_by:
                decision = self._standing.decide(run, step)
                if not decision.act:
                    return Outcome("waits", step, decision)
            return self._change(run, step, watch)

    def _change(self, run: Run, step: RunStep, watch: Watch) -> RunStep | Outcome:
        first = step.state is not StepState.RUNNING
        if first and step.sent and step.attempt:  # it was interrupted; a person or `idempotent` says: again
            try:
                first = not self._steps.lives_on(step)
            except NoAnswer as error:
                return replace(step, state=StepState.INTERRUPTED, message=f"{error.sentence} {INTERRUPTED}")
            if not first:
                step = replace(step, state=StepState.RUNNING, started_at=self._notes.now(), message="")
                if not self._notes.save(step, run.fence):
                    return Outcome("lost", step)
        if first:
            begun = self._begun(run, step)
            if not isinstance(begun, RunStep) or begun.state is not StepState.RUNNING:
                return begun
            step = begun
        ended = self._followed(run, step, watch, first)
        if isinstance(ended, Outcome):
            return ended
        if ended.state is StepState.INTERRUPTED and step.plan.idempotent and step.attempt < 3:
            log.warning("run %s step %s was interrupted; idempotent, so it is sent again", run.id, step.plan.id)
            return self._change(run, replace(ended, state=StepState.PLANNED), watch)
        if (
            ended.state is StepState.FAILED
            and step.plan.idempotent
            and ended.sent
            and ended.attempt < step.plan.retries
        ):
            return self._once_more(run, ended, watch)
        return ended

    def _begun(self, run: Run, step: RunStep) -> RunStep | Outcome:
        """The attempt as a row of its own; or the step refused, or the reason to ask a person again."""
        refused = self._steps.refused(step.plan)
        if refused:
            return replace(step, state=StepState.REFUSED, ended_at=self._notes.now(), message=refused)
        void = self._asks_anew(run, step)
        if void is not None:
            return void
        self._notes.measure(run)
        begun = self._notes.begin_change(run, step)
        return begun or Outcome("lost", step)

    def _once_more(self, run: Run, failed: RunStep, watch: Watch) -> RunStep | Outcome:
        """A changing step that may be repeated and failed: again after its pause, as its own attempt.

        Not while its output asks for more patience than a run waits for.
        """
        pause_s = self._pause(failed)
        if pause_s > max(LONGEST_PAUSE_S, failed.plan.every_s):
            return failed
        if not self._notes.save(replace(failed, state=StepState.RUNNING), run.fence):
            return Outcome("lost", failed)
        if _over_while_waiting(pause_s, watch):
            return replace(failed, state=StepState.CANCELLED, message="cancelled between two attempts")
        return self._change(run, replace(failed, state=StepState.PLANNED, sent=False), watch)

    def _followed(self, run: Run, step: RunStep, watch: Watch, first: bool) -> RunStep | Outcome:
        ended = self._steps.change(
            step, lambda changed: self._notes.save(changed, run.fence), watch.cancelled, first, watch.left
        )
        return Outcome("lost", ended) if ended.state is StepState.RUNNING else ended


def _over_while_waiting(pause_s: float, watch: Watch) -> bool:
    """Wait between two attempts; True when the run was cancelled or taken over meanwhile."""
    until = time.monotonic() + pause_s
    while not watch.over():
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(left_s, 0.3))
    return True


def left_out(run: Run, step: RunStep) -> bool:
    """Whether a step that only a person may start is left out instead of waited for.

    The diagnosis of an incident goes on without it, and its own checks prove.
    """
    return step.plan.phase in ("diagnose", "verify") and run.mode != "manual"


def asks_again(run: Run, step: RunStep) -> Decision | None:
    """What waits for a person although the run may act: what they could not have seen when they agreed to it."""
    plan = step.plan
    if run.mode == "manual" and plan.needs and plan.risk != "read":
        named = ", ".join(f"{name}={plan.environment[name]}" for name in plan.needs if name in plan.environment)
        why = f"Step {plan.id} changes something with a value that is known only now: {named}."
        return Decision(False, why, cause="captured")
    if plan.undoes and plan.risk == "destroy":
        return Decision(False, f"Undo step {plan.id} destroys, so it waits for a person.", cause="destroy")
    return None
