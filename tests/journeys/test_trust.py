"""Trust before auto, on the real store, the real spool of this machine and a clock that can be set: why nothing was done,
what a plan touches, values given while approving, trust that grows old, and the report that advises a grant.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.fixtures.empty_store import open_store

from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.adapters.repositories.directory import DirectoryRepository
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.values import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.core.errors import Forbidden, Locked, Usage
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, Incident, Status
from watchkeeper.core.runs.automation_report import ResponseReport
from watchkeeper.core.runs.blast_radius import line
from watchkeeper.core.runs.values import Run, RunState, StepState
from watchkeeper.faces.api.render import report_json
from watchkeeper.faces.cli.automation import page
from watchkeeper.services import performing as performing_module
from watchkeeper.services.approvals import Approvals
from watchkeeper.services.automation import Automation
from watchkeeper.services.automation_report import AutomationReports
from watchkeeper.services.blast_radius import Measurer
from watchkeeper.services.grants import Grants
from watchkeeper.services.incidents import Incidents
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Session
from watchkeeper.services.responses import Responder
from watchkeeper.services.runs import Runs
from watchkeeper.services.segments import Segments
from watchkeeper.services.steps import StepRunner
from watchkeeper.store.evidence import EvidenceStore

T = TypeVar("T")
DAY = 86400.0
ADA = Actor("person", "ada", "admin")
AGENT = Actor("agent", "helper")


class Journal:
    """What the watch would have written: good readings, when the test says that a service is well again."""

    def __init__(self) -> None:
        self.good: dict[str, list[Judged]] = {}

    def flips(self, after: int, limit: int = 200) -> list[Flip]:
        return []

    def newest_flip(self) -> int:
        return 0

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        return [each for each in self.good.get(check, []) if each.reading.at >= since]

    def settled(self) -> dict[str, Settled]:
        return {}

    def latest(self) -> dict[str, Judged]:
        return {}

    def gaps(self, since: float) -> list[tuple[float, float]]:
        return []


class NoWatch:
    """Nothing is asked at once here."""

    def fixed(self, checks: Sequence[str]) -> None: ...


class NoEngine:
    """Nothing runs by itself: the test takes up ready runs."""

    def start(self) -> None: ...

    def nudge(self) -> None: ...

    def cancel(self, run: int) -> None: ...

    def busy(self) -> int:
        return 0

    def stop(self, wait_s: float = 5.0) -> None: ...


class Desk:
    """One service `shop` with a check `web`, one response, and the services of main around them."""

    def __init__(self, root: Path) -> None:
        self.root, self.shift = root, 0.0
        self.ops, self.state, self.data = root / "ops", root / "state", root / "data"
        for folder in (self.ops / "services", self.ops / "runbooks", self.state, self.data):
            folder.mkdir(parents=True)
        steady = "defaults: {flapping: false}\n"  # what recovers is closed at once, not when it stayed well for a while
        (self.ops / "watchkeeper.yaml").write_text(f"team: Test\nautomation: {{proven_within: 90d}}\n{steady}")
        (self.ops / "hosts.yaml").write_text(
            "hosts: {app1: {local: true}, far: {ssh: nobody@127.0.0.1, port: 9}}\n"  # nothing listens on port 9
        )
        self.write()

    def write(self, fix: str = "", mode: str = "auto", more: str = "", respond: str = "", attrs: str = "") -> None:
        """The files of the service; call it before `open`."""
        fix = fix or f"touch {self.data}/fixed"
        (self.ops / "services/shop.yaml").write_text(
            "service: shop\nhosts: [app1]\nchecks:\n  - name: web\n    command: 'true'\n    from: host\n"
            "    crit: exit_code != 0\n    recover: 2 in a row\n  - name: other\n    command: 'true'\n    from: host\n"
            "    crit: exit_code != 0\n"
            + (respond or f"respond:\n  - to: [web]\n    runbook: runbooks/web.md\n    mode: {mode}\n{more}")
        )
        (self.ops / "runbooks/web.md").write_text(
            f"# Web down\n\n**Diagnosis**\n\n```bash\nls {self.data}\n```\n\n**Solution:**\n\n```bash {attrs}\n{fix}\n```\n"
        )

    def open(self) -> Desk:
        self.store = open_store(self.state)
        self.holder = InventoryHolder(DirectoryRepository(self.ops), self.clock, quiet_s=0.0)
        assert self.holder.fault == ""
        self.hosts = BlockingHosts(self.holder.current.hosts)
        evidence = EvidenceStore(self.state / "evidence.db")
        self.journal, engine = Journal(), NoEngine()
        responder = self.responder = Responder(self.holder)
        measurer = Measurer(self.hosts, self.clock)
        steps = StepRunner(self.hosts, evidence, list, self.clock, uuid.uuid4().hex[:12])
        self.segments = Segments(self.store, steps, responder, self.holder, self.clock, measurer)
        self.runs = Runs(self.store, evidence, engine, steps, responder, self.holder, self.clock, measurer)
        self.approvals = Approvals(self.store, engine, responder, self.holder, self.clock, measurer)
        self.grants = Grants(self.store, responder, self.holder, self.clock, measurer.pinner)
        self.automation = Automation(self.store, self.clock)
        watch: Any = NoWatch()
        self.incidents = Incidents(self.store, self.journal, watch, self.holder, self.clock)
        self.reports = AutomationReports(self.store, responder, self.holder, self.clock)
        return self

    def close(self) -> None:
        self.hosts.close()
        self.store.close()

    def clock(self) -> float:
        return time.time() + self.shift

    # ---- what happens ------------------------------------------------------------------------------------------------

    def fails(self, check: str = "web") -> Incident:
        """The check fails: an incident opens (or reopens), and the response begins. Ready runs are taken up."""
        now, key = self.clock(), f"shop/{check}"
        held = self.holder.current.checks[key]
        service = self.holder.current.services["shop"]
        flip = Flip(0, key, "shop", "app1", now, State.OK, State.CRIT, "exit code 1", {}, held.rule_hash, "")

        def work(session: Session) -> int:
            closed = session.last_closed("shop", now - rules.RECURRENCE_S)
            if rules.comes_back(closed, flip, now) and closed is not None:
                incident = rules.reopened(closed, flip, service, held)
                session.save_incident(incident)
                session.add_event(Event(0, incident.id, now, "reopened", "watchkeeper", "It came back."))
            else:
                incident = session.add_incident(rules.opened(flip, service, held, now))
                session.add_event(Event(0, incident.id, now, "opened", "watchkeeper", "Opened."))
            self.responder.respond(session, incident, now)
            return incident.id

        number = self.store.write(work)
        self.work()
        return self.incidents.get(number)

    def work(self) -> None:
        """Take up every ready run, as the engine would."""
        for run in self.runs.newest(active=True):
            if run.state is RunState.READY:
                self.segments.execute(run.id)

    def recovers(self, check: str = "web") -> None:
        """Good readings from now on; whatever they prove is closed."""
        held = self.holder.current.checks[f"shop/{check}"]
        at = self.clock() + 1.0
        self.journal.good[held.key] = [
            Judged(Reading(held.key, at + n, 0.01), Verdict(State.OK, "exit code 0"), held.rule_hash) for n in (0, 1)
        ]
        self.shift += 4.0
        self.incidents.prove()

    def approve(self, run: Run) -> Run:
        self.approvals.approve(run.id, ADA)
        self.work()
        return self.runs.get(run.id)

    def run_of(self, incident: Incident) -> Run:
        return self.runs.newest(incident=incident.id)[0]

    def entry(self, incident: Incident) -> str:
        number = self.incidents.get(incident.id).entry
        with self.store.read() as session:
            draft = session.entry(number or 0).draft
        return "\n".join(text for _, text in draft.sections)

    def report(self, days: float = 14) -> ResponseReport:
        return self.reports.make(days).responses[0]

    @property
    def fixed(self) -> bool:
        return (self.data / "fixed").exists()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def grant(desk: Desk, days: float = 90) -> None:
    desk.grants.add("shop/runbooks/web.md", ADA, days)


def test_a_proof_that_looks_after_every_commit_never_takes_our_fix_for_a_recovery(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.open()
    grant(desk)
    held, write, looking = desk.holder.current.checks["shop/web"], desk.store.write, False

    def write_and_look(work: Callable[[Session], T]) -> T:
        nonlocal looking
        result = write(work)
        if desk.fixed and not looking:
            looking = True
            desk.incidents.prove()
            looking = False
        return result

    monkeypatch.setattr(desk.store, "write", write_and_look)
    at = desk.clock() + 30.0  # later than the fix, so that it is the order of our own rows that decides
    desk.journal.good[held.key] = [
        Judged(Reading(held.key, at + n, 0.01), Verdict(State.OK, "exit code 0"), held.rule_hash) for n in (0, 1)
    ]
    incident = desk.incidents.get(desk.fails().id)
    assert desk.fixed and incident.status is Status.CLOSED and incident.ending == "fixed"


# ---- why it did not act ------------------------------------------------------------------------------------------------

MENU = "systemctl restart a\n# or\nsystemctl restart b"
CASES = [
    ("no grant", {}, "Nobody has granted shop/runbooks/web.md to act by itself."),
    ("propose", {"mode": "propose"}, "The response asks before it changes anything."),
    ("observe", {"mode": "observe"}, "runbooks/web.md asks to observe only."),
    ("no runbook", {"respond": "respond: []\n"}, "No runbook answers web of shop."),
    ("revoked", {}, "The grant for shop/runbooks/web.md was revoked by ada."),
    ("expired", {}, "The grant for shop/runbooks/web.md has expired."),
    ("changed", {}, "was changed after it was granted, so the grant is void."),
    ("stale", {}, "shop/runbooks/web.md was granted 94 days ago and not proven by a run since: it proposes"),
    ("kill switch", {}, "Automation is switched off: moving."),
    ("acknowledged", {"fix": "touch {data}/fixed"}, "ada has acknowledged the incident."),
    ("budget", {"more": "    at_most: 1 per hour\n"}, "The budget of shop/runbooks/web.md is used up: 1 of 1 in 1 h."),
    ("placeholder", {"fix": "touch {data}/<name>"}, "needs a value for name."),
    ("interactive", {"fix": "vim {data}/fixed"}, "waits for a person: "),
    ("endless", {"fix": "tail -f {data}/fixed > {data}/x"}, "waits for a person: it does not end by itself"),
    ("alternatives", {"fix": MENU}, "waits for a choice: "),
    ("destroys", {"fix": "rm -rf {data}"}, "destroys, and the grant does not name destroying steps."),
    ("unreachable", {"attrs": '{"host":"far"}'}, " was not started: far (127.0.0.1:9) refused the connection"),
    ("busy host", {}, "(ben, step 2 of other.md) is changing app1 until about "),
]
GRANTED = {"revoked", "expired", "changed", "stale", "kill switch", "acknowledged", "budget", "placeholder", "interactive",
           "endless", "alternatives", "destroys", "unreachable", "busy host"}  # fmt: skip


@pytest.mark.parametrize(("case", "files", "said"), CASES, ids=[case[0].replace(" ", "-") for case in CASES])
def test_why_it_did_not_act_is_said_once_and_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, case: str, files: dict[str, str], said: str
) -> None:
    """The same sentence on the incident, in its timeline and in the log entry; and nothing was changed."""
    desk.write(**{name: text.replace("{data}", str(desk.data)) for name, text in files.items()})
    desk.open()
    if case in GRANTED:
        grant(desk, 366 if case == "stale" else 30)
    incident = prepared(desk, monkeypatch, case)
    assert said in incident.why_not_acted, incident.why_not_acted
    assert incident.why_not_acted.endswith(".") and incident.why_not_acted.count(". ") == 0
    assert not desk.fixed or case == "budget"
    told = " ".join(event.text for event in desk.incidents.timeline(incident.id))
    assert incident.why_not_acted.rstrip(".").casefold() in told.casefold()
    desk.recovers()
    closed = desk.incidents.get(incident.id)
    assert (closed.status, closed.ending and closed.ending.value) == (Status.CLOSED, "recovered_by_itself")
    assert closed.why_not_acted == incident.why_not_acted
    assert f"Why watchkeeper did not act: {closed.why_not_acted}" in desk.entry(closed)


def prepared(desk: Desk, monkeypatch: pytest.MonkeyPatch, case: str) -> Incident:
    """The incident of one case, with what stands against acting in place."""
    if case == "revoked":
        desk.grants.revoke(1, ADA)
    elif case in ("expired", "stale"):
        desk.shift = {"expired": 31, "stale": 94}[case] * DAY
    elif case == "changed":
        path = desk.ops / "runbooks/web.md"
        path.write_text(path.read_text() + "\nA word more.\n")
        desk.holder.refresh()
        desk.holder.refresh()
    elif case == "kill switch":
        desk.automation.switch(False, ADA, "moving")
    elif case == "budget":
        desk.fails()
        desk.recovers()
        desk.shift += 60
        with desk.store.read() as session:
            number = session.incidents()[0].id
        desk.store.write(lambda s: s.save_incident(replace(s.incident(number), closed_at=desk.clock() - 2 * DAY)))
    elif case == "acknowledged":
        real = desk.incidents

        def acknowledge_first(session: Session, incident: Incident, now: float) -> None:
            Responder.respond(desk.responder, session, incident, now)
            session.save_incident(replace(session.incident(incident.id), acknowledged_at=now, acknowledged_by="ada"))

        monkeypatch.setattr(desk.responder, "respond", acknowledge_first)
        assert real is desk.incidents
    elif case == "busy host":
        monkeypatch.setattr(performing_module, "HOST_TURN_S", 0.05)
        busy = replace(desk.runs.plan("runbooks/web.md", "shop", {}, (), ADA), actor="ben", state=RunState.RUNNING)
        other = desk.store.write(lambda session: session.add_run(busy)).id  # at work on another node
        why = "ben, step 2 of other.md"
        desk.store.write(lambda s: s.take_lease("host:app1", f"run {other}", desk.clock(), 60, why, other))
    return desk.fails()


def test_once_it_acted_nothing_is_said(desk: Desk) -> None:
    desk.open()
    grant(desk)
    incident = desk.fails()
    assert (desk.fixed, incident.why_not_acted) == (True, "")
    desk.recovers()
    closed = desk.incidents.get(incident.id)
    assert closed.ending and (closed.ending.value, closed.why_not_acted) == ("fixed", "")
    assert "did not act" not in desk.entry(closed)


def test_a_call_for_help_is_no_reason(desk: Desk) -> None:
    """A person who escalates says why people are told, not why nothing was done."""
    desk.open()
    now = desk.clock()
    flip = Flip(0, "shop/web", "shop", "app1", now, State.OK, State.CRIT, "exit code 1", {}, "rule", "")
    opened = desk.store.write(lambda session: session.add_incident(rules.opened(flip, None, None, now)))
    assert desk.incidents.escalate(opened.id, ADA, "come and look").why_not_acted == ""


def test_the_same_reason_stands_once_in_the_timeline(desk: Desk) -> None:
    desk.write(mode="observe")
    desk.open()
    incident = desk.fails()
    for _ in range(3):
        desk.store.write(lambda session: desk.responder.respond(session, session.incident(incident.id), desk.clock()))
    assert [event.kind for event in desk.incidents.timeline(incident.id)].count("why_not") == 1


def test_an_approval_ends_the_reason(desk: Desk) -> None:
    desk.open()
    incident = desk.fails()
    assert "Nobody has granted" in incident.why_not_acted
    desk.approve(desk.run_of(incident))
    assert desk.fixed
    assert desk.incidents.get(incident.id).why_not_acted == ""
    desk.recovers()
    assert "did not act" not in desk.entry(incident)


# ---- what it touches -----------------------------------------------------------------------------------------------------


def test_what_it_touches_is_foreseen_measured_and_kept(desk: Desk) -> None:
    desk.write(fix=f"rm -f {desk.data}/*.tmp")
    for name in ("a.tmp", "b.tmp", "kept"):
        (desk.data / name).write_bytes(b"x" * 500)
    desk.open()
    dry = desk.runs.plan("runbooks/web.md", "shop", {}, (), ADA)
    expected = f"Touches 1 host (app1): deletes {desk.data}/*.tmp (2 files, 1 KB)."
    assert line(dry.blast_radius) == expected
    run = desk.run_of(desk.fails())
    assert line(run.blast_radius) == expected, "before it is approved"
    done = desk.approve(run)
    assert done.state is RunState.VERIFYING
    assert sorted(path.name for path in desk.data.iterdir()) == ["kept"]
    assert line(desk.runs.get(run.id).blast_radius) == expected, "the record says what was foreseen"


def test_a_host_that_does_not_answer_leaves_it_unmeasured(desk: Desk) -> None:
    desk.write(fix="rm -f /srv/x/*.tmp", attrs='{"host":"far"}')
    desk.open()
    dry = desk.runs.plan("runbooks/web.md", "shop", {}, (), ADA)
    assert line(dry.blast_radius) == "Touches 1 host (far): deletes /srv/x/*.tmp."


# ---- values while approving ------------------------------------------------------------------------------------------------


def test_a_value_is_given_while_approving_and_is_part_of_what_is_approved(desk: Desk) -> None:
    desk.write(fix=f"touch {desk.data}/<name>")
    desk.open()
    grant(desk)
    run = desk.run_of(desk.fails())
    before = desk.approvals.of_run(run.id, pending=True)[0]
    with pytest.raises(Usage, match="needs a value for name"):
        desk.approvals.approve(run.id, ADA)
    with pytest.raises(Forbidden):
        desk.approvals.fill(run.id, AGENT, {"name": "fixed"})
    with pytest.raises(Usage, match="asks for no value named nam"):
        desk.approvals.fill(run.id, ADA, {"nam": "fixed"})
    for evil in ("x; reboot", "$(id)", "../../etc/x", "-rf", ""):
        with pytest.raises(Usage):
            desk.approvals.fill(run.id, ADA, {"name": evil})
    desk.approvals.fill(run.id, ADA, {"name": "wrong"})
    filled = desk.approvals.fill(run.id, ADA, {"name": "fixed"})
    assert filled.state is RunState.PARKED and not desk.fixed, "nothing runs before it is approved"
    step = next(step for step in filled.steps if step.state is StepState.WAITS)
    assert step.plan.text.strip() == f"touch {desk.data}/fixed"
    assert "ada gave name" in desk.incidents.get(run.incident or 0).why_not_acted
    after = desk.approvals.of_run(run.id, pending=True)
    assert len(after) == 1 and after[0].binds != before.binds and after[0].expires_at == before.expires_at
    with pytest.raises(Usage, match="not the text that was shown"):
        desk.approvals.approve(run.id, ADA, binds=before.binds)
    desk.approvals.approve(run.id, ADA, binds=after[0].binds)
    desk.work()
    assert desk.fixed and not (desk.data / "wrong").exists()
    assert f"{desk.data}/fixed" in line(desk.runs.get(run.id).blast_radius)


def test_a_value_is_for_the_later_steps_too(desk: Desk) -> None:
    desk.write(fix=f"touch {desk.data}/<name>\n```\n\n```bash\ntouch {desk.data}/<name>.second")
    desk.open()
    run = desk.run_of(desk.fails())
    desk.approvals.fill(run.id, ADA, {"name": "fixed"})
    desk.approve(run)
    again = desk.runs.get(run.id)
    assert again.state is RunState.PARKED, "each changing step asks by itself"
    assert again.steps[-1].plan.text.strip() == f"touch {desk.data}/fixed.second"


def test_values_are_refused_when_the_text_changed_or_the_run_moved_on(desk: Desk) -> None:
    desk.write(fix=f"touch {desk.data}/<name>")
    desk.open()
    run = desk.run_of(desk.fails())
    path = desk.ops / "runbooks/web.md"
    path.write_text(path.read_text() + "\nMore.\n")
    desk.holder.refresh()
    desk.holder.refresh()
    with pytest.raises(Usage, match="was changed after this was planned"):
        desk.approvals.fill(run.id, ADA, {"name": "fixed"})
    desk.runs.cancel(run.id, ADA)
    with pytest.raises(Usage, match="waits for nothing"):
        desk.approvals.fill(run.id, ADA, {"name": "fixed"})


def test_two_people_who_fill_at_once_do_not_mix(desk: Desk) -> None:
    from watchkeeper.core.runs.planning import refill
    from watchkeeper.services.filling import Filled, keep

    desk.write(fix=f"touch {desk.data}/<name>")
    desk.open()
    run = desk.run_of(desk.fails())
    inventory = desk.holder.current
    plan = refill(run.plan, inventory.runbooks["runbooks/web.md"], inventory, {"name": "late"})
    desk.approvals.fill(run.id, ADA, {"name": "fixed"})
    assert run.blast_radius is not None
    late = Filled(run, plan, run.blast_radius, ("name",), "ben", desk.clock())
    with pytest.raises(Locked, match="moved on"):
        desk.store.write(lambda session: keep(session, late))
    assert desk.runs.get(run.id).steps[-1].plan.text.strip().endswith("/fixed")


# ---- trust grows old -------------------------------------------------------------------------------------------------------


def test_trust_is_renewed_by_a_proven_run_and_by_a_new_grant(desk: Desk) -> None:
    desk.open()
    grant(desk, 366)
    desk.shift = 94 * DAY
    incident = desk.fails()
    run = desk.run_of(incident)
    assert run.mode == "propose" and "granted 94 days ago" in incident.why_not_acted
    desk.approve(run)
    desk.recovers()
    assert desk.runs.get(run.id).state is RunState.PROVEN
    desk.shift += 50 * DAY
    assert desk.run_of(desk.fails()).mode == "auto", "the approved run was proven 50 days ago"
    desk.recovers()
    desk.shift += 95 * DAY
    stale = desk.fails()
    assert "was last proven 95 days ago: it proposes until it is proven again" in stale.why_not_acted
    desk.recovers()
    desk.shift += 2 * DAY
    grant(desk)
    assert desk.run_of(desk.fails()).mode == "auto", "a grant of today is fresh trust"


def test_a_fix_that_did_not_hold_renews_nothing(desk: Desk) -> None:
    desk.open()
    grant(desk, 366)
    desk.shift = 80 * DAY
    incident = desk.fails()
    desk.recovers()
    desk.shift += 600
    assert desk.fails().recurring, "it came back within 24 h"
    run = desk.run_of(incident)
    desk.runs.cancel(run.id, ADA)
    desk.incidents.close_unproven(incident.id, ADA, "by hand")
    desk.shift += 20 * DAY
    assert "granted 100 days ago and not proven by a run since" in desk.fails().why_not_acted


def test_a_file_can_only_ask_for_more() -> None:
    from watchkeeper.core.inventory.loading import load

    def loaded(text: str) -> tuple[float, list[str]]:
        found = load({"watchkeeper.yaml": text.encode(), "hosts.yaml": b"hosts: {a: {local: true}}\n"}, 0.0)
        days = found.inventory.team.proven_within_s / DAY if found.inventory else 0.0
        return days, [mistake.expected for mistake in found.errors]

    assert loaded("team: T\n") == (90.0, [])
    assert loaded("team: T\nautomation: {proven_within: 30d}\n") == (30.0, [])
    assert loaded("team: T\nautomation: {proven_within: 91d}\n") == (0.0, ["a duration from 1d to 90d"])


# ---- the report ------------------------------------------------------------------------------------------------------------


def test_an_empty_report_says_so(desk: Desk) -> None:
    desk.open()
    found = desk.report()
    assert (found.matched, found.would_act, dict(found.blocked), found.matches) == (0, 0, {}, ())
    assert found.advice == "Not enough evidence: it did not match in these 14 days."
    with pytest.raises(Usage):
        desk.reports.make(0)


def test_the_report_advises_a_grant_when_it_would_have_helped(desk: Desk) -> None:
    desk.open()
    for _ in range(3):
        desk.approve(desk.run_of(desk.fails()))
        desk.recovers()
        desk.shift += 2 * DAY
    found = desk.report()
    assert (found.matched, found.acted, found.would_act, found.counts["fixed"]) == (3, 0, 3, 3)
    shown = page({"on": True, "why": "", "report": report_json(desk.reports.make(14))})
    assert "shop/runbooks/web.md  (mode auto, no grant in force)" in shown
    assert re.search(r"matched +3 times\n +acted itself +never\n +would have +3 times if it had been granted", shown)
    assert "came of it 3 fixed changes Touches 1 host (app1): writes " in " ".join(shown.split())
    assert (
        found.advice == "3 of 3 would have helped, none unnecessary: grant it with: wk grant add shop/runbooks/web.md"
    )
    assert [change.host for change in found.changes] == ["app1"]
    grant(desk)
    assert desk.report().advice == "It may act under grant 1: 3 of 3 helped, none unnecessary."
    assert desk.report(1).matched == 0, "only the days that were asked for"


def test_what_recovered_by_itself_would_have_been_unnecessary(desk: Desk) -> None:
    desk.open()
    for _ in range(2):
        desk.fails()
        desk.recovers()
        desk.shift += 2 * DAY
    found = desk.report()
    assert (found.matched, found.unnecessary, found.would_act) == (2, 2, 2), "it waited, so auto would have acted"
    assert found.advice == "2 of 2 recovered before anything was changed: leave it as it is."
    assert all(match.after_s is not None and match.after_s > 0 for match in found.matches)


def test_the_same_by_hand_counts_as_evidence(desk: Desk) -> None:
    desk.open()
    incident = desk.fails()
    desk.runs.start("runbooks/web.md", "shop", {}, (), ADA)
    desk.work()
    desk.recovers()
    assert desk.incidents.get(incident.id).ending == "fixed"
    found = desk.report()
    assert (found.counts["by_hand"], found.would_act) == (1, 1)
    assert found.advice == "Not enough evidence: 1 of 1 helped, and 3 are asked for."


def test_what_would_have_been_blocked_is_counted_by_cause(desk: Desk) -> None:
    desk.write(more="    at_most: 1 per hour\n")
    desk.open()
    desk.automation.switch(False, ADA, "moving")
    desk.fails()
    desk.recovers()
    desk.automation.switch(True, ADA)
    for _ in range(2):
        desk.shift += 25 * 3600.0 if _ == 0 else 60.0
        desk.store.write(lambda s: s.set_setting("recurrence_after", repr(desk.clock())))
        desk.fails()
        desk.recovers()
    found = desk.report()
    assert dict(found.blocked) == {"automation_off": 1, "budget": 1}
    assert (found.matched, found.would_act) == (3, 1)


def test_a_step_for_a_person_blocks_it_and_the_advice_says_which(desk: Desk) -> None:
    desk.write(fix=f"touch {desk.data}/<name>")
    desk.open()
    desk.fails()
    desk.recovers()
    found = desk.report()
    assert dict(found.blocked) == {"placeholder": 1} and found.would_act == 0
    assert found.advice.startswith("It cannot act by itself as it is written. Step ")
    assert found.advice.endswith("needs a value for name.")


def test_failures_and_false_closures_come_before_any_advice_to_grant(desk: Desk) -> None:
    desk.open()
    grant(desk)
    incident = desk.fails()
    desk.recovers()
    desk.shift += 600
    assert desk.fails().id == incident.id
    desk.recovers()
    found = desk.report()
    assert (found.false_closures, found.acted) == (1, 2)
    assert found.advice.startswith("1 of 2 did not hold for 24 h (run 1): find out why")


def test_what_only_observes_is_reported_from_its_timeline(desk: Desk) -> None:
    desk.write(mode="observe")
    desk.open()
    desk.fails()
    desk.recovers()
    found = desk.report()
    assert (found.matched, found.unnecessary, found.matches[0].run) == (1, 1, None)


def test_a_failing_fix_is_no_reason_to_grant(desk: Desk) -> None:
    desk.write(fix="false > /dev/null; exit 3")
    desk.open()
    desk.approve(desk.run_of(desk.fails()))
    found = desk.report()
    assert found.counts["failed"] == 1
    assert found.advice == "1 of 1 failed or were not proven (run 1): mend the runbook before it acts."
