"""The OpenAPI document read for people: rows of a table, types in words. For /api/docs and docs/reference/api.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper.faces.api.schemas.shapes import REFERENCE


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a request may hold. place: "query", "body"; default: "required", a value in words, or ""."""

    name: str
    kind: str
    place: str
    default: str
    said: str = ""


def requested(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Field]:
    """What may stand behind the question mark and in the body; names in the path speak for themselves."""
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            default = "required" if one["required"] else word(one["schema"].get("default"))
            yield Field(one["name"], kind(one["schema"]), "query", default, one.get("description", ""))
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    for choice in [schema, *schema.get("anyOf", ())]:
        model = resolved(document, choice)
        for name, declared in model.get("properties", {}).items():
            default = "required" if name in model.get("required", ()) else word(declared.get("default"))
            yield Field(name, kind(declared), "body", default)
    for media in content:
        if media != "application/json":
            yield Field("", f"the whole body, as {media}", "body", "required")


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference means."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][schema["$ref"].removeprefix(REFERENCE)]
    return found


def kind(declared: Mapping[str, Any]) -> str:
    """A JSON type in words."""
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "number": "number",
        "null": "null",
    }
    if "$ref" in declared:
        return str(declared["$ref"]).removeprefix(REFERENCE)
    if "anyOf" in declared:
        return " or ".join(kind(one) for one in declared["anyOf"])
    if "enum" in declared:
        return " or ".join(f"`{each}`" for each in declared["enum"])
    found = declared.get("type")
    if isinstance(found, list):
        return " or ".join(kind({**declared, "type": each}) for each in found)
    if found == "array":
        return f"list of {kind(declared.get('items') or {})}"
    if found == "object":
        return f"map of {kind(declared.get('additionalProperties') or {})}"
    if found == "string" and declared.get("format") == "date-time":
        return "UTC time"
    return words.get(str(found), "anything")


def word(default: object) -> str:
    """A default in words; "" for none."""
    if default in (None, "", [], {}):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
