"""One step on its host: started once, followed until it ends, its output kept as evidence (promise 2 and 8)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.redaction import Redactor
from watchkeeper.core.runs.cancelling import ended_as, unknown
from watchkeeper.core.runs.expectation import met
from watchkeeper.core.runs.values import PlanStep, RunStep, StepState
from watchkeeper.services.collecting import HEAD_BYTES, TAIL_BYTES, Collector
from watchkeeper.services.ports import Clock, EvidencePort, SpoolAnswer, SpoolStep
from watchkeeper.services.ports.blocking import BlockingHostsPort
from watchkeeper.services.rights import Rights

LOOK_EVERY_S = 0.2
REACH_AGAIN_S = 60.0
"""How long a host is asked again for a step that was at work there when main ended."""
LAST_WORDS = 200
"""Characters of a failed command's last line that go into its sentence."""

REFUSALS = ("nospool", "nosetsid", "full")
"""Answers of the spool that mean: nothing was started. Their output is the reason."""
INTERRUPTED = "interrupted, may have partly run"


class StepRunner:
    """Runs single steps. `save` writes the step row under the run's fence and says whether the fence still holds.

    installation: a name of this state directory that no other one has; two watchkeepers may share a host and a user.
    """

    def __init__(
        self, hosts: BlockingHostsPort, evidence: EvidencePort, secrets: Callable[[], list[str]], clock: Clock,
        installation: str,
    ) -> None:  # fmt: skip
        self._installation = installation
        self._rights = Rights(hosts)
        self._hosts = hosts
        self._evidence = evidence
        self._secrets = secrets
        self._clock = clock
        self._followed: set[tuple[int, int]] = set()

    def collector(self, step: RunStep) -> Collector:
        """A fresh collector for this attempt, with every known secret value."""
        return Collector(self._evidence, step, Redactor(self._secrets()))

    def read(self, step: RunStep, cancelled: Callable[[], bool]) -> RunStep:
        """A read step: run it, keep its output as it comes. Repeating it is harmless."""
        with self._following(step):
            return self._read(step, cancelled)

    def _read(self, step: RunStep, cancelled: Callable[[], bool]) -> RunStep:
        plan = step.plan
        collector = self.collector(step)
        started = step.started_at or self._clock()
        try:
            result = self._hosts.get(plan.host).read(
                plan.text, deadline_s=plan.timeout_s, environment=plan.environment, shell=_shell(plan.language),
                limit=HEAD_BYTES + TAIL_BYTES, strict=plan.phase != "diagnose", on_output=collector.feed, stop=cancelled,
            )  # fmt: skip
        except WatchkeeperError as error:
            if isinstance(error, NoAnswer) and cancelled():
                text = f"cancelled; {plan.host} cannot be reached, and a read command ends with its connection"
                return self._ended(step, collector, None, started, StepState.CANCELLED, text)
            return self._ended(step, collector, None, started, StepState.FAILED, _told(error))
        collector.feed(result.error)
        collector.finish()
        if result.timed_out:
            text = f"did not end within {plan.timeout_s:g} s, so its process group was ended"
            return self._ended(step, collector, result.exit_code, started, StepState.FAILED, text)
        if result.exit_code is None and cancelled():
            return self._ended(
                step, collector, None, started, StepState.CANCELLED, "cancelled; its process group was ended"
            )
        if result.truncated and result.exit_code is None:
            collector.truncated = True
            text = (
                f"wrote more than {(HEAD_BYTES + TAIL_BYTES) >> 20} MB, so it was ended; what came until then is kept"
            )
            state = StepState.DONE if plan.phase == "diagnose" and not plan.expect else StepState.FAILED
            return self._ended(step, collector, None, started, state, text)
        good, why = met(plan.expect, result.exit_code, collector.near)
        if good or (plan.phase == "diagnose" and not plan.expect):
            return self._ended(step, collector, result.exit_code, started, StepState.DONE, "")
        why = _with_last_words(why, collector.tail.decode(errors="replace"))
        return self._ended(step, collector, result.exit_code, started, StepState.FAILED, why)

    def change(
        self, step: RunStep, save: Callable[[RunStep], bool], cancelled: Callable[[], bool], first: bool,
        left: Callable[[], bool] = lambda: False,
    ) -> RunStep:  # fmt: skip
        """A changing step through the spool: started once, or picked up again; followed until its end or its deadline.

        first: nobody can have sent this attempt before, so a host that cannot be reached has not got it.
        left: it is to go on without us (somebody else follows it); then it comes back RUNNING, and nothing was ended.
        The returned step is INTERRUPTED when the host cannot say whether it ran to its end.
        """
        with self._following(step):
            return self._change(step, save, cancelled, first, left)

    def _change(
        self, step: RunStep, save: Callable[[RunStep], bool], cancelled: Callable[[], bool], first: bool,
        left: Callable[[], bool],
    ) -> RunStep:  # fmt: skip
        spool = self.spool_step(step)
        collector = self.collector(step)
        started = step.started_at or self._clock()
        try:
            answer = self._reached(step, spool, cancelled, first)
        except NoAnswer as error:
            if first and error.details.get("sent") is False:
                collector.finish()
                why = f"was not started: {error.sentence.rstrip('.')}"
                return self._ended(step, collector, None, started, StepState.FAILED, why)
            if cancelled():
                return self._unknown(replace(step, sent=True), collector, started)
            return self._lost_sight(step, collector, started, error)
        except WatchkeeperError as error:
            return self._ended(step, collector, None, started, StepState.REFUSED, _told(error))
        sent = answer.status in ("started", "running", "done")
        step = replace(step, boot=step.boot or answer.boot, sent=step.sent or sent)
        if answer.status != "done" and not save(step):  # else its end is kept in a moment, and all of this with it
            return step
        return self._follow(step, self.spool_step(step), collector, answer, started, cancelled, left)

    def _reached(self, step: RunStep, spool: SpoolStep, cancelled: Callable[[], bool], first: bool) -> SpoolAnswer:
        """Start or re-attach. A step that may be at work on a host we cannot reach is asked for again for a while.

        When the answer to the very first send is lost, it is only looked for: a host that has rebooted since, and has
        lost its spool, would start it a second time.
        """
        host, until = self._hosts.get(step.plan.host), self._clock() + REACH_AGAIN_S
        lost: NoAnswer | None = None
        while True:
            try:
                return host.look(spool, wait_s=0.3) if first and lost else host.start(spool, wait_s=0.3)
            except NoAnswer as error:
                lost = lost or error
                never_sent = first and lost.details.get("sent") is False
                if never_sent or self._clock() >= until or cancelled():
                    raise lost from None
                time.sleep(1.0)

    def _follow(
        self, step: RunStep, spool: SpoolStep, collector: Collector, answer: SpoolAnswer, started: float,
        cancelled: Callable[[], bool], left: Callable[[], bool],
    ) -> RunStep:  # fmt: skip
        offset = 0
        deadline = started + step.plan.timeout_s
        quiet_since: float | None = None
        while True:
            if answer.output and answer.status not in REFUSALS:
                collector.feed(answer.output, answer.left_out)
                offset = answer.next_offset
            if answer.status not in ("started", "running"):
                if answer.output and answer.status == "done" and collector.size < HEAD_BYTES + TAIL_BYTES:
                    try:
                        answer = self._hosts.get(step.plan.host).look(spool, offset=offset)
                    except NoAnswer:
                        answer = SpoolAnswer("running")  # it ended; its output is asked for again below
                    if answer.output or answer.status == "running":
                        continue
                return self._finished(step, collector, answer, started)
            now, ending = self._clock(), cancelled()
            if left():
                return step
            if ending or now > deadline:
                return self._stopped(step, spool, collector, started, offset, timed_out=now > deadline)
            if not answer.output:
                time.sleep(LOOK_EVERY_S)
            try:
                answer = self._hosts.get(step.plan.host).look(spool, offset=offset)
                quiet_since = None
            except NoAnswer as error:
                quiet_since = quiet_since or now
                if now - quiet_since > max(60.0, step.plan.timeout_s):
                    return self._lost_sight(step, collector, started, error)
                answer = SpoolAnswer("running")
                time.sleep(1.0)

    def _finished(self, step: RunStep, collector: Collector, answer: SpoolAnswer, started: float) -> RunStep:
        collector.finish()
        if answer.status in REFUSALS and not step.sent:
            why = answer.output.decode(errors="replace").strip().rstrip(".") or f"the spool answered {answer.status}"
            return self._ended(step, collector, None, started, StepState.REFUSED, why)
        if answer.status == "done":
            output = collector.tail.decode(errors="replace")
            good, why = met(step.plan.expect, answer.exit_code, collector.near)
            return self._ended(
                step,
                collector,
                answer.exit_code,
                started,
                StepState.DONE if good else StepState.FAILED,
                _with_last_words(why, output) if not good else "",
            )
        if answer.status == "cancelled":
            return self._ended(step, collector, None, started, *ended_as(step, answer.status, None))
        state, text = _unclear(answer.status, step)
        return self._ended(step, collector, None, started, state, text)

    def _stopped(
        self, step: RunStep, spool: SpoolStep, collector: Collector, started: float, offset: int, timed_out: bool
    ) -> RunStep:
        try:
            answer = self._hosts.get(step.plan.host).cancel(spool)
        except NoAnswer as error:
            if timed_out:
                return self._lost_sight(step, collector, started, error)
            return self._unknown(step, collector, started)
        with contextlib.suppress(NoAnswer):  # the line may be cut now; that it has ended is known all the same
            rest = self._hosts.get(step.plan.host).look(spool, offset=offset)
            collector.feed(rest.output, rest.left_out)
        collector.finish()
        if timed_out:
            text = f"did not end within {step.plan.timeout_s:g} s, so its process group was ended"
            return self._ended(step, collector, answer.exit_code, started, StepState.FAILED, text)
        state, text = ended_as(step, answer.status, answer.exit_code)
        return self._ended(step, collector, answer.exit_code, started, state, text)

    def _unknown(self, step: RunStep, collector: Collector, started: float) -> RunStep:
        """Cancelled at a host that does not answer: `services.cancelling` tries again until it does."""
        collector.finish()
        return replace(unknown(step), evidence=collector.evidence_value(None, started, self._clock()))

    def _lost_sight(self, step: RunStep, collector: Collector, started: float, error: NoAnswer) -> RunStep:
        collector.finish()
        return self._ended(step, collector, None, started, StepState.INTERRUPTED, f"{error.sentence} {INTERRUPTED}")

    def _ended(
        self, step: RunStep, collector: Collector, exit_code: int | None, started: float, state: StepState, message: str
    ) -> RunStep:
        now = self._clock()
        evidence = collector.evidence_value(exit_code, started, now)
        return replace(step, state=state, ended_at=now, exit_code=exit_code, message=message, evidence=evidence)

    def refused(self, step: PlanStep) -> str:
        """Why a step cannot work on its host as whom we are there; see `services.rights`. "" when it can."""
        return self._rights.refusal(step) if step.sudo else ""

    def output(self, step: RunStep, limit: int) -> tuple[str, int]:
        """(the first `limit` bytes of what the step's attempt printed, as text; how many there are), as they were kept."""
        data = self._evidence.read(step.run, step.index, step.attempt, 0, limit)
        return data.decode(errors="replace"), self._evidence.size(step.run, step.index, step.attempt)

    def last_output(self, step: RunStep, limit: int) -> str:
        """The last `limit` bytes of it."""
        size = self._evidence.size(step.run, step.index, step.attempt)
        return self._evidence.read(step.run, step.index, step.attempt, max(0, size - limit), limit).decode(
            errors="replace"
        )

    def cancel(self, step: RunStep) -> SpoolAnswer:
        """End a running step's process group on its host. Raises `NoAnswer` when the host cannot be reached."""
        return self._hosts.get(step.plan.host).cancel(self.spool_step(step))

    def look_for_end(self, step: RunStep) -> RunStep | None:
        """How a step ended that nobody follows; None while it is at work or its host cannot be reached."""
        try:
            answer = self._hosts.get(step.plan.host).look(self.spool_step(step))
        except NoAnswer:
            return None
        if answer.status == "running":
            return None
        ended = self.collected(step, answer)
        if answer.status != "done":
            state, text = _unclear(answer.status, step)
            return replace(ended, state=state, message=text)
        output = ended.evidence.note if ended.evidence else ""
        good, why = met(step.plan.expect, answer.exit_code, output)
        return replace(ended, state=StepState.DONE if good else StepState.FAILED, message="" if good else why)

    def followed(self, step: RunStep) -> bool:
        """Whether a thread of this process follows the step, and will write how it ended."""
        return (step.run, step.index) in self._followed

    @contextlib.contextmanager
    def _following(self, step: RunStep) -> Iterator[None]:
        self._followed.add((step.run, step.index))
        try:
            yield
        finally:
            self._followed.discard((step.run, step.index))

    def collected(self, step: RunStep, answer: SpoolAnswer) -> RunStep:
        """A cancelled step that nobody follows, with its whole output and what its host answered to the cancel."""
        collector, started, offset = self.collector(step), step.started_at or self._clock(), 0
        with contextlib.suppress(NoAnswer):  # that it has ended is known all the same
            while collector.size < HEAD_BYTES + TAIL_BYTES:
                look = self._hosts.get(step.plan.host).look(self.spool_step(step), offset=offset)
                if not look.output or look.status in REFUSALS:
                    break
                collector.feed(look.output, look.left_out)
                offset = look.next_offset
        collector.finish()
        never = answer.status == "cancelled" and bool(answer.output)
        state, text = ended_as(step, answer.status, answer.exit_code, never)
        return self._ended(step, collector, answer.exit_code, started, state, text)

    def lives_on(self, step: RunStep) -> bool:
        """Whether the host has this attempt at work, or knows its end: then it is followed, never started anew.

        Raises `NoAnswer` when the host cannot be reached.
        """
        return self._hosts.get(step.plan.host).look(self.spool_step(step)).status in ("running", "done")

    def spool_step(self, step: RunStep) -> SpoolStep:
        """How this attempt is named in the spool of its host: with the id of this installation, since hosts are shared.

        Without a known boot id it is the first of its run there. Sent again after a crash it finds its own claim, which
        holds the boot id of the first time; where the claim is gone, a host that booted since it began refuses.
        """
        plan = step.plan
        return SpoolStep(
            run=f"{self._installation}-run-{step.run}",
            step=f"step-{step.index}-{step.attempt}",
            text=plan.text,
            shell=_shell(plan.language),
            environment=plan.environment,
            boot=step.boot,
            first_of_run=not step.boot,
            strict=True,
            age_s=max(0.0, self._clock() - step.started_at) if step.started_at else 0.0,
        )


def _shell(language: str) -> str:
    return "sh" if language in ("sh", "dash", "posix") else "bash"


def _told(error: WatchkeeperError) -> str:
    """The sentence with its next step, as part of a longer sentence."""
    return str(error).rstrip(".")


def _with_last_words(why: str, output: str) -> str:
    """The sentence with the last line the command printed, which mostly says why; one line, cut, printable."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = "".join(letter for letter in lines[-1] if letter.isprintable()) if lines else ""
    return f"{why}; its last words: {last[-LAST_WORDS:].rstrip('.')}" if last else why


def _unclear(status: str, step: RunStep) -> tuple[StepState, str]:
    """What a spool answer other than an end means for a step that was sent."""
    host = step.plan.host
    if status == "rebooted":
        return StepState.INTERRUPTED, f"{host} was rebooted since the step was sent: {INTERRUPTED}"
    return StepState.INTERRUPTED, f"{host} does not know how the step ended: {INTERRUPTED}"
