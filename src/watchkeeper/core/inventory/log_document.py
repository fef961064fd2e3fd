"""The keys `file` and `zones` below `log`: the log's document, and the team's words for time zones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from watchkeeper.core.inventory.fields import mistake
from watchkeeper.core.log.documents.policy import DocumentPolicy


def _file(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    path = PurePosixPath(text)
    if (
        not text
        or path.is_absolute()
        or ".." in path.parts
        or path.suffix.lower() not in (".md", ".markdown")
        or "\0" in text
    ):
        raise mistake("a Markdown file inside the ops repo", "OPERATIONS_LOG.md")
    if path.parts[0] in (".git", ".watchkeeper", "runbooks", "services", "routines"):
        raise mistake("a Markdown file that is nothing else already", "OPERATIONS_LOG.md")
    return str(path)


def _zones(value: Any) -> dict[str, str]:
    from watchkeeper.core.log.documents.zones import zone_named  # time zones are read only where somebody names one

    example = "zones: {CST: Asia/Shanghai}"
    if not isinstance(value, Mapping):
        raise mistake("words for time zones, each with the zone it means", example)
    for word, zone in value.items():
        if (
            not isinstance(word, str)
            or not isinstance(zone, str)
            or not word.strip()
            or zone_named(zone, {})[0] is None
        ):
            raise mistake("a zone such as Asia/Shanghai or +08:00 for each word", example, found=f"{word}: {zone}")
    return {str(word).strip(): str(zone) for word, zone in value.items()}


FileField = Annotated[
    str, BeforeValidator(_file), WithJsonSchema({"type": "string", "examples": ["OPERATIONS_LOG.md"]})
]
ZonesField = Annotated[
    dict[str, str],
    BeforeValidator(_zones),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]


def document_of(file: str, zones: Mapping[str, str]) -> DocumentPolicy:
    """What the rules use."""
    return DocumentPolicy(file, dict(zones))
