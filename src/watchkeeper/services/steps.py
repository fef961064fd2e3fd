"""One step on its host: started once, followed until it ends, its output kept as evidence (promise 2 and 8)."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

from watchkeeper.core.errors import NoAnswer, WatchkeeperError
from watchkeeper.core.redaction import Redactor
from watchkeeper.core.runs.expectation import met
from watchkeeper.core.runs.values import Evidence, RunStep, StepState
from watchkeeper.services.ports import Clock, EvidencePort, SpoolAnswer, SpoolStep
from watchkeeper.services.ports.blocking import BlockingHostsPort

LOOK_EVERY_S = 0.2
REACH_AGAIN_S = 60.0
"""How long a host is asked again for a step that was at work there when main ended."""
HEAD_BYTES = 48 * 1024 * 1024
TAIL_BYTES = 16 * 1024 * 1024
SHOWN_BYTES = 4000
"""How much of the output is kept in reach for `expect=` and for messages."""

LAST_WORDS = 200
"""Characters of a failed command's last line that go into its sentence."""

REFUSALS = ("nospool", "nosetsid", "full")
"""Answers of the spool that mean: nothing was started. Their output is the reason."""
INTERRUPTED = "interrupted, may have partly run"


class Collector:
    """Takes a step's output, redacts it across chunk borders, caps it, and hands it to the evidence store."""

    def __init__(self, evidence: EvidencePort, step: RunStep, redactor: Redactor) -> None:
        self._evidence = evidence
        self._step = step
        self._redactor = redactor
        self._hash = hashlib.sha256()
        self._late = bytearray()
        self.size = 0
        self.tail = b""
        self.truncated = False
        evidence.reset(step.run, step.index, step.attempt)

    def feed(self, data: bytes) -> None:
        """More raw bytes from the host."""
        self._keep(self._redactor.feed(data))

    def finish(self) -> None:
        """The output has ended: write what was held back and, when it was cut, the last part with a sentence."""
        self._keep(self._redactor.flush())
        if self._late:
            left_out = self.size - HEAD_BYTES - len(self._late)
            if left_out > 0:
                self.truncated = True
                self._write(f"\n[{left_out} bytes left out here by watchkeeper: 64 MB are kept]\n".encode())
            self._write(bytes(self._late))
            self._late.clear()

    def _keep(self, clean: bytes) -> None:
        if not clean:
            return
        self.tail = (self.tail + clean)[-SHOWN_BYTES:]
        head = max(0, min(len(clean), HEAD_BYTES - self.size))
        self.size += len(clean)
        if head:
            self._write(clean[:head])
        if head < len(clean):
            self._late += clean[head:]
            if len(self._late) > TAIL_BYTES:
                del self._late[: len(self._late) - TAIL_BYTES]

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._evidence.append(self._step.run, self._step.index, self._step.attempt, data)

    def evidence_value(self, exit_code: int | None, started_at: float, ended_at: float) -> Evidence:
        """What the step left behind. The digest is of the redacted bytes that were kept."""
        return Evidence(
            self._step.attempt, exit_code, started_at, ended_at, self.size, self._hash.hexdigest(), self.truncated,
            self.tail.decode(errors="replace")[-500:],
        )  # fmt: skip


