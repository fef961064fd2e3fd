"""`when=`, `capture=` and `expect=` that a run would refuse before it starts: said here, with their line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from typing import Final

from watchkeeper.core.runbooks.attributes import declared_parameters
from watchkeeper.core.runbooks.values import Finding, Runbook, Step

_ORDER: Final = ("diagnose", "fix", "verify", "rollback")


def values(runbook: Runbook) -> Iterator[Finding]:
    """Conditions that cannot be read or ask for what nothing gives; captures and expectations that cannot work."""
    steps = sorted((step for step in runbook.steps if step.phase in _ORDER), key=lambda step: _ORDER.index(step.phase))
    given = _given(runbook)
    captured: set[str] = set()
    earlier: set[str] = set()
    for step in steps:
        if step.when:
            yield from _condition(step, given | captured, earlier, steps)
        if step.capture:
            yield from _capture(step)
            captured.add(step.capture)
        if step.expect:
            yield from _expectation(step)
        earlier.add(step.id)


def meant(name: str, known: Iterable[str]) -> str:
    """``(did you mean X?)``, or nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def _given(runbook: Runbook) -> set[str]:
    own = runbook.front_matter.get("watchkeeper")
    declared = set(declared_parameters(own)[0]) if isinstance(own, dict) else set()
    return declared | {parameter.name for step in runbook.steps for parameter in step.parameters}


def _condition(step: Step, known: Collection[str], earlier: Collection[str], steps: list[Step]) -> Iterator[Finding]:
    from watchkeeper.core.runs import conditions  # runs are built on runbooks; the grammar of `when=` is theirs

    try:
        named = conditions.references(conditions.parse(step.when or ""))
    except conditions.ConditionError as error:
        sentence = f'Step "{step.id}" has when={step.when}, which cannot be read: {str(error).rstrip(".")}.'
        yield Finding(step.line, "error", sentence, "bad-condition")
        return
    for reference in named:
        if reference.name in (earlier if reference.field else known):
            continue
        if reference.field:
            late = any(each.id == reference.name for each in steps)
            why = (
                f"no earlier step is called {reference.name}"
                if not late
                else f"{reference.name} does not run before it"
            )
            advice = "Name a step that runs before it"
        else:
            late = any(each.capture == reference.name for each in steps)
            why = (
                f"nothing gives the value {reference.name}" if not late else f"{reference.name} is captured only later"
            )
            advice = f"Declare it below params: in the front matter, or capture it earlier (capture={reference.name})"
        guess = meant(reference.name, earlier if reference.field else known)
        sentence = f'Step "{step.id}" has when={step.when}, and {why}{guess}. {advice}.'
        yield Finding(step.line, "error", sentence, "unknown-value")


def _capture(step: Step) -> Iterator[Finding]:
    from watchkeeper.core.runs.captures import odd_name

    odd = odd_name(step.capture or "")
    if odd:
        sentence = f'Step "{step.id}" captures into {step.capture}, which {odd}. Choose another name.'
        yield Finding(step.line, "error", sentence, "bad-capture")


def _expectation(step: Step) -> Iterator[Finding]:
    from watchkeeper.core.runs.expectation import unusable

    problem = unusable(step.expect or "")
    if problem:
        sentence = (
            f'Step "{step.id}" has an expect= that cannot be checked within bounded time: {problem.rstrip(".")}. '
            f"Write a plain regular expression, a limit such as < 100, or the lines of the output."
        )
        yield Finding(step.line, "error", sentence, "bad-expect")
