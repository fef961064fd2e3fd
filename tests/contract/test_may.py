"""What one may do is explained: over the API, on the command line, in every refusal; and agents have an hour's limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fixtures.api_app import ApiApp
from tests.fixtures.cast import MINE, OTHER, staged

from watchkeeper.core.access import RULES
from watchkeeper.core.actors import LOCAL, Actor
from watchkeeper.faces.cli.whoami import page


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiApp, dict[str, str]]]:
    with staged(tmp_path_factory.mktemp("may")) as found:
        yield found


def asked(stage: tuple[ApiApp, dict[str, str]], name: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    app, tokens = stage
    status, _, answer = app.ask(method, path, body, authorization=f"Bearer {tokens[name]}")
    return status, json.loads(answer)


def test_an_operator_of_one_service_sees_where_he_is_one_and_whom_to_ask(stage: tuple[ApiApp, dict[str, str]]) -> None:
    status, told = asked(stage, "other", "GET", f"/me/may?service={MINE}")
    may = told["may"]
    assert status == 200 and may["role"] == "viewer" and may["services"] == {OTHER: "operator"}
    acts = {each["action"]: each for each in may["acts"]}
    assert list(acts) == list(RULES)
    refused = acts["runs.start"]
    assert not refused["allowed"] and refused["reason"] == (
        f"You may read {MINE}, not start a run on it: that takes an operator there, and you are a viewer."
    )
    assert refused["ask"] == "approver, operator and the admins can: ask them."
    assert acts["runs.cancel"]["allowed"] and acts["read"]["allowed"] and not acts["oncall"]["allowed"]
    there = asked(stage, "other", "GET", f"/me/may?service={OTHER}&allowed=true")[1]["may"]
    assert there["role"] == "operator" and "runs.start" in [each["action"] for each in there["acts"]]
    assert asked(stage, "other", "GET", "/me/may?service=none")[0] == 404


def test_a_refusal_names_whom_to_ask(stage: tuple[ApiApp, dict[str, str]]) -> None:
    status, told = asked(stage, "other", "POST", "/incidents/1/ack")
    assert status == 403 and told["detail"].startswith(f"You may read {MINE}, not acknowledge an incident on it")
    assert told["hint"] == "approver, operator and the admins can: ask them."
    status, told = asked(stage, "operator", "GET", "/audit")
    assert status == 403 and told["hint"] == "The admins can: ask them."
    status, told = asked(stage, "reader", "POST", "/incidents/1/ack")
    assert status == 403 and "Your token reaches as far as read" in told["detail"] and "ask them" not in told["hint"]


def test_the_terminal_shows_it_in_three_groups(stage: tuple[ApiApp, dict[str, str]]) -> None:
    text = page(asked(stage, "stale", "GET", "/me/may")[1]["may"])
    assert text.startswith("You are stale, a person: admin, by token cast.\n")
    parts = [line for line in text.splitlines() if line.endswith(":")]
    assert parts == ["You may, on what is the team's:", "After a second factor:", "You may not:"]
    bot = page(asked(stage, "bot", "GET", f"/me/may?service={MINE}")[1]["may"])
    assert bot.startswith("You are bot, an agent: operator, by token cast.") and "Left in this hour: " in bot
    other = page(asked(stage, "other", "GET", f"/me/may?service={MINE}")[1]["may"])
    assert "viewer, operator on asked, by token cast." in other and "By service: asked operator." in other


def test_an_agent_over_its_limit_is_told_when_again(stage: tuple[ApiApp, dict[str, str]]) -> None:
    app, tokens = stage
    own = app.local._app
    made = own.accounts.add("busy", LOCAL, kind="agent", limits={"calls_per_hour": 3}, invite=False)
    tokens["busy"] = own.tokens.add("x", LOCAL, made.account.name, "act").text
    assert [asked(stage, "busy", "GET", "/me")[0] for _ in range(3)] == [200, 200, 200]
    status, headers, answer = app.ask("GET", "/me", authorization=f"Bearer {tokens['busy']}")
    told = json.loads(answer)
    assert status == 429 and told["kind"] == "too_many" and 0 < int(headers["retry-after"]) <= 3600
    assert told["detail"] == "busy is an agent and has called 3 times within an hour; its limit is 3."
    assert asked(stage, "bot", "GET", "/me")[0] == 200, "each has its own"


def test_runs_that_an_agent_asks_for_are_counted(stage: tuple[ApiApp, dict[str, str]]) -> None:
    own = stage[0].local._app
    keen = Actor("agent", "keen", "operator")
    before = own.limits.left(keen)["requests_per_hour"]
    own.runs.start(f"runbooks/{OTHER}.md", OTHER, {}, (), keen)
    assert own.limits.left(keen)["requests_per_hour"] == before - 1
    own.runs.plan(f"runbooks/{OTHER}.md", OTHER, {}, (), keen)
    assert own.limits.left(keen)["requests_per_hour"] == before - 1, "looking is free"
