"""The OpenAPI document of the API: ninja's description of what goes in, and from here what it means and what comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from ninja.openapi.schema import OpenAPISchema

from watchkeeper.faces.api import paging, problems
from watchkeeper.faces.api.bounds import LARGEST_NUMBER
from watchkeeper.faces.api.schemas import (
    incidents,
    log,
    routes_incidents,
    routes_log,
    routes_runs,
    routes_standing,
    routes_team,
    routes_work,
    runs,
    standing,
    team,
    work,
)
from watchkeeper.faces.api.schemas.routes import Route, Some
from watchkeeper.faces.api.schemas.shapes import REFERENCE, Shapes, Shown

PREFIX = "/api/v1"
EXAMPLES = Path(__file__).with_name("examples.json")
SECTIONS: Mapping[str, Mapping[str, Route]] = {
    **routes_standing.SECTIONS, **routes_incidents.SECTIONS, **routes_runs.SECTIONS, **routes_log.SECTIONS,
    **routes_work.SECTIONS, **routes_team.SECTIONS,
}  # fmt: skip
SHOWN: tuple[Shown, ...] = (
    standing.ExpiryRow, standing.NotificationRow, incidents.IncidentRow, runs.ShownBlastRadius, runs.ShownPins,
    runs.ShownApproval, runs.ShownPlan, runs.RunRow, runs.LockRow, log.ShownEntry, log.ShownAnchor, standing.ShownWaiting,
    runs.ShownStep, runs.ShownRunbook, work.ShownHeartbeat, team.ShownAuditEvent,
)  # fmt: skip
"""How core's values look wherever they stand in an answer."""
RAW_BODIES: Mapping[str, str] = {"POST /log/import": "text/plain", "POST /alerts/alertmanager": "application/json"}
"""Routes that read the body themselves."""
INTRODUCTION = """\
Every path begins with `/api/v1`. A request body is one JSON object; an answer is one JSON object named by its noun. Times are
UTC text with Z; durations are seconds, in fields that end in `_s`. What has not happened yet is `null`. New fields may come;
known ones stay.

**Lists** take `limit` and `cursor`; while there is more, the answer holds `next`, the cursor of the next page, and a `Link`
header. **Reading again**: an answer has an `ETag`; with `If-None-Match` what did not change is answered 304, without a body.
**Writes** take an `Idempotency-Key`: the same request with the same key is done once within 24 hours and answered the same.
**Refusals** are problem details (RFC 9457) with `kind` and `hint`; the kinds are those of the command line's exit codes.
"""
Document = dict[str, Any]


