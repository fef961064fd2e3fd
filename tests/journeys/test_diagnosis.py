"""The diagnosis of a run that answers an incident: beside each other, and beside the fix when it takes long.

On the real store and the real shells of this machine. A slow diagnosis is one that waits for a file of the test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.journeys.test_running import ADA, Desk, fence, step

from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.runs.values import Run, RunState, RunStep, StepState

SLOW = "until test -e MARKS/go; do sleep 0.02; done; echo late evidence"
FIX = fence({"name": "fix"}, "touch MARKS/fixed")
VERIFY = "## Verification\n\n" + fence({"name": "look"}, "true")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.segments._diagnosing._hold_s = 0.1  # what is waited for in vain costs every test so much
    team = "team: Test\nbudget: {per_service: 100 per hour, all: 100 per hour}\n"  # each test lets one more run act
    (desk.ops / "watchkeeper.yaml").write_text(team)
    yield desk
    desk.close()


@pytest.fixture(autouse=True)
def let_go(desk: Desk) -> Iterator[None]:
    """Nothing of a test goes on behind it."""
    yield
    (desk.marks / "go").touch()
    for run in desk.runs.newest():
        until(lambda run=run: StepState.RUNNING not in states(desk, run.id), "a diagnosis did not end")  # type: ignore[misc]
    for incident in desk.incidents.newest(Status.OPEN):
        desk.over(incident)


def until(holds: Callable[[], bool], else_said: str) -> None:
    give_up = time.monotonic() + 30.0
    while not holds():
        assert time.monotonic() < give_up, else_said
        time.sleep(0.02)


def states(desk: Desk, number: int) -> list[StepState]:
    return [each.state for each in desk.runs.get(number).steps]


def runbook(diagnosis: str, fix: str = FIX) -> str:
    return f"# Web\n\n## Diagnosis\n\n{diagnosis}## Resolution\n\n{fix}{VERIFY}"


def answered(desk: Desk, text: str, mode: str = "auto") -> tuple[Incident, Run]:
    """The incident and its run, once its first segment is over."""
    desk.write(text, mode=mode)
    if mode == "auto":
        desk.grants.add("shop/runbooks/web.md", ADA, 30)
    incident = desk.fails()
    return incident, desk.runs.newest(incident=incident.id)[0]


def row(desk: Desk, run: Run, name: str) -> RunStep:
    return step(desk.runs.get(run.id), name)


def output(desk: Desk, found: RunStep) -> str:
    return desk.steps.output(found, 1000)[0].strip()


def said(desk: Desk, incident: Incident) -> list[str]:
    return [event.text for event in desk.incidents.timeline(incident.id)]


def test_steps_of_a_diagnosis_run_beside_each_other(desk: Desk) -> None:
    desk.segments._diagnosing._hold_s = 60.0
    desk.write(runbook(fence({"name": "one"}, SLOW) + fence({"name": "two"}, SLOW)))
    desk.grants.add("shop/runbooks/web.md", ADA, 30)
    thread = threading.Thread(target=desk.fails, daemon=True)
    thread.start()
    try:
        until(
            lambda: any(states(desk, run.id)[:2] == [StepState.RUNNING] * 2 for run in desk.runs.newest(active=True)),
            "the second did not start beside the first",
        )
        assert not (desk.marks / "fixed").exists()
        (desk.marks / "go").touch()
    finally:
        thread.join(30.0)
        desk.segments._diagnosing._hold_s = 0.1
    run = desk.runs.newest()[0]
    assert run.state is RunState.VERIFYING and (desk.marks / "fixed").exists()
    assert {output(desk, step(run, name)) for name in ("one", "two")} == {"late evidence"}


def test_a_slow_diagnosis_does_not_hold_up_the_fix_and_its_output_follows(desk: Desk) -> None:
    incident, run = answered(desk, runbook(fence({"name": "slow"}, SLOW)))
    assert run.state is RunState.VERIFYING and (desk.marks / "fixed").exists()
    slow = step(run, "slow")
    assert slow.state is StepState.RUNNING and slow.started_at is not None
    assert slow.started_at <= (step(run, "fix").started_at or 0.0), "it was begun before anything was changed"
    so_far = "0 outputs so far. The fix does not wait for slow: still at work, the output follows."
    assert [text for text in said(desk, incident) if text.endswith(so_far)]
    assert desk.incidents.get(incident.id).diagnosed_at is None, "nothing was found yet"
    (desk.marks / "go").touch()
    until(lambda: desk.incidents.get(incident.id).diagnosed_at is not None, "the diagnosis did not come to its end")
    late = row(desk, run, "slow")
    assert late.state is StepState.DONE and late.attempt == 1 and output(desk, late) == "late evidence"
    assert "Diagnosis of runbooks/web.md is done: 1 output, all read-only." in said(desk, incident)


def test_what_was_found_in_time_is_the_diagnosis_and_what_is_late_follows(desk: Desk) -> None:
    desk.segments._diagnosing._hold_s = 2.0
    try:
        incident, run = answered(desk, runbook(fence({"name": "quick"}, "echo seen") + fence({"name": "slow"}, SLOW)))
    finally:
        desk.segments._diagnosing._hold_s = 0.1
    assert [step(run, name).state for name in ("quick", "slow")] == [StepState.DONE, StepState.RUNNING]
    diagnosed_at = desk.incidents.get(incident.id).diagnosed_at
    assert diagnosed_at is not None and diagnosed_at <= (step(run, "fix").started_at or 0.0)
    (desk.marks / "go").touch()
    until(lambda: row(desk, run, "slow").state is StepState.DONE, "it was not kept")
    assert desk.incidents.get(incident.id).diagnosed_at == diagnosed_at
    told = [text for text in said(desk, incident) if text.startswith(("Diagnosis of ", "diagnose: "))]
    assert [text.partition(":")[0] for text in told] == ["diagnose", "Diagnosis of runbooks/web.md", "diagnose"]


@pytest.mark.parametrize(
    ("attributes", "fix"),
    [
        ({"name": "slow", "wait": "true"}, FIX),
        ({"name": "slow", "capture": "depth"}, fence({"name": "fix", "when": "depth > 5"}, "touch MARKS/fixed")),
        ({"name": "slow"}, fence({"name": "fix", "when": "slow.exit_code == 0"}, "touch MARKS/fixed")),
    ],
)
def test_the_fix_waits_where_the_runbook_says_so_or_uses_what_is_found(
    desk: Desk, attributes: dict[str, str], fix: str
) -> None:
    _, run = answered(desk, runbook(fence(attributes, "sleep 0.6; echo 7"), fix))
    slow, fixed = step(run, "slow"), step(run, "fix")
    assert slow.state is StepState.DONE and fixed.state is StepState.DONE, run.message or run.parked_why
    assert (fixed.started_at or 0.0) >= (slow.ended_at or 0.0)


def test_without_a_fix_there_is_nothing_to_hurry_for(desk: Desk) -> None:
    _, run = answered(desk, "# Web\n\n## Diagnosis\n\n" + fence({"name": "slow"}, "sleep 0.6; echo 7"), mode="propose")
    assert run.state is RunState.DONE and output(desk, step(run, "slow")) == "7"


def test_a_fix_that_fails_still_shows_its_diagnosis(desk: Desk) -> None:
    incident, run = answered(desk, runbook(fence({"name": "slow"}, SLOW), fence({"name": "fix"}, "exit 3")))
    assert run.state is RunState.FAILED and step(run, "slow").state is StepState.RUNNING
    assert desk.incidents.get(incident.id).escalated_at is not None, "nobody waits for the diagnosis to be told"
    desk.cancelling.beat()  # it looks for what ended runs left behind, and leaves what is being followed
    (desk.marks / "go").touch()
    until(lambda: row(desk, run, "slow").state is not StepState.RUNNING, "it was not kept")
    late = row(desk, run, "slow")
    assert late.state is StepState.DONE and output(desk, late) == "late evidence"
    assert any(text.startswith("diagnose: ") and "done, exit code 0" in text for text in said(desk, incident))


def test_an_approval_is_asked_for_and_used_while_a_diagnosis_is_at_work(desk: Desk) -> None:
    _, run = answered(desk, runbook(fence({"name": "slow"}, SLOW)), mode="propose")
    assert run.state is RunState.PARKED and not (desk.marks / "fixed").exists()
    run = desk.approve(run)
    assert (desk.marks / "fixed").exists() and run.state is RunState.VERIFYING
    assert step(run, "slow").state is StepState.RUNNING
    (desk.marks / "go").touch()
    until(lambda: row(desk, run, "slow").state is StepState.DONE, "what the first segment began was not kept")
    late = row(desk, run, "slow")
    assert late.attempt == 1 and output(desk, late) == "late evidence", "it was begun anew"


def test_a_diagnosis_that_died_with_main_is_read_again_by_the_next_segment(desk: Desk) -> None:
    _, run = answered(desk, runbook(fence({"name": "quick"}, "echo again")), mode="propose")
    dead = replace(step(run, "quick"), state=StepState.RUNNING, ended_at=None, exit_code=None, evidence=None)
    assert desk.store.write(lambda session: session.save_step(dead, run.fence))
    run = desk.approve(run)
    quick = step(run, "quick")
    assert quick.state is StepState.DONE and quick.attempt == 2 and output(desk, quick) == "again"


def test_a_cancelled_run_ends_the_diagnosis_that_goes_on_beside_it(desk: Desk) -> None:
    _, run = answered(desk, runbook(fence({"name": "slow"}, SLOW)))
    assert step(run, "slow").state is StepState.RUNNING
    desk.runs.cancel(run.id, ADA)
    until(lambda: row(desk, run, "slow").state is not StepState.RUNNING, "it goes on")
    assert row(desk, run, "slow").state is StepState.CANCELLED


def test_a_run_by_hand_goes_in_the_order_of_its_document(desk: Desk) -> None:
    desk.write(runbook(fence({"name": "one"}, "sleep 0.4; echo 1") + fence({"name": "two"}, "echo 2")))
    run = desk.run()
    one, two, fixed = (step(run, name) for name in ("one", "two", "fix"))
    assert run.state is RunState.PROVEN
    assert (one.ended_at or 0.0) <= (two.started_at or 0.0) <= (two.ended_at or 0.0) <= (fixed.started_at or 0.0)
