"""Runs and their steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, F
from django.db.models.functions import Coalesce

from watchkeeper.core.errors import NotFound
from watchkeeper.core.runs.values import Run, RunState, RunStep
from watchkeeper.store import models
from watchkeeper.store.rows import Mapper

_runs = Mapper(Run, models.Run, json=("plan", "blast_radius"), other=("steps",))
_steps = Mapper(RunStep, models.RunStep, json=("plan", "evidence"))


def add(using: str, run: Run) -> Run:
    """Stores the run and its steps, which get the run's new number."""
    number = models.Run.objects.using(using).create(**_runs.row(run)).pk
    steps = tuple(dataclasses.replace(step, run=number) for step in run.steps)
    models.RunStep.objects.using(using).bulk_create([models.RunStep(**_steps.row(step)) for step in steps])
    return dataclasses.replace(run, id=number, steps=steps)


def save(using: str, run: Run) -> None:
    """Replaces the run's own fields, not its steps."""
    if not models.Run.objects.using(using).filter(pk=run.id).update(**_runs.row(run)):
        raise _missing(run.id)


def get(using: str, number: int) -> Run:
    rows = list(models.Run.objects.using(using).filter(pk=number).values(*_runs.columns))
    if not rows:
        raise _missing(number)
    return _with_steps(using, rows)[0]


def find(using: str, states: Sequence[RunState], incident: int | None, limit: int, before: int | None) -> list[Run]:
    """Newest first; no states means all."""
    query = models.Run.objects.using(using).order_by("-id")
    if states:
        query = query.filter(state__in=[state.value for state in states])
    if incident is not None:
        query = query.filter(incident=incident)
    if before is not None:
        query = query.filter(pk__lt=before)
    return _with_steps(using, list(query.values(*_runs.columns)[:limit]))


def claim(using: str, number: int, now: float) -> Run | None:
    """ready -> running by compare-and-set; None when the run is not ready (any more)."""
    ready = models.Run.objects.using(using).filter(pk=number, state=RunState.READY.value)
    taken = ready.update(
        state=RunState.RUNNING.value, fence=F("fence") + 1, started_at=Coalesce(F("started_at"), float(now))
    )
    if taken:
        return get(using, number)
    if not models.Run.objects.using(using).filter(pk=number).exists():
        raise _missing(number)
    return None


def save_step(using: str, step: RunStep, fence: int) -> bool:
    """Replaces a step while the run's fence is still `fence`: one statement, so nobody comes between."""
    current = models.Run.objects.using(using).filter(pk=step.run, fence=fence)
    place = models.RunStep.objects.using(using).filter(run=step.run, index=step.index)
    if place.filter(Exists(current)).update(**_steps.row(step)):
        return True
    if not place.exists():
        raise NotFound(f"Run {step.run} has no step {step.index}.", f"`wk runs show {step.run}` lists its steps.")
    return False


def _with_steps(using: str, rows: list[dict[str, Any]]) -> list[Run]:
    of_run: dict[int, list[RunStep]] = {row["id"]: [] for row in rows}
    query = models.RunStep.objects.using(using).filter(run__in=list(of_run)).order_by("run", "index")
    for row in query.values(*_steps.columns):
        of_run[row["run"]].append(_steps.value(row))
    return [dataclasses.replace(_runs.value(row), steps=tuple(of_run[row["id"]])) for row in rows]


def _missing(number: int) -> NotFound:
    return NotFound(f"There is no run {number}.", "`wk runs` lists them.")
