"""Writes docs/reference/api.md from the API's own OpenAPI document. A test fails while the page is older.

What a request may hold comes from the routes, what they mean and answer from `watchkeeper.faces.api.schemas`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
HEAD = """\
# The API

<!-- Written by `python tools/api_reference.py`. Change the routes in the source, not this page. -->

The command line, the drill and the page speak this API. It answers as long as `wk up` runs.

| way | who is calling |
|---|---|
| HTTP over the Unix socket `main.sock` in the state directory | its owner, with every right; an agent once there are accounts |
| the same, or HTTP over TCP, with the header `Authorization: Bearer TOKEN` | whose token it is, as far as the token reaches |

The same stands in OpenAPI at `/api/v1/openapi.json`, and for reading at `/api/docs`.

{introduction}
<!-- test: curl -->
```bash
curl --unix-socket ops/.watchkeeper/main.sock http://localhost/api/v1/health
```

<!-- test: output -->
```json
{{"health": {{
  "ok": true, "faults": [],
  "lateness_p50_s": 0.000717, "lateness_p99_s": 0.002614, "lateness_max_s": 0.004101,
  "outbox": {{"waiting": 0, "failed": 0, "age_s": 0.0}},
  "disk": {{"free": 51539607552, "total": 107374182400}},
  "log": {{"ok": true, "entries": 41, "verified_at": "2026-11-21T10:20:00Z"}},
  "backup": {{"planned": true, "made_at": "2026-11-21T06:00:00Z"}}}}}}
```

"""


def openapi() -> dict[str, Any]:
    """The document that `/api/v1/openapi.json` serves. Nothing is stored."""
    from watchkeeper.store.opening import set_up_django

    with tempfile.TemporaryDirectory() as folder:
        set_up_django(Path(folder))
    from watchkeeper.faces.api.schemas.document import document

    return document()


def page() -> str:
    """The whole page."""
    document = openapi()
    from watchkeeper.faces.api.schemas.document import INTRODUCTION, operations

    parts = [HEAD.format(introduction=INTRODUCTION)]
    sections: dict[str, list[str]] = {}
    for method, path, operation in operations(document):
        sections.setdefault(operation["tags"][0], []).append(_operation(document, f"{method} {path}", operation))
    order = [each["name"] for each in document["tags"]]
    for title in sorted(sections, key=lambda each: order.index(each) if each in order else len(order)):
        parts.append(f"## {title}\n\n" + "\n".join(sections[title]) + "\n")
    return "".join([*parts, _answers(document), errors()])


def _operation(document: Mapping[str, Any], name: str, operation: Mapping[str, Any]) -> str:
    from watchkeeper.faces.api.schemas.reading import kind, requested

    rows = [
        f"| {f'`{each.name}`' if each.name else 'all of it'} | {each.kind}{', in the query' if each.place == 'query' else ''} "
        f"| {each.default} |"
        for each in requested(document, operation)
    ]
    table = "| field | type | default |\n|---|---|---|\n" + "\n".join(rows) + "\n\n" if rows else ""
    answer = operation["responses"]["200"]
    media, content = next(iter(answer["content"].items()))
    holds = content["schema"].get("properties", {})
    shown = ", ".join(f"`{each}` ({linked(kind(declared))})" for each, declared in holds.items()) or f"`{media}`"
    return f"### {name}\n\n{operation['description']}\n\n{table}Answer: {answer['description']} Holds: {shown}.\n"


def linked(words: str) -> str:
    """The names of values as links to what they hold."""
    return re.sub(
        r"(?<!`)\b([A-Z][A-Za-z]+)\b(?!`)",
        lambda found: f"[{found[1]}](#{found[1].lower()})" if found[1] != "UTC" else "UTC",
        words,
    )


def shown_values(document: Mapping[str, Any]) -> Iterator[str]:
    """Names of the values that answers hold, in the order of their names."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    waiting = [
        str(operation["responses"]["200"]) for methods in document["paths"].values() for operation in methods.values()
    ]
    while waiting:
        names = set(re.findall(r"#/components/schemas/(\w+)", waiting.pop())) - found
        found |= names
        waiting += [str(schemas[name]) for name in names]
    yield from sorted(found)


def _answers(document: Mapping[str, Any]) -> str:
    from watchkeeper.faces.api.schemas.reading import kind

    lines = ["## What the answers hold\n"]
    for name in shown_values(document):
        value = document["components"]["schemas"][name]
        fields = ", ".join(f"`{each}` ({linked(kind(declared))})" for each, declared in value["properties"].items())
        lines.append(f"### {name}\n\n{(value['description'] + chr(10) * 2) if value['description'] else ''}{fields}\n")
    return "\n".join(lines) + "\n"


def errors() -> str:
    """The table of error kinds, with HTTP status and exit code."""
    from watchkeeper.faces.api.problems import STATUS_OF_KIND, TITLES
    from watchkeeper.faces.cli.program import EXIT_CODES

    rows = [f"| `{kind}` | {status} | {EXIT_CODES[kind]} | {TITLES[kind]} |" for kind, status in STATUS_OF_KIND.items()]
    return (
        "## Errors\n\nAn answer of 400 and above is a problem (RFC 9457, `application/problem+json`): `type`,\n"
        "`title`, `status`, `kind`, `detail` (what is wrong) and `hint` (the next step); `errors` names each field that\n"
        "does not hold, as `field` and `detail`. None of them ever holds a secret.\n\n"
        "| kind | HTTP | exit code of `wk` | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
