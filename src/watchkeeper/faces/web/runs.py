"""Runs: the list, one run with its steps and outputs, and deciding on what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage, WatchkeeperError
from watchkeeper.core.runs.blast_radius import line
from watchkeeper.core.runs.undoing import plan_undo
from watchkeeper.core.runs.values import ENDED, Approval, Run, RunState, RunStep, StepState
from watchkeeper.faces.web import pages, track
from watchkeeper.services.runs import not_through

PAGE = 50
LOOK, MOST_LOOKS = 200, 10
SHOWN_BYTES = 24_000
SHOWN_LINES = 500
PARTS = ("top", "needs", "steps", "timeline")


@dataclass(frozen=True, slots=True)
class StepView:
    """A step as it is shown. output: its newest part as text; offset: the byte behind it, where a live view goes on.

    skipped: bytes before what is shown.
    """

    step: RunStep
    output: str
    offset: int
    skipped: int
    live: bool

    @property
    def number(self) -> int:
        """Counted from 1, as people do."""
        return self.step.index + 1

    @property
    def css(self) -> str:
        """The current step has a rule of its own."""
        return "now" if self.step.state in (StepState.RUNNING, StepState.WAITS, StepState.INTERRUPTED) else ""

    @property
    def lines(self) -> int:
        """How many lines are shown."""
        return self.output.count("\n") + (1 if self.output and not self.output.endswith("\n") else 0)

    @property
    def lasted_s(self) -> float | None:
        """How long it took."""
        begun, ended = self.step.started_at, self.step.ended_at
        return ended - begun if begun is not None and ended is not None else None

    @property
    def ended_words(self) -> str:
        """Its exit code, when it has one."""
        return "" if self.step.exit_code is None else f"exit {self.step.exit_code}"


def plain(data: bytes) -> str:
    """Output as text to show: line ends unified, control characters (colours, bells) taken out."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        import re

        text = re.sub(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])", "", text)
    return "".join(c for c in text if c in "\n\t" or (ord(c) >= 32 and not 0x7F <= ord(c) <= 0x9F))


def steps_of(app: Application, run: Run) -> list[StepView]:
    """All steps with the newest part of their outputs."""
    found = []
    for step in run.steps:
        began = step.state not in (StepState.PLANNED, StepState.WAITS, StepState.SKIPPED)
        size = app.evidence.size(run.id, step.index, step.attempt) if began else 0
        start = max(0, size - SHOWN_BYTES)
        data = app.evidence.read(run.id, step.index, step.attempt, start) if size else b""
        shown = plain(data)
        if start:
            shown = shown.partition("\n")[2] or shown
        lines = shown.split("\n")
        if len(lines) > SHOWN_LINES:
            shown = "\n".join(lines[-SHOWN_LINES:])
        found.append(StepView(step, shown, start + len(data), start, step.state is StepState.RUNNING))
    return found


def version(run: Run) -> str:
    """Changes when a step or the run moves; not with every line of output, that is streamed."""
    return pages.version_of(
        run.state,
        run.parked_why,
        run.message,
        run.undo,
        run.plan.digest,
        run.blast_radius,
        [(s.state, s.attempt, s.message, s.exit_code) for s in run.steps],
    )


def whole_number(text: str | None) -> int | None:
    """A number of a query; None when it is not one."""
    return int(text) if text and text.isdigit() and len(text) < 15 else None


