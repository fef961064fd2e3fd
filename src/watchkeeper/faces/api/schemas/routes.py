"""What each route means and answers. The tables stand in ``routes_*.py`` by noun; `document` makes OpenAPI of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Some:
    """An object of which only some of the names are there."""

    names: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """meaning: what asking it does. answer: what comes back. Both without a full stop.

    returns: the names at the top of the JSON with their types (a list of one type: many of it), or a media type.
    """

    meaning: str
    answer: str
    returns: Mapping[str, Any] | Some | str = field(default_factory=dict)
