"""Changes that are told, suspects that are named, things that run out, and the rows that hold automation back: on SQLite and
on PostgreSQL, with a clock that is set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store
from tests.fixtures.postgresql import empty_database

from watchkeeper.core.actors import AGENT, Actor
from watchkeeper.core.changes import Change
from watchkeeper.core.checks.values import Flip, Judged, Reading, State, Verdict
from watchkeeper.core.errors import Forbidden, NotFound, Usage
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Event, Incident
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.notifications import Attempt
from watchkeeper.core.readings.rollup import Rollup
from watchkeeper.core.runs.quarantine import Quarantine
from watchkeeper.core.runs.rate_limits import Backoff
from watchkeeper.core.runs.results import Result
from watchkeeper.core.runs.values import Grant
from watchkeeper.services.backups import BackupState
from watchkeeper.services.changes import Changes, Told
from watchkeeper.services.changes.telling import tell_suspects
from watchkeeper.services.expiries import Expiries
from watchkeeper.services.notifications import announce
from watchkeeper.services.ports import Session
from watchkeeper.store.writer import Store

NOW = 1_763_000_000.0
DAY = 86_400.0
ANN = Actor("person", "ann", "operator")
FILES = {
    "watchkeeper.yaml": b"team: T\ntimezone: UTC\nchannels: {duty: {script: page.sh}}\n"
    b"expiries:\n  - {name: domain example.org, ends: 2026-02-01, owner: ann}\n",
    "hosts.yaml": b"hosts: {app1: {local: true}}\n",
    "services/shop.yaml": b"service: shop\nhosts: [app1]\nchecks:\n"
    b"  - {name: web, command: 'true', from: host, crit: exit_code != 0}\n"
    b"  - {name: tls, tls: 'shop.example.org:443'}\n  - {name: disk, disk: /srv}\n",
}


class Holder:
    """The inventory of these tests."""

    def __init__(self) -> None:
        loaded = load(FILES, NOW)
        assert loaded.inventory is not None, loaded.mistakes
        self.current = loaded.inventory


class Clock:
    """Virtual time."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    opened = open_store(tmp_path / "state", url)
    yield opened
    opened.close()


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def clock() -> Clock:
    return Clock()


# ---- rows ----------------------------------------------------------------------------------------------------------------


def result(run: int, **more: object) -> Result:
    made = Result(run, NOW + run, "shop", "shop/a.md", "a.md", "d", ("disk", "web"), "proven", "auto", False, 1.5, 7)
    return replace(made, **more)  # type: ignore[arg-type]


def test_results_of_runs(store: Store) -> None:
    made = [result(1), result(2, service="docs", runbook="b.md"), result(3, outcome="unproven", incident=8)]
    for each in [*made, made[0]]:
        store.write(lambda session, each=each: session.note_result(each))  # type: ignore[misc]
    with store.read() as session:
        assert session.results() == made[::-1]
        assert session.results(service="docs") == session.results(runbook="b.md") == [made[1]]
        assert session.results(NOW + 3) == session.results(limit=1) == [made[2]]
    assert store.write(lambda session: session.did_not_hold(7, NOW + 1.5)) == 1
    with store.read() as session:
        assert [each.held for each in session.results()] == [True, False, True]


def test_quarantines_and_their_release(store: Store) -> None:
    held = Quarantine(0, "shop/a.md", "d", NOW, "2 runs", (1, 2), 7)
    first, second = (store.write(lambda session: session.add_quarantine(held)) for _ in range(2))
    freed = replace(first, released_at=NOW + 5, released_by="ann", reason="mended")
    store.write(lambda session: session.save_quarantine(freed))
    with store.read() as session:
        assert session.quarantines("shop/a.md") == [second, freed] and session.quarantines("shop/b.md") == []
        assert session.quarantines(active=True) == [second]
    with pytest.raises(NotFound, match="99"):
        store.write(lambda session: session.save_quarantine(replace(freed, id=99)))


