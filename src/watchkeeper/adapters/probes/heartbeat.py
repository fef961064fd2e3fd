"""heartbeat: a job that is expected to report; see ``wk ping``.

Options: ``cron`` with ``timezone`` and ``grace``, or ``every`` with ``grace`` (seconds).
Values: ``age`` (seconds since the last success; since the watch first knew the check when there was none), ``late``
(True when a success is overdue), ``late_s`` (by how much), ``status`` (success, fail, start, never: the last ping),
``failed`` (True when the last ping that ended a job says fail), ``value`` (as age) and ``expected_at`` (UTC text).
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchkeeper.adapters.probes.tools import Answer, Asker, Pings, Tools, number_option, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer, Usage
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.times import utc_text
from watchkeeper.services.ports import Ping


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
        success, last, first_seen = await self._tools.in_thread(check.timeout_s, _known, pings, check, now)
        since = success.at if success is not None else first_seen
        expected = expected_after(check, since, now)
        due = expected + (number_option(check, "grace") or 0.0)
        return Answer(_values(since, expected, due, last, now), latency_s=0.0)

    async def close(self) -> None:
        """Nothing is kept open."""


def _known(pings: Pings, check: Check, now: float) -> tuple[Ping | None, Ping | None, float]:
    """(last success, last ping, since when the check is known). Blocking: the store may be in a commit."""
    success, last = pings.last_ping(check.key)
    if last is None and check.was:
        success, last = pings.last_ping(_former(check))
    return success, last, now if success is not None else pings.first_seen(check.key, now)


def _former(check: Check) -> str:
    """The key this check had before it was renamed."""
    suffix = f"@{check.host}" if "@" in check.key else ""
    return f"{check.service}/{check.was}{suffix}"


def _values(since: float, expected: float, due: float, last: Ping | None, now: float) -> dict[str, Value]:
    late_s = max(0.0, now - due)
    age = max(0.0, now - since)
    values: dict[str, Value] = {"age": round(age, 3), "value": round(age, 3), "late": late_s > 0}
    values |= {"late_s": round(late_s, 3), "expected_at": utc_text(expected), "failed": False, "status": "never"}
    if last is not None:
        values |= {"status": last.status, "failed": last.status == "fail"}
        if last.note:
            values["note"] = last.note[:200]
    return values


def expected_after(check: Check, since: float, now: float) -> float:
    """When the next success after `since` is expected: the first time of the schedule after it."""
    cron = text_option(check, "cron")
    if not cron:
        every_s = number_option(check, "every") or number_option(check, "every_s")
        if not every_s:
            raise Usage(f"{check.key}: a heartbeat needs cron or every.", "For example every: 1h, grace: 5m.")
        return since + every_s
    from cronsim import CronSim, CronSimError

    try:
        start = datetime.fromtimestamp(since, _zone(check))
        return next(CronSim(cron, start)).timestamp()
    except StopIteration:
        return now + 86_400.0  # a date that never comes, such as 30 February: never late
    except CronSimError as error:
        raise Usage(f"{check.key}: {cron!r} is not a cron schedule ({error}).", 'For example "0 2 * * *".') from error


def _zone(check: Check) -> tzinfo:
    name = text_option(check, "timezone")
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Usage(f"{check.key}: {name} is not a time zone.", "For example Africa/Johannesburg.") from error
