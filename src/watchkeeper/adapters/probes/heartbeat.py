"""heartbeat: a job that is expected to report; see ``wk ping`` and the ping server.

Options: ``cron`` with ``timezone`` and ``grace``, or ``every`` with ``grace``; ``misses``, ``longest_run`` (seconds).
Values: those of `core.checks.heartbeats.judge_job`.
"""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.adapters.probes.tools import Answer, Asker, Pings, Tools
from watchkeeper.core.checks.heartbeats import Job, Ping, Schedule, judge_job, read
from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.core.inventory.values import Check

LOOKED_AT = 64
"""How many of the newest pings are read: enough for the usual duration of a job that also logs."""


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return HeartbeatAsker(tools)


class HeartbeatAsker:
    """Reads the pings that the watch has stored; asks nobody."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        pings = self._tools.pings
        if pings is None:
            raise NoAnswer("Heartbeats are known to the running watch only.", "Start it with wk up.")
        schedule = Schedule.of(check.probe.options)
        job, first_seen = await self._tools.in_thread(check.timeout_s, _known, pings, check, schedule, now)
        try:
            return Answer(judge_job(job, schedule, first_seen, now), latency_s=0.0)
        except Usage as error:
            raise Usage(f"{check.key}: {error.sentence}", error.hint) from error

    async def close(self) -> None:
        """Nothing is kept open."""


def _known(pings: Pings, check: Check, schedule: Schedule, now: float) -> tuple[Job, float]:
    """(the job, since when the check is known). Blocking: the store may be in a commit."""
    job = _read(pings, check.key, schedule)
    if job.last is None and check.was:
        job = _read(pings, _former(check), schedule)
    return job, now if job.success is not None else pings.first_seen(check.key, now)


def _read(pings: Pings, key: str, schedule: Schedule) -> Job:
    newest: list[Ping] = pings.pings(key, LOOKED_AT)
    job = read(newest, schedule.limit_s)
    if job.success is None and len(newest) >= LOOKED_AT:  # it is further back
        job = replace(job, success=pings.last_ping(key)[0])
    return job


def _former(check: Check) -> str:
    """The key this check had before it was renamed."""
    suffix = f"@{check.host}" if "@" in check.key else ""
    return f"{check.service}/{check.was}{suffix}"
