"""What the team says that runs out: domains, licences, contracts, and secrets with a last day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.expiries import Declared
from watchkeeper.core.inventory.fields import Filled, Text, mistake
from watchkeeper.core.inventory.oncall import Day
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.times import parse_duration

WARN_S = 30 * 86400.0
_MOST_S = 366 * 86400.0


def _warn(value: object) -> float:
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None or not 86400.0 <= seconds <= _MOST_S:
        raise mistake("a duration from 1d to 366d", "30d")
    return seconds


Warn = Annotated[
    float,
    BeforeValidator(_warn),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(d|w|h))+$", "examples": ["30d"]}),
]


class ExpiryModel(Strict):
    """One thing that runs out."""

    name: Filled = Field(description="what runs out, in your words")
    ends: Day = Field(description="the day at whose beginning it is over, in the team's time zone")
    owner: Text = Field(default="", description="who renews it")
    warn: Warn = Field(default=WARN_S, description="how long before it is told for the first time; at least 1d")


def declared(models: Sequence[ExpiryModel]) -> tuple[Declared, ...]:
    """As the inventory keeps them."""
    return tuple(Declared(each.name.strip(), each.ends, each.owner, each.warn) for each in models)
