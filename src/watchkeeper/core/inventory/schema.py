"""JSON Schema of every kind of file, for editors and for `wk schema`."""

from __future__ import annotations

from typing import Any

from watchkeeper.core.inventory.models import FILES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PLACES = {
    "watchkeeper": "watchkeeper.yaml",
    "hosts": "hosts.yaml",
    "databases": "databases.yaml",
    "secrets": "secrets.yaml",
    "service": "services/*.yaml",
}
"""Where each kind of file lives, as a pattern for editors."""


def schema(kind: str) -> dict[str, Any]:
    """The schema of one kind: watchkeeper, hosts, databases, secrets or service. Raises KeyError for another."""
    body = FILES[kind].model_json_schema(by_alias=True)
    body.pop("title", None)
    return {"$schema": DIALECT, "title": PLACES[kind], **body}


def schemas() -> dict[str, dict[str, Any]]:
    """All schemas by kind."""
    return {kind: schema(kind) for kind in FILES}
