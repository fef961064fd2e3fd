"""What every host with a POSIX shell has in common; how the shell is reached is the business of `local` and `ssh`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from watchkeeper.adapters.hosts import kept_script, spool
from watchkeeper.adapters.hosts.channel import CHUNK, Channel, Reader, closing
from watchkeeper.adapters.hosts.kept import Garbled, KeptShell, Unkept
from watchkeeper.adapters.hosts.kept_reads import Reads
from watchkeeper.adapters.hosts.kept_script import ReadJob, SpoolJob
from watchkeeper.adapters.hosts.reading import Collected, kill_script, read_script
from watchkeeper.adapters.hosts.words import new_mark
from watchkeeper.core.errors import Forbidden, Invalid, NoAnswer
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import CommandResult, SpoolAnswer, SpoolStep

T = TypeVar("T")

__all__ = ["CHUNK", "Channel", "Reader", "ShellHost", "closing"]

GRACE_S = 0.5  # between TERM and KILL of a read command, which has nothing to tidy up
LEFTOVER_S = 0.5  # how long children may hold the output open after a read command itself has ended
ANSWER_S = 20.0  # a spool answer that takes longer than the asked wait plus this has been lost
KEPT_OPEN_S = 30.0
KEPT_AGAIN_S = 600.0  # after a shell that could not be kept, before the next try
KEPT_ANSWER = 1_048_576  # more bytes than this go through a shell of their own, not before the answers of others


class ShellHost(ABC):
    """The host port over a shell that is reached in some way.

    keeps_shell: one shell is kept open for the spool, and for the reads that `_gathers` names; what it cannot do is
    done in a shell of its own.
    """

    keeps_shell = False

    def __init__(self, host: Host) -> None:
        self.host = host
        self._directory = spool.check_directory(host.spool)
        self._uid = ""
        self._ends: set[asyncio.Task[None]] = set()
        self._kept: dict[bool, KeptShell] = {}
        self._kept_again_at: dict[bool, float] = {}
        self._reads = Reads()
        self._retired = False

    @abstractmethod
    def _open(self, *, become: bool, wait_s: float, reserve: bool = False) -> AbstractAsyncContextManager[Channel]:
        """A new ``/bin/sh`` on the host. wait_s: longest time to wait for a free place; reserve: never wait for one."""

    @abstractmethod
    async def close(self) -> None:
        """Close connections; running spooled steps go on."""

    def retire(self) -> None:
        """The inventory no longer holds this host: close what is kept open as soon as nobody uses it."""
        self._retired = True
        for kept in self._kept.values():
            kept.retire()

    @property
    def settled(self) -> bool:
        """A retired host that has nothing open any more."""
        return not self._ends and all(kept.closed for kept in self._kept.values())

    def _gathers(self, become: bool) -> bool:
        """True when reads that are due together go through the kept shell as one command."""
        return self.keeps_shell

    def _no_place(self, wait_s: float) -> NoAnswer:
        """No place for a command became free, or no connection came up, within `wait_s`."""
        return NoAnswer(
            f"Too many commands run on {self.host.name}; none ended within {wait_s:g} s.",
            "Look for hanging checks: wk status.",
            host=self.host.name,
            sent=False,
        )

    def _lost(self) -> NoAnswer:
        return NoAnswer(
            f"The connection to {self.host.name} was lost before the command answered.",
            f"See whether it is up: wk check, or ssh {self.host.address or self.host.name}.",
            host=self.host.name,
        )

    # read commands

    async def read(
        self,
        text: str,
        *,
        deadline_s: float,
        environment: Mapping[str, str] | None = None,
        shell: str = "sh",
        limit: int = 1_048_576,
        strict: bool = False,
        become: bool | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> CommandResult:
        """Run a read command; see `HostPort.read`. `become` None means as the inventory says for this host."""
        root = self.host.become if become is None else become
        begun = time.monotonic()
        if on_output is None and self._gathers(root) and self._reads.fit(text):
            work = ReadJob(text, environment, shell, strict, limit, GRACE_S)
            with contextlib.suppress(Unkept):
                return await self._ungarbled(lambda: self._read_kept(work, deadline_s, root))
            deadline_s -= time.monotonic() - begun
            if deadline_s <= 0:
                return CommandResult(None, b"", b"", time.monotonic() - begun, timed_out=True)
        mark = new_mark()
        source = read_script(mark, text, environment=environment, shell=shell, strict=strict, grace_s=GRACE_S)
        output, error = Collected(mark, limit, on_output), Collected(mark, limit)
        async with self._open(become=root, wait_s=deadline_s) as channel:
            started = time.monotonic()
            code, timed_out = await self._attend(channel, source, output, error, deadline_s, root)
        duration = time.monotonic() - started
        truncated = output.full or error.full
        if output.head is None and not timed_out:
            raise self._never_ran(code, output, error, become=root)
        if output.head == ["noshell"]:
            raise self._no_shell_program(shell)
        if code is None and not timed_out and not truncated:
            raise self._lost()
        return CommandResult(
            exit_code=None if timed_out or truncated else code,
            output=output.data,
            error=error.data,
            duration_s=duration,
            timed_out=timed_out,
            truncated=truncated,
        )

    def _no_shell_program(self, shell: str) -> Invalid:
        return Invalid(f"{self.host.name} has no {shell}, which this command asks for.", "Ask for sh instead.")

    async def _attend(
        self, channel: Channel, source: bytes, output: Collected, error: Collected, deadline_s: float, become: bool
    ) -> tuple[int | None, bool]:
        """Follow one read command to its end, or end it. Returns its exit code and whether the deadline had passed."""
        work = asyncio.ensure_future(_follow(channel, source, output, error))
        try:
            done, _ = await asyncio.wait({work}, timeout=deadline_s)
            if done and not (output.full or error.full):
                return work.result(), False
            await self._end(channel, work, output, become)
            return None, not done
        except asyncio.CancelledError:
            await self._sheltered(self._end(channel, work, output, become))
            raise
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await work

    async def _end(self, channel: Channel, work: asyncio.Future[int | None], output: Collected, become: bool) -> None:
        """End the process group: its own watcher does it, a second channel is the fallback."""
        channel.end_input()
        draining = asyncio.ensure_future(_drained(channel, work))
        _, late = await asyncio.wait({draining}, timeout=GRACE_S + 1.5)
        if late and output.head and len(output.head) == 2:
            with contextlib.suppress(NoAnswer, ValueError, asyncio.TimeoutError):
                source = kill_script(int(output.head[0]), output.head[1])
                async with asyncio.timeout(5.0), self._open(become=become, wait_s=2.0, reserve=True) as second:
                    await second.send(source)
                    await second.exited()
            await asyncio.wait({draining}, timeout=1.0)
        draining.cancel()

    async def _sheltered(self, work: Coroutine[object, object, None]) -> None:
        """Finish `work` although we are being cancelled; a second cancel leaves it to the loop."""
        task = asyncio.ensure_future(work)
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)

    def _never_ran(self, code: int | None, output: Collected, error: Collected, *, become: bool) -> Exception:
        """The script gave no sign of life: say why as well as it can be known."""
        return self._silence(code, (error.noise + b"\n" + output.noise).decode("utf-8", "replace"), become=become)

    def _silence(self, code: int | None, said: str, *, become: bool) -> Exception:
        name = self.host.name
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        if become and any("sudo" in line for line in lines):
            line = next(line for line in lines if "sudo" in line)
            if "not found" in line:
                return Forbidden(
                    f"{name} has no sudo, which `become` needs; nothing was run.",
                    "Install sudo there, or remove `become` from this host.",
                )
            return Forbidden(
                f"sudo on {name} does not let watchkeeper in without asking ({line[:120]}); nothing was run.",
                "Allow the user /bin/sh with NOPASSWD in /etc/sudoers.d, or remove `become` from this host.",
            )
        if code is None:
            return self._lost()
        why = f": {lines[-1][:160]}" if lines else ""
        return NoAnswer(
            f"{name} ended the session with exit code {code} before the command could start{why}.",
            "Its login shell must be able to run: exec /bin/sh.",
            host=name,
        )

    # the kept shell

    async def _keeper(self, become: bool, wait_s: float) -> KeptShell:
        """The kept shell, opened when there is none. Raises `Unkept` where none can be had, or `NoAnswer`."""
        kept = self._kept.get(become)
        if kept is not None and not kept.usable:
            if kept.refused:
                self._kept_again_at[become] = time.monotonic() + KEPT_AGAIN_S
            kept.retire()
            kept = None
        if kept is None:
            if self._retired or time.monotonic() < self._kept_again_at.get(become, 0.0):
                raise Unkept

            def opened() -> AbstractAsyncContextManager[Channel]:
                return self._open(become=become, wait_s=KEPT_OPEN_S, reserve=True)

            kept = self._kept[become] = KeptShell(opened, self._lost, lambda left: self._sweep(left, become))
        try:
            await kept.opened(wait_s)
        except TimeoutError:
            raise self._no_place(wait_s) from None
        return kept

    async def _ungarbled(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        for _ in range(3):
            with contextlib.suppress(Garbled):
                return await work()
        raise NoAnswer(
            f"Something on {self.host.name} prints into the sessions of watchkeeper, so answers cannot be told from it.",
            "Look for background jobs in .bashrc or .profile of that user.",
            host=self.host.name,
        )

    async def _read_kept(self, work: ReadJob, deadline_s: float, become: bool) -> CommandResult:
        try:
            async with self._reads.place(deadline_s):
                kept = await self._keeper(become, deadline_s)
                result = await self._reads.follow(kept, work, deadline_s)
        except TimeoutError:
            raise self._no_place(deadline_s) from None
        if result is None:
            raise self._no_shell_program(work.shell)
        return result

    async def _asked_kept(self, ask: spool.Ask, wait_s: float) -> tuple[spool.Head, bytes]:
        kept = await self._keeper(self.host.become, ANSWER_S)
        job = kept.submit(SpoolJob(ask))
        hurry = asyncio.get_running_loop().call_later(wait_s, kept.end, job) if wait_s > 0 else None
        try:
            async with asyncio.timeout(wait_s + ANSWER_S):
                frame = await asyncio.shield(job.answer)
        except TimeoutError:
            kept.abandon()
            raise self._lost() from None
        except asyncio.CancelledError:
            kept.end(job)
            raise
        finally:
            if hurry is not None:
                hurry.cancel()
        return spool.parse_head(" ".join(frame.words).encode()), frame.data

    def _sweep(self, directory: str, become: bool) -> None:
        """End what a kept shell left that was killed itself."""

        async def sweep() -> None:
            with contextlib.suppress(NoAnswer, asyncio.TimeoutError):
                async with asyncio.timeout(10.0), self._open(become=become, wait_s=5.0, reserve=True) as channel:
                    await channel.send(kept_script.sweep_script(directory))
                    channel.end_input()  # or its shell waits for more
                    await channel.exited()

        task = asyncio.ensure_future(sweep())
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _close_kept(self) -> None:
        kept, self._kept = list(self._kept.values()), {}
        await asyncio.gather(*(one.close() for one in kept))

    # changing commands

    async def start(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0) -> SpoolAnswer:
        """Start a changing command once, or re-attach to it. `Forbidden` when sudo asks for a password."""
        ask = spool.start(step, directory=self._directory, uid=self._uid, wait_s=wait_s, offset=offset, limit=1_048_576)
        return await self._asked(ask, wait_s, step.shell, keep=self.keeps_shell)

    async def look(
        self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0, limit: int = 1_048_576
    ) -> SpoolAnswer:
        """State and output of a step; never starts it."""
        ask = spool.look(step, directory=self._directory, uid=self._uid, wait_s=wait_s, offset=offset, limit=limit)
        return await self._asked(ask, wait_s, keep=self.keeps_shell and limit <= KEPT_ANSWER)

    async def cancel(self, step: SpoolStep, *, grace_s: float = 5.0) -> SpoolAnswer:
        """End the process group of a step; one that never started can never start afterwards."""
        ask = spool.cancel(step, directory=self._directory, uid=self._uid, grace_s=grace_s)
        return await self._asked(ask, 0.0, patience_s=grace_s)

    async def clean(self, run: str, *, claims: bool = False) -> bool:
        """Remove the outputs of a closed run, with `claims` all of it; False while a step of it is at work."""
        ask = spool.clean(run, directory=self._directory, uid=self._uid, claims=claims)
        return (await self._asked(ask, 0.0)).status != "running"

    async def spooled(self, prefix: str) -> list[str]:
        """Names of the run directories in the spool that begin with `prefix`."""
        answer = await self._asked(spool.listing(prefix, directory=self._directory, uid=self._uid), 0.0)
        return answer.output.decode("ascii", "replace").split() if answer.status == "done" else []

    async def _asked(
        self, ask: spool.Ask, wait_s: float, shell: str = "", patience_s: float = 0.0, *, keep: bool = False
    ) -> SpoolAnswer:
        if keep:
            with contextlib.suppress(Unkept):  # safe to ask again: whatever was asked, a step starts once
                head, data = await self._ungarbled(lambda: self._asked_kept(ask, wait_s))
                return self._heard(ask, head, data, shell)
        head, data = await self._asked_alone(ask, wait_s, patience_s)
        return self._heard(ask, head, data, shell)

    def _heard(self, ask: spool.Ask, head: spool.Head, data: bytes, shell: str) -> SpoolAnswer:
        self._uid = head.uid or self._uid
        return spool.answer(ask, head, data, self.host.name, shell)

    async def _asked_alone(self, ask: spool.Ask, wait_s: float, patience_s: float) -> tuple[spool.Head, bytes]:
        become = self.host.become
        async with self._open(become=become, wait_s=ANSWER_S, reserve=True) as channel:
            hurry = asyncio.get_running_loop().call_later(wait_s, channel.end_input) if wait_s > 0 else None
            try:
                async with asyncio.timeout(wait_s + patience_s + ANSWER_S):
                    return await self._answer(channel, ask, become)
            except TimeoutError:
                raise self._lost() from None
            finally:
                if hurry is not None:
                    hurry.cancel()

    async def _answer(self, channel: Channel, ask: spool.Ask, become: bool) -> tuple[spool.Head, bytes]:
        """The marked line and exactly the bytes it promises; fewer means that the line was cut."""
        complaint = bytearray()
        listening = asyncio.ensure_future(_keep(channel.stderr, complaint, 4096))
        try:
            await channel.send(ask.input)
            mark, seen = ask.mark.encode() + b" ", b""
            while True:
                _, found, rest = seen.partition(mark)
                if found and b"\n" in rest:
                    break
                chunk = await channel.stdout.read(CHUNK)
                if not chunk:
                    code = await channel.exited()
                    await asyncio.wait({listening}, timeout=0.5)
                    raise self._silence(code, (bytes(complaint) + seen).decode("utf-8", "replace"), become=become)
                seen += chunk
            line, _, data = rest.partition(b"\n")
            head = spool.parse_head(line)
            while len(data) < head.length:
                chunk = await channel.stdout.read(CHUNK)
                if not chunk:
                    raise self._lost()
                data += chunk
            return head, data[: head.length]
        except ValueError:
            raise self._lost() from None
        finally:
            listening.cancel()


async def _keep(reader: Reader, into: bytearray, limit: int) -> None:
    while chunk := await reader.read(CHUNK):
        into += chunk[: max(0, limit - len(into))]


async def _pump(reader: Reader, into: Collected) -> None:
    while chunk := await reader.read(CHUNK):
        into.feed(chunk)
        if into.full:
            return


async def _follow(channel: Channel, source: bytes, output: Collected, error: Collected) -> int | None:
    """Until both outputs end and the exit code is there, or until more came than is wanted."""
    await channel.send(source)
    pumps = {asyncio.ensure_future(_pump(channel.stdout, output)), asyncio.ensure_future(_pump(channel.stderr, error))}
    exited = asyncio.ensure_future(channel.exited())
    try:
        waiting = {*pumps, exited}
        while waiting and not (output.full or error.full) and not exited.done():
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if output.full or error.full:
            return None
        code = exited.result()
        _, late = await asyncio.wait(pumps, timeout=LEFTOVER_S)
        if late:  # children of a read command that outlive it are ended with it
            channel.end_input()
            await asyncio.wait(late, timeout=LEFTOVER_S)
        return code
    finally:
        for task in (*pumps, exited):
            task.cancel()
        await asyncio.gather(*pumps, exited, return_exceptions=True)


async def _drained(channel: Channel, work: asyncio.Future[int | None]) -> None:
    """Read on and throw away until the group has let go of its outputs and has exited."""
    if not work.done():
        await asyncio.wait({work})
        return
    nothing = bytearray()
    await asyncio.gather(_keep(channel.stdout, nothing, 0), _keep(channel.stderr, nothing, 0), channel.exited())
