"""A standing cast against every route and method: each verdict is declared, and a new route fails until it has one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.fixtures.api_app import ApiApp
from tests.fixtures.cast import CAST, STRANGER, Line, Member, filled, lines, routes, staged
from tests.fixtures.cast_api import ACTS, QUERIES, READ

PREFIX = "api/v1/"
WITHOUT_WATCH = {
    "status",
    "checks/ask",
    "heartbeats/url/<path:check>",
    "heartbeats/rotate/<path:check>",
    "alerts/alertmanager",
    "pings",
    "health",
}
"""These ask the watch, or say that it is not there: 502, 503."""
LINES = {each.key: each for each in [*(Line("GET", path, "read") for path in READ.split()), *lines(ACTS)]}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiApp, dict[str, str]]]:
    with staged(tmp_path_factory.mktemp("cast")) as found:
        yield found


def test_every_route_has_a_line_and_every_line_a_route(stage: object) -> None:
    found = {(method, path.removeprefix(PREFIX)) for method, path, _ in routes() if path.startswith(PREFIX)}
    found = {(method if method != "*" else "GET", path) for method, path in found if path}
    assert sorted(found - set(LINES)) == [], "a new route says in tests/fixtures/cast_api.py who may"
    assert sorted(set(LINES) - found) == [], "a line of a route that is gone"


@pytest.mark.parametrize("member", CAST, ids=lambda member: member.name)
def test_each_gets_what_is_declared(stage: tuple[ApiApp, dict[str, str]], member: Member) -> None:
    app, tokens = stage
    wrong = []
    for line in LINES.values():
        path = filled(line.path) + (f"?{QUERIES[line.path]}" if line.path in QUERIES else "")
        status, _, body = ask(app, member, tokens, line.method, path, line.body)
        said = verdict(status, body)
        expected = line.refuses(member)
        if said != expected:
            wrong.append(
                f"{line.method} {path}: {said or 'allowed'}, not {expected or 'allowed'}: {status} {body[:160]!r}"
            )
        elif status >= 500 and line.path not in WITHOUT_WATCH:
            wrong.append(f"{line.method} {path}: {status} {body[:300]!r}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def ask(
    app: ApiApp, member: Member, tokens: dict[str, str], method: str, path: str, body: object
) -> tuple[int, dict[str, str], bytes]:
    """One request over TCP, with the token of this member."""
    headers = {} if member is STRANGER else {"authorization": f"Bearer {tokens[member.name]}"}
    return app.ask(method, f"/{PREFIX}{path}", body, **headers)


def verdict(status: int, body: bytes) -> str:
    """``no``, ``factor`` or "" for allowed; a refusal always says why in one sentence."""
    if status not in (401, 403):
        return ""
    told = json.loads(body)
    if told["detail"] == "It does not hold: a wrong code.":
        return ""
    assert told["kind"] in ("forbidden", "second_factor") and told["detail"].endswith("."), told
    return "factor" if told["kind"] == "second_factor" else "no"
