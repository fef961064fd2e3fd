"""How runs ended, what is set aside because of it, and who asked for patience: what keeps automation from doing harm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.incidents.rules import RECURRENCE_S, check_name, headline
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.log.values import Draft
from watchkeeper.core.runs import quarantine as rules
from watchkeeper.core.runs.crash_loop import WITHIN_S, crash_loop
from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.rate_limits import Backoff, asked_for, merged
from watchkeeper.core.runs.rate_limits import sentence as backoff_sentence
from watchkeeper.core.runs.results import Record, Result, record, records, result_of
from watchkeeper.core.runs.values import Run, RunStep
from watchkeeper.services.access import on_response
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, Session, StorePort

LOOK_BACK_S = 366 * 86400.0
ASKED = "was told to slow down"


# ---- what a run leaves behind ----------------------------------------------------------------------------------------


def note_end(session: Session, run: Run, now: float) -> Quarantine | None:
    """Remember how a run ended, in the caller's transaction; set its response aside when that is due, and say so."""
    if run.incident is None:
        return None
    incident = session.incident(run.incident)
    result = result_of(run, (check_name(held.check) for held in incident.checks))
    if result is None:
        return None
    session.note_result(result)
    if result.outcome != "unproven" or not result.response:
        return None
    found = session.results(response=result.response, limit=20)
    same = [each for each in found if each.runbook_digest == result.runbook_digest]
    known = session.quarantines(result.response)
    since = max([boundary(session), *(each.released_at or 0.0 for each in known)])
    due = rules.made(same, since, now)
    if due is None or is_aside(session, result.response, result.runbook_digest) is not None:
        return None
    kept = session.add_quarantine(due)
    text = f"Set aside: {kept.why}. {kept.response} proposes and never acts before a person has released it."
    session.add_event(Event(0, incident.id, now, "quarantine", "watchkeeper", text, detail={"response": kept.response}))
    return kept


def is_aside(session: Session, response: str, digest: str) -> Quarantine | None:
    """The quarantine of this response as its runbook reads now; None when there is none. Another text starts afresh."""
    found, since = session.quarantines(response, active=True), boundary(session)
    return next((each for each in found if each.runbook_digest == digest and each.at > since), None)


def boundary(session: Session) -> float:
    """What was before this time is of another trouble: the drill of the sample fleet sets it between two scenarios."""
    return float(session.setting("recurrence_after") or 0.0)


def aside_names(session: Session, inventory: Inventory, names: Iterable[str]) -> list[str]:
    """Which of these responses are set aside now."""
    digests = {
        each.name: inventory.runbooks[each.runbook].digest
        for service in inventory.services.values()
        for each in service.respond
        if each.runbook in inventory.runbooks
    }
    wanted, since = set(names), boundary(session)
    return [
        each.response
        for each in session.quarantines(active=True)
        if each.response in wanted and digests.get(each.response) == each.runbook_digest and each.at > since
    ]


def came_back(session: Session, incident: Incident, now: float) -> None:
    """An incident was reopened: the proofs of the last 24 h for it did not hold."""
    session.did_not_hold(incident.id, now - RECURRENCE_S)


def shown_by(session: Session, service: str, symptom: Iterable[str], now: float) -> dict[str, Record]:
    """Per runbook what it has proven against these failing checks of the service."""
    return records(session.results(max(now - LOOK_BACK_S, boundary(session)), service=service), symptom)


# ---- why nothing is done now -----------------------------------------------------------------------------------------


def patience(session: Session, service: str, now: float) -> str:
    """The sentence that somebody asked for patience with this service; "" while nobody does."""
    waits = session.backoff(service, now) if service else None
    return f"{backoff_sentence(waits)}." if waits is not None and waits.at > boundary(session) else ""


def looping(session: Session, service: str, now: float) -> str:
    """The sentence that this service, which fails at this moment, is in a crash loop; "" while it is not."""
    if not service:
        return ""
    return crash_loop(service, session.results(now - WITHIN_S, service=service), now, boundary(session))


