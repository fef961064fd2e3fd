"""The keys of a check about how it comes back: ``recover:`` and ``flapping:``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.checks.proof import NOT_KEPT
from watchkeeper.core.conditions import Condition, ConditionError, parse_condition
from watchkeeper.core.inventory.fields import duration_between, mistake, whole_between
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.values import Flapping
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.times import parse_duration

MOST_IN_A_ROW = 100
LONGEST_S = 7 * 86400.0
_IN_A_ROW = re.compile(r"(\d{1,3})\s+in\s+a\s+row\Z")
_EXAMPLE = "{when: value < 80, for: 3 in a row}"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a recovery takes: so many readings in a row, over so many seconds, and a condition besides (as text)."""

    count: int | None = None
    lasts_s: float = 0.0
    when: str = ""


def _amount(value: Any) -> Recovery | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return Recovery(value) if 1 <= value <= MOST_IN_A_ROW else None
    if not isinstance(value, str):
        return None
    match = _IN_A_ROW.match(value.strip())
    if match:
        return _amount(int(match.group(1)))
    seconds = parse_duration(value)
    return Recovery(1, seconds) if seconds is not None and 0 < seconds <= LONGEST_S else None


def _recovery(value: Any) -> Recovery:
    if isinstance(value, Recovery):
        return value
    given = value
    if isinstance(value, dict):
        unknown = [key for key in value if key not in ("when", "for")]
        if unknown:
            raise mistake("'when' and 'for'", _EXAMPLE, found=f"the unknown key '{unknown[0]}'")
        when = value.get("when", "")
        if not isinstance(when, str) or (not when.strip() and "for" not in value):
            raise mistake("'when' with a condition, 'for', or both", _EXAMPLE)
        if value.get("for") is None:
            return Recovery(when=when)
        given = value["for"]
    found = _amount(given)
    if found is None:
        raise mistake(f"a number of OK readings in a row, from 1 to {MOST_IN_A_ROW}, or a time up to 7d", "2 in a row")
    return Recovery(found.count, found.lasts_s, value.get("when", "")) if isinstance(value, dict) else found


_AMOUNT = {"type": ["string", "integer"], "examples": ["2 in a row", "5m"]}
RecoverField = Annotated[
    Recovery,
    BeforeValidator(_recovery),
    WithJsonSchema(
        {
            "anyOf": [
                _AMOUNT,
                {
                    "type": "object",
                    "properties": {"when": {"type": "string", "examples": ["value < 80"]}, "for": _AMOUNT},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class FlappingModel(Strict):
    """When a check counts as flapping, and when that is over."""

    flips: whole_between(3, 60) = Field(default=6, description="so many changes between good and bad")  # type: ignore[valid-type]
    within: duration_between(60.0, 86400.0, "1m", "1d") = Field(default=3600.0, description="within this time")  # type: ignore[valid-type]
    quiet: duration_between(1.0, 86400.0, "1s", "1d") = Field(  # type: ignore[valid-type]
        default=600.0, description="over when it has not changed for this long"
    )


def _flapping(value: Any) -> Any:
    if value is True or (not isinstance(value, dict | bool | FlappingModel)):
        raise mistake("'false', or its limits", "{flips: 6, within: 1h, quiet: 10m}")
    return value


FlappingField = Annotated[
    FlappingModel | bool,
    BeforeValidator(_flapping),
    WithJsonSchema({"anyOf": [{"const": False}, FlappingModel.model_json_schema()]}),
]


def flapping_of(*given: FlappingModel | bool | None) -> Flapping | None:
    """The first that was given; None when flips are never held."""
    found = next((each for each in given if each is not None), None)
    if found is None:
        return Flapping()
    return Flapping(found.flips, found.within, found.quiet) if isinstance(found, FlappingModel) else None


def read_when(recovery: Recovery | None, kind: str, node: Node, notes: Notes) -> Condition | None:
    """The condition of a recovery. An error in it is noted at its own place."""
    place = node.at("recover", "when")
    if recovery is None or not recovery.when.strip() or place is None:
        return None
    try:
        found = parse_condition(recovery.when, kind)
    except ConditionError as error:
        column = place.column if place.block else place.column + (1 if place.quoted else 0) + error.column - 1
        notes.at(place.line, column, error.found, error.expected, error.example, error.did_you_mean)
        return None
    hidden = sorted(found.names & NOT_KEPT)
    if hidden:
        notes.add(
            place, f"'{hidden[0]}', which is not kept", "a value that proves the recovery later too", "status == 200"
        )
        return None
    return found