@pages.page
def all_of_them(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Newest first. q: words; state: a state, ``open`` or ``ended``; service; before: a number to go on from."""
    app = application()
    asked = {name: request.GET.get(name, "").strip()[:100] for name in ("q", "state", "service")}
    found, more = _filtered(app, asked, whole_number(request.GET.get("before")))
    context = {
        "runs": found, "asked": asked, "more": more, "states": [state.value for state in RunState],
        "services": sorted(app.holder.current.services),
        "query": urlencode({name: value for name, value in asked.items() if value}),
    }  # fmt: skip
    return pages.render(request, "runs.html", pages.shared(app, "runs") | context)


def _filtered(app: Application, asked: Mapping[str, str], before: int | None) -> tuple[list[Run], int | None]:
    """(at most a page of runs that fit, the number to go on from); looks at so many at most in one go."""
    found: list[Run] = []
    for _ in range(MOST_LOOKS):
        some = app.runs.newest(active=asked["state"] == "open", limit=LOOK, before=before)
        for run in some:
            before = run.id
            if _fits(run, asked):
                found.append(run)
                if len(found) == PAGE:
                    return found, before
        if len(some) < LOOK:
            return found, None
    return found, before


def _fits(run: Run, asked: Mapping[str, str]) -> bool:
    state = asked["state"]
    if asked["service"] and run.plan.service != asked["service"]:
        return False
    if state == "ended" and run.state not in ENDED:
        return False
    if state not in ("", "open", "ended") and run.state.value != state:
        return False
    whole = f"{run.id} {run.plan.runbook} {run.plan.service} {run.actor} {run.mode} {run.message}".casefold()
    return all(word in whole for word in asked["q"].casefold().split())


@pages.page
def one(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """One run."""
    return pages.render(request, "run.html", _whole(application(), number) | {"actor": actor})


@pages.page
def part(request: HttpRequest, actor: Actor, number: int, part: str) -> HttpResponse:
    """One part of the page, for live views."""
    if part not in PARTS:
        raise NotFound(f"A run has no part {part}.", "Load the page again.")
    context = _whole(application(), number) | {"actor": actor}
    return pages.fragment(request, f"parts/run_{part}.html", context | {"version": context["versions"][part]})


def _whole(app: Application, number: int) -> dict[str, Any]:
    run = app.runs.get(number)
    base = pages.shared(app, "runs")
    waiting = [each for each in base["now"].waiting if each.approval.run == number]
    decided = [each for each in app.approvals.of_run(number) if each.decided]
    moved = version(run)
    diagnose, fix, verify = track.of_run(run)
    asked = [(each.approval.id, each.approval.given) for each in waiting]
    stations = [track.Station("Diagnose", diagnose), track.Station("Fix", fix), track.Station("Verify", verify)]
    if run.incident is not None:
        stations.append(track.Station("Proof", "done" if run.state is RunState.PROVEN else "planned"))
    return base | {
        "proved": app.quarantines.shown_for(run).words,
        "run": run, "touches": line(run.blast_radius), "steps": steps_of(app, run), "waiting": waiting,
        "decided": decided, "stations": stations,
        "ended": run.state in ENDED, "resumable": resumable(run),
        "again": again_of(run), "undoes": [run.steps[row] for row in plan_undo(run).rows], "events": _events(app, run),
        "undoable": run.state in ENDED and run.undo is None and bool(plan_undo(run).rows),
        "versions": {"top": moved, "steps": moved, "timeline": moved, "needs": pages.version_of(asked)},
    }  # fmt: skip


def again_of(run: Run) -> str:
    """The address of the plan that would do the same once more; nothing runs from here."""
    asked = [("service", run.plan.service)] if run.plan.service else []
    asked += [(f"param.{name}", value) for name, value in run.plan.params.items()]
    return f"/runbooks/{pages.path_quoted(run.plan.runbook)}/plan?{urlencode(asked)}"


def _events(app: Application, run: Run) -> list[tuple[float, str, str]]:
    """(time, what, by whom) of the run, oldest first: its making, its steps, its end."""
    found = [(run.created_at, "The plan was frozen", run.actor)]
    for step in run.steps:
        if step.started_at is not None:
            found.append((step.started_at, f"Step {step.index + 1} began on {step.plan.host}", step.decided_by))
        if step.ended_at is not None:
            code = "" if step.exit_code is None else f", exit {step.exit_code}"
            found.append((step.ended_at, f"Step {step.index + 1} ended: {step.state}{code}", ""))
    if run.undo is not None:
        found.append((run.undo.begun_at, f"Undo: {run.undo.why}", ""))
    if run.ended_at is not None:
        found.append((run.ended_at, f"The run ended: {run.state}", ""))
    return sorted(found, key=lambda each: each[0])


def resumable(run: Run) -> bool:
    """Whether it can go on: what was undone only with the rest of its undo."""
    if run.state not in (RunState.PARKED, RunState.FAILED, RunState.UNPROVEN):
        return False
    left = any(not_through(step) for step in run.steps if step.plan.phase == "rollback")
    return run.undo is None or run.state is RunState.PARKED or left


@pages.page
def output(request: HttpRequest, actor: Actor, number: int, index: int) -> HttpResponse:
    """The whole output of a step as plain text, never as anything a browser would run. download: as a file."""
    parts, offset = [], 0
    while offset < 70_000_000:
        data, offset, done = application().runs.output(number, index, offset)
        parts.append(data)
        if done or not data:
            break
    answer = HttpResponse(b"".join(parts), content_type="text/plain; charset=utf-8")
    how = "attachment" if request.GET.get("download") else "inline"
    answer["Content-Disposition"] = f'{how}; filename="run-{number}-step-{index + 1}.txt"'
    return answer


# ---- deciding --------------------------------------------------------------------------------------------------------------


@pages.act
def approve(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST step, binds (the hash that was shown) and, for a step that destroys, the typed host."""
    app = application()
    index, binds = whole_number(request.POST.get("step")), request.POST.get("binds", "")
    if index is None or len(binds) != 64:
        raise Usage("The form does not say what was approved.", f"Open run {number} again and use its button.")
    run = app.runs.get(number)
    asked = next((each for each in app.approvals.of_run(number, True) if each.step == index), None)
    if asked is not None and asked.binds != binds:
        return pages.told(request, _changed(run, asked, binds), 409)
    step = run.steps[index] if index < len(run.steps) else None
    if step is not None and step.plan.risk == "destroy" and request.POST.get("host", "").strip() != step.plan.host:
        raise Usage(
            f"Step {index + 1} destroys on {step.plan.host}, and the host was not typed. Nothing was done.",
            f"Go back and type {step.plan.host}.",
        )
    app.approvals.approve(number, actor, index, binds)
    return _back(app.runs.get(number))


@pages.act
def values(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST value-NAME for each missing value: the step still waits, now with its text filled in."""
    given = {name.removeprefix("value-"): value for name, value in request.POST.items() if name.startswith("value-")}
    app = application()
    return _back(app.approvals.fill(number, actor, {name: str(value) for name, value in given.items()}))


def _changed(run: Run, asked: Approval, binds: str) -> WatchkeeperError:
    text = run.steps[asked.step].plan.text.strip()
    return Usage(
        f"Step {asked.step + 1} of run {run.id} is not what the button was bound to "
        f"({binds[:12]} then, {asked.binds[:12]} now). "
        f"Nothing was done. It would run now: {text[:300]}",
        "Read it again on the page of the run before you approve.",
    )


@pages.act
def deny(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST reason: the run ends and people are told."""
    app = application()
    app.approvals.deny(number, actor, request.POST.get("reason", "")[:500])
    return _back(app.runs.get(number))


@pages.act
def cancel(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: end the run and what it has at work."""
    return _back(application().runs.cancel(number, actor))


@pages.act
def resume(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: go on, or again from the failed step."""
    return _back(application().runs.resume(number, actor))


@pages.act
def undo(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: take back what the run did."""
    return _back(application().runs.undo(number, actor))


def _back(run: Run) -> HttpResponse:
    return pages.go(f"/incidents/{run.incident}" if run.incident is not None else f"/runs/{run.id}")
