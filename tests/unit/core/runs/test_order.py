"""What of a diagnosis may run beside each other, and what a fix has to wait for."""

from __future__ import annotations

import pytest
from tests.unit.core.runs.test_plans import fence, plan, run_of

from watchkeeper.core.runs.order import diagnoses, has_fix, held_for, is_diagnosed, next_steps
from watchkeeper.core.runs.values import Run, StepState

DIAGNOSIS = "# X\n\n## Diagnosis\n\n"
FIX = "## Resolution\n\n" + fence({"name": "fix", "host": "app1"}, "true")


def auto(text: str, states: dict[int, StepState] | None = None) -> Run:
    return run_of(text, states or {}, mode="auto", incident=1)


def read(name: str, **more: str) -> str:
    return fence({"name": name, "host": "app1", **more}, f"echo {name}")


def names(run: Run, at_work: tuple[int, ...] = ()) -> list[str]:
    return [step.plan.id for step in diagnoses(run, at_work)]


def test_all_that_only_reads_starts_at_once_on_all_hosts() -> None:
    run = auto(DIAGNOSIS + fence({"name": "one"}, "echo 1") + read("two") + FIX)
    assert [(step.plan.id, step.plan.host) for step in diagnoses(run)] == [
        ("one", "app1"), ("one", "app2"), ("two", "app1"),
    ]  # fmt: skip
    assert names(run, at_work=(0, 1)) == ["two"]
    assert names(run_of(DIAGNOSIS + read("one") + FIX, {})) == [], "a run by hand keeps the order of its document"


@pytest.mark.parametrize(
    "more", [{"serial": "1"}, {"approve": "operator"}, {"risk": "change"}, {"interactive": "true"}]
)
def test_what_is_more_than_a_read_keeps_its_place(more: dict[str, str]) -> None:
    run = auto(DIAGNOSIS + read("one") + read("middle", **more) + read("two") + FIX)
    assert names(run) == ["one"]
    assert next_steps(run, beside=(0,))[0].plan.id == "middle"
    assert names(auto(DIAGNOSIS + read("one") + read("middle", **more) + read("two") + FIX, {1: StepState.DONE})) == [
        "one", "two",
    ]  # fmt: skip


@pytest.mark.parametrize("when", ["depth > 5", "one.state == done", "one.exit_code == 0"])
def test_a_step_that_uses_another_starts_after_it_and_the_fix_waits_for_what_is_used(when: str) -> None:
    text = DIAGNOSIS + read("one", capture="depth") + read("two", when=when) + read("three") + FIX
    assert names(auto(text)) == ["one", "three"]
    assert names(auto(text, {0: StepState.DONE})) == ["two", "three"]
    assert held_for(auto(text)) == {0}


def test_the_fix_waits_for_what_says_wait_and_for_what_it_uses() -> None:
    fix = "## Resolution\n\n" + fence({"name": "fix", "host": "app1"}, "echo $depth")
    run = auto(DIAGNOSIS + read("one", wait="true") + read("two") + read("three", capture="depth") + fix)
    assert held_for(run) == {0, 2}
    later = fence({"name": "later", "host": "app1", "when": "two.exit_code == 1"}, "true")
    assert held_for(auto(DIAGNOSIS + read("one") + read("two") + FIX + later)) == {1}, "what a later step uses as well"


def test_what_goes_on_beside_is_not_what_comes_next() -> None:
    run = auto(DIAGNOSIS + read("one") + FIX, {0: StepState.RUNNING})
    assert next_steps(run)[0].plan.id == "one" and next_steps(run, beside=(0,))[0].plan.id == "fix"
    assert not is_diagnosed(run) and has_fix(run)
    assert is_diagnosed(auto(DIAGNOSIS + read("one") + FIX, {0: StepState.FAILED}))
    assert not has_fix(auto(DIAGNOSIS + read("one")))


def test_wait_is_part_of_what_a_plan_does() -> None:
    with_it, without = (plan(DIAGNOSIS + read("one", **more) + FIX) for more in ({"wait": "true"}, {}))
    assert with_it.digest != without.digest
    assert not plan(DIAGNOSIS + FIX.replace('"host"', '"wait": "true", "host"')).steps[0].wait, "only a diagnosis waits"
