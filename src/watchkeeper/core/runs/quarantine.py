"""Setting a response aside that did not help: two failed verifications of the same runbook text, until a person says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.runs.results import Result

FAILURES = 2


@dataclass(frozen=True, slots=True)
class Quarantine:
    """One response, as its runbook read then, set aside. runs: those whose verification failed. Over when released."""

    id: int
    response: str
    runbook_digest: str
    at: float
    why: str
    runs: tuple[int, ...]
    incident: int | None = None
    released_at: float | None = None
    released_by: str = ""
    reason: str = ""


def failures(results: Sequence[Result], since: float) -> tuple[Result, ...]:
    """The failed verifications in a row, newest first, of one (response, runbook hash). results: newest first.

    A proof that held ends the row; a command that failed is no verification. since: what ended before is forgiven.
    """
    found = []
    for each in results:
        if each.at <= since or each.proved:
            break
        if each.outcome == "unproven":
            found.append(each)
    return tuple(found)


def made(results: Sequence[Result], since: float, now: float) -> Quarantine | None:
    """The quarantine that is due after the newest of these results; None while it is not."""
    row = failures(results, since)
    if len(row) < FAILURES:
        return None
    newest = row[0]
    runs = tuple(sorted(each.run for each in row))
    why = f"{len(runs)} runs of it in a row were not proven (runs {', '.join(map(str, runs))})"
    return Quarantine(0, newest.response, newest.runbook_digest, now, why, runs, newest.incident)


def sentence(held: Quarantine) -> str:
    """Why it does not act, and the way out."""
    return f"{held.response} is set aside: {held.why}. A person releases it: wk automation quarantine release {held.response}."
