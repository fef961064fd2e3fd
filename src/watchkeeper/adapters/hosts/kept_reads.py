"""Read commands through a kept shell: which of them travel in bundles, their places, deadlines and ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from watchkeeper.adapters.hosts.kept import ENDING_S, Again, Job, KeptShell, Unkept
from watchkeeper.adapters.hosts.kept_script import Frame, ReadJob
from watchkeeper.services.ports import CommandResult

PLACES = 32  # reads at a time
QUICK_S = 5.0  # reads that took less the last time travel in bundles, unless they held one up,
SMALL = 262_144  # when they said no more than this,
SHORT = 4_096  # are no longer than this,
PATIENT_S = 3.0  # and may wait that long
CLEARED_S = 0.5  # and until they took less than this alone
NUDGE_S = 0.7  # a read that takes longer is looked after, less and less often


class Reads:
    """Read commands through a kept shell, at most `PLACES` at a time."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(PLACES)
        self._alone: set[str] = set()
        self._quick: set[str] = set()
        self._slow: set[str] = set()

    def fit(self, text: str) -> bool:
        """False for a command whose children outlive it and hold its output: that is waited for in its own shell."""
        return text not in self._alone

    @asynccontextmanager
    async def place(self, wait_s: float) -> AsyncIterator[None]:
        """A place for one read; TimeoutError when none becomes free."""
        async with asyncio.timeout(wait_s):
            await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    async def follow(self, shell: KeptShell, work: ReadJob, deadline_s: float) -> CommandResult | None:
        """One read to its end, or end it. None: the host has no such shell program. Raises `Unkept` or `NoAnswer`."""
        started = time.monotonic()
        if work.text in self._quick and deadline_s >= PATIENT_S:
            try:
                return self._noted(work, await self._bundled(shell, work))
            except Again as again:
                if again.blamed and len(self._slow) < 2000:
                    self._slow.add(work.text)
            deadline_s = max(1.0, deadline_s - (time.monotonic() - started))
        return self._noted(work, await self._followed(shell, work, deadline_s))

    def _noted(self, work: ReadJob, result: CommandResult | None) -> CommandResult | None:
        """Remember what can travel in a bundle the next time."""
        quick_s = CLEARED_S if work.text in self._slow else QUICK_S
        if result is not None and result.exit_code is not None and result.duration_s < quick_s:
            size = len(result.output) + len(result.error) + work.size
            if size <= SMALL and work.size <= SHORT and not work.strict and len(self._quick) < 2000:
                self._slow.discard(work.text)
                self._quick.add(work.text)
                return result
        self._quick.discard(work.text)
        return result

    async def _bundled(self, shell: KeptShell, work: ReadJob) -> CommandResult | None:
        member = shell.bundle(work)
        try:
            return await member.answer
        except asyncio.CancelledError:
            if member.job is not None:
                shell.end(member.job)
            raise

    async def _followed(self, shell: KeptShell, work: ReadJob, deadline_s: float) -> CommandResult | None:
        started = time.monotonic()
        job = shell.submit(work)
        try:
            timed_out = await self._wait(shell, job, work, started + deadline_s)
        except asyncio.CancelledError:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.ensure_future(self._end(shell, job, work)))
            raise
        duration = time.monotonic() - started
        if not job.answer.done() or job.answer.cancelled():  # ended, without an answer: it took too long
            return CommandResult(None, b"", b"", duration, timed_out=True)
        frame = job.answer.result()
        if frame.words[0] == "held" and not timed_out and len(self._alone) < 1000:
            self._alone.add(work.text)
        return _result(frame, work.limit, duration, timed_out)

    async def _wait(self, shell: KeptShell, job: Job, work: ReadJob, until: float) -> bool:
        """Wait for the answer, and end the read at its deadline. True when that had passed."""
        pause_s = NUDGE_S
        while not job.answer.done():
            left = until - time.monotonic()
            if left <= 0:
                await self._end(shell, job, work)
                return True
            await asyncio.wait({job.answer}, timeout=min(left, pause_s))
            if not job.answer.done() and until > time.monotonic():
                shell.nudge(job, work.limit)
                pause_s = min(pause_s * 2, 10.0)
        return False

    async def _end(self, shell: KeptShell, job: Job, work: ReadJob) -> None:
        """Ask for its end until it answers; a shell that lets us wait for that is given up."""
        until = time.monotonic() + work.grace_s + ENDING_S
        while not job.answer.done() and time.monotonic() < until:
            shell.end(job)
            shell.nudge(job, work.limit)
            await asyncio.wait({job.answer}, timeout=0.4)
        if not job.answer.done():
            job.answer.cancel()
            shell.abandon()


def _result(frame: Frame, limit: int, duration_s: float, timed_out: bool) -> CommandResult | None:
    word, size = frame.words[0], int(frame.words[1])
    if word == "noshell":
        return None
    if not word.isdigit() and not timed_out:  # its output is not whole, or its leader was killed
        raise Unkept
    output, error = frame.data[:size], frame.data[size:]
    truncated = len(output) > limit or len(error) > limit
    code = None if timed_out or truncated else int(word)
    return CommandResult(code, output[:limit], error[:limit], duration_s, timed_out, truncated)
