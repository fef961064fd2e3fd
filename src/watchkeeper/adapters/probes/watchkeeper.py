"""watchkeeper: asks another watchkeeper for its health, so that two of them watch each other.

Options: ``url`` of its health, which may be ``secret:NAME``.
Values: ``answers``, ``well``, ``status`` (HTTP, 0 without an answer), ``faults`` (how many it tells), ``latency`` and,
when something is wrong, ``problem``: one sentence that begins with "The other watchkeeper".
"""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from watchkeeper.adapters.probes.http import HttpAsker
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.inventory.values import Check, Probe


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return WatchkeeperAsker(tools)


class WatchkeeperAsker:
    """Asks by the http probe and reads what the health says."""

    def __init__(self, tools: Tools) -> None:
        self._tools, self._http = tools, HttpAsker(tools)

    async def ask(self, check: Check, now: float) -> Answer:
        url = text_option(check, "url")
        if url.startswith("secret:"):
            url = await self._tools.in_thread(check.timeout_s, self._tools.revealed, url)
        answer = await self._http.ask(replace(check, probe=Probe("http", {"url": url})), now)
        if answer.error is not None:
            return Answer(error=_without_path(answer.error, url), latency_s=answer.latency_s)
        return Answer(read_health(check.name, answer, url), latency_s=answer.latency_s)

    async def close(self) -> None:
        await self._http.close()


def read_health(name: str, answer: Answer, url: str) -> dict[str, Value]:
    """What the answer of the other one means."""
    status = answer.values.get("status")
    if not status:
        why = _without_path(str(answer.values.get("problem") or "no answer"), url)
        problem = f"The other watchkeeper {name} does not answer: {why}"
        connected = answer.values.get("connected")
        return {"answers": False, "well": False, "status": 0, "faults": 0, "connected": connected, "problem": problem}
    faults = _faults(str(answer.values.get("body", "")))
    if faults is None:
        problem = f"The other watchkeeper {name} does not answer: {urlsplit(url).hostname} gave {status}, but no health"
        return {"answers": False, "well": False, "status": status, "faults": 0, "problem": problem}
    if status == 200 and not faults:
        return {"answers": True, "well": True, "status": status, "faults": 0}
    said = " ".join(faults)[:300] or "something is stuck; its own page says what"
    problem = f"The other watchkeeper {name} is not well: {said}"
    return {"answers": True, "well": False, "status": status, "faults": max(1, len(faults)), "problem": problem}


def _faults(body: str) -> list[str] | None:
    """The faults it tells; None when this is no health of a watchkeeper."""
    try:
        health = json.loads(body)["health"]
        ok, faults = health["ok"], health.get("faults", [])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(ok, bool) or not isinstance(faults, list):
        return None
    return ["".join(letter for letter in str(each) if letter.isprintable()) for each in faults[:10]]


def _without_path(sentence: str, url: str) -> str:
    """The path may hold a key: it stays out of what people and logs see."""
    path = urlsplit(url).path
    return sentence.replace(path, "/...") if len(path) > 1 else sentence