def test_backoffs_are_one_per_service(store: Store) -> None:
    for until in (10.0, 20.0):
        store.write(lambda session, until=until: session.set_backoff(Backoff("shop", NOW + until, "429", NOW)))  # type: ignore[misc]
    with store.read() as session:
        assert session.backoff("shop", NOW + 19) == Backoff("shop", NOW + 20, "429", NOW)
        assert session.backoff("shop", NOW + 20) is None and session.backoff("docs", NOW) is None
        assert len(session.backoffs()) == 1 and session.backoffs(["docs"]) == []
    store.write(lambda session: session.end_backoff("shop"))
    with store.read() as session:
        assert session.backoffs() == []


def test_a_key_is_kept_once_and_no_key_is_none(store: Store) -> None:
    keyed, other = Change(0, NOW, "deployment", "a", "ann", key="k"), Change(0, NOW, "deployment", "a", "ann")
    first = store.write(lambda session: session.add_change(keyed))
    assert store.write(lambda session: session.add_change(replace(keyed, title="b"))) == first
    assert store.write(lambda session: session.change_by_key("k")) == first
    assert store.write(lambda session: session.add_change(other)) != store.write(
        lambda session: session.add_change(other)
    )


# ---- changes that are told -----------------------------------------------------------------------------------------------


@pytest.fixture
def changes(store: Store, holder: Holder, clock: Clock) -> Changes:
    redact = lambda text: text.replace("hunter2", "***")  # noqa: E731
    return Changes(store, None, None, holder, clock, redact=redact)  # type: ignore[arg-type]


def test_a_deployment_is_told_once_and_logged(store: Store, changes: Changes, clock: Clock) -> None:
    told = Told("deployment", "shop 2.14.1\x1b[31m with hunter2", "shop", detail="by hunter2", key="job-7")
    first = changes.add(AGENT, told)
    clock.now += 100
    assert (
        changes.add(AGENT, told) == first and "hunter2" not in first.title + first.detail and "\x1b" not in first.title
    )
    with store.read() as session:
        (entry,) = session.entries()
    assert (entry.draft.type, entry.draft.facts["service"]) == ("Deployment", "shop") and "hunter2" not in str(entry)
    assert changes.add(ANN, replace(told, key="")).id != first.id
    assert [each.kind for each in changes.newest(0, NOW + 200, 10, "shop", "deployment")] == ["deployment"] * 2


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (Told("package", "x", "shop"), Usage), (Told("deployment", " \x00", "shop"), Usage), (Told("deployment", "x"), Usage),
        (Told("deployment", "x", "docs"), NotFound), (Told("deployment", "x", host="docs"), NotFound),
        (Told("deployment", "x", "shop", at=NOW + 3600), Usage), (Told("deployment", "x", "shop", at=0.0), Usage),
    ],
)  # fmt: skip
def test_what_cannot_be_told(changes: Changes, told: Told, error: type[Exception]) -> None:
    with pytest.raises(error):
        changes.add(ANN, told)
    with pytest.raises(Forbidden):
        changes.add(Actor("person", "eve", "viewer"), Told("deployment", "x", "shop"))


# ---- the first suspect ---------------------------------------------------------------------------------------------------


def opened(store: Store, holder: Holder) -> Incident:
    check, service = holder.current.checks["shop/web"], holder.current.services["shop"]
    flip = Flip(0, "shop/web", "shop", "app1", NOW, State.OK, State.CRIT, "exit code 1", {}, check.rule_hash, "")

    def work(session: Session) -> Incident:
        incident = session.add_incident(rules.opened(flip, service, check, NOW))
        session.add_event(Event(0, incident.id, NOW, "opened", "watchkeeper", "Opened."))
        announce(session, holder.current, incident, "opened", NOW)
        return incident

    return store.write(work)


def edited(store: Store) -> None:
    change = Change(0, NOW - 240, "configuration", "/srv/shop/shop.env was edited", "somebody on app1", "shop", "app1")
    store.write(lambda session: session.add_change(change))


SAID = "First suspect: /srv/shop/shop.env was edited 4 min before, same service, by somebody on app1."


def bodies(store: Store, incident: Incident) -> list[str]:
    with store.read() as session:
        return [each.message.body for each in reversed(session.notifications(incident=incident.id))]


