"""Why watchkeeper did not act: one sentence for every cause, and none once something was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.causes import CAUSES
from watchkeeper.core.runs.idleness import BY_A_PERSON, ITSELF, has_changed, sentence, why_idle
from watchkeeper.core.runs.modes import (
    Circumstances,
    Decision,
    may_start,
    over_budget,
    proven_too_long_ago,
    run_mode,
    valid_grant,
)
from watchkeeper.core.runs.values import Grant, Plan, PlanStep, Run, RunState, RunStep, StepState

NOW = 1_700_000_000.0
DAY = 86400.0
NAME = "shop/runbooks/web-down.md"
GRANT = Grant(1, NAME, "digest", ("app1",), False, "ada", NOW - 10, NOW + 100)
CALM = Circumstances()
FIX = PlanStep(0, "restart", "fix", "Restart", "systemctl restart shop", "bash", "change", "app1")
CHECK = FailingCheck("shop/web", State.CRIT, "status 500", "rule", NOW - 60, NOW - 60, 2)
INCIDENT = Incident(7, "shop", None, Status.OPEN, "P2", "shop/web: status 500", NOW - 60, (CHECK,))


def a_run(state: RunState = RunState.PARKED, step: StepState = StepState.WAITS, **more: object) -> Run:
    plan = Plan("runbooks/web-down.md", "digest", "shop", (FIX,), "plan")
    run = Run(3, 7, NAME, plan, "propose", state, "watchkeeper", NOW - 50, (RunStep(3, 0, FIX, step),))
    return replace(run, **more)  # type: ignore[arg-type]


def refused(grants: list[Grant], digest: str = "digest", hosts: tuple[str, ...] = ("app1",)) -> Decision:
    return valid_grant(grants, NAME, digest, hosts, NOW)


def with_grant(step: PlanStep = FIX, **against: str) -> Decision:
    return may_start(step, "auto", GRANT, Decision(True), Circumstances(**against))


STALE = proven_too_long_ago(NAME, NOW - 200 * DAY, NOW - 94 * DAY, 90 * DAY, NOW)
NEVER = proven_too_long_ago(NAME, NOW - 94 * DAY, None, 90 * DAY, NOW)
BUDGET = over_budget([NOW, NOW], (2, 3600.0), NOW, NAME)
SET_ASIDE = "The response is set aside: it did not hold."


def set_aside(cause: str) -> Decision:
    """No grant lets it act now, whoever gave one."""
    return may_start(FIX, "auto", None, Decision(False, SET_ASIDE, cause=cause), CALM)


TABLE = [
    ("observe", may_start(FIX, "observe", None, Decision(False), CALM), "The response asks to observe only."),
    ("mode", may_start(FIX, "propose", GRANT, Decision(False, cause="mode"), CALM),
     "The response asks before it changes anything."),
    ("no_grant", refused([]), f"Nobody has granted {NAME} to act by itself."),
    ("revoked", refused([replace(GRANT, revoked_at=NOW - 1, revoked_by="ada")]), f"The grant for {NAME} was revoked by ada."),
    ("expired", refused([replace(GRANT, expires_at=NOW)]), f"The grant for {NAME} has expired."),
    ("changed", refused([GRANT], digest="other"),
     f"The runbook of {NAME} was changed after it was granted, so the grant is void."),
    ("hosts", refused([GRANT], hosts=("app1", "app2")), f"The grant for {NAME} does not cover app2."),
    ("stale", STALE, f"{NAME} was last proven 94 days ago: it proposes until it is proven again or granted anew."),
    ("stale", NEVER,
     f"{NAME} was granted 94 days ago and not proven by a run since: it proposes until it is proven again or granted anew."),
    ("automation_off", with_grant(automation_off="Automation is switched off: moving."), "Automation is switched off: moving."),
    ("acknowledged", with_grant(acknowledged_by="ada has acknowledged the incident."), "ada has acknowledged the incident."),
    ("window", with_grant(window="Maintenance of shop until 04:00."), "Maintenance of shop until 04:00."),
    ("deploy_lock", with_grant(deploy_lock="A deployment of shop runs."), "A deployment of shop runs."),
    ("parent", with_grant(cause="shop needs db, which has incident 2 open."), "shop needs db, which has incident 2 open."),
    ("budget", with_grant(budget=BUDGET), f"The budget of {NAME} is used up: 2 of 2 in 1 h."),
    ("quarantine", set_aside("quarantine"), SET_ASIDE),
    ("crash_loop", set_aside("crash_loop"), SET_ASIDE),
    ("rate_limit", with_grant(rate_limit="The partner asked for 5 min of patience (429)."),
     "The partner asked for 5 min of patience (429)."),
    ("busy_host", with_grant(busy_host="Another run is changing app1 for more than 60 s."),
     "Another run is changing app1 for more than 60 s."),
    ("placeholder", with_grant(replace(FIX, missing=("age", "queue"))), "Step restart needs a value for age, queue."),
    ("manual", with_grant(replace(FIX, manual=True, why="it opens an editor")),
     "Step restart waits for a person: it opens an editor."),
    ("manual", with_grant(replace(FIX, why="it does not end by itself (top)")),
     "Step restart waits for a person: it does not end by itself (top)."),
    ("alternatives", with_grant(replace(FIX, alternatives="menu-1")),
     "Step restart waits for a choice: it is one of several ways; a person picks one."),
    ("approve", with_grant(replace(FIX, approve="ops")), "The runbook asks for an approval of step restart (ops)."),
    ("destroy", with_grant(replace(FIX, risk="destroy")),
     "Step restart destroys, and the grant does not name destroying steps."),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "decision", "said"), TABLE, ids=[f"{row[0]}-{n}" for n, row in enumerate(TABLE)])
def test_every_cause_is_one_sentence_on_the_incident(cause: str, decision: Decision | None, said: str) -> None:
    assert decision is not None and not decision.act
    assert decision.cause == cause and cause in CAUSES
    parked = a_run(parked_why=decision.why)
    assert why_idle(INCIDENT, [parked], decision.why) == said
    assert why_idle(INCIDENT, [parked]) == said, "also when nobody says it again"
    kept = replace(INCIDENT, why_not_acted=said, ending=Ending.ITSELF, closed_at=NOW)
    assert why_idle(kept, [replace(parked, state=RunState.CANCELLED)]) == said, "and after it was closed"


def test_the_table_names_every_cause_that_core_decides() -> None:
    # decided where hosts, runbooks and the values of a run are met
    later = {"interrupted", "unreachable", "no_runbook", "tried", "invalid", "condition", "captured"}
    assert {row[0] for row in TABLE} == set(CAUSES) - later


@pytest.mark.parametrize("state", [StepState.DONE, StepState.FAILED, StepState.CANCELLED])
def test_once_something_was_changed_nothing_is_said(state: StepState) -> None:
    run = a_run(RunState.PROVEN)
    changed = replace(run, steps=(replace(run.steps[0], state=state, sent=True, exit_code=0),))
    said = replace(INCIDENT, why_not_acted="Nobody has granted it.", ending=Ending.FIXED, closed_at=NOW)
    assert why_idle(said, [changed], "late") == ""


def test_what_the_host_never_got_has_changed_nothing() -> None:
    run = a_run(RunState.FAILED)
    unsent = replace(run, steps=(replace(run.steps[0], state=StepState.FAILED, sent=False),))
    assert not has_changed(unsent.steps[0])
    assert why_idle(INCIDENT, [unsent], "app1 cannot be reached") == "app1 cannot be reached."


def test_what_may_have_run_counts_as_changed() -> None:
    assert has_changed(replace(a_run().steps[0], state=StepState.INTERRUPTED))
    assert not has_changed(replace(a_run().steps[0], state=StepState.REFUSED))
    assert not has_changed(RunStep(3, 0, replace(FIX, risk="read"), StepState.DONE, sent=True))
    assert not has_changed(RunStep(3, 0, replace(FIX, manual=True), StepState.DONE, exit_code=0))


def test_while_a_later_step_waits_its_reason_is_said() -> None:
    done = RunStep(3, 0, FIX, StepState.DONE, sent=True, exit_code=0)
    waits = RunStep(3, 1, replace(FIX, index=1, id="purge", risk="destroy"), StepState.WAITS)
    parked = a_run(steps=(done, waits), parked_why="Step purge destroys, and the grant does not name destroying steps.")
    assert why_idle(INCIDENT, [parked]).startswith("Step purge destroys")
    closed = replace(INCIDENT, ending=Ending.FIXED, closed_at=NOW, why_not_acted="Step purge destroys.")
    assert why_idle(closed, [parked]) == ""


def test_an_end_without_any_reason_has_one() -> None:
    assert why_idle(replace(INCIDENT, ending=Ending.ITSELF, closed_at=NOW), []) == ITSELF
    assert why_idle(replace(INCIDENT, ending=Ending.UNPROVEN, closed_at=NOW), []) == BY_A_PERSON


def test_while_the_answer_is_on_its_way_nothing_is_said() -> None:
    assert why_idle(INCIDENT, [a_run(RunState.RUNNING, StepState.PLANNED)]) == ""


def test_runs_of_an_earlier_opening_do_not_count() -> None:
    earlier = a_run(RunState.PROVEN, StepState.DONE, created_at=INCIDENT.opened_at - 100)
    earlier = replace(earlier, steps=(replace(earlier.steps[0], sent=True),))
    assert why_idle(INCIDENT, [earlier], "Nobody has granted it.") == "Nobody has granted it."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no runbook answers web of shop", "No runbook answers web of shop."),
        ("runbooks/x.md asks to observe only", "runbooks/x.md asks to observe only."),
        ("It recovered.", "It recovered."),
        (" two  words.. ", "two words."),
        ("", ""),
    ],
)
def test_a_reason_is_one_sentence(text: str, said: str) -> None:
    assert sentence(text) == said


# ---- trust ages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "proven", "fresh"),
    [
        (0, None, True),  # granted today, never run: it must be able to act
        (89, None, True),
        (91, None, False),
        (91, 5, True),
        (200, 91, False),
        (5, 200, True),  # an old proof under a new grant
        (90, None, True),
    ],
)
def test_trust_counts_from_the_newest_of_grant_and_proof(granted: float, proven: float | None, fresh: bool) -> None:
    at = None if proven is None else NOW - proven * DAY
    assert (proven_too_long_ago(NAME, NOW - granted * DAY, at, 90 * DAY, NOW) is None) == fresh


def test_without_fresh_trust_a_response_only_proposes() -> None:
    assert STALE is not None
    response = Response(NAME, "shop", (), "runbooks/web-down.md", "auto", None)
    assert run_mode(response, STALE) == "propose"


def test_what_stands_against_it_besides_is_noted() -> None:
    decision = may_start(FIX, "propose", None, refused([]), Circumstances(budget="used up"))
    assert (decision.cause, decision.also) == ("no_grant", "budget")
