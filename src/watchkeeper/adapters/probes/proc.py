"""Reading one small file of /proc: in this process on a local host (it never blocks), by cat on an SSH host."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.adapters.probes.tools import Tools, must_succeed
from watchkeeper.core.inventory.values import Check


async def read_proc(tools: Tools, check: Check, *names: str) -> str:
    """The text of these files of /proc, one after the other. Raises `NoAnswer` or OSError when it cannot be read."""
    far = tools.far(check)
    if far is None:
        return "".join(Path("/proc", name).read_text("utf-8", "replace") for name in names)
    command = "cat " + " ".join(f"/proc/{name}" for name in names)
    result = await far.read(command, deadline_s=check.timeout_s, limit=262_144)
    return must_succeed(result, f"Reading /proc/{names[0]}", check).decode("utf-8", "replace")
