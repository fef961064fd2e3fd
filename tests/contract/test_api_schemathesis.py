"""Made-up requests, right and wrong ones, against every route of the API: never a fault of ours, never an undeclared answer.

Seeded and bounded: the same requests each time. The application is the real one on a store of its own, called in this
process as the owner of the state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.fixtures.api_app import ApiApp, api_app

EXAMPLES = 4


def no_fault_of_ours(_context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """502 is an answer: nobody watches here."""
    assert response.status_code in (502, 503) or response.status_code < 500, response.text[:400]


CHECKS = (
    no_fault_of_ours, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
)  # fmt: skip
LEFT_OUT = {"POST /doctor/channels": "waits for messages that nobody sends here"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiApp]:
    logging.getLogger("django.request").setLevel(logging.ERROR)  # thousands of refusals
    with api_app(tmp_path_factory.mktemp("api"), way="state") as running:
        running.post("/log", title="Moved the jobs", body="to the new disk")
        running.post("/tasks", text="look at the new disk")
        running.post("/windows", targets=["jobs"], why="a new disk", lasts_s=3600)
        running.post("/shifts")
        yield running


def as_wsgi(app: ApiApp) -> Callable[[dict[str, Any], Any], Any]:
    """The application for a caller who is the owner of the state."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        environ |= {"HTTP_X_WATCHKEEPER_WAY": "state", "HTTP_HOST": "localhost"}
        for name in ("HTTP_AUTHORIZATION", "HTTP_ACCEPT_ENCODING"):
            environ.pop(name, None)
        return app.local._handler(environ, start_response)

    return answer


@pytest.mark.timeout(400)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
def test_every_route_holds(app: ApiApp, mode: GenerationMode) -> None:
    whole = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", as_wsgi(app))
    checks = (*CHECKS, negative_data_rejection) if mode is GenerationMode.NEGATIVE else CHECKS
    faults: list[str] = []
    asked = 0
    for result in whole.get_all_operations():
        operation = result.ok()
        name = f"{operation.method.upper()} {operation.path.removeprefix('/api/v1')}"
        if name in LEFT_OUT:
            continue
        asked += 1
        try:
            strategy = operation.as_strategy(generation_mode=mode)

            @seed(7)
            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=strategy)
            def hold(case: schemathesis.Case) -> None:
                case.call_and_validate(checks=list(checks))

            hold()
        except FailureGroup as group:
            faults += [f"{name}: {each}" for each in group.exceptions]
        except Exception as error:
            if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
                faults.append(f"{name}: {type(error).__name__}: {error}")
    assert asked > 150
    assert not faults, f"{len(faults)} faults:\n" + "\n\n".join(each[:900] for each in faults)
