"""connectivity: asks several addresses at the same time; any answer of any of them will do.

Option: ``any_of``, URLs (any HTTP status is an answer) or host:port (an open connection is one).
Values: ``answering`` and ``total`` (addresses), and without an answer ``problem``, a sentence with what each one said.
That a name cannot be resolved is no answer like any other here: it is what being cut off looks like.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.adapters.probes.tcp import TcpAsker
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check, Probe

_SAID = 120


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return ConnectivityAsker(tools)


class ConnectivityAsker:
    """Asks by the probes for HTTP and TCP; the HTTP client is loaded only for a URL."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._askers: dict[str, Asker] = {}

    async def ask(self, check: Check, now: float) -> Answer:
        listed = check.probe.options.get("any_of")
        targets = [str(each) for each in listed] if isinstance(listed, list | tuple) else []
        started = time.perf_counter()
        answers = await asyncio.gather(*(self._one(check, target, now) for target in targets))
        values = _values(targets, answers)
        return Answer(values, latency_s=time.perf_counter() - started)

    async def close(self) -> None:
        for asker in self._askers.values():
            await asker.close()

    async def _one(self, check: Check, target: str, now: float) -> Answer:
        kind, option = ("http", "url") if "://" in target else ("tcp", "address")
        single = replace(check, where="here", probe=Probe(kind, {option: target}))
        try:
            async with asyncio.timeout(check.timeout_s):
                return await self._asker(kind).ask(single, now)
        except (OSError, TimeoutError) as error:
            return Answer(error=f"{target}: {error or 'no answer in time'}.")

    def _asker(self, kind: str) -> Asker:
        if kind not in self._askers:
            if kind == "http":
                from watchkeeper.adapters.probes.http import HttpAsker

                self._askers[kind] = HttpAsker(self._tools)
            else:
                self._askers[kind] = TcpAsker(self._tools)
        return self._askers[kind]


def _values(targets: Sequence[str], answers: Sequence[Answer]) -> dict[str, Value]:
    answering = sum(answer.values.get("connected") is True for answer in answers)
    values: dict[str, Value] = {"answering": answering, "total": len(targets)}
    if not answering:
        said = [
            str(answer.error or answer.values.get("problem") or "no answer")[:_SAID].rstrip(".") for answer in answers
        ]
        values["problem"] = f"No reference address answers: {'; '.join(dict.fromkeys(said))}"
    return values
