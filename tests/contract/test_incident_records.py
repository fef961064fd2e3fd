"""What people add to incidents and what is read out of them, on each store: SQLite, and PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import empty_database
from tests.fixtures.virtual_watch import T0, Office, a_service

from watchkeeper.core.actors import AGENT, Actor
from watchkeeper.core.checks.values import State
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.incidents.records import Link, Task, read_link
from watchkeeper.core.incidents.stages import figures, stages
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
from watchkeeper.store.writer import Store

ADA = Actor("person", "ada", "operator")
VIEWER = Actor("person", "eve", "viewer")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = "" if request.param == "sqlite" else empty_database(request.getfixturevalue("postgresql"))
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


def an_incident(**changes: object) -> Incident:
    held = FailingCheck("shop/web", State.CRIT, "exit code 7", "r", T0, T0, 2)
    incident = Incident(
        0, "shop", "app1", Status.OPEN, "P2", "shop/web: exit code 7", T0, (held,), pattern="exit code #"
    )
    return replace(incident, **changes)  # type: ignore[arg-type]


def test_rows_of_incidents_on_every_store(store: Store) -> None:
    closed = an_incident(
        status=Status.CLOSED, closed_at=T0 + 60, ending=Ending.ITSELF, owner="ada", respond_by=T0 + 900
    )
    with_all = replace(closed, failed_at=T0 - 5, severity_by="ada", held_until=None, merged_into=None)
    first = store.write(lambda session: session.add_incident(with_all))
    lost = store.write(
        lambda session: session.add_incident(replace(with_all, service="", host="db1", pattern="", closed_at=T0 + 70))
    )
    opened = store.write(lambda session: session.add_incident(an_incident()))
    merged = store.write(
        lambda session: session.add_incident(an_incident(service="desk", status=Status.MERGED, merged_into=opened.id))
    )
    with store.read() as session:
        assert session.incident(first.id) == first
        assert [each.id for each in session.living_incidents()] == [merged.id, opened.id]
        assert [each.id for each in session.closed_since("shop", None, T0)] == [first.id]
        assert [each.id for each in session.closed_since("", "db1", T0)] == [lost.id]
        assert session.closed_since("", "db2", T0) == [] and session.closed_since("shop", None, T0 + 61) == []
        assert [each.id for each in session.closed_between(T0, T0 + 70)] == [first.id]
        assert [each.id for each in session.incidents_like("other", "exit code #")] == [first.id]
        assert [each.id for each in session.incidents_like("shop", "")] == [first.id]
        assert session.incidents_like("", "") == [] and session.runs_of_incidents([first.id]) == []
        assert session.delivered_times([first.id]) == []
    task = store.write(lambda session: session.add_task(Task(0, opened.id, "look", T0, "ada", "ben", T0 + 5)))
    link = store.write(
        lambda session: session.add_link(Link(0, opened.id, "url", "https://a.example.org", "", T0, "ada"))
    )
    store.write(lambda session: session.save_task(replace(task, done_at=T0 + 9, done_by="ada")))
    with store.read() as session:
        assert session.task(task.id).done_by == "ada" and session.tasks(open_only=True) == []
        assert session.links(opened.id) == [link] and session.links(first.id) == []
        with pytest.raises(NotFound):
            session.task(99)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    team = 'hours: {from: "08:00", to: "17:00"}\nseverities:\n  P1: {respond_within: 5m}\n  P2: {respond_within: 15m}\n'
    made = Office(tmp_path, {"db": "owner: ops\n" + a_service(), "shop": "owner: web\n" + a_service("db")}, team=team)
    yield made
    made.close()


def broken(desk: Office) -> int:
    desk.run(11)
    desk.world.break_("db")
    desk.until(lambda: desk.of("db"), 12)
    incident = desk.of("db")
    assert incident is not None
    return incident.id


def test_owner_severity_tasks_and_links_stand_in_the_timeline(desk: Office) -> None:
    number = broken(desk)
    incidents = desk.incidents
    assert incidents.assign(number, ADA).owner == "ada"
    assert incidents.assign(number, ADA, "night watch").owner == "night watch"
    before = incidents.get(number)
    changed = incidents.set_severity(number, ADA, "P1", "the harbour master waits")
    assert (before.severity, changed.severity, changed.severity_by) == ("P2", "P1", "ada")
    assert before.respond_by == before.opened_at + 900 and changed.respond_by == before.opened_at + 300
    task = incidents.add_task(number, ADA, "alert earlier", "ben", T0 + 86400)
    incidents.do_task(task.id, ADA)
    incidents.do_task(task.id, ADA)
    incidents.add_link(number, ADA, "https://tracker.example.org/4", "the bug")
    incidents.add_link(number, ADA, "https://tracker.example.org/4")
    incidents.add_link(number, ADA, f"incident {number}")
    told = [event.text for event in incidents.timeline(number) if event.actor == "ada"]
    assert told == [
        "ada takes it.",
        "ada gives it to night watch, from ada.",
        "Severity P2 to P1, by ada: the harbour master waits",
        f"Task {task.id}: alert earlier (ben)",
        f"Task {task.id} done: alert earlier",
        "Link: the bug, https://tracker.example.org/4",
        f"Link: incident {number}",
    ]
    assert incidents.tasks(open_only=True) == [] and len(incidents.links(number)) == 2


def test_who_may_not_and_what_is_no_link(desk: Office) -> None:
    number = broken(desk)
    for actor in (VIEWER, AGENT):
        for act in (
            lambda actor=actor: desk.incidents.assign(number, actor),
            lambda actor=actor: desk.incidents.set_severity(number, actor, "P1", "so"),
            lambda actor=actor: desk.incidents.add_task(number, actor, "x"),
            lambda actor=actor: desk.incidents.add_link(number, actor, "run 1"),
        ):
            with pytest.raises(Forbidden):
                act()
    for bad in (
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example.org",
        "https://",
        "http://a b",
        "run x",
        "file:///etc",
    ):
        with pytest.raises(Usage):
            read_link(bad)
    with pytest.raises(NotFound):
        desk.incidents.add_link(number, ADA, "run 99")
    with pytest.raises(Usage, match="P1"):
        desk.incidents.set_severity(number, ADA, "P0", "so")
    with pytest.raises(Usage):
        desk.incidents.set_severity(number, ADA, "P1", "  ")


def test_the_clock_the_impact_and_the_message(desk: Office) -> None:
    number = broken(desk)
    desk.run(10)
    desk.incidents.acknowledge(number, ADA)
    incident = desk.incidents.get(number)
    clock = {stage.name: stage for stage in desk.incidents.stages_of(incident)}
    assert clock["detected"].after_s == 0.0 and clock["told"].after_s is not None and clock["told"].after_s < 2
    assert (
        clock["acknowledged"].after_s is not None and clock["acknowledged"].after_s >= 10 and clock["proven"].at is None
    )
    blocked = desk.incidents.impact(incident)
    assert [(each.service, each.owner, each.depth) for each in blocked] == [("shop", "web", 1)]
    assert "shop (web)" in desk.phone.got[0][1].body
    desk.world.mend("db")
    desk.rest(200)
    figures_now = desk.incidents.stages(T0, desk.world.now + 1)
    assert figures_now.counted == len([each for each in desk.all() if each.status is Status.CLOSED])
    assert figures_now.in_time >= 1 and figures_now.late == 0
    assert figures_now.medians["proven"] is not None and figures_now.medians["fixed"] is None


def test_medians_and_kept_promises() -> None:
    def closed(told_after: float, ack_after: float | None) -> tuple[Incident, list[tuple[float, float]]]:
        incident = an_incident(
            status=Status.CLOSED, closed_at=T0 + 5000, ending=Ending.UNPROVEN, failed_at=T0 - 4, respond_by=T0 + 900,
            acknowledged_at=None if ack_after is None else T0 + ack_after,
        )  # fmt: skip
        return incident, [(T0 - 7000, T0 - 6990), (T0, T0 + told_after)]

    found = figures([closed(1.0, 60.0), closed(3.0, 1000.0), closed(11.0, None)], T0, T0 + 1)
    assert found.medians["told"] == 7.0 and found.medians["detected"] == 4.0
    assert found.reached == {"detected": 3, "told": 3, "acknowledged": 2, "diagnosed": 0, "fixed": 0, "proven": 0}
    assert (found.in_time, found.late) == (1, 2)
    again = replace(an_incident(), opened_at=T0 + 100)
    told = {stage.name: stage.at for stage in stages(again, [(T0, T0 + 1)])}["told"]
    assert told is None, "a message of an earlier opening does not count"


def test_what_was_like_it_and_what_proved_to_work(desk: Office) -> None:
    from watchkeeper.core.incidents.similar import PastRun, pattern_of, rank, remedies

    def past(number: int, **changes: object) -> Incident:
        closed_at = T0 - 1000.0 * number
        then = {"status": Status.CLOSED, "closed_at": closed_at, "opened_at": closed_at - 90}
        return an_incident(id=number, **then, **changes)

    assert pattern_of("status 502, 3.4 s; ok: status == 200") == pattern_of("status 503, 12 s")
    assert pattern_of("table 'orders' is locked") == pattern_of("table 'stock' is locked")
    other = replace(an_incident().checks[0], check="mail/web")
    found = [
        past(1),
        past(2, pattern="other"),
        past(3, service="mail", host="app9", checks=(other,)),
        past(4, service="mail", host="app9", pattern="quite another", checks=(other,)),
    ]
    runs = [
        PastRun(1, 11, "shop/runbooks/a.md", "proven", T0, T0 + 30, T0 + 10),
        PastRun(2, 12, "shop/runbooks/a.md", "unproven", T0, T0 + 30, T0 + 10),
        PastRun(2, 13, "shop/runbooks/b.md", "proven", T0, T0 + 50, T0 + 10),
        PastRun(3, 14, "mail/runbooks/c.md", "proven", T0, T0 + 50, None),
    ]
    alike = rank(an_incident(), found, runs)
    assert [(each.incident.id, each.score) for each in alike] == [(1, 1.0), (2, 0.8), (3, 0.4)]
    assert alike[0].fixed_by == "runbooks/a.md" and alike[0].lasted_s == 90
    worked = remedies(runs, [1, 2, 3])
    assert [(each.runbook, each.proven, each.tried, each.takes_s) for each in worked] == [
        ("runbooks/b.md", 1, 1, 50.0),
        ("runbooks/a.md", 1, 2, 30.0),
    ], "a diagnosis alone is no remedy"
    number = broken(desk)
    desk.world.mend("db")
    desk.rest(200)
    desk.world.skip(2 * 86400)
    desk.world.break_("db")
    desk.until(lambda: any(each.service == "db" for each in desk.open()), 30)
    again = desk.of("db")
    assert again is not None and again.id != number
    similar, _ = desk.incidents.alike(again)
    assert similar[0].incident.id == number and similar[0].score == 1.0


def test_a_postmortem_that_no_text_of_a_host_can_bend(desk: Office) -> None:
    number = broken(desk)
    desk.incidents.note(number, ADA, "# Owned\n<script>alert(1)</script> [click](javascript:1)")
    desk.incidents.add_task(number, ADA, "write `it` down", "ben", T0 + 86400)
    desk.incidents.add_link(number, ADA, "https://tracker.example.org/4", "the *bug*")
    desk.world.mend("db")
    desk.rest(200)
    text = desk.incidents.postmortem(number)
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads[0].startswith(f"# Post-mortem of incident {number}: db/web") and len(heads) == 10, heads
    assert "\\# Owned \\<script\\>alert(1)\\</script\\> \\[click\\]" in text
    assert (
        "- [ ] write \\`it\\` down (ben), due 2026-" in text
        and "the \\*bug\\*: <https://tracker.example.org/4>" in text
    )
    assert "recovered by itself" in text and "good readings in a row, proven at 2026-" in text
    assert "shop (web)" in text and "To say: the cause" in text and "UTC" in text
