"""What one may do: the table, and the verdict with its reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from watchkeeper.core.access import (
    RULES,
    SCOPES,
    TEAM,
    Resource,
    able,
    able_words,
    assert_allowed,
    assert_at_all,
    covers,
    may,
    may_at_all,
    role_on,
    starting_role,
    verdict,
)
from watchkeeper.core.actors import AGENT, DRILL, LOCAL, ROLES, WATCHKEEPER, Actor, ActorKind, Role, RoleOn, rank
from watchkeeper.core.errors import Forbidden, NeedsFactor

SHOP = Resource("shop", {"tier": "1", "env": "prod"})
WORKER = Resource("worker", {"tier": "2"})
CAT = Actor("person", "cat", roles=(RoleOn("operator", "shop"),))
"""An operator of shop only."""
SOURCE = Path(__file__).parents[3] / "src/watchkeeper"


def person(role: Role, **more: object) -> Actor:
    return Actor("person", "ana", role, **more)  # type: ignore[arg-type]


# ---- the table ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", RULES)
def test_each_role_may_what_the_one_below_may(action: str) -> None:
    allowed = [verdict(person(role), action, SHOP).allowed for role in ROLES]
    assert allowed == sorted(allowed), "a higher role may more"
    rule = RULES[action]
    if "person" in rule.who:
        assert allowed == [rank(role) >= rank(rule.role) for role in ROLES]
    else:
        assert not any(allowed)


@pytest.mark.parametrize("action", RULES)
def test_each_scope_reaches_as_far_as_the_one_below(action: str) -> None:
    if "person" in RULES[action].who:
        allowed = [verdict(person("admin", scope=scope), action, SHOP).allowed for scope in SCOPES]
        assert allowed == [SCOPES.index(scope) >= SCOPES.index(RULES[action].scope) for scope in SCOPES]


@pytest.mark.parametrize("action", RULES)
def test_every_verdict_has_one_sentence_of_reason(action: str) -> None:
    cast = [
        person("viewer"), person("operator"), person("admin"), person("admin", fresh=False), CAT, AGENT, DRILL, LOCAL,
        WATCHKEEPER, person("admin", scope="read"), person("admin", services="worker"),
    ]  # fmt: skip
    for actor in cast:
        for resource in (TEAM, SHOP, Resource("", {}, "app1")):
            said = verdict(actor, action, resource)
            assert re.fullmatch(r"[A-Za-z].*[a-z0-9]\.", said.reason) and said.reason.count(". ") == 0, said
            assert not said.needs_factor or not said.allowed
            assert said.reason.startswith("You may ") or not said.allowed, said


@pytest.mark.parametrize("kind", [kind for kind in get_args(ActorKind) if kind not in ("person", "drill")])
@pytest.mark.parametrize("action", [
    "runs.start", "runs.fill", "runs.approve", "runs.deny", "runs.resume", "runs.undo", "grants.add", "automation.on",
    "quarantine.release", "locks", "incidents.close", "windows.set", "windows.silence", "oncall", "log.purge",
    "definitions.write", "instance.import", "webhooks", "tokens.own", "tokens.others", "accounts", "emergency", "keys.read",
])  # fmt: skip
def test_only_people_decide(kind: ActorKind, action: str) -> None:
    said = verdict(Actor(kind, "bot", "admin"), action, SHOP)
    assert not said.allowed and not said.needs_factor
    assert "is not a person" in said.reason


@pytest.mark.parametrize("action", [
    "read", "checks.ask", "log.write", "incidents.note", "incidents.escalate", "runs.request", "changes.tell",
    "tasks.write", "shifts.write", "runs.cancel", "grants.revoke", "automation.off",
])  # fmt: skip
def test_an_agent_reads_notes_asks_and_stops(action: str) -> None:
    assert verdict(AGENT, action, SHOP).allowed
    assert verdict(Actor("agent", "bot", "operator"), action, SHOP).allowed
    if RULES[action].role != "viewer":
        assert not verdict(Actor("agent", "bot"), action, SHOP).allowed, "one without a role only reads"


def test_the_drill_says_nothing_about_who_may_call() -> None:
    assert verdict(DRILL, "runs.approve", SHOP).allowed and verdict(DRILL, "drill.boundary").allowed
    for action in (
        "accounts",
        "tokens.own",
        "tokens.others",
        "instance.import",
        "definitions.write",
        "audit.read",
        "links",
    ):
        assert not verdict(DRILL, action).allowed
    assert not verdict(LOCAL, "drill.boundary").allowed


ASKS = re.compile(r"\b(?:assert_allowed|assert_at_all|may|may_at_all|verdict|verdict_on|_may|_assert_may_write)\(")
NAMED = re.compile(r"\b(?:assert_allowed|assert_at_all|may_at_all|verdict_on|_may)\(\s*[\w.()]+,\s*\"([^\"]+)\"")


def test_every_action_that_the_code_asks_for_stands_in_the_table() -> None:
    """And every line of the table is asked for by something."""
    asked: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        text = path.read_text()
        if path != SOURCE / "core/access.py" and ASKS.search(text):
            unknown = set(NAMED.findall(text)) - set(RULES)
            assert not unknown, f"{path} asks for {unknown}"
            asked |= {action for action in RULES if f'"{action}"' in text}
    assert set(RULES) - asked <= {"read"}, "a line of the table that nothing asks for"


# ---- services and labels --------------------------------------------------------------------------------------------


def test_a_role_on_one_service_ends_there() -> None:
    assert verdict(CAT, "incidents.acknowledge", SHOP).allowed
    said = verdict(CAT, "incidents.acknowledge", WORKER)
    assert said.reason == (
        "You may read worker, not acknowledge an incident on it: that takes an operator there, and you are a viewer."
    )
    assert said.hint == "Who may: wk whoami --service worker."
    assert verdict(CAT, "read", WORKER).allowed, "everybody reads everything"
    team = verdict(CAT, "oncall")
    assert not team.allowed and "on everything" in team.reason
    assert not verdict(CAT, "runs.approve", TEAM).allowed, "what is about no service is the team's"


def test_what_only_lowers_takes_a_role_on_any_service() -> None:
    assert verdict(CAT, "runs.cancel", WORKER).allowed and verdict(CAT, "automation.off").allowed
    assert not verdict(person("viewer"), "runs.cancel", WORKER).allowed
    assert not verdict(CAT, "automation.on").allowed


@pytest.mark.parametrize(
    ("pattern", "resource", "covered"),
    [
        ("*", TEAM, True), ("*", SHOP, True), ("shop", SHOP, True), ("shop", WORKER, False), ("shop", TEAM, False),
        ("tier=1", SHOP, True), ("tier=1", WORKER, False), ("tier=1", TEAM, False), ("env=prod", SHOP, True),
        ("shop, worker", WORKER, True), ("", SHOP, False), ("", TEAM, False), ("=", SHOP, False), ("tier=", SHOP, False),
        ("sho", SHOP, False), ("shop2", SHOP, False), ("SHOP", SHOP, False), ("tier", SHOP, False), ("1", SHOP, False),
        ("app1", Resource("", {}, "app1"), False), ("env=prod", Resource("", {"env": "prod"}, "app1"), True),
    ],
)  # fmt: skip
def test_what_a_pattern_covers(pattern: str, resource: Resource, covered: bool) -> None:
    assert covers(pattern, resource) is covered


def test_the_highest_role_counts() -> None:
    actor = person("operator", roles=(RoleOn("viewer", "shop"), RoleOn("approver", "tier=1"), RoleOn("admin", "desk")))
    assert role_on(actor, SHOP) == "approver", "a lower one on a service takes nothing away"
    assert role_on(actor, WORKER) == "operator" and role_on(actor, TEAM) == "operator"


def test_an_admin_of_a_service_is_no_admin_of_the_team() -> None:
    actor = person("viewer", roles=(RoleOn("admin", "shop"), RoleOn("admin", "tier=1")))
    for action, rule in RULES.items():
        if rule.about == "team" and rule.role != "viewer":
            assert not verdict(actor, action).allowed, action


# ---- tokens and factors ---------------------------------------------------------------------------------------------


def test_a_token_for_one_service_does_nothing_elsewhere() -> None:
    actor = person("admin", services="shop")
    assert verdict(actor, "runs.start", SHOP).allowed
    assert verdict(actor, "runs.start", WORKER).reason == "Your token is for shop, not for worker."
    for action, rule in RULES.items():
        if rule.scope != "read":
            assert not verdict(actor, action, TEAM).allowed, "the team's is in no token for one service"
    assert verdict(actor, "read", WORKER).allowed


def test_a_token_never_makes_tokens_unless_it_reaches_everything() -> None:
    for scope in ("read", "act", "approve"):
        for action in ("tokens.own", "tokens.others", "accounts", "links", "account.own", "emergency"):
            assert not verdict(person("admin", scope=scope), action).allowed


def test_a_second_factor_is_the_last_thing_that_is_asked_for() -> None:
    stale = person("approver", fresh=False)
    said = verdict(stale, "runs.approve", SHOP)
    assert not said.allowed and said.needs_factor and "second factor" in said.reason and "wk asks for it" in said.hint
    with pytest.raises(NeedsFactor):
        assert_allowed(stale, "grants.add", SHOP)
    assert may(stale, "runs.approve", SHOP), "the button is there, and asks for the code"
    viewer = verdict(person("viewer", fresh=False), "runs.approve", SHOP)
    assert not viewer.needs_factor, "nobody is asked for a code in vain"
    assert not verdict(person("approver", fresh=False, scope="act"), "runs.approve", SHOP).needs_factor
    assert verdict(person("operator", fresh=False), "automation.off").allowed, "an emergency stop is never locked"
    assert verdict(person("admin", fresh=False), "emergency").allowed
    assert {action for action, rule in RULES.items() if rule.factor} >= {
        "runs.approve", "grants.add", "automation.on", "accounts", "tokens.others", "log.purge", "definitions.write",
    }  # fmt: skip
    assert not any(rule.factor for rule in RULES.values() if rule.lowers)


def test_what_a_starter_brings_along() -> None:
    assert starting_role(AGENT, (SHOP,)) == "viewer", "an agent's run waits from its first step"
    assert starting_role(Actor("agent", "bot", "admin"), (SHOP,)) == "viewer"
    assert starting_role(person("approver"), (SHOP,)) == "approver"
    assert starting_role(person("approver", fresh=False), (SHOP,)) == "operator", "what destroys waits for a code"
    assert starting_role(person("admin", scope="act"), (SHOP,)) == "operator"
    assert starting_role(CAT, (SHOP,)) == "operator" and starting_role(CAT, (SHOP, WORKER)) == "viewer"
    assert starting_role(LOCAL) == "admin"


# ---- several at once, and at all ------------------------------------------------------------------------------------


def test_of_several_the_one_that_is_refused_is_named() -> None:
    assert_allowed(CAT, "runs.start", SHOP)
    with pytest.raises(Forbidden) as refused:
        assert_allowed(CAT, "runs.start", SHOP, WORKER)
    assert "worker" in refused.value.sentence and refused.value.details["resource"] == WORKER
    with pytest.raises(Forbidden):
        assert_allowed(CAT, "runs.start")


def test_who_may_nowhere_is_refused_before_anything_is_looked_up() -> None:
    assert_at_all(CAT, "incidents.note")
    for actor in (person("viewer"), person("admin", scope="read")):
        assert not may_at_all(actor, "incidents.note")
        with pytest.raises(Forbidden):
            assert_at_all(actor, "incidents.note")
    for action in RULES:
        for actor in (person("viewer"), CAT, AGENT, DRILL, LOCAL, person("admin", scope="act")):
            if verdict(actor, action, SHOP).allowed:
                assert may_at_all(actor, action), "never stricter than the table"


def test_whom_one_could_ask() -> None:
    people = [Actor("person", "ben", "operator"), person("viewer"), Actor("person", "zoe", "admin", fresh=False)]
    assert able("runs.approve", WORKER, people) == (["ben"], True)
    assert able_words(["ben"], True) == "ben and the admins can: ask them."
    assert able_words([], True) == "The admins can: ask them."
    assert able_words(["ben"], False) == "ben can: ask them." and able_words([], False) == ""
    assert able_words(list("abcde"), True) == "a, b, c, others and the admins can: ask them."
