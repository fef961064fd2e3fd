from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.checks.values import State
from watchkeeper.core.incidents.values import Ending, Event, FailingCheck, Incident, Status
from watchkeeper.core.log.chain import canonical, draft_of
from watchkeeper.core.log.drafts import incident_entry, run_entry
from watchkeeper.core.runs.values import Plan, PlanStep, Run, RunState, RunStep, StepState

NOW = 1_763_000_000.0
CHECK = FailingCheck("shop/web", State.CRIT, "status 502, expected 200", "abc", NOW, NOW + 1, 2, 2, NOW + 8)
INCIDENT = Incident(
    12, "shop", "app1", Status.CLOSED, "P1", "shop: web is CRIT", NOW, (CHECK,), closed_at=NOW + 90, ending=Ending.FIXED
)
LOOK = PlanStep(0, "look", "diagnose", "Look at it", "ps aux", "bash", "read", "app1")
FIX = PlanStep(1, "restart", "fix", "Restart", "systemctl restart shop", "bash", "change", "app1")
WIPE = PlanStep(2, "wipe", "fix", "Wipe", "rm -rf /srv/x", "bash", "destroy", "app1")
VERIFY = PlanStep(3, "ask", "verify", "Ask it", "curl -f localhost", "bash", "read", "app1")
PLAN = Plan("runbooks/web-down.md", "d1", "shop", (LOOK, FIX, WIPE, VERIFY), "d2")
STEPS = (
    RunStep(4, 0, LOOK, StepState.DONE, 1, "", False, "", NOW + 1, NOW + 2, 0),
    RunStep(4, 1, FIX, StepState.FAILED, 1, "", False, "ana", NOW + 3, NOW + 5, 3, "the unit is masked"),
    RunStep(4, 2, WIPE, StepState.SKIPPED),
    RunStep(4, 3, VERIFY, StepState.DONE, 1, "", False, "", NOW + 6, NOW + 7, 0),
)
RUN = Run(
    4, 12, "shop/web-down", PLAN, "auto", RunState.PROVEN, "watchkeeper", NOW, STEPS, started_at=NOW, ended_at=NOW + 9
)


def sections(draft) -> dict[str, str]:
    return dict(draft.sections)


def test_an_incident_tells_what_was_done_and_how_it_was_proven() -> None:
    events = [
        Event(1, 12, NOW + 4, "note", "ana", "looked at it"),
        Event(2, 12, NOW + 5, "step", "watchkeeper", "step done"),
    ]
    draft = incident_entry(INCIDENT, events, [RUN])
    told = sections(draft)
    assert list(told) == ["Change", "Reason", "Procedure", "Verification", "Impact"]
    assert (draft.at, draft.type, draft.severity, draft.status, draft.actor) == (
        NOW + 90, "Incident", "Critical", "Complete", "watchkeeper",
    )  # fmt: skip
    assert draft.title == "shop: web is CRIT: fixed and proven"
    assert dict(draft.facts) == {
        "incident": 12, "run": 4, "service": "shop", "severity": "P1", "host": "app1", "ending": "fixed",
        "duration_s": 90.0,
    }  # fmt: skip
    assert told["Change"] == (
        "- `systemctl restart shop` on app1 (change), from runbooks/web-down.md: "
        "failed, exit code 3 after 2 s. the unit is masked"
    )
    assert "shop/web was CRIT at 2025-11-13 02:13:20 UTC: status 502, expected 200" in told["Reason"]
    assert "ana: looked at it" in told["Reason"] and "step done" not in told["Reason"]
    assert "```bash\nsystemctl restart shop\n```" in told["Procedure"]
    assert "approved by ana: failed, exit code 3" in told["Procedure"]
    assert "rm -rf" not in told["Procedure"]  # it was never started
    assert told["Verification"].startswith(
        "- shop/web: 2 good readings in a row (2 needed), proven at 2025-11-13 02:13:28"
    )
    assert "affected for 1 min 30 s" in told["Impact"]
    assert draft_of(canonical(draft)) == draft


def test_an_incident_that_nobody_touched_says_so() -> None:
    draft = incident_entry(replace(INCIDENT, ending=Ending.ITSELF, why_not_acted="no grant"), [], [])
    told = sections(draft)
    assert told["Change"].startswith("Nothing was changed")
    assert told["Procedure"] == "No runbook was run."
    assert "did not act: no grant" in told["Reason"]
    assert "run" not in draft.facts


def test_a_close_without_proof_is_not_called_proven() -> None:
    lost = replace(CHECK, proof_count=1, proven_at=None, lost="its rule was edited")
    draft = incident_entry(
        replace(INCIDENT, ending=Ending.UNPROVEN, checks=(lost,), escalated_at=NOW + 2, escalated_why="budget",
                recurring=True),
        [], [RUN], "ana",
    )  # fmt: skip
    told = sections(draft)
    assert (draft.actor, draft.status) == ("ana", "Complete, not proven")
    assert "not proven, 1 of 2 good readings; it can no longer prove: its rule was edited" in told["Verification"]
    assert "without this proof" in told["Verification"]
    assert "Recurring" in told["Impact"] and "budget" in told["Impact"]


def test_runs_are_told_in_their_order() -> None:
    second = replace(RUN, id=5, plan=replace(PLAN, runbook="runbooks/second.md"))
    procedure = sections(incident_entry(INCIDENT, [], [second, RUN]))["Procedure"]
    assert procedure.index("Run 4 of runbooks/web-down.md") < procedure.index("Run 5 of runbooks/second.md")


@pytest.mark.parametrize(("state", "status"), [
    (RunState.PROVEN, "Complete, proven"), (RunState.DONE, "Complete"), (RunState.FAILED, "Failed"),
    (RunState.CANCELLED, "Cancelled"), (RunState.UNPROVEN, "Complete, not proven"),
])  # fmt: skip
def test_a_manual_run_has_its_own_entry(state: RunState, status: str) -> None:
    draft = run_entry(replace(RUN, incident=None, mode="manual", actor="ana", state=state))
    told = sections(draft)
    assert (draft.type, draft.title, draft.status, draft.severity, draft.actor, draft.at) == (
        "Runbook", "runbooks/web-down.md run on shop", status, "Medium", "ana", NOW + 9,
    )  # fmt: skip
    assert draft.facts["run"] == 4 and draft.facts["service"] == "shop" and "incident" not in draft.facts
    assert "`Ask it`: done, exit code 0" in told["Verification"]
    assert ("Proven by its checks" in told["Verification"]) is (state is RunState.PROVEN)


def test_severity_follows_the_riskiest_command_that_was_started() -> None:
    read_only = replace(RUN, steps=STEPS[:1])
    destroyed = replace(RUN, steps=(replace(STEPS[2], state=StepState.DONE),))
    assert [run_entry(run).severity for run in (read_only, RUN, destroyed)] == ["Low", "Medium", "High"]


def test_code_in_outputs_and_titles_cannot_end_its_block() -> None:
    nasty = replace(STEPS[1], plan=replace(FIX, title="a`b\n# c", text="echo '```'\n# not a heading"))
    told = sections(run_entry(replace(RUN, steps=(nasty,))))
    assert "````bash\necho '```'\n# not a heading\n````" in told["Procedure"]
    assert "``a`b # c``" in told["Procedure"] and "- ````echo '```'````" in told["Change"]
