"""The parts of the key `log` about keeping and proving: `keep` and `anchor`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.inventory.fields import SECRET, duration_between, mistake
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.log.keeping import DEFAULT, Keep
from watchkeeper.core.log.proof import Anchoring
from watchkeeper.core.log.vocabulary import Vocabulary
from watchkeeper.core.times import parse_duration

DAY_S = 86_400.0
_EXAMPLE = "{Critical: forever, High: forever, Medium: 2y, Low: 1y}"
_YEARS = re.compile(r"(\d{1,2})y")


def _time(value: Any) -> float | None:
    """Seconds; None for ever. Years are 365 days."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if text in ("forever", "for ever", "always"):
        return None
    years = _YEARS.fullmatch(text)
    seconds = int(years.group(1)) * 365 * DAY_S if years else parse_duration(text)
    if seconds is None or not 30 * DAY_S <= seconds <= 99 * 365 * DAY_S:
        raise mistake("forever, or a time from 30d to 99y", "2y")
    return seconds


def _keep(value: Any) -> dict[str, float | None]:
    if not isinstance(value, dict) or not value:
        raise mistake("a map of each severity to how long its entries are kept", _EXAMPLE)
    return {str(name): _time(each) for name, each in value.items()}


def _archive(value: Any) -> str:
    if value not in ("monthly", "by hand"):
        raise mistake("monthly, or by hand", "monthly")
    return str(value)


def _address(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if SECRET.match(text):
        return text
    try:
        parts = urlsplit(text)
        if parts.scheme in ("http", "https") and parts.hostname:
            return text
    except ValueError:
        pass
    raise mistake("an http(s) URL, or secret:NAME", "secret:log-witness")


KeepField = Annotated[
    dict[str, Any],
    BeforeValidator(_keep),
    WithJsonSchema({
        "type": "object", "additionalProperties": {"type": "string", "pattern": r"^(forever|\d{1,2}y|(\d+(\.\d+)?[hdw])+)$"},
        "examples": [{"Critical": "forever", "High": "forever", "Medium": "2y", "Low": "1y"}],
    }),
]  # fmt: skip


ArchiveField = Annotated[Literal["monthly", "by hand"], BeforeValidator(_archive)]
Every: Any = duration_between(60.0, 30 * DAY_S, "1m", "30d")


class AnchorModel(Strict):
    """Where the head of the log is sent, so that a cut or a rewritten log does not fit it."""

    webhook: Annotated[str, BeforeValidator(_address)] = Field(
        description="gets a POST with number and hash of the last entry; an http(s) URL, or secret:NAME"
    )
    every: Every = Field(default=DAY_S, description="how often")


def assert_known(keep: Mapping[str, object] | None, vocabulary: Vocabulary) -> None:
    """Raises a mistake for a severity in `keep` that the vocabulary does not have."""
    known = [word.name for word in vocabulary.severities]
    for name in keep or ():
        if vocabulary.severity(name)[0] not in known:
            raise mistake(f"severities of this log below 'keep': {', '.join(known)}", _EXAMPLE, found=f"'{name[:40]}'")


def keep_of(keep: Mapping[str, float | None] | None, archive: str, vocabulary: Vocabulary) -> Keep:
    """The defaults, and over them what the team wrote; by the names of its vocabulary. archive: when entries move."""
    times = {vocabulary.severity(name)[0]: time_s for name, time_s in (keep or {}).items()}
    return Keep(dict(DEFAULT) | times, monthly=archive == "monthly")


def anchoring_of(model: AnchorModel | None) -> Anchoring:
    """As a value."""
    return Anchoring() if model is None else Anchoring(model.webhook, model.every)
