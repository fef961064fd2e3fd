"""Writes docs/reference/api.md from the API's own OpenAPI description. A test fails while the page is older.

What a request may hold comes from the routes themselves, what they mean from api_routes.py. What an answer holds comes from
the values that are rendered, named in api_fields.py: their field names are the field names of the JSON.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from api_fields import ADDED, BY_HAND, NOT_SHOWN, VALUES
from api_routes import SECTIONS

from watchkeeper.core.log.values import Draft

PREFIX = "/api/v1"
PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
HEAD = """\
# The API

<!-- Written by `python tools/api_reference.py`. Change the routes in the source, not this page. -->

The command line, the drill and the page speak this API. It answers as long as `wk up` runs.

| way | who is calling |
|---|---|
| HTTP over the Unix socket `main.sock` in the state directory | its owner, with every right; an agent once there are people |
| the same with the header `Authorization: Bearer TOKEN` | the person whose token it is, with that person's role |
| HTTP over loopback TCP, with the cookie of a one-time link (`wk open`) | a person with a browser; may read only |

Every path begins with `/api/v1`. A request body is one JSON object. An answer is one JSON object named by its noun.
Times are UTC text with Z, in fields named `at`, `since`, `until`, `*_at` and `*_until`, and in `respond_by`. Durations
are seconds, in fields that end in `_s`. What has not happened yet is `null`. New fields may come; known ones stay.

<!-- test: curl -->
```bash
curl --unix-socket ops/.watchkeeper/main.sock http://localhost/api/v1/health
```

<!-- test: output -->
```json
{"health": {
  "ok": true, "faults": [],
  "lateness_p50_s": 0.000717, "lateness_p99_s": 0.002614, "lateness_max_s": 0.004101,
  "outbox": {"waiting": 0, "failed": 0, "age_s": 0.0},
  "disk": {"free": 51539607552, "total": 107374182400},
  "log": {"ok": true, "entries": 41, "verified_at": "2026-11-21T10:20:00Z"},
  "backup": {"planned": true, "made_at": "2026-11-21T06:00:00Z"}}}
```

