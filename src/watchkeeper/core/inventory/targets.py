"""The key `availability`: what share of the time a service shall be available."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.inventory.fields import mistake
from watchkeeper.core.inventory.probes import Strict

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,5})?)\s*%\Z")


def _share(value: Any) -> float:
    match = _PERCENT.match(value.strip()) if isinstance(value, str) else None
    share = float(match.group(1)) / 100 if match else 0.0
    if not 0.5 <= share <= 1.0:
        raise mistake(
            "a percentage from 50% to 100%", "99.9%", meant=f"{value}%" if isinstance(value, float | int) else ""
        )
    return round(share, 7)


Share = Annotated[float, BeforeValidator(_share), WithJsonSchema({"type": "string", "examples": ["99.9%"]})]


class AvailabilityModel(Strict):
    """What is promised, in a calendar month."""

    target: Share = Field(description="share of the known time, planned maintenance left out, in which it is not down")


def target_of(own: AvailabilityModel | None, team: AvailabilityModel | None) -> float | None:
    """The target (0..1) of a service: its own, else the team's."""
    return own.target if own is not None else team.target if team is not None else None