def test_a_suspect_that_is_known_stands_in_the_message(store: Store, holder: Holder) -> None:
    edited(store)
    incident = opened(store, holder)
    assert [body.splitlines()[-1] for body in bodies(store, incident)] == [SAID]
    assert tell_suspects(store, holder.current, NOW + 1) == 1 and tell_suspects(store, holder.current, NOW + 2) == 0
    assert len(bodies(store, incident)) == 1, "told twice"
    with store.read() as session:
        assert [each.text for each in session.events(incident.id) if each.kind == "change"] == [SAID]


def test_a_message_that_has_not_left_is_completed(store: Store, holder: Holder) -> None:
    incident = opened(store, holder)
    assert tell_suspects(store, holder.current, NOW + 1) == 0
    edited(store)
    assert tell_suspects(store, holder.current, NOW + 1) == 1
    assert [body.splitlines()[-1] for body in bodies(store, incident)] == [SAID]


def test_after_a_message_that_has_left_one_more_says_it(store: Store, holder: Holder) -> None:
    incident = opened(store, holder)
    with store.read() as session:
        (row,) = session.notifications(incident=incident.id)
    sent = replace(row, delivered_at=NOW + 1, delivered_by="duty", tried=1)
    store.write(lambda session: session.save_notification(sent, Attempt(row.id, "duty", NOW, True)))
    edited(store)
    assert tell_suspects(store, holder.current, NOW + 2) == 1
    assert [SAID in body for body in bodies(store, incident)] == [False, True]


def test_nobody_is_woken_for_a_suspect_that_is_found_late(store: Store, holder: Holder) -> None:
    incident = opened(store, holder)
    edited(store)
    assert tell_suspects(store, holder.current, NOW + 1000) == 0 and len(bodies(store, incident)) == 1


# ---- what runs out -------------------------------------------------------------------------------------------------------


class Past:
    """Readings of a certificate and of a disk that loses one percent a day."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def free(self, at: float) -> float:
        return 30.0 - (at - NOW) / DAY

    def latest(self) -> dict[str, Judged]:
        now = self.clock()
        values = {"shop/tls": {"days": (NOW + 20 * DAY - now) / DAY}, "shop/disk": {"free": self.free(now)}}
        return {key: Judged(Reading(key, now, 0.1, each), Verdict(State.OK, "ok"), "r") for key, each in values.items()}

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        now = self.clock()
        times = [now - 4 * 3600.0 * n for n in range(60, -1, -1)]
        return [
            Judged(Reading(check, at, 0.1, {"free": self.free(at)}), Verdict(State.OK, "ok"), "r")
            for at in times if at >= since
        ]  # fmt: skip

    def hours(self, check: str, since: float, until: float) -> list[tuple[float, Rollup]]:
        return []


def test_a_year_of_warnings_tells_each_day_once(store: Store, holder: Holder, clock: Clock) -> None:
    expiries = Expiries(store, Past(clock), lambda: BackupState(None), holder, clock)  # type: ignore[arg-type]
    grant = Grant(0, "shop/none.md", "d", ("app1",), False, "ann", NOW, NOW + 40 * DAY)
    store.write(lambda session: session.add_grant(grant))
    listed = {each.name: each for each in expiries.listed()}
    assert set(listed) == {"shop/tls", "shop/disk", "declared-domain example.org"}, "a grant of nothing is no concern"
    assert listed["shop/disk"].ends_at == pytest.approx(NOW + 30 * DAY, abs=DAY)
    assert listed["shop/tls"].ends_at == pytest.approx(NOW + 20 * DAY, abs=60)
    told = 0
    for day in range(100):
        clock.now = NOW + day * DAY
        told += expiries.warn()
        assert expiries.warn() == 0, "told twice on one day"
    with store.read() as session:
        messages = [each.message for each in session.notifications(limit=500)]
    titles = sorted(each.title for each in messages)
    assert told == len(messages) == len({each.key for each in messages})
    assert [title for title in titles if title.startswith("certificate of shop/tls")] == [
        "certificate of shop/tls ends in 14 days", "certificate of shop/tls ends in 20 days",
        "certificate of shop/tls ends in 24 h", "certificate of shop/tls ends in 7 days", "certificate of shop/tls ends now",
    ]  # fmt: skip
    assert sum(title.startswith("domain example.org") for title in titles) == 5
    assert any("Owner: ann" in each.body for each in messages)