def note_patience(session: Session, run: Run, step: RunStep, output: str, now: float) -> Backoff | None:
    """A step whose output says 429, Retry-After or rate limit: nothing changes its service by itself for that long."""
    wait_s = asked_for(output, now)
    if wait_s is None or not run.plan.service:
        return None
    why = f"step {step.plan.id} of {run.plan.runbook} on {step.plan.host} {ASKED}"
    return _patience(session, run.plan.service, run.incident, wait_s, why, now)


def note_patience_of_check(
    session: Session, incident: Incident, check: str, reason: str, now: float
) -> Backoff | None:  # fmt: skip
    """A failing check that answers so: the same. Only what was measured counts, not the rule behind it."""
    wait_s = asked_for(headline(reason), now)
    if wait_s is None or not incident.service:
        return None
    return _patience(session, incident.service, incident.id, wait_s, f"{check} {ASKED}", now)


def _patience(
    session: Session, service: str, incident: int | None, wait_s: float, why: str, now: float
) -> Backoff | None:  # fmt: skip
    known = session.backoff(service, now)
    held = merged(known, Backoff(service, now + wait_s, why, now))
    if held is known:
        return None
    session.set_backoff(held)
    if incident is not None:
        text = f"Backing off: {backoff_sentence(held)}."
        session.add_event(Event(0, incident, now, "why_not", "watchkeeper", text, detail={"cause": "rate_limit"}))
    return held


# ---- what people see and do ------------------------------------------------------------------------------------------


class Quarantines:
    """Lists what is set aside, and lets people release it."""

    def __init__(self, store: StorePort, holder: InventoryHolder, clock: Clock) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock

    def listed(self, released: bool = False) -> list[Quarantine]:
        """Those in force, newest first; released: all that ever were."""
        with self._store.read() as session:
            return session.quarantines(active=not released)

    def release(self, response: str, actor: Actor, reason: str = "") -> list[Quarantine]:
        """A person says that it may act again (under its grant). Raises `NotFound` when it is not set aside."""
        assert_at_all(actor, "quarantine.release")
        assert_allowed(actor, "quarantine.release", *on_response(self._holder.current, response))
        if not response.strip():
            raise Usage("Nobody knows which response is meant.", "List them: wk automation quarantine.")

        def work(session: Session) -> list[Quarantine]:
            now = self._clock()
            found = session.quarantines(response, active=True)
            if not found:
                raise NotFound(f"{response} is not set aside.", "List them: wk automation quarantine.")
            freed = [
                replace(each, released_at=now, released_by=actor.name, reason=reason.strip()[:500]) for each in found
            ]
            for each in freed:
                session.save_quarantine(each)
                if each.incident is not None:
                    text = f"{actor.name} released {response}: it may act again under its grant."
                    session.add_event(Event(0, each.incident, now, "quarantine", actor.name, text))
            said = reason.strip()[:500] or f"{response} was set aside: {found[0].why}."
            title = f"{response} released from quarantine"
            session.append_entry(Draft(now, "Configuration", title, actor.name, "Medium", sections=(("Change", said),)))
            return freed

        return self._store.write(work)

    def shown(self, runbook: str) -> tuple[Record, Mapping[str, Record]]:
        """What a runbook has proven in the last year: in all, and per symptom as ``service/check``."""
        with self._store.read() as session:
            results = session.results(self._clock() - LOOK_BACK_S, runbook=runbook, limit=2000)
        of_symptom: dict[str, list[Result]] = {}
        for each in results:
            for check in each.checks:
                of_symptom.setdefault(f"{each.service}/{check}", []).append(each)
        return record(results), {name: record(found) for name, found in sorted(of_symptom.items())}

    def shown_for(self, run: Run) -> Record:
        """What the runbook of a run has proven against the failing checks of its incident; nothing for a run without one."""
        if run.incident is None:
            return Record()
        with self._store.read() as session:
            names = {check_name(held.check) for held in session.incident(run.incident).checks}
            return shown_by(session, run.plan.service, names, self._clock()).get(run.plan.runbook, Record())