class StepRunner:
    """Runs single steps. `save` writes the step row under the run's fence and says whether the fence still holds.

    installation: a name of this state directory that no other one has; two watchkeepers may share a host and a user.
    """

    def __init__(
        self, hosts: BlockingHostsPort, evidence: EvidencePort, secrets: Callable[[], list[str]], clock: Clock,
        installation: str,
    ) -> None:  # fmt: skip
        self._installation = installation
        self._hosts = hosts
        self._evidence = evidence
        self._secrets = secrets
        self._clock = clock

    def collector(self, step: RunStep) -> Collector:
        """A fresh collector for this attempt, with every known secret value."""
        return Collector(self._evidence, step, Redactor(self._secrets()))

    def read(self, step: RunStep, cancelled: Callable[[], bool]) -> RunStep:
        """A read step: run it, keep its output as it comes. Repeating it is harmless."""
        plan = step.plan
        collector = self.collector(step)
        started = step.started_at or self._clock()
        try:
            result = self._hosts.get(plan.host).read(
                plan.text, deadline_s=plan.timeout_s, environment=plan.environment, shell=_shell(plan.language),
                limit=HEAD_BYTES + TAIL_BYTES, strict=plan.phase != "diagnose", on_output=collector.feed, stop=cancelled,
            )  # fmt: skip
        except WatchkeeperError as error:
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
        good, why = met(plan.expect, result.exit_code, collector.tail.decode(errors="replace"))
        if good or (plan.phase == "diagnose" and not plan.expect):
            return self._ended(step, collector, result.exit_code, started, StepState.DONE, "")
        why = _with_last_words(why, collector.tail.decode(errors="replace"))
        return self._ended(step, collector, result.exit_code, started, StepState.FAILED, why)

    def change(
        self, step: RunStep, save: Callable[[RunStep], bool], cancelled: Callable[[], bool], first: bool
    ) -> RunStep:
        """A changing step through the spool: started once, or picked up again; followed until its end or its deadline.

        first: nobody can have sent this attempt before, so a host that cannot be reached has not got it.
        The returned step is INTERRUPTED when the host cannot say whether it ran to its end.
        """
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
            return self._lost_sight(step, collector, started, error)
        except WatchkeeperError as error:
            return self._ended(step, collector, None, started, StepState.REFUSED, _told(error))
        sent = answer.status in ("started", "running", "done")
        step = replace(step, boot=step.boot or answer.boot, sent=step.sent or sent)
        if not save(step):
            return step
        return self._follow(step, self.spool_step(step), collector, answer, started, cancelled)

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
        cancelled: Callable[[], bool],
    ) -> RunStep:  # fmt: skip
        offset = 0
        deadline = started + step.plan.timeout_s
        quiet_since: float | None = None
        while True:
            if answer.output and answer.status not in REFUSALS:
                collector.feed(answer.output)
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
            now = self._clock()
            if cancelled() or now > deadline:
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
            good, why = met(step.plan.expect, answer.exit_code, output)
            return self._ended(
                step,
                collector,
                answer.exit_code,
                started,
                StepState.DONE if good else StepState.FAILED,
                _with_last_words(why, output) if not good else "",
            )
        if answer.status == "cancelled":
            return self._ended(step, collector, None, started, StepState.CANCELLED, "cancelled before its end")
        state, text = _unclear(answer.status, step)
        return self._ended(step, collector, None, started, state, text)

    def _stopped(
        self, step: RunStep, spool: SpoolStep, collector: Collector, started: float, offset: int, timed_out: bool
    ) -> RunStep:
        try:
            answer = self._hosts.get(step.plan.host).cancel(spool)
        except NoAnswer as error:
            return self._lost_sight(step, collector, started, error)
        with contextlib.suppress(NoAnswer):  # the line may be cut now; that it has ended is known all the same
            collector.feed(self._hosts.get(step.plan.host).look(spool, offset=offset).output)
        collector.finish()
        if timed_out:
            text = f"did not end within {step.plan.timeout_s:g} s, so its process group was ended"
            return self._ended(step, collector, answer.exit_code, started, StepState.FAILED, text)
        return self._ended(
            step, collector, answer.exit_code, started, StepState.CANCELLED, "cancelled; its process group was ended"
        )

    def _lost_sight(self, step: RunStep, collector: Collector, started: float, error: NoAnswer) -> RunStep:
        collector.finish()
        return self._ended(step, collector, None, started, StepState.INTERRUPTED, f"{error.sentence} {INTERRUPTED}")

    def _ended(
        self, step: RunStep, collector: Collector, exit_code: int | None, started: float, state: StepState, message: str
    ) -> RunStep:
        now = self._clock()
        evidence = collector.evidence_value(exit_code, started, now)
        return replace(step, state=state, ended_at=now, exit_code=exit_code, message=message, evidence=evidence)

    def cancel(self, step: RunStep) -> None:
        """End a running step's process group on its host. Raises `NoAnswer` when the host cannot be reached."""
        self._hosts.get(step.plan.host).cancel(self.spool_step(step))

    def lives_on(self, step: RunStep) -> bool:
        """Whether the host has this attempt at work, or knows its end: then it is followed, never started anew.

        Raises `NoAnswer` when the host cannot be reached.
        """
        return self._hosts.get(step.plan.host).look(self.spool_step(step)).status in ("running", "done")

    def spool_step(self, step: RunStep) -> SpoolStep:
        """How this attempt is named in the spool of its host: with the id of this installation, since hosts are shared.

        Without a known boot id it is the first of its run there. Sent again after a crash it finds its own claim, which
        holds the boot id of the first time.
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
