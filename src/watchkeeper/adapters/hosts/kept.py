"""One kept-open ``/bin/sh`` of a host: what comes due together goes out as one message, answers come back in frames."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from watchkeeper.adapters.hosts import kept_script
from watchkeeper.adapters.hosts.channel import CHUNK, Channel
from watchkeeper.adapters.hosts.kept_script import Broken, Bundle, Frame, Frames, ReadJob, SpoolJob, parts
from watchkeeper.adapters.hosts.words import new_mark
from watchkeeper.core.errors import NoAnswer
from watchkeeper.services.ports import CommandResult

GATHER_S = 0.002  # reads that come due within this time travel together
GREETING_S = 2.0
GOODBYE_S = 2.0
REAP_S = 0.05  # ended jobs are waited for together, this long after the first of them
BUNDLED = 32  # reads of one bundle
BUNDLE_BYTES = 60_000  # and about as long; quotes make a text up to four times as long
SLICE_S = 1.5  # a bundle that takes longer is ended, and who had no turn is asked beside the others
AGE_S = 3600.0  # an idle shell older than this is replaced, so that changed rights on the host take effect
ENDING_S = 5.0  # beyond its grace, for the answer of a read that was ended


class Again(Exception):
    """The bundle of a read ended before the read did: it is to have a job of its own. blamed: it was its turn."""

    def __init__(self, blamed: bool) -> None:
        super().__init__()
        self.blamed = blamed


class Unkept(Exception):
    """No kept shell can be had, or it broke while the line is well: the same can be asked in a shell of its own."""


class Garbled(Exception):
    """Something else printed into an answer. Another kept shell may do better; one of its own could not even tell."""


@dataclass(slots=True)
class Job:
    """One job under way. place: its number among the files of the shell."""

    number: int
    place: int
    answer: asyncio.Future[Frame]


@dataclass(slots=True)
class Member:
    """A read of a bundle. job: its bundle, once that was sent; turn: its number there."""

    work: ReadJob
    answer: asyncio.Future[CommandResult | None]
    job: Job | None = None
    turn: int = 0


class KeptShell:
    """The shell and who waits for it. Belongs to one event loop; a broken one is thrown away, never mended.

    open_channel: opens the ``/bin/sh``. lost: the error when the line was cut. sweep: gets the directory of a shell
    that was killed, to end what it left.
    """

    def __init__(
        self,
        open_channel: Callable[[], AbstractAsyncContextManager[Channel]],
        lost: Callable[[], NoAnswer],
        sweep: Callable[[str], None],
    ) -> None:
        self._open, self._lost, self._sweep = open_channel, lost, sweep
        self._mark = new_mark()
        self._jobs: dict[int, Job] = {}
        self._outbox: list[str] = []
        self._bundled: list[Member] = []
        self._ended: list[str] = []
        self._watching: set[asyncio.Task[None]] = set()
        self._numbers, self._directory, self._retired = 0, "", False
        self._due, self._urgent, self._greeted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._since = time.monotonic()
        self._fault: Exception | None = None
        self._living = asyncio.ensure_future(self._live())

    # ---- for the host ----

    @property
    def usable(self) -> bool:
        """False once it broke, is being closed, or has grown old without anything under way."""
        old = time.monotonic() - self._since > AGE_S and not self._jobs
        return self._fault is None and not self._retired and not old

    @property
    def closed(self) -> bool:
        """Its channel is closed, or was never opened."""
        return self._living.done()

    @property
    def refused(self) -> bool:
        """The host was reached and said no, or nothing: trying again at once would be no better."""
        return isinstance(self._fault, Unkept) and not self._directory

    async def opened(self, wait_s: float) -> None:
        """Until its channel is open, and a moment for its hello, so that no command pays for a slow start of the shell.

        Raises `NoAnswer` when the host cannot be reached, or TimeoutError.
        """
        async with asyncio.timeout(wait_s):
            await asyncio.shield(self._opened)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GREETING_S):
                    await self._greeted.wait()

    def submit(self, work: ReadJob | SpoolJob | Bundle) -> Job:
        """Send a job, together with the other reads of this moment. Raises `Unkept` when the shell is gone."""
        if self._fault is not None:
            raise Unkept
        self._numbers += 1
        taken = {job.place for job in self._jobs.values()}
        place = next(number for number in range(len(taken) + 1) if number not in taken)
        job = Job(self._numbers, place, self._loop.create_future())
        job.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._jobs[job.number] = job
        self._tell(work.line(job.number, place), urgent=isinstance(work, SpoolJob))
        return job

    def bundle(self, work: ReadJob) -> Member:
        """Send a read that was quick the last time, in one job with the others of this moment. As `submit`."""
        if self._fault is not None:
            raise Unkept
        member = Member(work, self._loop.create_future())
        member.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self._bundled.append(member)
        self._due.set()
        return member

    def _send_bundle(self) -> None:
        """The reads that wait, as one job; an early end of it gives the others of the bundle jobs of their own."""
        members, room = [self._bundled.pop(0)], BUNDLE_BYTES
        while self._bundled and len(members) < BUNDLED and (room := room - members[-1].work.size * 4 - 300) > 0:
            members.append(self._bundled.pop(0))
        works: list[ReadJob] = []
        for member in members:  # the same question at the same moment has the same answer
            if member.work not in works:
                works.append(member.work)
            member.turn = works.index(member.work)
        job = self.submit(Bundle(tuple(works), works[0].grace_s))
        for member in members:
            member.job = job
        watching = asyncio.ensure_future(self._watch_bundle(job, members))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)

    async def _watch_bundle(self, job: Job, members: list[Member]) -> None:
        until = time.monotonic() + SLICE_S + members[0].work.grace_s + ENDING_S
        await asyncio.wait({job.answer}, timeout=SLICE_S)
        while not job.answer.done() and time.monotonic() < until:
            self.end(job)
            await asyncio.wait({job.answer}, timeout=0.4)
        if not job.answer.done():
            self.abandon()
        error = job.answer.exception()
        limits = {member.turn: member.work.limit for member in members}
        results = [] if error is not None else _results(job.answer.result(), limits)
        for member in members:
            if member.answer.done():
                continue
            if member.turn < len(results):
                member.answer.set_result(results[member.turn])
            else:
                member.answer.set_exception(error or Again(member.turn == len(results)))

    def end(self, job: Job) -> None:
        """Ask for the end of a job; for one of the spool it means "answer now"."""
        if job.number in self._jobs:
            self._tell(f"wk_order {job.number} {job.place}", urgent=True)

    def nudge(self, job: Job, limit: int) -> None:
        """Look after a read that takes long; one whose command had ended at the last look already is cut off."""
        if job.number in self._jobs:
            self._tell(f"wk_nudge {job.number} {job.place} {limit}", urgent=True)

    def abandon(self) -> None:
        """It does not answer as it must: everybody else asks in shells of their own."""
        self._break(Unkept())
        self._living.cancel()
        if self._directory:
            self._sweep(self._directory)

    def retire(self) -> None:
        """Close it when the last job has ended."""
        self._retired = True
        if not self._jobs:
            self._living.cancel()

    async def close(self) -> None:
        """Close it now; the host ends what is under way."""
        self._retired = True
        self._break(Unkept())
        self._living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._living

    # ---- its life ----

    async def _live(self) -> None:
        try:
            async with self._open() as channel:
                self._opened.set_result(None)
                await channel.send(kept_script.preamble(self._mark, secrets.token_hex(8)))
                writing = asyncio.ensure_future(self._write(channel))
                try:
                    await self._listen(channel)
                finally:
                    writing.cancel()
                    channel.end_input()
                    with contextlib.suppress(TimeoutError):  # it ends what is under way and removes its directory
                        await asyncio.wait_for(channel.exited(), GOODBYE_S)
        except asyncio.CancelledError:
            self._break(Unkept())
        except NoAnswer as error:
            self._break(error)
        except Exception:  # a channel that cannot even be opened orderly
            self._break(Unkept())

    async def _listen(self, channel: Channel) -> None:
        """Take frames until the output ends, the shell is gone, or what it says makes no sense."""
        complaints = asyncio.ensure_future(_drain(channel))
        frames = asyncio.ensure_future(self._take(channel))
        gone = asyncio.ensure_future(channel.exited() if channel.tells_end else _exited_after(frames, channel))
        try:
            await asyncio.wait({frames, gone}, return_when=asyncio.FIRST_COMPLETED)
            cut = False
            if not (frames.done() and frames.exception()):
                await asyncio.wait({gone}, timeout=2.0)
                cut = gone.done() and gone.result() is None
            if cut:
                self._break(self._lost())
                return
            garbled = self._directory and frames.done() and frames.exception()
            self._break(Garbled() if garbled else Unkept())
            if self._directory:
                self._sweep(self._directory)
        finally:
            for task in (complaints, frames, gone):
                task.cancel()
            await asyncio.gather(complaints, frames, gone, return_exceptions=True)

    async def _take(self, channel: Channel) -> None:
        frames = Frames(self._mark)
        while chunk := await channel.stdout.read(CHUNK):
            for frame in frames.feed(chunk):
                self._answered(frame)

    def _answered(self, frame: Frame) -> None:
        if frame.kind == "hello":
            if not frame.words[0].startswith("/"):
                raise Broken("the host has no place for a kept shell")
            self._directory = frame.words[0]
            self._greeted.set()
            return
        job = self._jobs.pop(frame.job, None)
        if job is None:
            raise Broken("an answer that nobody waits for")
        if not job.answer.done():
            job.answer.set_result(frame)
        if not self._ended:
            self._loop.call_later(REAP_S, self._reap)
        self._ended.append(str(job.place))
        if self._retired and not self._jobs:
            self._living.cancel()

    def _reap(self) -> None:
        ended, self._ended = self._ended, []
        if ended:
            self._tell("wk_reap " + " ".join(ended), urgent=True)

    def _tell(self, line: str, *, urgent: bool) -> None:
        if self._ended:  # a place is used again only after its former job was waited for
            ended, self._ended = self._ended, []
            self._outbox.append("wk_reap " + " ".join(ended))
        self._outbox.append(line)
        self._due.set()
        if urgent:
            self._urgent.set()

    async def _write(self, channel: Channel) -> None:
        while True:
            await self._due.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._urgent.wait()
            self._due.clear()
            self._urgent.clear()
            while self._bundled:
                self._send_bundle()
            self._due.clear()
            lines, self._outbox = self._outbox, []
            await channel.send(kept_script.message(lines))

    def _break(self, error: Exception) -> None:
        self._fault = self._fault or error
        self._greeted.set()
        jobs, self._jobs = self._jobs, {}
        members, self._bundled = self._bundled, []
        waiting: list[asyncio.Future[Any]] = [self._opened, *(job.answer for job in jobs.values())]
        for future in (*waiting, *(member.answer for member in members)):
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting


async def _exited_after(output: asyncio.Future[None], channel: Channel) -> int | None:
    await asyncio.wait({output})
    return await channel.exited()


async def _drain(channel: Channel) -> None:
    while await channel.stderr.read(CHUNK):
        pass


def _results(frame: Frame, limits: Mapping[int, int]) -> list[CommandResult | None]:
    """The results of a bundle's reads that ended, up to one that said too much: that one is asked again alone."""
    results: list[CommandResult | None] = []
    at = 0
    for number, part in enumerate(parts(frame.words)):
        output, error = frame.data[at : at + part.output], frame.data[at + part.output : at + part.output + part.error]
        at += part.output + part.error
        if max(part.output, part.error) > limits.get(number, 0):
            break
        if part.code == "noshell":
            results.append(None)
        else:
            results.append(CommandResult(int(part.code), output, error, part.duration_s))
    return results
