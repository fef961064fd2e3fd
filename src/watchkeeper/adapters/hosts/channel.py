"""One running ``/bin/sh`` of a host, however it is reached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

CHUNK = 65_536


class Reader(Protocol):
    """One output stream of a channel."""

    async def read(self, n: int = -1) -> bytes:
        """At least one byte, or nothing at its end."""
        ...


class Channel(ABC):
    """One running ``/bin/sh``: input, two outputs, and an exit code."""

    stdout: Reader
    stderr: Reader
    tells_end = True
    """False when `exited` asks again and again, which nobody should do for hours."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Write to its input; a shell that is gone already is not an error here."""

    @abstractmethod
    def end_input(self) -> None:
        """Close its input; the scripts take that as "nobody waits any more"."""

    @abstractmethod
    async def exited(self) -> int | None:
        """The exit code, 128 + n for signal n; None when the line was cut before it came."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of it."""


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    """The channel, let go of at the end even when we are cancelled."""
    try:
        yield channel
    finally:
        await channel.close()
