"""The key `severities` of watchkeeper.yaml: which severity what has, and until when somebody answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.severity import DEFAULT, LEVELS, Condition, Level, Within
from watchkeeper.core.inventory.fields import Flag, Kept, Name, duration_between, mistake
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.times import parse_duration

CORRELATE_S = 10.0
Correlate = duration_between(0.0, 60.0, "0s", "60s")
_STATES = ("WARN", "CRIT")
_LONGEST_S = 90 * 86400.0


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _patterns(value: Any) -> tuple[str, ...]:
    found = [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in _listed(value)]
    if not found or not all(isinstance(each, str) and each.strip() for each in found):
        raise mistake("a name or a pattern, or a list of them", "[backup*, restore*]")
    return tuple(found)


def _states(value: Any) -> tuple[State, ...]:
    found = _listed(value)
    if not found or any(each not in _STATES for each in found):
        raise mistake("CRIT or WARN", "CRIT", meant=str(value).upper() if str(value).upper() in _STATES else "")
    return tuple(State(each) for each in found)


def _tiers(value: Any) -> tuple[int, ...]:
    found = _listed(value)
    if not found or any(isinstance(each, bool) or each not in (1, 2, 3) for each in found):
        raise mistake("a tier from 1 to 3, or a list of them", "[1, 2]")
    return tuple(found)


def _kinds(value: Any) -> tuple[str, ...]:
    found = _patterns(value)
    unknown = next((each for each in found if each not in KINDS), None)
    if unknown is not None:
        raise mistake(f"kinds of checks: {', '.join(sorted(KINDS))}", "[tls, heartbeat]", found=f"'{unknown[:60]}'")
    return found


def _within(value: Any) -> Within:
    if value == "same day" or value == "next business day":
        return value  # type: ignore[no-any-return]
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None or not 60 <= seconds <= _LONGEST_S:
        raise mistake("a duration from 1m to 90d, 'same day' or 'next business day'", "15m")
    return seconds


def _many(value: Any) -> Any:
    if not isinstance(value, dict | list):
        raise mistake("a condition, or a list of them", "{state: CRIT, tier: 1}")
    return [value] if isinstance(value, dict) else value


def _texts(schema: dict[str, Any]) -> Any:
    return WithJsonSchema({"anyOf": [schema, {"type": "array", "items": schema}]})


Patterns = Annotated[tuple[str, ...], BeforeValidator(_patterns), _texts({"type": ["string", "integer"]})]
States = Annotated[tuple[State, ...], BeforeValidator(_states), _texts({"enum": list(_STATES)})]
Tiers = Annotated[tuple[int, ...], BeforeValidator(_tiers), _texts({"enum": [1, 2, 3]})]
Kinds = Annotated[tuple[str, ...], BeforeValidator(_kinds), _texts({"enum": sorted(KINDS)})]
WithinField = Annotated[
    Any,
    BeforeValidator(_within),
    WithJsonSchema({"type": "string", "examples": ["15m", "4h", "same day", "next business day"]}),
]


class ConditionModel(Strict):
    """What must be so, all of it. Names may be patterns, and lists of them: one must match."""

    state: States | None = Field(default=None, description="CRIT or WARN")
    tier: Tiers | None = Field(default=None, description="tiers of the service")
    service: Patterns | None = Field(default=None, description="names of services")
    check: Patterns | None = Field(default=None, description="names of checks, as in the file of the service")
    kind: Kinds | None = Field(default=None, description="kinds of checks, such as tls or heartbeat")
    owner: Patterns | None = Field(default=None, description="owners of services")
    label: dict[Name, Patterns] | None = Field(default=None, description="labels of the service and their values")
    hours: Literal["open", "closed"] | None = Field(
        default=None, description="when it opens: within the team's `hours`, or outside them"
    )
    extent: Literal["whole", "part"] | None = Field(
        default=None, description="whole: it fails on every host of the service; part: only on some"
    )
    blocks: Kept | None = Field(default=None, description="so many services depend on it, or more")
    unreachable: Flag | None = Field(default=None, description="true: a host that cannot be reached; false: no host")


Conditions = Annotated[list[ConditionModel], BeforeValidator(_many)]


class SeverityModel(Strict):
    """One severity: when it applies, and until when somebody acknowledges."""

    when: Conditions | None = Field(
        default=None,
        description="one condition, or a list of which one must hold; default: P1 CRIT of tier 1, P2 CRIT, P3 the rest",
    )
    respond_within: WithinField | None = Field(
        default=None, description="a duration, 'same day' (end of the working day) or 'next business day'"
    )
    counted: Literal["always", "hours"] = Field(
        default="always", description="hours: a duration is counted within the team's `hours` only"
    )


class SeveritiesModel(Strict):
    """Severities; the first from P1 on that applies counts."""

    P1: SeverityModel | None = Field(default=None, description="the most urgent")
    P2: SeverityModel | None = Field(default=None, description="urgent")
    P3: SeverityModel | None = Field(default=None, description="can wait")
    P4: SeverityModel | None = Field(default=None, description="to be known; only with `when`")


def levels_of(model: SeveritiesModel | None) -> tuple[Level, ...]:
    """The policy; without one what holds by default."""
    if model is None:
        return DEFAULT
    usual = {level.name: level.when for level in DEFAULT}
    found = []
    for name in LEVELS:
        each: SeverityModel | None = getattr(model, name)
        given = each.when if each is not None else None
        when = usual.get(name, ()) if given is None else tuple(_condition(one) for one in given)
        within = each.respond_within if each is not None else None
        found.append(Level(name, when, within, each is not None and each.counted == "hours"))
    return tuple(found)


def _condition(model: ConditionModel) -> Condition:
    return Condition(
        state=model.state or (),
        tier=model.tier or (),
        service=model.service or (),
        check=model.check or (),
        kind=model.kind or (),
        owner=model.owner or (),
        label=dict(model.label or {}),
        hours=model.hours,
        extent=model.extent,
        blocks=model.blocks or 0,
        unreachable=model.unreachable,
    )


def needs_hours(model: SeveritiesModel | None) -> str:
    """The severity that speaks of hours, for a team that has none; "" when none does."""
    for name in LEVELS:
        each: SeverityModel | None = getattr(model, name) if model is not None else None
        if each is not None and (each.counted == "hours" or any(one.hours for one in each.when or ())):
            return name
    return ""
