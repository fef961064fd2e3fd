"""The keys of watchkeeper.yaml about who is told and when, as models; `core.inventory.telling` checks what they mean."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from watchkeeper.core.hours import day_of, parse_days, parse_time
from watchkeeper.core.inventory.fields import After, Again, Name, Text, Times, TimeZone, mistake
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.times import parse_duration

EARLIEST, LATEST = 2000, 2199
"""Years of dates: further away no reckoning with time zones is exact, and none is meant."""
MOST_STEPS = 50


def _time(value: Any) -> int:
    seconds = parse_time(value) if isinstance(value, str) else None
    if seconds is None:
        raise mistake("a time of day in quotes, from 00:00 to 24:00", '"08:00"')
    return seconds


def _days(value: Any) -> tuple[int, ...]:
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    days = parse_days(text) if isinstance(text, str) else None
    if not days:
        raise mistake("days of the week", "mon-fri")
    return days


def _date(value: Any) -> str:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else date.min
    except ValueError:
        found = date.min
    if not EARLIEST <= found.year <= LATEST:
        raise mistake(f"a date from {EARLIEST} to {LATEST}", "2026-12-25")
    return found.isoformat()


def _day_or_calendar(value: Any) -> str:
    """A date, or what may be the name of a calendar; which one, `telling` knows."""
    if isinstance(value, str) and value[:1].isalpha():
        return value
    return _date(value)


TimeOfDay = Annotated[
    int,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$", "examples": ["08:00"]}),
]
Days = Annotated[
    tuple[int, ...],
    BeforeValidator(_days),
    WithJsonSchema({"type": ["string", "array"], "examples": ["mon-fri", "sat, sun"]}),
]
Day = Annotated[str, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
DayOrCalendar = Annotated[
    str, BeforeValidator(_day_or_calendar), WithJsonSchema({"type": "string", "examples": ["2026-12-25", "berlin"]})
]


class HoursModel(Strict):
    """Hours of the week. `to` that is not after `from` is of the next day."""

    days: Days = Field(default=(0, 1, 2, 3, 4), description="days of the week; default: mon-fri")
    from_: TimeOfDay = Field(alias="from", description='when they begin, "08:00"')
    to: TimeOfDay = Field(description='when they end, "17:00"; up to "24:00"')
    timezone: TimeZone | None = Field(default=None, description="time zone; default: the team's")
    holidays: list[DayOrCalendar] = Field(
        default_factory=list, description="dates on which they do not hold, or names of calendars under `holidays`"
    )

    @model_validator(mode="after")
    def _some_time(self) -> HoursModel:
        if self.from_ == self.to or self.from_ == 86400:
            raise mistake("a span that begins before 24:00 and has a length", '{from: "08:00", to: "17:00"}')
        return self


# ---- people ----------------------------------------------------------------------------------------------------------------


class ContactKeys(Strict):
    """How messages reach a person."""

    channels: list[Name] = Field(default_factory=list, description="channels in the order they are tried")
    timezone: TimeZone | None = Field(default=None, description="where the person is; default: the team's zone")
    hours: HoursModel | None = Field(default=None, description="outside of them only a P1 reaches this person")


# ---- schedules -------------------------------------------------------------------------------------------------------------

_HAND_OVER = '"mon 09:00"'
LEAST_TURN_S, LONGEST_TURN_S = 3600, 366 * 86400


def _hand_over(value: Any) -> tuple[int | None, int]:
    words = value.split() if isinstance(value, str) else []
    day = day_of(words[0]) if len(words) == 2 else None
    second = parse_time(words[-1]) if 0 < len(words) < 3 else None
    if second is None or second == 86400 or (len(words) == 2 and day is None):
        raise mistake("a time of day, with a day of the week if there is one", _HAND_OVER)
    return day, second


def _every(value: Any) -> int:
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None or not LEAST_TURN_S <= seconds <= LONGEST_TURN_S:
        raise mistake("how long one turn is, from 1h to 366d", "7d")
    whole = int(seconds)
    if whole % 3600 or (whole % 86400 if whole > 86400 else 86400 % whole):
        raise mistake("whole days, or hours that divide a day", "12h")
    return whole


def _local_time(value: Any) -> tuple[str, int]:
    day, _, clock = value.replace("T", " ").partition(" ") if isinstance(value, str) else ("", "", "")
    second = parse_time(clock) if clock else 0
    try:
        if second is None:
            raise ValueError
        return _date(day), second
    except Exception:
        raise mistake("a date, or a date and a time of day", "2026-12-24 09:00") from None


HandOver = Annotated[
    tuple[int | None, int],
    BeforeValidator(_hand_over),
    WithJsonSchema({"type": "string", "examples": ["mon 09:00", "08:00"]}),
]
Turn = Annotated[int, BeforeValidator(_every), WithJsonSchema({"type": "string", "examples": ["7d", "1d", "12h"]})]
LocalTime = Annotated[
    tuple[str, int], BeforeValidator(_local_time), WithJsonSchema({"type": "string", "examples": ["2026-12-24 09:00"]})
]


class LayerKeys(Strict):
    """People in turn."""

    rotation: list[Name] | None = Field(default=None, description="people in the order of their turns")
    every: Turn | None = Field(default=None, description="how long one turn is: days, or hours that divide a day")
    hand_over: HandOver | None = Field(default=None, description='when turns change, "mon 09:00"; default: "09:00"')
    from_: Day | None = Field(
        default=None, alias="from", description="first day; the turn of the first person holds then"
    )
    restrict: HoursModel | None = Field(default=None, description="hours outside of which nobody of it is on call")


class OverrideModel(Strict):
    """Somebody else for a while."""

    person: Name = Field(description="who is on call instead")
    from_: LocalTime = Field(alias="from", description="since when, local time of the schedule")
    to: LocalTime = Field(description="until when")
    why: Text = Field(default="", description="for the others to read")


class ScheduleModel(LayerKeys):
    """One on-call schedule: one layer, or several of which the first that has somebody counts."""

    layers: list[LayerKeys] | None = Field(
        default=None, description="several rotations; the first with somebody counts"
    )
    timezone: TimeZone | None = Field(default=None, description="zone of its hand-overs; default: the team's")
    holidays: Name | None = Field(default=None, description="name of a calendar under `holidays`")
    cover: list[Name] = Field(default_factory=list, description="who has the holidays, one after the other")
    overrides: list[OverrideModel] = Field(default_factory=list, description="exceptions; the last one wins")


# ---- escalations and routes ------------------------------------------------------------------------------------------------


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


Patterns = Annotated[
    list[Text],
    BeforeValidator(_listed),
    WithJsonSchema({"type": ["string", "array"], "examples": ["shop", ["shop", "web-*"]]}),
]


class StepModel(Strict):
    """Who is told, and when."""

    after: After = Field(default=0.0, description="how long after the incident was opened; default: at once")
    to: Patterns = Field(
        description="oncall:NAME, person:NAME, channel:NAME, group:NAME, everybody; or a name that is only one of them"
    )
    hours: Literal["business"] | None = Field(default=None, description="business: only time within `hours` counts")


class RepeatModel(Strict):
    """The steps again."""

    after: Again = Field(default=1800.0, description="how long after the last step")
    times: Times = Field(default=3, description="how often")


class PolicyModel(Strict):
    """Steps with more about them."""

    steps: list[StepModel] = Field(description="who is told after how long, at most 50")
    repeat: RepeatModel | None = Field(default=None, description="walk the steps again while nobody acknowledges")
    acknowledged_for: Again | None = Field(
        default=None, description="an acknowledgement ends after this time, and the steps go on; default: it holds"
    )

    @model_validator(mode="after")
    def _not_endless(self) -> PolicyModel:
        if len(self.steps) > MOST_STEPS:
            raise mistake(f"at most {MOST_STEPS} steps; 'repeat' walks them again", found=f"{len(self.steps)} steps")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema also takes the short form, a plain list of steps; `telling.spelled_out` makes it the long one."""
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [whole["properties"]["steps"], whole]}


