"""The report of automation: rows of the last days, put together per response and judged by core."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from watchkeeper.core.errors import Usage, WatchkeeperError
from watchkeeper.core.incidents.rules import check_name
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.automation_report import Case, ResponseReport, report
from watchkeeper.core.runs.blast_radius import foresee, line
from watchkeeper.core.runs.modes import Decision
from watchkeeper.core.runs.values import Plan, PlanStep, Run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort
from watchkeeper.services.responses import Responder

MAX_DAYS = 366.0
PAGE = 200
MAX_ROWS = 5000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AutomationReport:
    """What the last `days` tell. since, until: epoch seconds. incidents, runs, runs_by_mode: counts of that time.

    grants: how many hold now. complete: False when there were more rows than are looked at.
    """

    days: float
    since_at: float
    until_at: float
    incidents: Mapping[str, int]
    runs: Mapping[str, int]
    runs_by_mode: Mapping[str, int]
    grants: int
    responses: tuple[ResponseReport, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Rows:
    incidents: Sequence[Incident]
    runs: Sequence[Run]
    complete: bool


class AutomationReports:
    """Reads; changes nothing."""

    def __init__(self, store: StorePort, responder: Responder, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._responder = responder
        self._holder = holder
        self._clock = clock

    def make(self, days: float = 14.0) -> AutomationReport:
        """The report of the last `days` (up to 366). Raises `Usage` for another number."""
        if not 0 < days <= MAX_DAYS:
            raise Usage(f"A report covers up to {MAX_DAYS:g} days, not {days:g}.", "Give --days 14.")
        now = self._clock()
        since = now - days * 86400.0
        with self._store.read() as session:
            rows = _rows(session, since)
            responses = [each for service in self._holder.current.services.values() for each in service.respond]
            made = tuple(self._one(session, response, rows, since, days, now) for response in responses)
            grants = sum(each.revoked_at is None and each.expires_at > now for each in session.grants())
        return AutomationReport(
            days, since, now,
            _counted(str(each.ending or each.status) for each in rows.incidents if _touched(each) >= since),
            _counted(str(run.state) for run in rows.runs), _counted(run.mode for run in rows.runs),
            grants, made, rows.complete,
        )  # fmt: skip

    def _one(
        self, session: Session, response: Response, rows: _Rows, since: float, days: float, now: float
    ) -> ResponseReport:
        plan, standing = self._plan(response)
        grant: int | None = None
        if plan is not None:
            decision = self._responder.granted(session, response, plan, now)
            grant = decision.grant if decision.act and response.mode == "auto" else None
            standing = decision.why
        cases = self._cases(session, response, rows, since, plan)
        steps: Sequence[PlanStep] = plan.steps if plan else cases[-1].steps if cases else ()
        return report(response, cases, steps, grant, standing, line(foresee(steps)), days)

    def _plan(self, response: Response) -> tuple[Plan | None, str]:
        try:
            return self._responder.plan(response), ""
        except WatchkeeperError as error:
            return None, Decision(False, error.sentence).why

    def _cases(self, session: Session, response: Response, rows: _Rows, since: float, plan: Plan | None) -> list[Case]:
        incidents = {each.id: each for each in rows.incidents}
        own = [run for run in rows.runs if run.response == response.name and run.incident in incidents]
        cases = [self._case(session, incidents[run.incident or 0], run, run.created_at, None) for run in own]
        if response.mode != "observe":
            return cases
        for incident in rows.incidents:
            if incident.service != response.service or not _answers(response, incident):
                continue
            for event in session.events(incident.id):
                if event.kind == "why_not" and event.detail.get("response") == response.name and event.at >= since:
                    cases.append(self._case(session, incident, None, event.at, plan))
        return cases

    def _case(self, session: Session, incident: Incident, run: Run | None, at: float, plan: Plan | None) -> Case:
        steps = tuple(step.plan for step in run.steps) if run else plan.steps if plan else ()
        runs = tuple(session.runs(incident=incident.id, limit=PAGE))
        events: Sequence[Event] = session.events(incident.id)
        return Case(at, incident, run, steps, runs, tuple(events))


def _answers(response: Response, incident: Incident) -> bool:
    return not response.to or bool({check_name(held.check) for held in incident.checks} & set(response.to))


def _touched(incident: Incident) -> float:
    return max(incident.opened_at, incident.closed_at or 0.0)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _rows(session: Session, since: float) -> _Rows:
    """Runs made since then, and the incidents that were opened or open since then, newest first."""
    runs = _pages(
        lambda before: session.runs(limit=PAGE, before=before), lambda run: run.id, lambda run: run.created_at < since
    )
    incidents = _pages(lambda before: session.incidents(limit=PAGE, before=before), lambda each: each.id)
    kept_runs = [run for run in runs if run.created_at >= since]
    named = {run.incident for run in kept_runs}
    kept = [each for each in incidents if _touched(each) >= since or each.closed_at is None or each.id in named]
    return _Rows(kept, kept_runs, max(len(runs), len(incidents)) < MAX_ROWS)


def _pages(
    page: Callable[[int | None], list[T]], number: Callable[[T], int], past: Callable[[T], bool] = lambda _: False
) -> list[T]:
    """Page after page, newest first, until one ends with a row that lies before what is asked for."""
    found: list[T] = []
    before: int | None = None
    while len(found) < MAX_ROWS and (more := page(before)):
        found += more
        before = number(more[-1])
        if past(more[-1]):
            break
    return found
