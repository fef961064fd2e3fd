"""When planned windows and silences take place: once, by cron, or by an RRULE, each in its own time zone.

A day on which the clock changes has its window like every other day, once. By cron, a time that the clock leaps over begins
right after the leap; by RRULE it is read with the offset before the leap (RFC 5545). A time that comes twice begins once.
How long it lasts is counted in real time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from watchkeeper.core.errors import Usage
from watchkeeper.core.rrules import RuleError, matching_days, parse_rule
from watchkeeper.core.times import format_duration
from watchkeeper.core.windows import LONGEST_S, REMIND_S, Item, Kind

_REFERENCE = datetime(2026, 1, 1)
"""Where a schedule is tried out; any date would do."""
_TRIED = 400
_MOST = 5000
"""Occurrences looked at in one question, whatever a file says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A window or silence that is declared, once or recurring. key: where it stands, the same as long as it does.

    starts: local date and time of the first (or only) one, ISO; with cron nothing. excepted: local dates left out.
    expires_at: no occurrence begins from then on.
    """

    key: str
    name: str
    kind: Kind
    targets: tuple[str, ...]
    why: str
    actor: str
    timezone: str
    lasts_s: float
    cron: str = ""
    rrule: str = ""
    starts: str = ""
    excepted: tuple[str, ...] = ()
    expires_at: float | None = None
    until_green: bool = False
    remind_s: float = REMIND_S
    watch_s: float = 0.0
    items: tuple[Item, ...] = ()

    @property
    def recurs(self) -> bool:
        """Whether it comes again and again."""
        return bool(self.cron or self.rrule)

    def words(self) -> str:
        """When it takes place, in short."""
        lasts = format_duration(self.lasts_s)
        when = f"cron {self.cron}" if self.cron else f"{self.rrule} from {self.starts}" if self.rrule else self.starts
        return f"{when} ({self.timezone}), {lasts} each" if self.recurs else f"{when} ({self.timezone}), {lasts}"


@dataclass(frozen=True, slots=True)
class KeptPlan:
    """A plan that was made by command."""

    id: int
    plan: Plan
    actor: str
    created_at: float
    ended_at: float | None = None
    ended_by: str = ""


def occurrences(plan: Plan, since: float, until: float) -> list[tuple[float, float]]:
    """(start, end) of every time that ends after `since` and starts before `until`, oldest first."""
    found: list[tuple[float, float]] = []
    for start in islice(_starts(plan, since - plan.lasts_s, until), _MOST):
        if start >= until or (plan.expires_at is not None and start >= plan.expires_at):
            break
        if start + plan.lasts_s > since and _day(start, plan.timezone) not in plan.excepted:
            found.append((start, start + plan.lasts_s))
    return found


def current_occurrence(plan: Plan, now: float) -> tuple[float, float] | None:
    """The one that takes place at this moment. Asked at every look, so the times of an hour are kept."""
    hour = int(now // 3600)
    return next((each for each in _of_hour(plan, hour) if each[0] <= now < each[1]), None)


@lru_cache(maxsize=1024)
def _of_hour(plan: Plan, hour: int) -> tuple[tuple[float, float], ...]:
    return tuple(occurrences(plan, hour * 3600.0, hour * 3600.0 + 3600.0))


def next_occurrence(plan: Plan, now: float, within_s: float = 366 * 86_400.0) -> tuple[float, float] | None:
    """The first one that starts at `now` or later."""
    for start in islice(_starts(plan, now, now + within_s), _MOST):
        if plan.expires_at is not None and start >= plan.expires_at:
            return None
        if start >= now and _day(start, plan.timezone) not in plan.excepted:
            return start, start + plan.lasts_s
    return None


def occurrence_key(plan: Plan, start: float) -> str:
    """The name of one time of a plan, given once for ever."""
    return f"{plan.key}@{int(start)}"


def _day(at: float, timezone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(timezone)).date().isoformat()


def _starts(plan: Plan, since: float, until: float) -> Iterator[float]:
    """Starts from `since` on, oldest first; those before it may be among them."""
    if plan.cron:
        return _by_cron(plan, since, until)
    if plan.rrule:
        return _by_rule(plan, since, until)
    return iter([local_time(plan.starts, plan.timezone)])


def _by_cron(plan: Plan, since: float, until: float) -> Iterator[float]:
    from cronsim import CronSim

    # a day earlier: what is due right after a leap of the clock is found from the day before alone
    begin = datetime.fromtimestamp(since - 86_400.0, ZoneInfo(plan.timezone))
    last = None
    for moment in CronSim(plan.cron, begin):
        at = moment.timestamp()
        if at >= until:
            return
        if at >= since and at != last:
            last = at
            yield at


def _by_rule(plan: Plan, since: float, until: float) -> Iterator[float]:
    zone = ZoneInfo(plan.timezone)
    first = _naive(plan.starts)
    rule = parse_rule(plan.rrule)
    from_day = datetime.fromtimestamp(since, zone).date() - timedelta(days=1)
    to_day = datetime.fromtimestamp(until, zone).date() + timedelta(days=1)
    for day in matching_days(rule, first, from_day, to_day):
        at = datetime.combine(day, first.time(), zone).timestamp()
        if at >= since:
            yield at


def _naive(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)


def assert_zone(name: str) -> str:
    """The name of a time zone. Raises `Usage` for one that is none."""
    try:
        ZoneInfo(name)
    except Exception:  # a wrong key raises what its path would
        raise Usage(f"'{name[:60]}' is no time zone of the IANA list.", "For example Europe/Amsterdam.") from None
    return name


def local_time(text: str, timezone: str) -> float:
    """Epoch seconds of ``2026-12-01T02:00`` in a zone; one with an offset of its own keeps it. Raises `Usage`."""
    zone = ZoneInfo(assert_zone(timezone))
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise Usage(
            f"'{text[:60]}' is no date and time.",
            "Write 2026-12-01T02:00, in the team's zone, or with an offset: +01:00.",
        ) from None


# ---- what a person wrote ------------------------------------------------------------------------------------------------


def rule_fault(rule: str) -> str:
    """Why a text is no RRULE that we take; "" when it is."""
    try:
        parse_rule(rule)
    except RuleError as error:
        return str(error)
    return ""


def plan_fault(plan: Plan) -> str:
    """Why a plan cannot be: no time ever, or again before it is over, which would mute for ever. "" when it can."""
    times = list(islice(_tried(plan), _TRIED))
    if not times:
        return "it never takes place"
    if any(later - start <= plan.lasts_s for start, later in pairwise(times)):
        return f"it begins again before its {format_duration(plan.lasts_s)} are over, so it would never end"
    return ""


def _tried(plan: Plan) -> Iterator[float]:
    if not plan.recurs:
        return iter([local_time(plan.starts, plan.timezone)])
    begin = _naive(plan.starts) if plan.starts else _REFERENCE
    since = begin.replace(tzinfo=ZoneInfo(plan.timezone)).timestamp()
    return _starts(plan, since, since + 8 * 366 * 86_400.0)


def assert_plan(plan: Plan) -> Plan:
    """The plan as it is. Raises `Usage` for what cannot be."""
    if plan.rrule and (why := rule_fault(plan.rrule)):
        raise Usage(f"'{plan.rrule[:80]}' cannot be followed: {why}.", "For example FREQ=MONTHLY;BYDAY=1SU.")
    if not plan.cron and not plan.starts:
        raise Usage("It has no beginning.", "Give a cron, or a first date and time.")
    if plan.lasts_s > LONGEST_S[plan.kind]:
        raise Usage(
            f"A {plan.kind} lasts at most {format_duration(LONGEST_S[plan.kind])}, not {format_duration(plan.lasts_s)}.",
            "Give a shorter one.",
        )
    if plan.cron:
        _assert_cron(plan.cron)
    why = plan_fault(plan)
    if why:
        raise Usage(f"{plan.words()} cannot be: {why}.", "Give a shorter --for, or a schedule that comes less often.")
    return plan


def _assert_cron(text: str) -> None:
    from cronsim import CronSim

    try:
        if len(text.split()) == 5 and len(text) <= 200:
            next(CronSim(text, _REFERENCE))
            return
    except Exception:  # as above
        pass
    raise Usage(f"'{text[:80]}' is no cron expression that comes due at some time.", 'For example "0 2 * * sun".')


def dates(values: Sequence[str]) -> tuple[str, ...]:
    """ISO dates, checked. Raises `Usage`."""
    try:
        return tuple(date.fromisoformat(each).isoformat() for each in values)
    except ValueError:
        raise Usage(f"One of {', '.join(values)[:80]} is no date.", "Write 2026-12-25.") from None
