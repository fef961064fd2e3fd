"""What a plan must not hold: conditions, captures and expectations that cannot work are refused before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watchkeeper.core.errors import Usage
from watchkeeper.core.runbooks.values import Runbook
from watchkeeper.core.runs import conditions
from watchkeeper.core.runs.captures import odd_name
from watchkeeper.core.runs.expectation import unusable
from watchkeeper.core.runs.values import PlanStep


def assert_sound(path: str, runbook: Runbook, steps: Sequence[PlanStep], names: Collection[str]) -> None:
    """Raises `Usage` for the first step that cannot work as it is written.

    steps: in the order in which they run. names: values that are given or asked for. A condition may speak of these, of
    what an earlier step captures, and of earlier steps.
    """
    ids = {step.id for procedure in runbook.procedures for step in procedure.steps}
    earlier: set[str] = set()
    captured: set[str] = set()
    for step in steps:
        where = f"{path}: step {step.id} in line {step.line}"
        _assert_result(where, step)
        if step.when:
            _assert_condition(where, step, ids, earlier - {step.id}, {*names, *captured}, {*_captures(steps)})
        if step.needs and not set(step.needs) <= captured | set(names) | {step.capture}:
            late = ", ".join(sorted(set(step.needs) - captured - set(names)))
            raise Usage(
                f"{where} uses {late}, which only a later step captures.",
                "Move the step that captures it before this one.",
            )
        earlier.add(step.id)
        captured |= {step.capture} if step.capture else set()


def _captures(steps: Sequence[PlanStep]) -> set[str]:
    return {step.capture for step in steps if step.capture}


def _assert_result(where: str, step: PlanStep) -> None:
    odd = odd_name(step.capture) if step.capture else ""
    if odd:
        raise Usage(
            f"{where} captures into {step.capture}, which {odd}.", "Choose another name, for example capture=depth."
        )
    if step.capture and step.background:
        raise Usage(
            f"{where} captures its output and is a background step, whose output has no end.", "Drop one of them."
        )
    problem = unusable(step.expect) if step.expect else ""
    if problem:
        raise Usage(
            f"{where} has an expect= that cannot be checked within bounded time: {problem}.",
            "Write a plain regular expression without looking around and back references, or the lines of the output.",
        )


def _assert_condition(
    where: str,
    step: PlanStep,
    ids: Collection[str],
    earlier: Collection[str],
    names: Collection[str],
    later: Collection[str],
) -> None:
    try:
        named = conditions.references(conditions.parse(step.when))
    except conditions.ConditionError as error:
        raise Usage(f"{where}: {str(error).rstrip('.')}.", "See the reference of runbooks, `when=`.") from None
    for reference in named:
        if reference.field:
            if reference.name in earlier:
                continue
            kind = "does not run before it" if reference.name in ids else "is no step of this document"
            raise Usage(
                f"{where}: when= asks for {reference}, and {reference.name} {kind}.", _choices("steps", earlier)
            )
        if reference.name not in names:
            kind = "is captured only later" if reference.name in later else "is no value of this run"
            raise Usage(f"{where}: when= asks for {reference}, which {kind}.", _choices("values", names))


def _choices(what: str, names: Collection[str]) -> str:
    return f"Known there: the {what} {', '.join(sorted(names))}." if names else f"Known there: no {what}."
