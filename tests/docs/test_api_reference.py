"""docs/reference/api.md is what the OpenAPI document says, and real answers hold exactly what that says of them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.docs.pages import DOCS, ROOT
from tests.fixtures.api_house import Answer, api_house, ask_all, faults, validator
from tests.house import House

sys.path.insert(0, str(ROOT / "tools"))
import api_reference

PAGE = DOCS / "reference" / "api.md"
NOT_ASKED = {
    "GET /log/{number}/attachments/{name}", "GET /tasks/{number}/draft", "GET /shifts/evidence/{number}",
    "GET /status-page", "GET /audit", "GET /webhooks",
}  # fmt: skip
"""What this house has nothing of; other tests ask it."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api_reference.openapi()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> Iterator[tuple[House, list[Answer]]]:
    with api_house(tmp_path_factory.mktemp("api"), document) as (house, answers):
        ask_all(house, document)
        yield house, answers


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == api_reference.page(), "run: python tools/api_reference.py"


def test_every_route_is_described_once(document: dict[str, Any]) -> None:
    from watchkeeper.faces.api.schemas.document import operations, routes

    names = {f"{method} {path}": operation for method, path, operation in operations(document)}
    assert set(names) == set(routes()), "faces/api/schemas/routes_*.py name other routes than there are"
    ids = [operation["operationId"] for operation in names.values()]
    assert len(set(ids)) == len(ids)
    for name, operation in names.items():
        assert operation["summary"] and len(operation["summary"]) < 130, name
        assert {"200", "400", "403", "404", "409", "422", "default"} <= set(operation["responses"]), name
        assert operation["responses"]["200"]["content"], name


def test_no_two_values_have_one_name(document: dict[str, Any]) -> None:
    from watchkeeper.faces.api.routes import api
    from watchkeeper.faces.api.schemas.document import SHOWN, Requests

    requests = Requests(api, "/api/v1/")["components"]["schemas"]
    assert not set(requests) & {each.name for each in SHOWN}
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(document)):
        assert document["components"]["schemas"][name], name


@pytest.mark.timeout(240)
def test_real_answers_hold_what_the_document_says(lived: tuple[House, list[Answer]], document: dict[str, Any]) -> None:
    """Nothing is missing, nothing else is there, and every GET but a few was asked."""
    _, answers = lived
    assert faults(document, answers) == []
    asked = {name for name, status, _, _ in answers if status < 400}
    reading = {f"GET {path.removeprefix('/api/v1')}" for path, methods in document["paths"].items() if "get" in methods}
    assert reading - asked <= NOT_ASKED
    assert len(asked - reading) >= 20, "writes"


def test_every_example_holds(document: dict[str, Any]) -> None:
    count = 0
    for methods in document["paths"].values():
        for operation in methods.values():
            for content in operation["responses"]["200"]["content"].values():
                if "example" in content:
                    count += 1
                    assert not list(validator(document, content["schema"], strict=True).iter_errors(content["example"]))
    assert count >= 100


def test_the_example_of_the_page(lived: tuple[House, list[Answer]]) -> None:
    (example,) = re.findall(r"```json\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown, real = json.loads(example)["health"], lived[0].get("/health")["health"]
    assert (real["ok"], real["faults"]) == (shown["ok"], shown["faults"]) == (True, [])
    assert shape(real) == shape(shown)


def shape(value: Any) -> Any:
    """The names of an answer, all the way down."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None
