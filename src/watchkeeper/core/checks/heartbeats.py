"""What the pings of a job say: when it ended last, what runs now, how long its runs take, when the next one is due.

Nothing is read here and no clock is asked: pings come in oldest first, `now` is passed in, all times are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice, takewhile
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import Usage
from watchkeeper.core.times import format_duration, utc_text

Status = Literal["success", "start", "fail", "log"]
STATUSES: tuple[Status, ...] = ("success", "start", "fail", "log")
NEVER_S = 86_400.0
"""A schedule without a next time is looked at again after so long; so is a run whose length is not judged."""
COMPARED, ENOUGH = 20, 5
"""How many earlier runs make the usual duration, and how many there must be."""
MOST_MISSED = 100
RUN_ID_LENGTH, NOTE_LENGTH, BODY_HEAD, BODY_TAIL = 64, 400, 2_000, 8_000
"""Characters that are kept. Of a long body its beginning and, since errors stand there, more of its end."""
CUT = "\n[... cut ...]\n"


@dataclass(frozen=True, slots=True)
class Ping:
    """One word of a job about itself.

    status: ``success`` and ``fail`` end a run, ``start`` begins one, ``log`` only tells. rid: run id, "" when runs do not
    overlap. exit_code: 0 to 255 where one was told. duration_s: where the job itself measured it. body: what the job
    printed, redacted and cut. source: how the ping came, for people.
    """

    check: str
    at: float
    status: Status
    note: str = ""
    rid: str = ""
    exit_code: int | None = None
    duration_s: float | None = None
    body: str = ""
    source: str = ""


def status_of_exit(code: int) -> Status:
    """What an exit code says of the run."""
    return "success" if code == 0 else "fail"


def last_line(text: str) -> str:
    """The last line with something in it."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def cut_body(text: str) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= BODY_HEAD + BODY_TAIL:
        return text
    return f"{text[:BODY_HEAD]}{CUT}{text[-BODY_TAIL:]}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job should report. Either cron (five fields, in `timezone`) or every_s.

    grace_s: how much later. misses: how many times in a row it may leave out. longest_s: how long a run may take from its
    start; None: as long as the grace; 0 without grace: not judged.
    """

    cron: str = ""
    timezone: str = ""
    every_s: float = 0.0
    grace_s: float = 0.0
    misses: int = 0
    longest_s: float | None = None

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Schedule:
        """As the options of a heartbeat check say."""
        return cls(
            cron=str(options.get("cron") or ""),
            timezone=str(options.get("timezone") or ""),
            every_s=_number(options, "every") or _number(options, "every_s") or 0.0,
            grace_s=_number(options, "grace") or 0.0,
            misses=int(_number(options, "misses") or 0),
            longest_s=_number(options, "longest_run"),
        )

    @property
    def words(self) -> str:
        """For people: ``0 2 * * * in Africa/Johannesburg, 1 h grace``."""
        zone = f" in {self.timezone}" if self.timezone else ""
        told = [f"{self.cron}{zone}" if self.cron else f"every {format_duration(self.every_s)}"]
        told += [f"{format_duration(self.grace_s)} grace"] if self.grace_s else []
        told += [f"{self.misses} may be missed"] if self.misses else []
        told += [f"a run takes {format_duration(self.longest_s)} at most"] if self.longest_s else []
        return ", ".join(told)

    @property
    def limit_s(self) -> float:
        """How long a run may take; 0 when that is not judged."""
        return self.grace_s if self.longest_s is None else self.longest_s

    def after(self, since: float, now: float) -> float:
        """The first expected time after `since`. Raises `Usage` for a schedule that is none."""
        return self.times(since, now, 1)[0]

    def times(self, since: float, now: float, count: int) -> list[float]:
        """The first `count` expected times after `since`; fewer, but at least one, where the schedule ends."""
        if not self.cron:
            if self.every_s <= 0:
                raise Usage("A heartbeat needs cron or every.", "For example every: 1h, grace: 5m.")
            return [since + self.every_s * number for number in range(1, count + 1)]
        return list(islice(self._walk(since), count)) or [now + NEVER_S]

    def _walk(self, since: float) -> Iterator[float]:
        """The times of cron after `since`."""
        from cronsim import CronSim, CronSimError

        try:
            yield from (
                moment.timestamp() for moment in CronSim(self.cron, datetime.fromtimestamp(since, self._zone()))
            )
        except CronSimError as error:
            raise Usage(f"{self.cron!r} is not a cron schedule ({error}).", 'For example "0 2 * * *".') from error

    def missed(self, since: float, now: float) -> int:
        """How many expected times after `since` are over, grace included; at most `MOST_MISSED`."""
        late = now - self.grace_s
        if late <= since:
            return 0
        if not self.cron:
            return min(MOST_MISSED, int((late - since) // self.every_s)) if self.every_s > 0 else 0
        return sum(1 for _at in takewhile(lambda at: at <= late, islice(self._walk(since), MOST_MISSED)))

    def _zone(self) -> tzinfo:
        if not self.timezone:
            return UTC
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise Usage(f"{self.timezone} is not a time zone.", "For example Africa/Johannesburg.") from error


def _number(options: Mapping[str, object], name: str) -> float | None:
    value = options.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has begun and not ended."""

    rid: str
    since: float


@dataclass(frozen=True, slots=True)
class Job:
    """What a row of pings says. durations_s: of successful runs, oldest first, the newest success included when known.

    newest_s: how long the newest success took; None when nobody said when it began.
    """

    last: Ping | None = None
    success: Ping | None = None
    ended: Ping | None = None
    running: tuple[Run, ...] = ()
    durations_s: tuple[float, ...] = ()
    newest_s: float | None = None

    @property
    def failed(self) -> bool:
        """Whether the last run that ended failed."""
        return self.ended is not None and self.ended.status == "fail"


