"""tcp: opens a connection and closes it again.

Values: ``connected``; when ``send`` or ``expect`` is given also ``answer`` (first 400 characters) and ``matched``;
without a connection ``error_kind`` (refused, timeout, reset, unreachable) and ``problem`` (a sentence).
"""

from __future__ import annotations

import asyncio
import time

from watchkeeper.adapters.probes.network import explain, target
from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return TcpAsker(tools)


class TcpAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        host, port = target(check)
        far = self._tools.far(check)
        if far is not None:
            return await _ask_far(check, far, host, port)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(check.timeout_s):
                values = await _talk(check, host, port)
        except (OSError, TimeoutError, EOFError) as error:
            trouble = explain(error, f"{host}:{port}", check.timeout_s)
            return _failed(trouble.kind, trouble.sentence, trouble.ours, time.perf_counter() - started)
        return Answer(values, latency_s=time.perf_counter() - started)

    async def close(self) -> None:
        """Nothing is kept open."""


def _failed(kind: str, sentence: str, ours: bool, latency_s: float) -> Answer:
    values: dict[str, Value] = {"connected": False, "error_kind": kind, "problem": sentence}
    return Answer({}, sentence, latency_s) if ours else Answer(values, None, latency_s)


async def _talk(check: Check, host: str, port: int) -> dict[str, Value]:
    reader, writer = await asyncio.open_connection(host, port, limit=4096)
    values: dict[str, Value] = {"connected": True}
    try:
        send, expect = text_option(check, "send"), text_option(check, "expect")
        if send:
            writer.write(send.encode())
            await writer.drain()
        if send or expect:
            answer = (await reader.read(4096)).decode("utf-8", "replace")
            values |= {"answer": answer[:400], "matched": expect in answer}
    finally:
        writer.close()
    return values


async def _ask_far(check: Check, far: Reader, host: str, port: int) -> Answer:
    """On an SSH host by bash's own /dev/tcp; no further program is needed there."""
    text = 'exec 3<>"/dev/tcp/$WK_HOST/$WK_PORT"'
    environment = {"WK_HOST": host, "WK_PORT": str(port)}
    result = await far.read(text, deadline_s=check.timeout_s, environment=environment, shell="bash", limit=4096)
    where = f"{host}:{port}, asked on {place(check)},"
    said = result.error.decode("utf-8", "replace")
    if result.exit_code == 0:
        return Answer({"connected": True}, latency_s=result.duration_s)
    if result.timed_out or result.exit_code is None or "timed out" in said:
        return _failed("timeout", f"{where} gave no answer within {check.timeout_s:g} s.", False, result.duration_s)
    if "refused" in said:
        return _failed("refused", f"{where} refused the connection.", False, result.duration_s)
    if "No route to host" in said:
        return _failed("unreachable", f"{where} cannot be reached: no route to host.", False, result.duration_s)
    return _failed("network", f"{where} could not be asked ({last_line(result.error)}).", True, result.duration_s)
