"""Promise 7: a file can only ask, a person's grant decides, anything unclear asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.modes import Circumstances, Decision, may_start, over_budget, run_mode, valid_grant
from watchkeeper.core.runs.values import Grant, PlanStep

NOW = 1_700_000_000.0
GRANT = Grant(1, "shop/runbooks/x.md", "digest", ("app1",), False, "local", NOW - 10, NOW + 100)
CALM = Circumstances()
NONE = Decision(True, grant=1)
REFUSED = Decision(False, "Nobody has granted it.", cause="no_grant")


def a_step(**changes: object) -> PlanStep:
    step = PlanStep(0, "restart", "fix", "Restart", "systemctl restart shop", "bash", "change", "app1")
    return replace(step, **changes)  # type: ignore[arg-type]


def test_auto_with_a_valid_grant_acts() -> None:
    assert may_start(a_step(), "auto", GRANT, NONE, CALM) == Decision(True, "", 1)


def test_auto_without_a_grant_never_changes_anything() -> None:
    assert not may_start(a_step(), "auto", None, REFUSED, CALM).act
    assert may_start(a_step(risk="read"), "auto", None, REFUSED, CALM).act


def test_propose_reads_at_once_and_asks_for_the_rest() -> None:
    assert may_start(a_step(risk="read", phase="diagnose"), "propose", None, REFUSED, CALM).act
    assert not may_start(a_step(), "propose", GRANT, NONE, CALM).act


def test_observe_runs_nothing() -> None:
    assert not may_start(a_step(risk="read"), "observe", None, REFUSED, CALM).act


@pytest.mark.parametrize(
    "step",
    [
        a_step(manual=True, why="It opens an editor."),
        a_step(alternatives="menu-1"),
        a_step(missing=("version",)),
        a_step(why="It does not end by itself."),
        a_step(approve="two"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "propose", "manual"])
def test_unclear_steps_never_start_by_themselves(step: PlanStep, mode: str) -> None:
    decision = may_start(step, mode, GRANT, NONE, CALM)  # type: ignore[arg-type]
    assert not decision.act
    assert decision.why


def test_destroy_needs_a_grant_that_names_it() -> None:
    assert not may_start(a_step(risk="destroy"), "auto", GRANT, NONE, CALM).act
    assert may_start(a_step(risk="destroy"), "auto", replace(GRANT, destroy=True), NONE, CALM).act


REASONS = ["automation_off", "acknowledged_by", "window", "deploy_lock", "cause", "budget", "busy_host"]


@pytest.mark.parametrize("field", REASONS)
def test_each_circumstance_falls_back_to_asking_with_its_reason(field: str) -> None:
    decision = may_start(a_step(), "auto", GRANT, NONE, Circumstances(**{field: "because"}))
    assert not decision.act
    assert decision.why == "because"


@pytest.mark.parametrize(
    ("grant", "word"),
    [
        (replace(GRANT, runbook_digest="other"), "changed"),
        (replace(GRANT, expires_at=NOW), "expired"),
        (replace(GRANT, revoked_at=NOW - 1, revoked_by="ann"), "revoked by ann"),
        (replace(GRANT, hosts=("app2",)), "does not cover app1"),
        (replace(GRANT, response="other"), "Nobody"),
    ],
)
def test_a_grant_is_bound_to_bytes_hosts_and_time(grant: Grant, word: str) -> None:
    decision = valid_grant([grant], "shop/runbooks/x.md", "digest", ["app1"], NOW)
    assert not decision.act
    assert word in decision.why


def test_a_newer_valid_grant_counts_beside_an_old_void_one() -> None:
    old = replace(GRANT, id=2, runbook_digest="other", granted_at=NOW - 99)
    assert valid_grant([old, GRANT], "shop/runbooks/x.md", "digest", ["app1"], NOW).grant == 1


def test_the_mode_of_a_file_is_only_a_request() -> None:
    response = Response("shop/x", "shop", (), "x", "auto", None)
    assert run_mode(response, Decision(False, "no grant")) == "propose"
    assert run_mode(response, Decision(True, grant=1)) == "auto"
    assert run_mode(replace(response, mode="propose"), Decision(True, grant=1)) == "propose"
    assert run_mode(None, Decision(False)) == "manual"


def test_budget() -> None:
    assert over_budget([NOW - 10, NOW - 20], (3, 3600.0), NOW, "shop/x") == ""
    assert (
        over_budget([NOW - 10, NOW - 20], (2, 3600.0), NOW, "shop/x")
        == "The budget of shop/x is used up: 2 of 2 in 1 h."
    )
    assert over_budget([NOW - 4000, NOW - 20], (2, 3600.0), NOW, "shop/x") == ""
    assert over_budget([NOW] * 99, None, NOW, "shop/x") == ""
