"""What a procedure lacks, and what its steps say about each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from watchkeeper.core.runbooks.values import Finding, Procedure, Runbook, Step


def structure(runbook: Runbook, text: str = "") -> Iterator[Finding]:
    """Missing sections, destroying steps without a way back, names that lead nowhere. text: "" when it is not at hand."""
    ids = frozenset(step.id for step in runbook.steps)
    empty = _empty_sections(runbook, text)
    ends = [*(procedure.line for procedure in runbook.procedures[1:]), len(text) + 1]
    for procedure, end in zip(runbook.procedures, ends, strict=False):
        bare = {role for line, role in empty if procedure.line <= line < end}
        said = frozenset(procedure.named) - bare | {step.phase for step in procedure.steps}
        yield from _sections(procedure, said)
        for step in procedure.steps:
            yield from _destroying(step, said)
            yield from _step(step, ids)
    yield from _duplicates(runbook)


def _empty_sections(runbook: Runbook, text: str) -> list[tuple[int, str]]:
    """(line, role) of headings with nothing below them: they say neither how nor why not."""
    if not text:
        return []
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found: list[tuple[int, str]] = []
    for index, section in enumerate(runbook.sections):
        following = (each.line - 1 for each in runbook.sections[index + 1 :] if each.level <= section.level)
        end = next(following, len(lines))
        below = [
            line for line in lines[section.line : end] if line.strip() and not re.fullmatch(r"\s*[=-]{2,}\s*", line)
        ]
        if section.role and not below:
            found.append((section.line, section.role))
    return found


def _sections(procedure: Procedure, said: frozenset[str]) -> Iterator[Finding]:
    """said: phases that have steps, or a section that says in prose why there are none."""
    if not any(step.phase == "fix" for step in procedure.steps):
        return
    if "verify" not in said:
        yield Finding(
            procedure.line,
            "warning",
            f'"{procedure.title}" has no verification: only the incident\'s own check can prove the fix. '
            f'Add a section "Verification", or say there why there is none.',
            "no-verification",
        )
    if "rollback" not in said and not any(step.undo for step in procedure.steps):
        yield Finding(
            procedure.line,
            "warning",
            f'"{procedure.title}" has no rollback: after a failed verification a person decides. '
            f'Add a section "Rollback", or say there why there is none.',
            "no-rollback",
        )


def _destroying(step: Step, said: frozenset[str]) -> Iterator[Finding]:
    if step.risk == "destroy" and step.phase != "rollback" and not (step.undo or step.manual or "rollback" in said):
        yield Finding(
            step.line,
            "warning",
            f'Step "{step.id}" can destroy something, and nothing is said about a way back. '
            f'Name the step that takes it back (undo=STEP), or write a section "Rollback".',
            "destroy-without-undo",
        )


def _step(step: Step, ids: frozenset[str]) -> Iterator[Finding]:
    if step.undo and step.undo not in ids:
        known = ", ".join(sorted(ids - {step.id})) or "none"
        yield Finding(
            step.line,
            "error",
            f'Step "{step.id}" names undo={step.undo}, and no step has that name. The others: {known[:300]}.',
            "unknown-undo",
        )
    if step.relies:
        yield Finding(
            step.line,
            "warning",
            f'Step "{step.id}" {step.relies}; it never starts by itself. '
            f"Write the directory or value into the step, or join both fences.",
            "relies-on-earlier-step",
        )
    if step.alternatives:
        yield Finding(
            step.line,
            "note",
            f'Step "{step.id}" is an alternative ({step.alternatives}): nothing runs until one is picked.',
            "alternatives",
        )


def _duplicates(runbook: Runbook) -> Iterator[Finding]:
    """The same `name` in the attributes of two fences; the parts of one fence share its line range and its name."""
    owners = {step: fence for fence in runbook.fences for step in fence.steps}
    first: dict[str, int] = {}
    for step in runbook.steps:
        name, fence = step.attributes.get("name"), owners.get(step.id)
        if not name or fence is None:
            continue
        line = first.setdefault(name, fence.line)
        if line != fence.line and first.get(f"{name} {fence.line}") is None:
            first[f"{name} {fence.line}"] = fence.line
            yield Finding(
                fence.line,
                "warning",
                f'The name "{name}" stands at the fence of line {line} too; this one is called "{step.id}". '
                f"Give each fence a name of its own.",
                "duplicate-name",
            )