def sentence(words: str) -> str:
    """With a capital, unless it begins with a name, and a full stop."""
    return (words[:1].upper() + words[1:]) + "."


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    """(method, path without the prefix, operation) of every route."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix(PREFIX), operation


def routes() -> dict[str, tuple[str, Route]]:
    """Every described route with its section."""
    return {name: (title, route) for title, found in SECTIONS.items() for name, route in found.items()}


class Requests(OpenAPISchema):
    """What goes in, as ninja describes it; two bodies that are called the same in two files keep both their names."""

    def _create_schema_from_model(self, model: Any, *given: Any, **named: Any) -> tuple[Any, bool]:
        known, self.schemas = self.schemas, {}
        details, required = super()._create_schema_from_model(model, *given, **named)
        found = self.schemas
        inner = next(iter(model.model_fields.values())).annotation
        inner = next((each for each in (inner, *get_args(inner)) if hasattr(each, "model_fields")), model)
        noun = "".join(word.capitalize() for word in inner.__module__.rpartition(".")[2].split("_"))
        text = json.dumps([details, found])
        for name, schema in found.items():
            if name in known and known[name] != schema:
                text = text.replace(f'"{REFERENCE}{name}"', f'"{REFERENCE}{noun}{name}"')
                text = text.replace(f'"{name}": {{', f'"{noun}{name}": {{')
        details, found = json.loads(text)
        self.schemas = {**known, **found}
        return details, required


@cache
def document() -> Document:
    """The whole document, made once."""
    from watchkeeper.faces.api.routes import api

    made: Document = json.loads(json.dumps(Requests(api, f"{PREFIX}/")))
    shapes = Shapes(
        shown={each.stands_for or each.value: each for each in SHOWN}, taken=frozenset(made["components"]["schemas"])
    )
    known, examples = routes(), examples_by_route()
    for method, path, operation in operations(made):
        name = f"{method} {path}"
        said = str(operation.get("description") or operation["summary"]).rstrip(".")
        title, route = known.get(name, ("Others", Route(said, "JSON")))
        _describe(operation, name, title, route)
        operation["parameters"] = [*operation.get("parameters", ()), *_conventions(method, path, operation)]
        _bound(operation["parameters"])
        operation["responses"] = _responses(name, route, shapes, examples.get(name))
        if name in RAW_BODIES:
            text = {"type": "string"} if RAW_BODIES[name].startswith("text/") else {"type": "object"}
            operation["requestBody"] = {"required": True, "content": {RAW_BODIES[name]: {"schema": text}}}
    schemas = made["components"]["schemas"]
    for each in schemas.values():
        _bound_schema(each)
    made["components"] = {
        "schemas": {**schemas, **shapes.schemas, "Problem": problem_schema()},
        "responses": {"Problem": {
            "description": "A refusal: what is wrong, and the next step.",
            "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }},
        "securitySchemes": {"token": {
            "type": "http", "scheme": "bearer",
            "description": "An API token (`wk token add`). Over TCP it is the only way in; on the Unix socket of the state "
            "directory the caller is known by its Unix user, and a token makes it a person.",
        }},
    }  # fmt: skip
    made["info"] |= {"description": INTRODUCTION, "license": {"name": "See LICENSE"}}
    made["security"] = [{"token": []}, {}]
    made["tags"] = [{"name": title} for title in SECTIONS]
    return made


def _describe(operation: Document, name: str, title: str, route: Route) -> None:
    method, _, path = name.partition(" ")
    words = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_")
    first = re.split(r"[;.:] ", route.meaning)[0]
    operation |= {
        "operationId": f"{method.lower()}_{words}",
        "summary": first[:1].upper() + first[1:],
        "description": sentence(route.meaning),
        "tags": [title],
    }


def _conventions(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[Document]:
    """What `paging`, `caching` and `idempotency` read of a request."""
    if method != "GET":
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": "Done once within 24 hours.",
               "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}}  # fmt: skip
        return
    yield {"name": "If-None-Match", "in": "header", "required": False, "description": "The ETag of an answer that is known.",
           "schema": {"type": "string", "example": 'W/"5f2b"'}}  # fmt: skip
    if path not in paging.LISTED:
        return
    own = {each["name"]: each for each in operation.get("parameters", ())}
    rule, text = paging.LISTED[path], {"type": "string", "default": ""}
    size = {"type": "integer", "minimum": 1, "maximum": paging.LARGEST}
    if "limit" in own:
        own["limit"]["schema"] |= size
    else:
        yield _query("limit", size, "How many at most.")
    yield _query("cursor", {"type": "string"}, "`next` of the page before.")
    for name in paging.filters_of(rule):
        if name not in own:
            said = {"since": "From this time on.", "until": "Before this time."}.get(
                name, f"Only those of this {name}."
            )
            yield _query(name, {"type": "string", "format": "date-time"} if name in ("since", "until") else text, said)


def _query(name: str, schema: Document, description: str) -> Document:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _bound(parameters: list[Document]) -> None:
    """Every number has its bounds, every text is one that the API takes."""
    for each in parameters:
        if each["in"] != "header":
            _bound_schema(each["schema"])


def _bound_schema(schema: Document) -> None:
    for inner in (*schema.get("anyOf", ()), *schema.get("properties", {}).values()):
        _bound_schema(inner)
    if isinstance(schema.get("items"), dict):
        _bound_schema(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        _bound_schema(schema["additionalProperties"])
    if schema.get("type") == "integer":
        schema.setdefault("minimum", -LARGEST_NUMBER)
        schema.setdefault("maximum", LARGEST_NUMBER)
    if schema.get("type") == "string" and not {"pattern", "format", "enum"} & set(schema):
        schema["pattern"] = "^[^\\u0000]*$"


def _responses(name: str, route: Route, shapes: Shapes, example: Any) -> Document:
    method, _, path = name.partition(" ")
    content = _content(name, route, shapes)
    if example is not None:
        for each in content.values():
            each["example"] = example
    fine: Document = {"description": sentence(route.answer), "content": content}
    found: Document = {"200": fine}
    if method == "GET":
        tag = {"schema": {"type": "string"}, "description": "Changes when the answer does."}
        fine["headers"] = {"ETag": tag}
        if path in paging.LISTED:
            fine["headers"]["Link"] = {
                "schema": {"type": "string"},
                "description": 'The next page, as `<address>; rel="next"`.',
            }
        found["304"] = {"description": "Nothing changed since the ETag that was sent.", "headers": {"ETag": tag}}
    if name in ("GET /health", "GET /status"):
        found["503"] = {"description": "The same while something of watchkeeper itself is stuck.", "content": content}
        if name == "GET /health":
            found["503"] = {"description": "Something is stuck: a problem with `health` beside it.", "content": {
                problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}  # fmt: skip
    for status in ("400", "403", "404", "409", "422", "502"):
        found[status] = {"$ref": "#/components/responses/Problem"}
    return {**found, "default": {"$ref": "#/components/responses/Problem"}}


def _content(name: str, route: Route, shapes: Shapes) -> Document:
    if isinstance(route.returns, str):
        content: Document = {route.returns: {"schema": {"type": "string"}}}
        if name == "GET /metrics":
            content["application/openmetrics-text"] = {"schema": {"type": "string"}}
        return content
    whole = route.returns.names if isinstance(route.returns, Some) else route.returns
    schema = shapes.of(whole) | ({"required": []} if isinstance(route.returns, Some) else {})
    method, _, path = name.partition(" ")
    if method == "GET" and path in paging.LISTED:
        schema["properties"]["next"] = {
            "type": "string",
            "description": "The cursor of the next page; left out at the end.",
        }
    return {"application/json": {"schema": schema}}


def problem_schema() -> Document:
    """What a refusal holds."""
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457). `detail`: what is wrong, in one sentence; `hint`: the next step. Neither "
        "ever holds a secret.",
        "properties": {
            "type": {"type": "string", "description": "`urn:watchkeeper:problem:` and the kind."},
            "title": text, "status": {"type": "integer"}, "detail": text,
            "kind": {"type": "string", "enum": list(problems.STATUS_OF_KIND)}, "hint": text,
            "errors": {"type": "array", "description": "Each field that does not hold.", "items": {
                "type": "object", "properties": {"field": text, "detail": text}, "required": ["field", "detail"]}},
        },
        "required": ["type", "title", "status", "detail", "kind", "hint"],
    }  # fmt: skip


@cache
def examples_by_route() -> dict[str, Any]:
    """Real answers, taken by `tools/api_examples.py`."""
    return dict(json.loads(EXAMPLES.read_text(encoding="utf-8"))) if EXAMPLES.exists() else {}
