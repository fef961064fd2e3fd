"""Reaching hosts: read commands, and changing commands through the spool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from watchkeeper.core.inventory.values import Host


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a read command ended. exit_code None: it was ended by us (timed_out or cancelled).

    output and error are raw bytes, cut at the limit asked for (then truncated is True).
    """

    exit_code: int | None
    output: bytes
    error: bytes
    duration_s: float
    timed_out: bool = False
    truncated: bool = False


SpoolStatus = Literal["started", "running", "done", "gone", "rebooted", "nospool", "nosetsid", "full", "cancelled"]


@dataclass(frozen=True, slots=True)
class SpoolAnswer:
    """What the spool on the target host says of one step. exit_code only with status ``done``.

    boot: boot id of the host. output: bytes from `offset`; next_offset: where to read on. left_out: how many bytes of
    the middle are not given, which a sentence at the begin of `output` says.
    """

    status: SpoolStatus
    exit_code: int | None = None
    boot: str = ""
    output: bytes = b""
    next_offset: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class SpoolStep:
    """A changing command for the spool. run and step name its files; boot is the id recorded at the first send.

    environment: parameter values; they travel on stdin, never in argv. strict: ``-e -o pipefail``.
    age_s: how long ago it may have been sent for the first time; a host that was booted since does not start it.
    """

    run: str
    step: str
    text: str
    shell: str = "bash"
    environment: Mapping[str, str] | None = None
    boot: str = ""
    first_of_run: bool = False
    strict: bool = True
    age_s: float = 0.0


class HostPort(Protocol):
    """One host. All methods raise `NoAnswer` when the host cannot be reached, with the reason and next step."""

    host: Host

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
        """Run a read command; at the deadline or when cancelled its whole process group is ended, remote too.

        on_output: gets stdout as it comes, up to the limit; the result then holds only the first megabyte of it.
        """
        ...

    async def start(self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0) -> SpoolAnswer:
        """Start a changing command once, or re-attach to it; waits up to `wait_s` for its end. Safe to repeat."""
        ...

    async def look(
        self, step: SpoolStep, *, wait_s: float = 0.0, offset: int = 0, limit: int = 1_048_576
    ) -> SpoolAnswer:
        """State and new output of a step that was started before; never starts it (``gone`` when unknown)."""
        ...

    async def cancel(self, step: SpoolStep, *, grace_s: float = 5.0) -> SpoolAnswer:
        """End the whole process group of a step: TERM, grace, KILL; one not yet started can never start afterwards.

        Of one that had not started the answer is ``cancelled`` with a sentence in `output`; of one that was ended it has
        no output.
        """
        ...

    async def clean(self, run: str, *, claims: bool = False) -> bool:
        """Remove the outputs of a closed run from the spool; False, and nothing removed, while a step of it is at work.

        claims: the claims and the directory too, when nobody can send a start any more.
        """
        ...

    async def spooled(self, prefix: str) -> list[str]:
        """Names of the run directories in the spool that begin with `prefix`; empty where there is no spool."""
        ...

    async def close(self) -> None:
        """Close connections; running spooled steps go on."""
        ...


class HostsPort(Protocol):
    """All hosts of the inventory, connections kept open and shared."""

    def get(self, name: str) -> HostPort:
        """The named host; raises `NotFound` when the inventory has no such host."""
        ...

    def replace(self, hosts: Mapping[str, Host]) -> None:
        """Take over the hosts of a new inventory; connections of unchanged hosts stay."""
        ...

    async def close(self) -> None: ...
