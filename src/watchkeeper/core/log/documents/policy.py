"""What a team says about the documents of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DocumentPolicy:
    """file: the log's own document in the ops repo, kept current; "" for none. zones: the team's words for time zones."""

    file: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)
