"""Tasks, questions about changes, shifts and daily documents: on SQLite and on PostgreSQL, with a clock that is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import empty_database

from watchkeeper.adapters.here import read_here
from watchkeeper.adapters.repositories.documents import FolderDocuments
from watchkeeper.core.actors import AGENT, Actor
from watchkeeper.core.changes import Change
from watchkeeper.core.checks.values import Settled, State
from watchkeeper.core.errors import Forbidden, Locked, NotFound, Usage
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.log.daily import RECORD, markdown
from watchkeeper.core.log.values import Draft, Entry
from watchkeeper.core.readings.availability import Availability
from watchkeeper.services.availability import ServiceAvailability
from watchkeeper.services.backups import BackupState
from watchkeeper.services.log.daily import Daily
from watchkeeper.services.log.tasks import Tasks, follow_ups
from watchkeeper.services.log.unlogged import ChangeQuestions
from watchkeeper.services.shifts import Shifts
from watchkeeper.services.shifts.checklist import Checklist
from watchkeeper.services.shifts.looking import Looking
from watchkeeper.store.writer import Store

NOW = datetime(2026, 11, 16, 8, tzinfo=UTC).timestamp()  # a Monday
HOUR, DAY = 3600.0, 86400.0
ANA, BEN = Actor("person", "ana", "operator"), Actor("person", "ben", "operator")
EVE, LEAD = Actor("person", "eve", "viewer"), Actor("person", "lia", "approver")
FILES = {
    "watchkeeper.yaml": b"team: T\ntimezone: UTC\nchannels: {duty: {script: page.sh}, sms: {script: page.sh}}\n"
    b"people: {ana: {channels: [sms]}, ben: {}}\nshift:\n  remind_after: 2h\n  checklist:\n"
    b"    - {git: ., branch: main}\n    - {documents: [docs/rules.md]}\n    - {line: {in: docs/plan.md, match: Phase}}\n"
    b"    - {tool: {version: echo tool 1.2, signed_in: echo ops hunter2}}\n    - {checks: all}\n    - {secrets: all}\n"
    b"    - {open: true}\n    - The alarm panel is green\n",
    "hosts.yaml": b"hosts: {app1: {local: true}}\n",
    "secrets.yaml": b"secrets: {key: {env: WK_TEST_NOT_SET}}\n",
    "services/shop.yaml": b"service: shop\nhosts: [app1]\nchecks:\n"
    b"  - {name: web, command: 'true', from: host, crit: exit_code != 0}\n",
}


class Desk:
    """The team of FILES on a store; `now` is its clock, `settled` what its checks say."""

    def __init__(self, root: Path, store: Store) -> None:
        loaded = load(FILES, NOW)
        assert loaded.inventory is not None, loaded.mistakes
        self.current, self.fault, self.now = loaded.inventory, "", NOW
        self.settled_now = {"shop/web": Settled(State.OK, NOW - DAY, reason="exit_code 0")}
        self.gaps_now: list[tuple[float, float]] = []
        self.ops = root / "ops"
        (self.ops / "docs").mkdir(parents=True)
        (self.ops / "docs/rules.md").write_text("# Rules\n")
        (self.ops / "docs/plan.md").write_text("# Plan\n\nPhase: 3\n")
        self.git("init -q -b main . && git add -A && git commit -qm one")
        self.store = store
        clock = lambda: self.now  # noqa: E731
        redact = lambda text: text.replace("hunter2", "[redacted]")  # noqa: E731
        self.tasks = Tasks(store, self, self, clock, redact)  # type: ignore[arg-type]
        self.questions = ChangeQuestions(store, self, clock)  # type: ignore[arg-type]
        looking = Looking(str(self.ops), read_here, FolderDocuments(self.ops), None)
        checklist = Checklist(
            store, self, self, looking, lambda name: f"The secret {name} is empty.", lambda: BackupState(None), clock  # type: ignore[arg-type]
        )  # fmt: skip
        self.shifts = Shifts(store, self, checklist, self.tasks, clock, redact)  # type: ignore[arg-type]
        self.daily = Daily(store, self, lambda: BackupState(None), self, clock)  # type: ignore[arg-type]

    def git(self, words: str) -> None:
        script = f"cd {self.ops}; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org; "
        read_here(f"{script}export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org; git {words}", 20.0, 10_000)

    def settled(self) -> dict[str, Settled]:
        return self.settled_now

    def gaps(self, since: float) -> list[tuple[float, float]]:
        return [each for each in self.gaps_now if each[1] > since]

    def of(self, since: float, until: float, service: str = "") -> list[ServiceAvailability]:
        whole = Availability(until - since, until - since - 60.0, 0.0, 60.0, 0.0, 0.0)
        return [ServiceAvailability("shop", whole, (("shop/web", whole),))]

    def write(self, *sections: tuple[str, str], **more: object) -> Entry:
        draft = replace(Draft(self.now, "Migration", "Moved shop", "ana", sections=sections), **more)  # type: ignore[arg-type]

        def work(session):  # type: ignore[no-untyped-def]
            entry = session.append_entry(draft)
            follow_ups(session, entry, self.now, self.current)
            return entry

        return self.store.write(work)  # type: ignore[no-any-return]

    def told(self) -> list[tuple[tuple[str, ...], str]]:
        with self.store.read() as session:
            return [(each.channels, each.message.title) for each in reversed(session.notifications(limit=200))]

    def entries(self) -> list[Entry]:
        with self.store.read() as session:
            return session.entries(100)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = "" if request.param == "sqlite" else empty_database(request.getfixturevalue("postgresql"))
    store = open_store(tmp_path / "state", url)
    yield Desk(tmp_path, store)
    store.close()


# ---- tasks ---------------------------------------------------------------------------------------------------------------


def test_an_entry_makes_its_tasks_once(desk: Desk) -> None:
    entry = desk.write(
        ("Follow-up Actions", "- [ ] Monitor shop/web for 48 h\n- [ ] Review on 2026-12-02 (ben)\n- [x] done")
    )
    first, second = (each.task for each in desk.tasks.listed())
    assert (first.text, first.owner, first.bound_to, first.stays_s) == (
        "Monitor shop/web for 48 h",
        "ana",
        "shop/web",
        48 * HOUR,
    )
    assert (first.due_at, first.entry, second.owner) == (NOW + 48 * HOUR, entry.number, "ben")
    desk.write(("Follow-up Actions", "- [ ] Review on 2026-12-02 (ben)\n- [ ] And this"), corrects=entry.number)
    assert [each.task.text for each in desk.tasks.listed()][-1] == "And this" and len(desk.tasks.listed()) == 3
    desk.write(("Next Steps", "- old"), at=NOW - 91 * DAY)
    desk.write(("Next Steps", "- of a hand-over"), type="Hand-over")
    assert len(desk.tasks.listed()) == 3 and len(desk.tasks.listed(entry=entry.number)) == 2
    assert [each.task.id for each in desk.tasks.listed("ben")] == [second.id]


def test_what_is_due_is_told_once_a_day_to_its_owner(desk: Desk) -> None:
    for text, owner in (("one", "ana"), ("two", "ana"), ("three", "")):
        desk.tasks.add(BEN, text, owner, NOW + HOUR)
    assert desk.tasks.beat() == 0 and desk.tasks.glance() == (3, ())
    desk.now += HOUR
    assert desk.tasks.beat() == 3 and desk.tasks.beat() == 0
    assert desk.told() == [(("sms",), "2 tasks are due"), (("duty", "sms"), "Task 3 is due: three")]
    for _ in range(24 * 4):
        desk.now += HOUR / 4
        desk.tasks.beat()
    assert len(desk.told()) == 4
    desk.tasks.done(1, ANA)
    desk.tasks.drop(3, BEN, "not needed any more")
    desk.tasks.due(2, ANA, desk.now + 5 * DAY)
    desk.now += 2 * DAY
    assert desk.tasks.beat() == 0 and len(desk.told()) == 4


def test_a_check_that_stays_ok_closes_its_task_with_a_proof(desk: Desk) -> None:
    task = desk.tasks.add(ANA, "watch it", check="shop/web", stays_s=2 * HOUR)
    desk.now += HOUR
    desk.settled_now["shop/web"] = Settled(State.CRIT, desk.now, reason="exit_code 1")
    seen = desk.tasks.get(task.id)
    assert seen.bound is not None and (seen.bound.state, seen.bound.ok_s) == (State.CRIT, 0.0)
    desk.now += HOUR
    desk.settled_now["shop/web"] = Settled(State.OK, desk.now, reason="exit_code 0")
    desk.gaps_now = [(desk.now + 600, desk.now + 1200)]
    desk.now += 2 * HOUR
    desk.tasks.beat()
    assert desk.tasks.get(task.id).task.done_at is None, "ten minutes of it nobody saw"
    desk.now += 600
    desk.tasks.beat()
    closed = desk.tasks.get(task.id).task
    assert (closed.outcome, closed.done_by) == ("proven", "watchkeeper")
    entry = desk.entries()[0]
    assert closed.closing == entry.number and "exit_code 0" in dict(entry.draft.sections)["Verification"]
    assert desk.tasks.beat() == 0 and len(desk.entries()) == 1


def test_what_people_may_not_do_with_tasks(desk: Desk) -> None:
    task = desk.tasks.add(AGENT, "noted by an agent with hunter2")
    assert "hunter2" not in task.text
    for act in (
        lambda: desk.tasks.add(EVE, "x"), lambda: desk.tasks.done(task.id, EVE), lambda: desk.tasks.drop(task.id, AGENT, "x"),
        lambda: desk.tasks.assign(task.id, AGENT, "ana"), lambda: desk.tasks.due(task.id, AGENT, None),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            act()
    with pytest.raises(Usage, match="reason"):
        desk.tasks.drop(task.id, ANA, " ")
    with pytest.raises(NotFound):
        desk.tasks.add(ANA, "x", check="shop/none")
    with pytest.raises(Usage):
        desk.tasks.add(ANA, "x", stays_s=HOUR)
    desk.tasks.done(task.id, ANA)
    with pytest.raises(Usage, match="is over"):
        desk.tasks.assign(task.id, ANA)
    assert desk.tasks.done(task.id, ANA, done=False).done_at is None
    desk.tasks.drop(task.id, ANA, "nobody will")
    assert desk.tasks.done(task.id, ANA, done=False).outcome == ""


# ---- questions -----------------------------------------------------------------------------------------------------------


def changed(desk: Desk, kind: str = "configuration", **more: object) -> Change:
    made = replace(Change(0, desk.now, kind, "/srv/shop/shop.env was edited", "ana", "shop", "app1"), **more)  # type: ignore[arg-type]
    return desk.store.write(lambda session: session.add_change(made))


def test_a_change_that_nobody_logged_is_asked_about_once(desk: Desk) -> None:
    changed(desk, title="before there were questions")
    assert desk.questions.beat() == 0
    changed(desk)
    changed(desk, title="/srv/shop/more.env was edited")
    for kind, more in (("commit", {}), ("run", {}), ("configuration", {"own": True}), ("package", {"incident": 3})):
        changed(desk, kind, **more)
    desk.now += HOUR - 1
    assert desk.questions.beat() == 0, "people have an hour"
    desk.now += 2
    assert desk.questions.beat() == 1 and desk.questions.beat() == 0
    (seen,) = desk.tasks.listed()
    assert seen.task.owner == "ana" and "and 1 more" in seen.task.text
    found = desk.questions.prefilled(seen.task.id)
    assert found.type == "Configuration" and "more.env" in found.body and found.service == "shop"
    desk.tasks.drop(seen.task.id, ANA, "only a comment")
    desk.now += DAY
    assert desk.questions.beat() == 0 and desk.tasks.listed() == []


def test_what_is_logged_is_not_asked_about(desk: Desk) -> None:
    desk.questions.beat()
    change = changed(desk)
    desk.now += 600
    desk.write(title="Raised the limit of shop")
    desk.now += HOUR
    assert desk.questions.beat() == 0 and desk.tasks.listed() == []
    change = changed(desk, "deployment", title="desk 2.1", service="desk", host="")
    desk.now += HOUR + 1
    assert desk.questions.beat() == 1
    desk.write(title="something else", facts={"change": change.id})
    assert desk.questions.beat() == 1
    (ended,) = desk.tasks.listed(ended=True)
    assert (ended.task.outcome, ended.task.closing) == ("logged", desk.entries()[0].number)


# ---- shifts --------------------------------------------------------------------------------------------------------------


def test_a_shift_from_checklist_to_hand_over(desk: Desk) -> None:
    whole = desk.shifts.start(ANA)
    states = [each.state for each in whole.shift.items]
    assert states == ["ok", "open", "ok", "ok", "ok", "missing", "ok", "open"], [
        each.text for each in whole.shift.items
    ]
    assert "hunter2" not in str(whole.shift.items) and whole.shift.items[2].text == "Phase: 3"
    with pytest.raises(Locked):
        desk.shifts.start(ANA)
    with pytest.raises(Usage, match="no answer"):
        desk.shifts.sign(ANA)
    desk.now += 90
    desk.shifts.tick(ANA, 2)
    desk.now += 30
    desk.shifts.tick(ANA, 8, missing="the panel is dark")
    with pytest.raises(Usage, match="answered by looking"):
        desk.shifts.tick(ANA, 1)
    signed = desk.shifts.sign(ANA)
    assert [signed.items[at].state for at in (1, 7)] == ["signed", "missing"] and signed.items[1].used_s == 90
    note = desk.shifts.note(ANA, "v74 is live, with hunter2", "progress", "\n".join(f"line {n}" for n in range(50)))
    assert "hunter2" not in note.text and len(note.short.splitlines()) == 10 and note.evidence is not None
    assert desk.shifts.evidence(note.evidence).text.splitlines()[30] == "line 30"
    blocker = desk.shifts.note(ANA, "no rights", "blocker")
    task = desk.shifts.begin_task(ANA, "deploy", estimate_s=HOUR)
    desk.now += 900
    other = desk.shifts.begin_task(ANA, "look at it")
    assert desk.tasks.get(task.id).task.worked_s == 900 and other.shift == whole.shift.id
    desk.now += 60
    assert desk.shifts.finish_task(ANA).worked_s == 60
    ended = desk.shifts.end(ANA, "ben", "all quiet")
    entry = desk.entries()[0]
    assert ended.shift.entry == entry.number and entry.draft.title == "Hand-over of shift 1: ana to ben"
    sections = dict(entry.draft.sections)
    assert (
        "all quiet" in sections["Change"]
        and "no rights" in sections["Problem"]
        and "deploy" in sections["Follow-up Actions"]
    )
    assert entry.draft.facts["notes_digest"] == ended.shift.digest and ended.counters.with_evidence == 1
    with pytest.raises(NotFound, match="has no shift"):
        desk.shifts.note(ANA, "too late")

    follows = desk.shifts.start(BEN)
    assert follows.handed is not None and follows.handed.id == 1 and follows.entry == entry
    with pytest.raises(Forbidden, match="handed to ben"):
        desk.shifts.accept(LEAD, 1)
    assert desk.shifts.accept(BEN).accepted_by == "ben"
    accepted = desk.entries()[0]
    assert accepted.draft.thread == entry.number and accepted.draft.actor == "ben"
    with pytest.raises(NotFound):
        desk.shifts.accept(BEN)
    assert "1 blocker" in follows.shift.items[6].text
    desk.shifts.unblock(BEN, blocker.id)
    with pytest.raises(NotFound):
        desk.shifts.unblock(BEN, blocker.id)


def test_documents_that_changed_since_the_last_signature(desk: Desk) -> None:
    desk.shifts.start(ANA)
    desk.shifts.tick(ANA, 2)
    desk.shifts.tick(ANA, 8)
    desk.shifts.sign(ANA)
    desk.shifts.end(ANA)
    (desk.ops / "docs/rules.md").write_text("# Rules\n\nOne more.\n")
    desk.git("commit -qam two")
    item = desk.shifts.start(ANA).shift.items[1]
    assert item.text == "changed since you last signed: docs/rules.md" and "docs/rules.md | 2 ++" in item.short
    desk.shifts.tick(ANA, 2)
    assert desk.shifts.look(2, ANA).shift.items[1].state == "signed", "looking again does not take a signature away"
    (desk.ops / "docs/rules.md").write_text("# Other rules\n")
    assert desk.shifts.look(2, ANA).shift.items[1].state == "open", "but another text has to be read"
    tree = desk.shifts.look(2, ANA).shift.items[0]
    assert (tree.state, tree.text) == ("failed", ". has 1 uncommitted file")


def test_who_says_nothing_is_asked(desk: Desk) -> None:
    desk.shifts.start(ANA)
    for _ in range(8 * 4):
        desk.now += HOUR / 4
        desk.shifts.beat()
    assert [each[0] for each in desk.told()] == [("sms",)] * 3
    assert desk.told()[0][1] == "Shift 1 of ana: nothing reported for 2 h"
    desk.shifts.standby(ANA, True, ready_for=["phase 3"])
    assert desk.shifts.get(1).shift.ready_for == ("phase 3",) and desk.shifts.beat() == 0
    assert desk.shifts.get(1).counters.reminders == 3


def test_shifts_of_agents_and_of_those_who_forgot_them(desk: Desk) -> None:
    desk.shifts.start(AGENT)
    desk.shifts.note(AGENT, "checked the fleet", "progress")
    desk.shifts.start(ANA)
    with pytest.raises(Forbidden):
        desk.shifts.start(EVE)
    with pytest.raises(Forbidden, match="approver"):
        desk.shifts.end(BEN, number=2)
    ended = desk.shifts.end(LEAD, number=2)
    assert ended.shift.person == "ana" and "Ended by lia." in dict(desk.entries()[0].draft.sections)["Change"]
    assert desk.shifts.get(1).shift.agent and [each.person for each in desk.shifts.opened()] == ["agent"]
    assert desk.shifts.waiting_for(BEN) is not None


# ---- daily documents -----------------------------------------------------------------------------------------------------


def an_incident(desk: Desk, at: float, **more: object) -> Incident:
    held = FailingCheck("shop/web", State.CRIT, "exit code 7", "r", at, at, 2)
    made = Incident(0, "shop", "app1", Status.OPEN, "P2", "shop/web: exit code 7", at, (held,))
    return desk.store.write(lambda session: session.add_incident(replace(made, **more)))  # type: ignore[arg-type]


def test_the_document_of_a_day(desk: Desk) -> None:
    desk.shifts.start(ANA)
    an_incident(desk, NOW + 60)
    desk.tasks.add(ANA, "delete it", "ana", NOW + DAY)
    desk.now = NOW + 11 * HOUR
    document = desk.daily.document()
    assert document["date"] == "2026-11-16" and document["operator"] == "ana"
    assert (
        document["morning"]["system_status"] == "FAIL: shop down 1 min"
        and document["midday"]["user_activity"] == "NOT WATCHED"
    )
    assert document["evening"]["outstanding_issues"] == ["incident 1 (P2): shop/web: exit code 7"]
    assert any("delete it" in each for each in document["next_day_priorities"])
    text = markdown(document)
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Daily Operations Log - 2026-11-16", "## Morning Health Check", "## Midday Review", "## Evening Summary",
        "## Actions Taken", "## Next Day Priorities",
    ]  # fmt: skip
    desk.now = NOW + HOUR
    assert desk.daily.document()["midday"]["system_load"] == "NOT YET"
    with pytest.raises(Usage):
        desk.daily.document("2026-11-17")
    with pytest.raises(Usage):
        desk.daily.document("last week")


def test_issues_keep_their_numbers(desk: Desk) -> None:
    an_incident(desk, NOW + 600, status=Status.CLOSED, closed_at=NOW + 900, ending=Ending.FIXED, owner="ben")
    desk.write(("Problem", "p95 was 3 s"), ("Follow-up Actions", "- watch it"), at=NOW + 1200, severity="High")
    desk.write(("Change", "no problem at all"), at=NOW + 1300)
    desk.now = NOW + 2000
    first = desk.daily.issues()
    assert [list(each) for each in first] == [list(RECORD)] * 2
    assert [(each["issue_id"], each["severity"], each["follow_up_required"]) for each in first] == [
        ("DAILY-20261116-001", "high", False), ("DAILY-20261116-002", "high", True),
    ]  # fmt: skip
    assert first[0]["resolution"].startswith("Fixed") and first[0]["operator"] == "ben"
    assert first[0]["timestamp"] == "2026-11-16T08:10:00Z"
    desk.write(("Problem", "found later, happened before"), at=NOW + 60)
    again = desk.daily.issues("2026-11-16")
    assert [each["issue_id"][-3:] for each in again] == ["001", "002", "003"] and again[:2] == first
    assert "found later" in again[2]["description"] and desk.daily.issues("2026-11-15") == []
