"""A field of the ops repo: how many days something is kept, also written in years."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from watchkeeper.core.inventory.fields import duration_between

DAY_S = 86_400.0
_YEARS = re.compile(r"(\d{1,2})y")


def _in_days(value: Any) -> Any:
    """Years are 365 days."""
    match = _YEARS.fullmatch(value.strip()) if isinstance(value, str) else None
    return f"{int(match.group(1)) * 365}d" if match else value


def _duration_with_years() -> Any:
    pattern = r"^(\d+(\.\d+)?(ms|s|min|m|h|d|w))+$|^\d{1,2}y$"
    schema = {"type": "string", "pattern": pattern, "examples": ["60d", "5y"]}
    return Annotated[
        duration_between(DAY_S, 3660 * DAY_S, "1d", "10y"), BeforeValidator(_in_days), WithJsonSchema(schema)
    ]


Days = _duration_with_years()
