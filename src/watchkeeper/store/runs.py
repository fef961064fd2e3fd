"""Runs and their steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from watchkeeper.core.errors import NotFound
from watchkeeper.core.runs.cancelling import STATE_UNKNOWN
from watchkeeper.core.runs.values import ENDED, Run, RunState, RunStep, StepState
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

OPEN_RUNS = 2000
"""Among how many of the newest ended runs a command that is still at work is looked for."""
_runs = Mapper(
    Run,
    models.Run,
    json=("plan", "blast_radius", "captures", "undo", "pins", "askers"),
    other=("steps",),
    kept={"plan": 64},
)
_steps = Mapper(RunStep, models.RunStep, json=("plan", "evidence"), kept={"plan": 1024})


def add(using: str, run: Run) -> Run:
    """Stores the run and its steps, which get the run's new number."""
    number = models.Run.objects.using(using).create(**_runs.row(run)).pk
    steps = tuple(dataclasses.replace(step, run=number) for step in run.steps)
    models.RunStep.objects.using(using).bulk_create([models.RunStep(**_steps.row(step)) for step in steps])
    return dataclasses.replace(run, id=number, steps=steps)


def save(using: str, run: Run) -> None:
    """Replaces the run's own fields, not its steps."""
    if not _runs.update(using, run, 'WHERE "id" = %s', (run.id,)):
        raise _missing(run.id)


def get(using: str, number: int) -> Run:
    rows = _runs.select(using, 'WHERE "id" = %s', (number,))
    if not rows:
        raise _missing(number)
    return _with_steps(using, rows)[0]


def get_row(using: str, number: int) -> Run:
    """The run's own fields, without its steps."""
    rows = _runs.select(using, 'WHERE "id" = %s', (number,))
    if not rows:
        raise _missing(number)
    return _runs.value(rows[0])


def find(using: str, states: Sequence[RunState], incident: int | None, limit: int, before: int | None) -> list[Run]:
    """Newest first; no states means all."""
    parts: list[str] = []
    values: list[object] = []
    if states:
        parts.append(f'"state" IN ({", ".join(["%s"] * len(states))})')
        values += [state.value for state in states]
    if incident is not None:
        parts.append('"incident" = %s')
        values.append(incident)
    if before is not None:
        parts.append('"id" < %s')
        values.append(before)
    where = f"WHERE {' AND '.join(parts)} " if parts else ""
    return _with_steps(using, _runs.select(using, f'{where}ORDER BY "id" DESC LIMIT %s', [*values, limit]))


def claim(using: str, number: int, now: float, node: str = "") -> Run | None:
    """ready -> running by compare-and-set; None when the run is not ready (any more). node: which one claims it."""
    ready = models.Run.objects.using(using).filter(pk=number, state=RunState.READY.value)
    taken = ready.update(
        state=RunState.RUNNING.value,
        fence=F("fence") + 1,
        started_at=Coalesce(F("started_at"), float(now)),
        node=node or None,
    )
    if taken:
        return get(using, number)
    if not models.Run.objects.using(using).filter(pk=number).exists():
        raise _missing(number)
    return None


def save_step(using: str, step: RunStep, fence: int) -> bool:
    """Replaces a step while the run's fence is still `fence`: one statement, so nobody comes between."""
    held = 'AND EXISTS (SELECT 1 FROM "run" WHERE "id" = %s AND "fence" = %s)'
    where = f'WHERE "run" = %s AND "index" = %s {held}'
    if _steps.update(using, step, where, (step.run, step.index, step.run, fence)):
        return True
    if not models.RunStep.objects.using(using).filter(run=step.run, index=step.index).exists():
        raise NotFound(f"Run {step.run} has no step {step.index}.", f"`wk runs show {step.run}` lists its steps.")
    return False


def open_steps(using: str, limit: int) -> list[RunStep]:
    """Steps of ended runs that are running or of an unknown state, newest first."""
    ended = models.Run.objects.using(using).order_by("-id")
    over = ended.filter(state__in=[state.value for state in ENDED]).values("id")[:OPEN_RUNS]
    cancelled = ended.filter(state=RunState.CANCELLED.value).values("id")[:OPEN_RUNS]
    unknown = Q(state=StepState.CANCELLED.value, message__startswith=STATE_UNKNOWN)
    unclear = (unknown | Q(state=StepState.INTERRUPTED.value)) & Q(run__in=cancelled)
    steps = models.RunStep.objects.using(using).filter(unclear | Q(state=StepState.RUNNING.value, run__in=over))
    rows = steps.order_by("-run", "index").values(*_steps.columns)
    return [_steps.value(row) for row in rows[:limit]]


def _with_steps(using: str, rows: list[dict[str, Any]]) -> list[Run]:
    of_run: dict[int, list[RunStep]] = {row["id"]: [] for row in rows}
    if not rows:
        return []
    among = ", ".join(["%s"] * len(of_run))
    for row in _steps.select(using, f'WHERE "run" IN ({among}) ORDER BY "run", "index"', tuple(of_run)):
        of_run[row["run"]].append(_steps.value(row))
    return [dataclasses.replace(_runs.value(row), steps=tuple(of_run[row["id"]])) for row in rows]


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no run {number}.", "`wk runs` lists them.")
