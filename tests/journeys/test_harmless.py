"""Automation that does no harm, on the real store, the real spool of this machine and a clock that can be set: what did not
help is set aside, what comes back again and again is left to people, and who asks for patience gets it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.journeys.test_trust import ADA, Desk

from watchkeeper.core.actors import AGENT
from watchkeeper.core.checks.values import Flip, State
from watchkeeper.core.errors import Forbidden, NotFound
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.runs.values import RunState, StepState
from watchkeeper.services.automation_month import AutomationMonths
from watchkeeper.services.deadlines import Deadlines
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.ports import Session
from watchkeeper.services.quarantine import Quarantines

WEB = "shop/runbooks/web.md"


class Watch:
    """The watch as far as incidents talk to it."""

    def fixed(self, checks: Sequence[str]) -> None: ...

    def ask(self, checks: Sequence[str]) -> list[object]:
        return []


class HarmDesk(Desk):
    """The desk with what may set a response aside."""

    def open(self) -> HarmDesk:
        super().open()
        self.incidents = Incidents(self.store, self.journal, Watch(), self.holder, self.clock)  # type: ignore[arg-type]
        engine = self.approvals._engine
        self.deadlines = Deadlines(self.store, self.journal, engine, self.responder, self.holder, self.clock)  # type: ignore[arg-type]
        self.quarantines = Quarantines(self.store, self.holder, self.clock)
        self.months = AutomationMonths(self.store, self.holder, self.clock)
        self.grants.add(WEB, ADA, 90)
        return self

    def fails(self, check: str = "web", reason: str = "") -> Incident:
        """As the desk does it; reason: what its check says."""
        if not reason:
            return super().fails(check)
        held, service = self.holder.current.checks[f"shop/{check}"], self.holder.current.services["shop"]
        now = self.clock()
        flip = Flip(0, held.key, "shop", "app1", now, State.OK, State.CRIT, reason, {}, held.rule_hash, "")

        def work(session: Session) -> int:
            incident = session.add_incident(rules.opened(flip, service, held, now))
            session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", "Opened."))
            self.responder.respond(session, incident, now)
            return incident.id

        number = self.store.write(work)
        self.work()
        return self.incidents.get(number)

    def comes_back(self) -> Incident:
        """It fails again, as the watch of incidents would take it: the last proof did not hold."""
        from watchkeeper.services.quarantine import came_back

        with self.store.read() as session:
            closed = session.last_closed("shop", 0.0)
        if closed is not None:
            self.store.write(lambda session: came_back(session, closed, self.clock()))
        return self.fails()

    def time_passes(self, seconds: float) -> None:
        """Whatever waits in vain ends."""
        self.shift += seconds
        self.deadlines.expire()
        self.work()

    def said(self, incident: Incident, kind: str) -> list[str]:
        return [each.text for each in self.incidents.timeline(incident.id) if each.kind == kind]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[HarmDesk]:
    desk = HarmDesk(tmp_path)
    yield desk
    desk.close()


def test_two_failed_verifications_set_it_aside_until_a_person_releases_it(desk: HarmDesk) -> None:
    desk.write(fix=f"touch {desk.data}/tried", more="    at_most: 9 per hour\n    prove_within: 5s\n")
    desk.open()
    incident = desk.fails()
    assert desk.run_of(incident).state is RunState.VERIFYING
    desk.time_passes(700)  # BLIND_S without a reading: the proof did not come
    assert desk.quarantines.listed() == [] and len(desk.runs.newest(incident=incident.id)) == 2
    desk.time_passes(700)
    (aside,) = desk.quarantines.listed()
    assert (aside.response, aside.runs, aside.incident) == (WEB, (1, 2), incident.id)
    assert len(desk.runs.newest(incident=incident.id)) == 2, "a third try was begun"
    assert "Set aside: 2 runs of it in a row were not proven (runs 1, 2)" in desk.said(incident, "quarantine")[0]
    assert "is set aside: 2 runs" in (desk.incidents.get(incident.id).escalated_why or "")

    desk.recovers()  # another incident, days later: it looks, proposes, and changes nothing
    desk.shift += 3 * 86400
    (desk.data / "tried").unlink()
    again = desk.fails()
    run = desk.run_of(again)
    assert (run.mode, run.state) == ("propose", RunState.PARKED) and not (desk.data / "tried").exists()
    assert [step.state for step in run.steps] == [StepState.DONE, StepState.WAITS]
    assert "is set aside: 2 runs of it in a row" in run.parked_why

    with pytest.raises(Forbidden):
        desk.quarantines.release(WEB, AGENT)
    with pytest.raises(NotFound):
        desk.quarantines.release("shop/runbooks/other.md", ADA)
    desk.quarantines.release(WEB, ADA, "the command is right now")
    assert desk.quarantines.listed() == [] and "ada released" in desk.said(incident, "quarantine")[-1]
    desk.runs.cancel(run.id, ADA)
    desk.recovers()
    desk.shift += 3 * 86400
    assert desk.run_of(desk.fails()).state is RunState.VERIFYING and (desk.data / "tried").exists()


def test_what_is_mended_and_fails_again_and_again_is_left_to_a_person(desk: HarmDesk) -> None:
    desk.write(more="    at_most: 9 per hour\n")
    desk.open()
    for _ in range(3):
        incident = desk.comes_back()
        assert desk.run_of(incident).mode == "auto"
        desk.recovers()
        assert desk.incidents.get(incident.id).ending == "fixed"
        desk.shift += 300
        (desk.data / "fixed").unlink()
    looping = desk.incidents.get(desk.comes_back().id)
    why = "shop was mended and proven 3 times within the last hour and fails again: it is in a crash loop"
    assert looping.escalated_at is not None and why in (looping.escalated_why or "")
    assert desk.run_of(looping).mode == "propose" and not desk.fixed
    whole, of_symptom = desk.quarantines.shown("runbooks/web.md")
    assert (whole.tried, whole.proven) == (3, 0) and list(of_symptom) == ["shop/web"]
    figures = desk.months.make()
    assert (figures.proofs, figures.false_closures, figures.recurred) == (3, 3, 1)


def test_a_step_that_is_told_to_slow_down_gives_its_service_time(desk: HarmDesk) -> None:
    answer = "echo 'HTTP/1.1 429 Too Many Requests'; echo 'Retry-After: 120'; exit 1"
    desk.write(
        fix=f"[ -e {desk.data}/open ] && touch {desk.data}/fixed && exit 0; {answer}", more="    at_most: 9 per hour\n"
    )
    desk.open()
    incident = desk.fails()
    assert desk.run_of(incident).state is RunState.FAILED
    (backing,) = [text for text in desk.said(incident, "why_not") if text.startswith("Backing off")]
    assert "step 2 of runbooks/web.md on app1 was told to slow down" in backing or "told to slow down" in backing
    (desk.data / "open").touch()
    desk.time_passes(60)
    assert len(desk.runs.newest(incident=incident.id)) == 1, "it was asked again before its time"
    desk.time_passes(61)
    assert len(desk.runs.newest(incident=incident.id)) == 2 and desk.fixed
    assert desk.run_of(incident).mode == "auto"


def test_a_check_that_answers_429_is_looked_at_and_left_alone_until_it_stops(desk: HarmDesk) -> None:
    desk.write(more="    at_most: 9 per hour\n")
    desk.open()
    incident = desk.fails(reason="status 429; crit status != 200")
    run = desk.run_of(incident)
    assert (run.mode, run.state, run.steps[0].state) == ("auto", RunState.PARKED, StepState.DONE) and not desk.fixed
    assert "shop/web was told to slow down: asking more often makes it worse" in run.parked_why
    assert desk.incidents.get(incident.id).escalated_at is not None
    desk.time_passes(301)
    assert desk.run_of(incident).state is RunState.PARKED and not desk.fixed, "it says 429 still"
    held = replace(desk.incidents.get(incident.id).checks[0], reason="status 502")
    desk.store.write(lambda session: session.save_incident(replace(session.incident(incident.id), checks=(held,))))
    desk.time_passes(301)
    assert desk.run_of(incident).state is RunState.VERIFYING and desk.fixed


@pytest.mark.parametrize("hosts", [("app1",), ("app1", "app2")], ids=["one-host", "two-hosts"])
def test_the_kill_switch_ends_a_loop_within_a_second(desk: HarmDesk, hosts: tuple[str, ...]) -> None:
    """Many changing steps under a grant; after the switch no further one begins on any host."""
    blocks = "".join(f"```bash\necho {number} >> {desk.data}/done; sleep 0.1\n```\n\n" for number in range(30))
    desk.write(more="    at_most: 9 per hour\n")
    (desk.ops / "runbooks/web.md").write_text(f"# Web down\n\n**Solution:**\n\n{blocks}")
    (desk.ops / "hosts.yaml").write_text("hosts: {app1: {local: true}, app2: {local: true}}\n")
    service = desk.ops / "services/shop.yaml"
    service.write_text(service.read_text().replace("hosts: [app1]", f"hosts: [{', '.join(hosts)}]"))
    desk.open()
    done = desk.data / "done"
    thread = threading.Thread(target=desk.fails, args=("web" if len(hosts) == 1 else "web@app1",))
    thread.start()
    until = time.monotonic() + 30
    while (not done.exists() or len(done.read_text().split()) < 3) and time.monotonic() < until:
        time.sleep(0.01)
    desk.automation.switch(False, ADA, "stop")
    switched = len(done.read_text().split())
    thread.join(30)
    assert 3 <= switched < 30 * len(hosts)
    assert len(done.read_text().split()) <= switched + len(hosts), "only what was at work came to its end"
    (run,) = desk.runs.newest(limit=1)
    assert {step.plan.host for step in run.steps} == set(hosts)
    assert run.state is RunState.PARKED and "Automation is switched off: stop." in run.parked_why


def test_what_has_proven_itself_goes_first(desk: HarmDesk) -> None:
    """Two answers to the same check: the one that was proven comes before the one that was not, and both are tried."""
    respond = "".join(
        f"  - to: [web]\n    runbook: runbooks/{name}.md\n    mode: auto\n    prove_within: 5s\n"
        for name in ("web", "other")
    )
    desk.write(respond=f"respond:\n{respond}")
    (desk.ops / "runbooks/other.md").write_text(f"# Other\n\n**Solution:**\n\n```bash\ntouch {desk.data}/other\n```\n")
    desk.open()
    desk.grants.add("shop/runbooks/other.md", ADA, 90)
    first = desk.fails()
    assert desk.run_of(first).plan.runbook == "runbooks/web.md", "in the order of the file"
    desk.time_passes(700)
    assert desk.run_of(first).plan.runbook == "runbooks/other.md"
    desk.recovers()
    assert desk.incidents.get(first.id).status is Status.CLOSED
    desk.shift += 3 * 86400
    second = desk.fails()
    assert desk.run_of(second).plan.runbook == "runbooks/other.md"
    assert "proved 1 of 1 time, median" in desk.said(second, "run")[0]
    desk.time_passes(700)
    assert [each.plan.runbook for each in desk.runs.newest(incident=second.id)] == [
        "runbooks/web.md",
        "runbooks/other.md",
    ]
