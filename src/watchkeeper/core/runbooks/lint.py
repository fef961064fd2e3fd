"""What the author of a runbook should know before it is needed at night."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.core.runbooks.values import Finding, Procedure, Runbook, Step


def _procedure(procedure: Procedure) -> Iterator[Finding]:
    phases = {step.phase for step in procedure.steps}
    if "fix" not in phases:
        return
    if "verify" not in phases:
        sentence = (
            f'"{procedure.title}" has no verification: only the incident\'s '
            f'own check can prove the fix. Add a section "Verification".'
        )
        yield Finding(procedure.line, "warning", sentence)
    if (
        "rollback" not in phases
        and "rollback" not in procedure.named
        and not any(step.undo for step in procedure.steps)
    ):
        sentence = (
            f'"{procedure.title}" has no rollback: after a failed '
            f'verification a person decides. Add a section "Rollback".'
        )
        yield Finding(procedure.line, "warning", sentence)


def _step(step: Step, ids: frozenset[str]) -> Iterator[Finding]:
    if step.risk == "destroy" and not step.undo and step.phase != "rollback" and not step.manual:
        yield Finding(
            step.line, "warning", f'Step "{step.id}" can destroy something and names no undo step (undo=STEP).'
        )
    if step.undo and step.undo not in ids:
        yield Finding(step.line, "error", f'Step "{step.id}" names undo={step.undo}, and no step has that name.')
    if step.relies:
        hint = "Write the directory or value into the step, or join both fences."
        yield Finding(step.line, "warning", f'Step "{step.id}" {step.relies}; it never starts by itself. {hint}')
    if step.why and "cannot be parsed" in step.why:
        yield Finding(step.line, "error", f'Step "{step.id}" is not valid shell text; it never starts by itself.')
    if step.alternatives:
        yield Finding(
            step.line,
            "note",
            f'Step "{step.id}" is an alternative ({step.alternatives}): nothing runs until one is picked.',
        )


def lint(runbook: Runbook) -> tuple[Finding, ...]:
    """All findings of a runbook: those of reading, and what is missing or unsafe, in line order."""
    ids = frozenset(step.id for step in runbook.steps)
    found = list(runbook.findings)
    for procedure in runbook.procedures:
        found.extend(_procedure(procedure))
        for step in procedure.steps:
            found.extend(_step(step, ids))
    return tuple(sorted(found, key=lambda finding: finding.line))