"""
MEANINGS: Mapping[str, str] = {name: words.meaning for routes in SECTIONS.values() for name, words in routes.items()}
ANSWERS: Mapping[str, str] = {name: words.answer for routes in SECTIONS.values() for name, words in routes.items()}


def openapi() -> dict[str, Any]:
    """The description that `/api/v1/openapi.json` serves. Nothing is stored."""
    from watchkeeper.store.opening import set_up_django

    with tempfile.TemporaryDirectory() as folder:
        set_up_django(Path(folder))
    from watchkeeper.faces.api.routes import api

    return dict(api.get_openapi_schema(path_prefix=f"{PREFIX}/"))


def operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path without the prefix, operation) of every route."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix(PREFIX), operation


def page() -> str:
    """The whole page."""
    schema = openapi()
    found = {f"{method} {path}": operation for method, path, operation in operations(schema)}
    if strange := set(found) ^ set(MEANINGS):
        raise SystemExit(f"tools/api_routes.py and the routes differ: {', '.join(sorted(strange))}")
    parts = [HEAD]
    for title, routes in SECTIONS.items():
        parts.append(f"## {title}\n\n" + "\n".join(_operation(schema, name, found[name]) for name in routes) + "\n")
    parts.append(_answers())
    parts.append(errors())
    return "".join(parts)


def _operation(schema: Mapping[str, Any], name: str, operation: Mapping[str, Any]) -> str:
    rows = [*_query(operation), *_body(schema, operation)]
    table = "| field | type | default |\n|---|---|---|\n" + "\n".join(rows) + "\n\n" if rows else ""
    return f"### {name}\n\n{sentence(MEANINGS[name])}\n\n{table}Answer: {ANSWERS[name]}.\n"


def sentence(words: str) -> str:
    """With a capital, unless it begins with a name, and a full stop."""
    return (words[:1].upper() + words[1:]) + "."


def _query(operation: Mapping[str, Any]) -> Iterator[str]:
    """What may stand behind the question mark; the names in the path speak for themselves."""
    for one in operation.get("parameters", ()):
        if one["in"] == "query":
            default = "required" if one["required"] else _word(one["schema"].get("default"))
            yield f"| `{one['name']}` | {kind(one['schema'])}, in the query | {default} |"


def _body(schema: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    choices = [content, *content.get("anyOf", ())]
    for name in (one["$ref"].rpartition("/")[2] for one in choices if "$ref" in one):
        model = schema["components"]["schemas"][name]
        for field, declared in model.get("properties", {}).items():
            default = "required" if field in model.get("required", ()) else _word(declared.get("default"))
            yield f"| `{field}` | {kind(declared)} | {default} |"


def kind(declared: Mapping[str, Any]) -> str:
    """A JSON type in words."""
    if "anyOf" in declared:
        return " or ".join(kind(one) for one in declared["anyOf"])
    if declared.get("type") == "array":
        return f"list of {kind(declared['items'])}"
    if declared.get("type") == "object":
        return f"map of {kind(declared.get('additionalProperties') or {})}"
    words = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "number": "number",
        "null": "null",
    }
    return words.get(str(declared.get("type")), "anything")


def _word(default: object) -> str:
    if default in (None, "", [], {}):
        return ""
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


def _answers() -> str:
    lines = ["## What the answers hold\n"]
    for title, (note, names) in BY_HAND.items():
        lines.append(f"### {title}\n\n{note}\n\n{_listed(names)}\n")
    for title, value, note in VALUES:
        lines.append(f"### {title}\n\n{note}\n\n{_listed(names_of(title, value))}\n")
    for title, (note, names) in entries().items():
        lines.append(f"### {title}\n\n{note}\n\n{_listed(names)}\n")
    return "\n".join(lines) + "\n"


def names_of(title: str, value: type) -> tuple[str, ...]:
    """The JSON fields of a value."""
    own = tuple(field.name for field in fields(value) if field.name not in NOT_SHOWN.get(title, ()))
    return (*own, *ADDED.get(title, ()))


def entries() -> dict[str, tuple[str, tuple[str, ...]]]:
    """What is said of entries, and their JSON fields: a draft between number and hashes, and what stands beside it."""
    own = ("number", *(field.name for field in fields(Draft)), "digest", "previous", "hash", "altered", "absence")
    return {
        "Entry": (
            (
                "`sections`: list of `heading` and `text`; `fields`: list of label and text. `status`: as it was "
                "written; `status_now`: as later entries say, which are `status_by`. `corrected_by`, `answered_by`: "
                "numbers of entries. `absence`: why its text is not in the store, or null; `gone`: its `reason`, "
                "archived or purged. Entries within an entry or a shift have the fields down to `absence`."
            ),
            (*own, "status_now", "corrected_by", "status_by", "answered_by", "gone"),
        ),
        "Written entry": (
            "An [entry](#entry) that was just made. `redacted`: what looks like a secret was taken out of it.",
            (*own, "redacted"),
        ),
    }


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


MEANT = {
    "usage": "the request itself is wrong",
    "invalid": "files or values do not hold",
    "forbidden": "this caller may not do that",
    "not_found": "no such thing",
    "locked": "somebody else holds it, or it is already running",
    "outcast": "this node was declared dead by the others, and ends",
    "no_answer": "a host or service gave no answer",
    "store_away": "the database of the store cannot be reached",
    "problem": "anything else that a person can act on",
}


def errors() -> str:
    """The table of error kinds, with HTTP status and exit code."""
    from watchkeeper.faces.api.routes import STATUS_OF_KIND
    from watchkeeper.faces.cli.program import EXIT_CODES

    rows = [f"| `{kind}` | {status} | {EXIT_CODES[kind]} | {MEANT[kind]} |" for kind, status in STATUS_OF_KIND.items()]
    return (
        '## Errors\n\nAn answer of 400 and above holds `{"error": {"kind", "sentence", "hint"}}`: what is wrong,\n'
        "and the next step. Neither ever holds a secret. A body that does not fit its fields is answered with 422 and\n"
        '`{"detail": [...]}`.\n\n| kind | HTTP | exit code of `wk` | meaning |\n|---|---|---|---|\n'
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