def read(pings: Sequence[Ping], limit_s: float = 0.0) -> Job:
    """Fold pings, oldest first. limit_s: how long a run may take, 0 when that is not judged.

    A run without an end stays among the running ones until a run that began after its limit has succeeded: only then is
    it certain that nobody waits for it any more. A new start of the same run id begins that run anew.
    """
    last = success = ended = None
    running: dict[str, float] = {}
    durations: list[float] = []
    newest: float | None = None
    forgotten_s = limit_s or NEVER_S
    for ping in pings:
        if ping.status == "log":
            continue
        last = ping
        if ping.status == "start":
            running[ping.rid] = ping.at
            continue
        began = running.pop(ping.rid, None)
        ended = ping
        if ping.status == "success":
            success, newest = ping, _took(ping, began)
            if newest is not None:
                durations.append(newest)
            start = ping.at if began is None else began
            running = {rid: since for rid, since in running.items() if since + forgotten_s > start or since >= start}
    open_runs = tuple(Run(rid, since) for rid, since in sorted(running.items(), key=lambda each: each[1]))
    return Job(last, success, ended, open_runs, tuple(durations[-COMPARED - 1 :]), newest)


def took(pings: Sequence[Ping]) -> list[float | None]:
    """How long the run took that each of these pings ended, oldest first; None where it ended none, or nobody knows."""
    running: dict[str, float] = {}
    found: list[float | None] = []
    for ping in pings:
        if ping.status == "start":
            running[ping.rid] = ping.at
        ends = ping.status in ("success", "fail")
        found.append(_took(ping, running.pop(ping.rid, None)) if ends else None)
    return found


def _took(ping: Ping, began: float | None) -> float | None:
    if ping.duration_s is not None:
        return max(0.0, ping.duration_s)
    return None if began is None else max(0.0, ping.at - began)


def usual(durations_s: Sequence[float]) -> float | None:
    """How long runs take: the median of the newest `COMPARED`; None below `ENOUGH`, where nothing is usual yet."""
    newest = durations_s[-COMPARED:]
    return float(median(newest)) if len(newest) >= ENOUGH else None


def judge_job(job: Job, schedule: Schedule, first_seen: float, now: float) -> dict[str, Value]:
    """The values of a heartbeat check; see `core.checks.kinds`. first_seen: when the watch first knew the check."""
    since = job.success.at if job.success is not None else first_seen
    times = schedule.times(since, now, schedule.misses + 1)
    expected, due = times[0], times[-1] + schedule.grace_s
    running_s = max((now - run.since for run in job.running), default=0.0)
    limit_s = schedule.limit_s
    over_s = max((now - run.since - limit_s for run in job.running), default=0.0) if limit_s > 0 else 0.0
    if job.running and limit_s > 0 and schedule.longest_s is not None:
        due = max(due, job.running[-1].since + limit_s)
    late_s = max(0.0, now - due)
    age = max(0.0, now - since)
    values: dict[str, Value] = {
        "age": round(age, 3), "value": round(age, 3), "late": late_s > 0 or over_s > 0, "late_s": round(late_s, 3),
        "missed": schedule.missed(since, now), "expected_at": utc_text(expected), "due_at": utc_text(due),
        "failed": job.failed, "status": job.last.status if job.last is not None else "never",
        "exit_code": _exit_code(job.ended), "running": bool(job.running), "running_s": round(max(0.0, running_s), 3),
        "unfinished": over_s > 0, **_pace(job, running_s),
    }  # fmt: skip
    if job.last is not None and job.last.note:
        values["note"] = job.last.note[:200]
    problem = _problem(values, job, schedule, late_s)
    return values | ({"problem": problem} if problem else {})


def _exit_code(ended: Ping | None) -> int:
    if ended is None:
        return 0
    return ended.exit_code if ended.exit_code is not None else int(ended.status == "fail")


def _pace(job: Job, running_s: float) -> dict[str, Value]:
    """How the newest run, or one that is under way, compares with the usual; 1 while nothing is usual yet."""
    before = job.durations_s[:-1] if job.newest_s is not None else job.durations_s
    compared, present = usual(before), usual(job.durations_s)
    slowness = 1.0
    if compared and job.newest_s is not None:
        slowness = job.newest_s / compared
    if present and running_s / present > max(slowness, 1.0):
        slowness = running_s / present
    return {
        "duration": round(job.newest_s or 0.0, 3), "usual": round(compared or present or 0.0, 3),
        "slowness": round(slowness, 3),
    }  # fmt: skip


def _problem(values: Mapping[str, Value], job: Job, schedule: Schedule, late_s: float) -> str:
    """The sentence that stands before the measured values when a rule does not hold."""
    if job.failed and job.ended is not None and job.ended.exit_code is not None:
        note = f": {job.ended.note.rstrip('.')[:120]}" if job.ended.note else ""
        return f"The last run ended with exit code {job.ended.exit_code}{note}."
    if values["unfinished"]:
        run = job.running[0]
        named = f" {run.rid}" if run.rid else ""
        begun = float(values["running_s"] or 0.0)
        return f"Run{named} began {format_duration(begun)} ago and has not ended; {_limit_words(schedule)}."
    if late_s > 0 and job.success is None:
        return f"No success was ever reported; one is {format_duration(late_s)} overdue."
    if late_s > 0:
        return f"A success is {format_duration(late_s)} overdue."
    slowness = float(values["slowness"] or 0.0)
    if slowness >= 2.0:
        return f"{slowness:.1f} times as slow as usual ({format_duration(float(values['usual'] or 0.0))})."
    return ""


def _limit_words(schedule: Schedule) -> str:
    return f"a run may take {format_duration(schedule.limit_s)}"
