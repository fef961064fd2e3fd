"""What the author of a runbook should know before it is needed at night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from watchkeeper.core.runbooks.lint.answers import answers
from watchkeeper.core.runbooks.lint.codes import CODES, Code
from watchkeeper.core.runbooks.lint.links import anchors, dead_links, links
from watchkeeper.core.runbooks.lint.names import names
from watchkeeper.core.runbooks.lint.shell import Refusal, ShellText, by_step, refused, shell_texts
from watchkeeper.core.runbooks.lint.structure import structure
from watchkeeper.core.runbooks.lint.surroundings import Proof, Surroundings
from watchkeeper.core.runbooks.lint.values import values
from watchkeeper.core.runbooks.values import Finding, Runbook

__all__ = [
    "CODES",
    "Code",
    "Finding",
    "Proof",
    "Refusal",
    "ShellText",
    "Surroundings",
    "anchors",
    "by_step",
    "dead_links",
    "links",
    "lint",
    "shell_texts",
]


def lint(
    runbook: Runbook,
    text: str = "",
    surroundings: Surroundings | None = None,
    refusals: Mapping[str, Refusal] | None = None,
    more: tuple[Finding, ...] = (),
) -> tuple[Finding, ...]:
    """All findings of a runbook in line order: those of reading, and what is missing, unsafe or leads nowhere.

    text: the document, for its links and the names in its prose. surroundings: its ops repo, as far as it is known.
    refusals: what bash said to `shell_texts`, by step; None when it was not asked. more: findings from outside, which a
    document may silence too. What a document silences with a reason is left out.
    """
    around = surroundings or Surroundings()
    found = [*runbook.findings, *more, *structure(runbook, text), *values(runbook), *refused(runbook, refusals)]
    found += names(runbook, text, around.inventory)
    found += answers(runbook, around)
    if text and around.targets is not None:
        found += dead_links(text, runbook.path, around.targets)
    silent = {silence.code for silence in runbook.silences if silence.reason}
    kept = [finding for finding in found if finding.code not in silent]
    return tuple(sorted((*kept, *_silences(runbook)), key=lambda finding: finding.line))


def _silences(runbook: Runbook) -> Iterator[Finding]:
    for silence in runbook.silences:
        if silence.code not in CODES:
            known = ", ".join(CODES)
            sentence = f'lint-off names "{silence.code}", which is no finding. There are: {known}.'
        elif not silence.reason:
            sentence = (
                f"lint-off {silence.code} gives no reason, so it is not used. "
                f"Write it: <!-- watchkeeper lint-off {silence.code}: why -->"
            )
        else:
            continue
        yield Finding(silence.line, "warning", sentence, "lint-off")
