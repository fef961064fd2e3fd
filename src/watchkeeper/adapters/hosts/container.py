"""Processes in a container: through the Docker API of this machine, or through docker or podman of another host."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote as quote_url

from watchkeeper.adapters.docker_api import DockerApi, Refused, Response, find_socket
from watchkeeper.adapters.hosts import spool
from watchkeeper.adapters.hosts.kept import Unkept
from watchkeeper.adapters.hosts.kept_script import ReadJob
from watchkeeper.adapters.hosts.shell import CHUNK, Channel, Reader, ShellHost, closing
from watchkeeper.adapters.hosts.words import new_mark, quote
from watchkeeper.core.errors import Forbidden, NoAnswer, WatchkeeperError
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports import CommandResult, SpoolAnswer

PLACES = 16  # commands at a time; each costs the service about 0.1 s of work
_HELD = 1_048_576  # bytes of one stream that may wait to be read
_AT_ONCE_S = 3.0
_NAPS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_NO_SHELL = re.compile(r"/bin/sh.*no such file|no such file.*/bin/sh|/bin/sh.*not found", re.IGNORECASE)


class ContainerHost(ShellHost):
    """Commands in a container, as the user that the inventory or the container names.

    parent: gives the host of `via`; asked each time, because the inventory may replace it.
    """

    keeps_shell = True  # starting a process is what costs most in a container: one shell serves all checks

    def __init__(self, host: Host, *, parent: Callable[[], ShellHost] | None = None) -> None:
        super().__init__(host)
        self._parent = parent
        self._places = asyncio.Semaphore(PLACES)

    @asynccontextmanager
    async def _open(self, *, become: bool, wait_s: float, reserve: bool = False) -> AsyncIterator[Channel]:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(wait_s):
                    if not reserve:
                        await self._places.acquire()
                        stack.callback(self._places.release)
                    if self._parent is not None:
                        channel = await self._through(self._parent(), stack, wait_s, reserve)
                    else:
                        channel = await self._started(stack)
            except TimeoutError:
                raise self._no_place(wait_s) from None
            yield channel

    async def _started(self, stack: AsyncExitStack) -> Channel:
        """A shell of the Docker API. Until it is there nothing was sent to it."""
        wanted: dict[str, object] = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": False}
        wanted |= {"Cmd": ["/bin/sh"]} | ({"User": self.host.user} if self.host.user else {})
        try:
            api = DockerApi(find_socket(self.host.socket))
            made = await api.ask("POST", f"/containers/{quote_url(self.host.address, safe='')}/exec", wanted)
            document = made.document
            if made.status != 201 or not isinstance(document, dict) or not isinstance(document.get("Id"), str):
                raise self._refused(made)
            path = f"/exec/{quote_url(document['Id'], safe='')}"
            streams = await stack.enter_async_context(api.hijack(f"{path}/start", {"Detach": False, "Tty": False}))
        except Refused as refused:
            raise self._refused(refused.response) from None
        except NoAnswer as error:
            raise self._problem(error.sentence, error.hint, sent=False) from None
        return await stack.enter_async_context(closing(ExecChannel(api, path, *streams)))

    async def _through(self, parent: ShellHost, stack: AsyncExitStack, wait_s: float, reserve: bool) -> Channel:
        """A shell of docker or podman on another host. It reads its script only after its program was found."""
        mark = new_mark()
        name, user = quote(self.host.address), f"-u {quote(self.host.user)}" if self.host.user else ""
        opening = parent._open(become=parent.host.become, wait_s=wait_s, reserve=reserve)
        channel = await stack.enter_async_context(opening)
        await channel.send(_THROUGH.format(mark=mark, name=name, user=user).encode())
        seen, wanted = b"", f"{mark}\n".encode()
        while wanted not in seen:
            chunk = await channel.stdout.read(CHUNK)
            seen += chunk
            if not chunk:
                raise self._no_program(parent, seen, await channel.exited())
        return Continued(channel, seen.partition(wanted)[2])

    async def _asked(
        self, ask: spool.Ask, wait_s: float, shell: str = "", patience_s: float = 0.0, *, keep: bool = False
    ) -> SpoolAnswer:
        """Changing commands get a shell of their own: a kept one may belong to a container that is just being made anew."""
        return await super()._asked(ask, wait_s, shell, patience_s, keep=keep and ask.verb == "look")

    async def _asked_kept(self, ask: spool.Ask, wait_s: float) -> tuple[spool.Head, bytes]:
        async with self._mended():
            return await super()._asked_kept(ask, wait_s)

    async def _read_kept(self, work: ReadJob, deadline_s: float, become: bool) -> CommandResult:
        async with self._mended():
            return await super()._read_kept(work, deadline_s, become)

    @asynccontextmanager
    async def _mended(self) -> AsyncIterator[None]:
        """A kept shell that is lost at once died with its container before: ask again in a shell of its own."""
        begun = time.monotonic()
        try:
            yield
        except NoAnswer:
            if self._parent is None and time.monotonic() - begun < _AT_ONCE_S:
                raise Unkept from None
            raise

    def _no_program(self, parent: ShellHost, seen: bytes, code: int | None) -> Exception:
        if b"WK-no-program" in seen:
            return self._problem(
                f"{parent.host.name} has neither docker nor podman, so {self.host.name} cannot be reached through it.",
                "Install the one that runs the container, or correct `via` in hosts.yaml.",
                sent=False,
            )
        return parent._silence(code, seen.decode("utf-8", "replace"), become=parent.host.become)

    def _refused(self, response: Response) -> WatchkeeperError:
        found = self._said(response.message) or self._problem(
            f"The Docker API refused to run a command in {self.host.name} ({response.status}: {response.message}).",
            "Look at the log of docker or podman.",
        )
        found.details["sent"] = False
        return found

    def _silence(self, code: int | None, said: str, *, become: bool) -> Exception:
        if found := self._said(said):
            return found
        if code in (126, 127):
            return self._no_shell()
        return super()._silence(code, said, become=become)

    def _said(self, text: str) -> WatchkeeperError | None:
        """What docker and podman say, in our words; None for what is not known."""
        name, place = self.host.address, f"{self.host.name} (container {self.host.address})"
        low = text.lower()
        if "no such container" in low or "no container with" in low:
            return self._problem(
                f"{place} does not exist.", f"Start it, or correct its name in hosts.yaml: docker ps -a | grep {name}"
            )
        if "is not running" in low or "container state improper" in low or "running containers" in low:
            return self._problem(f"{place} is not running.", f"See why: docker logs --tail 50 {name}")
        if "paused" in low:
            return self._problem(f"{place} is paused.", f"Let it go on: docker unpause {name}")
        if _NO_SHELL.search(text):
            return self._no_shell()
        if "unable to find user" in low or "no matching entries in passwd" in low:
            return self._problem(f"{place} has no user {self.host.user}.", "Correct `user` in hosts.yaml.")
        if "permission denied" in low and ("docker" in low or "podman" in low):
            return Forbidden(
                f"The user on {self.host.via or 'this machine'} may not use docker; nothing was run in {name}.",
                "There: usermod -aG docker USER, and log in again.",
            )
        if "cannot connect to the docker daemon" in low:
            return self._problem(f"Docker on {self.host.via} does not answer, so {place} cannot be reached.",
                                 "There: systemctl status docker")  # fmt: skip
        return None

    def _no_shell(self) -> NoAnswer:
        return self._problem(
            f"{self.host.name} (container {self.host.address}) has no /bin/sh, so nothing can be run in it.",
            "Ask it from outside: http, tcp, or the container probe.",
        )

    def _lost(self) -> NoAnswer:
        return self._problem(
            f"The connection into {self.host.name} was lost before the command answered: its container or the service "
            "that runs it ended.",
            f"See: docker ps -a | grep {self.host.address}",
        )

    def _no_place(self, wait_s: float) -> NoAnswer:
        return self._problem(
            f"No command could be started in {self.host.name} within {wait_s:g} s.",
            "Look for hanging checks (wk status), and at the load and the log of docker or podman.",
            sent=False,
        )

    def _problem(self, sentence: str, hint: str, **details: object) -> NoAnswer:
        return NoAnswer(sentence, hint, host=self.host.name, **details)

    async def close(self) -> None:
        """Close the kept shell; ended groups are waited for."""
        await self._close_kept()
        if self._ends:
            await asyncio.wait(self._ends, timeout=5.0)


# The outer shell reads only this much before the inner one takes over its input: the rest is sent after the mark.
_THROUGH = """p=podman; command -v podman >/dev/null 2>&1 || p=
if command -v docker >/dev/null 2>&1 && {{ [ "$DOCKER_HOST" ] || [ -S /var/run/docker.sock ] || [ -z "$p" ]; }}; then
p=docker; fi; [ "$p" ] || {{ echo WK-no-program; exit 127; }}; echo {mark}; exec $p exec -i {user} {name} /bin/sh
"""


class ExecChannel(Channel):
    """A ``/bin/sh`` of the Docker API: input as it is, both outputs in frames on one connection."""

    tells_end = False  # `exited` asks the service

    def __init__(self, api: DockerApi, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._api, self._path, self._reader, self._writer = api, path, reader, writer
        self.stdout: Stream = Stream()
        self.stderr: Stream = Stream()
        self._feeding = asyncio.ensure_future(self._feed())

    async def _feed(self) -> None:
        """Take frames apart: one byte of kind, three of nothing, four of length, then the bytes."""
        try:
            while True:
                head = await self._reader.readexactly(8)
                left, stream = int.from_bytes(head[4:], "big"), self.stderr if head[0] == 2 else self.stdout
                while left:
                    chunk = await self._reader.read(min(left, CHUNK))
                    if not chunk:
                        return
                    left -= len(chunk)
                    await stream.put(chunk)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.stdout.end()
            self.stderr.end()

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write(data)
            await self._writer.drain()

    def end_input(self) -> None:
        """Close its input."""
        with contextlib.suppress(OSError, RuntimeError):
            self._writer.write_eof()

    async def exited(self) -> int | None:
        """The exit code. Children may hold the outputs open, so the service is asked too, less and less often."""
        naps = iter(_NAPS_S)
        while True:
            await asyncio.wait({self._feeding}, timeout=next(naps, _NAPS_S[-1]))
            ended = self._feeding.done()
            try:
                document = (await self._api.ask("GET", f"{self._path}/json")).document
            except (NoAnswer, Forbidden):
                return None
            facts = document if isinstance(document, dict) else {}
            code = facts.get("ExitCode")
            if facts.get("Running") is False and isinstance(code, int):
                return code
            if not facts or (ended and self._reader.at_eof() and facts.get("Running") is None):
                return None
            if ended:
                await asyncio.sleep(0.02)  # the service has closed the streams and is about to know the code

    async def close(self) -> None:
        """Let go of it; the scripts take the end of their input as "nobody waits any more"."""
        self.end_input()
        self._feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._feeding


class Stream(Reader):
    """One output with bounded memory: who feeds it waits while nobody reads."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._ended = False
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    async def put(self, chunk: bytes) -> None:
        """Keep a chunk, once there is room."""
        while len(self._held) > _HELD:
            self._room.clear()
            await self._room.wait()
        self._held += chunk
        self._filled.set()

    def end(self) -> None:
        """Nothing follows."""
        self._ended = True
        self._filled.set()

    async def read(self, n: int = -1) -> bytes:
        """At least one byte, or nothing at its end."""
        while not self._held and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        size = len(self._held) if n < 0 else n
        taken = bytes(self._held[:size])
        del self._held[:size]
        self._room.set()
        return taken


class Continued(Channel):
    """A channel of another host, after what was read of its output already."""

    def __init__(self, channel: Channel, seen: bytes) -> None:
        self._channel = channel
        self.stdout = _After(seen, channel.stdout)
        self.stderr = channel.stderr

    async def send(self, data: bytes) -> None:
        """Write to its input."""
        await self._channel.send(data)

    def end_input(self) -> None:
        """Close its input."""
        self._channel.end_input()

    async def exited(self) -> int | None:
        """The exit code of the inner shell, as docker and podman pass it on."""
        return await self._channel.exited()

    async def close(self) -> None:
        """The host that opened it lets go of it."""


class _After:
    """A reader that gives these bytes first."""

    def __init__(self, first: bytes, reader: Reader) -> None:
        self._first, self._reader = first, reader

    async def read(self, n: int = -1) -> bytes:
        """At least one byte, or nothing at its end."""
        if not self._first:
            return await self._reader.read(n)
        size = len(self._first) if n < 0 else n
        taken, self._first = self._first[:size], self._first[size:]
        return taken
