"""The shell texts of a document that `bash -n` is asked about, and what its refusal means. Nothing runs here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from watchkeeper.core.runbooks.languages import CONSOLE_LANGUAGES, SHELL_LANGUAGES
from watchkeeper.core.runbooks.placeholders import inert
from watchkeeper.core.runbooks.values import Finding, Runbook, Step


@dataclass(frozen=True, slots=True)
class ShellText:
    """One step's commands as bash is asked about them. line: of the document, where the text begins."""

    step: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why bash does not take a text. row: 0-based row of the text that it names; 0 when it names none."""

    row: int
    words: str


def shell_texts(runbook: Runbook) -> tuple[ShellText, ...]:
    """The steps written in bash or sh, with every placeholder turned into a plain word."""
    languages = SHELL_LANGUAGES | CONSOLE_LANGUAGES
    return tuple(
        ShellText(step.id, step.line, inert(step.text))
        for step in runbook.steps
        if step.text.strip() and step.language in languages and "\0" not in step.text
    )


def refused(runbook: Runbook, refusals: Mapping[str, Refusal] | None) -> Iterator[Finding]:
    """Findings of steps that bash refuses, or that cannot be read here. refusals: by step id; None: bash was not asked."""
    for step in runbook.steps:
        refusal = refusals.get(step.id) if refusals is not None else None
        if refusal is not None:
            words = re.sub(r"\s+", " ", refusal.words).strip().rstrip(".")
            yield Finding(
                step.line + refusal.row,
                "error",
                f'Step "{step.id}" is refused by bash: {words}. Correct this line; until then the step cannot run.',
                "bash-refuses",
            )
        elif _is_unreadable(step):
            asked = "bash takes it, but its" if refusals is not None else "Its"
            yield Finding(
                step.line,
                "warning" if refusals is not None else "error",
                f'Step "{step.id}" is not valid shell text as far as watchkeeper can read it. {asked} risk is not known, '
                f"so it never starts by itself: write it simpler.",
                "unreadable-shell",
            )


def _is_unreadable(step: Step) -> bool:
    return step.why is not None and "cannot be parsed" in step.why


def by_step(texts: Iterable[ShellText], answers: Iterable[Refusal | None]) -> dict[str, Refusal]:
    """Put the answers of the shell beside the steps they are about."""
    return {text.step: answer for text, answer in zip(texts, answers, strict=True) if answer is not None}