Severities = Annotated[list[Literal["P1", "P2", "P3", "P4"]], BeforeValidator(_listed)]
Kinds = Annotated[list[Literal["opened", "escalated", "closed", "approval", "warning"]], BeforeValidator(_listed)]


class RouteModel(Strict):
    """Which messages go where; what is left out matches everything."""

    service: Patterns = Field(default_factory=list, description="names of services, * for any letters")
    host: Patterns = Field(default_factory=list, description="names of hosts, * for any letters")
    label: dict[Name, Patterns] = Field(default_factory=dict, description="labels of the service or its hosts")
    severity: Severities = Field(default_factory=list, description="P1 to P4")
    owner: Patterns = Field(default_factory=list, description="owners of services, * for any letters")
    hours: Literal["business", "outside"] | None = Field(default=None, description="within or outside of `hours`")
    kind: Kinds = Field(
        default_factory=list, description="kinds of message: opened, escalated, closed, approval, warning"
    )
    escalation: Name | None = Field(default=None, description="the policy it goes to")
    channels: list[Name] | None = Field(default=None, description="or channels, in the order they are tried")

    @model_validator(mode="after")
    def _one(self) -> RouteModel:
        if (self.escalation is None) == (not self.channels):
            found = "both" if self.channels else "neither"
            raise mistake("exactly one of 'escalation', 'channels'", "{severity: P1, escalation: urgent}", found=found)
        return self
