"""Frozen plans: what they hold of conditions, captures, hosts and undo, and what is refused before anything runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.runs.conditions import ConditionError
from watchkeeper.core.runs.order import hosts_not_through, judged, next_steps
from watchkeeper.core.runs.planning import freeze, refill
from watchkeeper.core.runs.undoing import plan_undo
from watchkeeper.core.runs.values import Plan, Run, RunState, RunStep, StepState, Undo

HOSTS = (
    b"hosts: {app1: {local: true, labels: {role: app}}, app2: {local: true, labels: {role: app}}, db1: {local: true}}\n"
)
SERVICE = b"service: shop\nhosts: [app1, app2]\nchecks: []\n"


def fence(attributes: dict[str, str], text: str) -> str:
    return f"```bash {json.dumps(attributes)}\n{text}\n```\n\n"


def plan(text: str, only: tuple[str, ...] = (), hosts: tuple[str, ...] = (), **params: str) -> Plan:
    files = {
        "watchkeeper.yaml": b"team: Test\n", "hosts.yaml": HOSTS, "services/shop.yaml": SERVICE, "runbooks/x.md": text.encode(),
    }  # fmt: skip
    inventory = load(files, now=0.0).inventory
    assert inventory is not None
    return freeze(inventory.runbooks["runbooks/x.md"], inventory, inventory.services["shop"], params, only, hosts)


def run_of(text: str, states: dict[int, StepState], **more: object) -> Run:
    frozen = plan(text)
    steps = tuple(
        RunStep(
            1,
            each.index,
            each,
            states.get(each.index, StepState.PLANNED),
            attempt=each.index in states,
            sent=each.index in states,
        )
        for each in frozen.steps
    )
    run = Run(1, None, "", frozen, "manual", RunState.RUNNING, "ada", 0.0, steps)
    return replace(run, **more)  # type: ignore[arg-type]


FIX = "# X\n\n## Resolution\n\n"
TWO = FIX + fence({"name": "one", "undo": "back"}, "true") + fence({"name": "two", "undo": "un-two"}, "true")
TWO += "## Verification\n\n" + fence({"name": "see"}, "true")
TWO += "## Rollback\n\n" + fence({"name": "back", "host": "db1"}, "true") + fence({"name": "un-two"}, "true")


def test_undo_rows_stand_behind_the_plan_in_reverse_order_and_know_what_they_take_back() -> None:
    rows = [(each.id, each.host, each.undoes, each.phase) for each in plan(TWO).steps if each.undoes]
    assert rows == [
        ("un-two", "app2", (3,), "rollback"), ("un-two", "app1", (2,), "rollback"), ("back", "db1", (1, 0), "rollback"),
    ]  # fmt: skip
    assert [each.id for each in plan(TWO, only=("one",)).steps] == ["one", "one", "back"]  # the undo comes along
    assert [(each.id, each.host) for each in plan(TWO, only=("two",), hosts=("app2",)).steps] == [
        ("two", "app2"), ("un-two", "app2"),
    ]  # fmt: skip


def test_the_digest_covers_everything_that_decides_what_runs() -> None:
    base = plan(FIX + fence({"name": "one"}, "true")).digest
    more = [
        {"when": "one_more == 1", "params": "1"}, {"capture": "x"}, {"serial": "2"}, {"background": "true"}, {"expect": "ok"},
        {"retries": "3"}, {"every": "2s"}, {"timeout": "9s"}, {"idempotent": "true"}, {"approve": "two"},
    ]  # fmt: skip
    head = "---\nwatchkeeper: {params: {one_more: 1}}\n---\n"
    digests = {
        plan((head if "when" in each else "") + FIX + fence({"name": "one", **each}, "true")).digest for each in more
    }
    assert len(digests | {base}) == len(more) + 1


def test_captured_values_are_needs_and_given_ones_hold() -> None:
    text = "# X\n\n## Diagnosis\n\n" + fence({"name": "d", "capture": "depth"}, "echo 1")
    text += "## Resolution\n\n" + fence({"name": "act"}, 'echo "$depth" $other')
    act = next(each for each in plan(text, other="x").steps if each.id == "act")
    assert (act.needs, act.missing, dict(act.environment)) == (("depth",), (), {"other": "x"})
    act = next(each for each in plan(text, depth="7", other="x").steps if each.id == "act")
    assert (act.needs, dict(act.environment)) == ((), {"depth": "7", "other": "x"})
    assert next(each for each in plan(text).steps if each.id == "act").missing == ("other",)
    with pytest.raises(Usage, match="the value of depth does not fit"):
        plan(text, depth="$(id)")


def test_a_declared_type_and_default_of_a_captured_value() -> None:
    head = '---\nwatchkeeper: {params: {depth: {default: "none yet", pattern: "[a-z0-9 ]+"}}}\n---\n'
    text = (
        head
        + "# X\n\n## Diagnosis\n\n"
        + fence({"name": "d", "capture": "depth"}, "echo 1")
        + fence({"name": "e"}, "echo $depth")
    )
    first, second = (each for each in plan(text).steps if each.host == "app1")
    assert first.capture_type == "[a-z0-9 ]+" and second.needs == ("depth",) and second.missing == ()
    assert dict(second.environment) == {"depth": "none yet"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIX + fence({"name": "a", "undo": "a"}, "true"), "names a to undo it, and that is no other step"),
        (
            FIX + fence({"name": "a"}, "echo $v") + fence({"name": "b", "capture": "v"}, "echo 1"),
            "which only a later step captures",
        ),
        (FIX + fence({"name": "a", "background": "true", "capture": "v"}, "echo 1"), "whose output has no end"),
        (
            FIX + fence({"name": "a", "when": "v == 1"}, "true") + fence({"name": "b", "capture": "v"}, "echo"),
            "captured only later",
        ),
        (FIX + fence({"name": "a", "host": "role:web"}, "true"), "names the host role:web"),
        (FIX + fence({"name": "a", "expect": "(?=x)"}, "true"), "cannot be checked within bounded time"),
    ],
)
def test_what_cannot_work_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Usage) as refused:
        plan(text)
    assert said in str(refused.value) and "runbooks/x.md" in str(refused.value)


def test_hosts_that_no_step_has_are_refused() -> None:
    with pytest.raises(Usage, match=r"No step of runbooks/x\.md runs on db1"):
        plan(FIX + fence({"name": "a"}, "true"), hosts=("db1",))


def test_a_command_behind_an_ampersand_is_waited_for_and_counts_as_a_change() -> None:
    step = plan("# X\n\n## Diagnosis\n\n" + fence({"name": "a"}, "sleep 5 &")).steps[0]
    assert step.background and step.risk == "change" and step.text.endswith("&\nwait $!") and step.timeout_s == 3600.0


def test_giving_values_keeps_undo_rows_and_a_choice_of_hosts() -> None:
    one = fence({"name": "one", "undo": "back"}, "true")
    text = TWO.replace(one, one.replace("true\n", "echo $v\n"))
    files = {
        "watchkeeper.yaml": b"team: Test\n",
        "hosts.yaml": HOSTS,
        "services/shop.yaml": SERVICE,
        "runbooks/x.md": text.encode(),
    }
    inventory = load(files, now=0.0).inventory
    assert inventory is not None
    file = inventory.runbooks["runbooks/x.md"]
    before = freeze(file, inventory, inventory.services["shop"], {}, ("one",), ("app2",))
    after = refill(before, file, inventory, {"v": "5"})
    assert [(each.id, each.host, each.undoes) for each in after.steps] == [("one", "app2", ()), ("back", "db1", (0,))]
    assert after.steps[0].environment == {"v": "5"} and not after.steps[0].missing


def test_what_comes_next_is_told_by_the_rows() -> None:
    done, failed = StepState.DONE, StepState.FAILED
    assert [each.index for each in next_steps(run_of(TWO, {}))] == [0, 1]
    assert [each.index for each in next_steps(run_of(TWO, {0: done}))] == [1]
    assert [each.index for each in next_steps(run_of(TWO, dict.fromkeys(range(4), done)))] == [4, 5]
    assert next_steps(run_of(TWO, dict.fromkeys(range(6), done))) == ()  # nothing of the rollback by itself
    undo = Undo("x", 0.0, RunState.FAILED)
    skipped = {6: StepState.SKIPPED, 7: StepState.SKIPPED, 8: StepState.SKIPPED}
    went = run_of(TWO, {**dict.fromkeys(range(4), done), **skipped}, undo=undo)
    assert [went.steps[each.index].plan.undoes for each in next_steps(went)] == [(3,), (2,)]
    stuck = run_of(TWO, {**dict.fromkeys(range(4), done), **skipped, 9: failed}, undo=undo)
    assert [each.plan.phase for each in next_steps(stuck)] == ["verify", "verify"]  # no further undo over its head


def test_only_what_was_done_is_taken_back() -> None:
    one = run_of(TWO, {0: StepState.DONE, 1: StepState.FAILED})
    assert [one.steps[index].plan.undoes for index in plan_undo(one).rows] == [(1, 0)]
    assert plan_undo(run_of(TWO, {})).rows == ()
    none = run_of(TWO, {0: StepState.FAILED})  # nothing was completed: the rollback of the document
    assert [none.steps[index].plan.id for index in plan_undo(none).rows] == ["back", "un-two", "un-two"]


def test_a_condition_on_a_step_of_several_hosts_means_the_same_host() -> None:
    text = FIX + fence({"name": "a"}, "true") + fence({"name": "b", "when": "a.state == done"}, "true")
    text += fence({"name": "c", "host": "db1", "when": "a.state == done"}, "true")
    run = run_of(text, {0: StepState.DONE, 1: StepState.FAILED})
    assert judged(run, run.steps[2])[0] and not judged(run, run.steps[3])[0]
    with pytest.raises(ConditionError):
        judged(run, run.steps[4])  # it differs from host to host
    assert hosts_not_through(run) == ("app2",)
