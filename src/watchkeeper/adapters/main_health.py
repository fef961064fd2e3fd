"""Asking main how it is, from the watch: over its Unix socket, with a deadline, without blocking."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

DEADLINE_S = 8.0
_MOST = 262_144


async def main_faults(socket: Path, deadline_s: float = DEADLINE_S) -> list[str]:
    """What main says is stuck, or that it does not answer; empty when all is well."""
    try:
        async with asyncio.timeout(deadline_s):
            return await _asked(socket)
    except TimeoutError:
        return [f"main gave no answer within {deadline_s:g} s."]
    except OSError:
        return ["main does not answer on its socket."]
    except (ValueError, LookupError, TypeError):
        return ["main gave an answer that is not its health."]


async def _asked(socket: Path) -> list[str]:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(b"GET /api/v1/health HTTP/1.0\r\nHost: watchkeeper\r\nConnection: close\r\n\r\n")
        await writer.drain()
        answer = await reader.read(_MOST)
        while len(answer) < _MOST and (more := await reader.read(_MOST - len(answer))):
            answer += more
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    health = json.loads(answer.partition(b"\r\n\r\n")[2])["health"]
    return [] if health["ok"] is True else [str(each)[:400] for each in health["faults"]][:20] or ["main is not well."]
