"""Promise 1: an incident closes only on proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchkeeper.core.checks.values import Flip, Judged, Reading, State, Verdict
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
from watchkeeper.core.inventory.values import Check, Inventory, Probe, Response, Service, Team

T0 = 1_700_000_000.0


def a_check(key: str = "shop/web", recover: int = 2, rule_hash: str = "r1") -> Check:
    service, name = key.split("/")
    return Check(
        key, service, name, "app1", "here", Probe("http", {}), 1.0, 5.0, None, None, None, recover, rule_hash
    )  # fmt: skip


def a_flip(check: str = "shop/web", after: State = State.CRIT, at: float = T0, values: dict | None = None) -> Flip:
    return Flip(
        1, check, check.split("/")[0], "app1", at, State.OK, after, "status 0", values or {}, "r1", "status == 200"
    )


def an_incident(**changes: object) -> Incident:
    incident = replace(rules.opened(a_flip(), None, a_check(), T0), id=1)
    return replace(incident, **changes)  # type: ignore[arg-type]


def readings(*states: tuple[float, State], rule_hash: str = "r1") -> list[Judged]:
    return [Judged(Reading("shop/web", at, 0.01), Verdict(state, "said"), rule_hash) for at, state in states]


def examined(incident: Incident, judged: list[Judged], check: Check | None = None) -> Incident:
    held = rules.examine(incident, incident.checks[0], check or a_check(), judged)
    return replace(incident, checks=(held,))


def test_two_good_readings_after_the_fix_close_it_as_fixed() -> None:
    incident = an_incident(fix_started_at=T0 + 1, last_change_at=T0 + 3)
    done = examined(incident, readings((T0, State.CRIT), (T0 + 4, State.OK), (T0 + 5, State.OK)))
    assert rules.ending_of(done) is Ending.FIXED
    assert done.checks[0].proof_count == 2


def test_good_readings_before_the_end_of_the_fix_prove_nothing() -> None:
    incident = an_incident(fix_started_at=T0 + 1, last_change_at=T0 + 10)
    done = examined(incident, readings((T0 + 4, State.OK), (T0 + 5, State.OK)))
    assert rules.ending_of(done) is None
    assert done.checks[0].proof_count == 0


def test_a_host_is_proven_by_answers_whatever_they_say() -> None:
    gone = an_incident(service="", fix_started_at=None)
    away = readings((T0, State.UNKNOWN), (T0 + 2, State.CRIT))
    assert rules.ending_of(examined(gone, away)) is None
    back = examined(gone, [*away, *readings((T0 + 4, State.WARN))])
    assert rules.ending_of(back) is Ending.ITSELF
    again = examined(gone, [*away, *readings((T0 + 4, State.UNKNOWN), (T0 + 6, State.OK))])
    assert again.checks[0].proof_count == 1


def test_without_a_change_it_recovered_by_itself() -> None:
    done = examined(an_incident(), readings((T0, State.CRIT), (T0 + 4, State.OK), (T0 + 5, State.OK)))
    assert rules.ending_of(done) is Ending.ITSELF


def test_a_bad_reading_in_between_starts_the_count_again() -> None:
    done = examined(an_incident(), readings((T0 + 1, State.OK), (T0 + 2, State.CRIT), (T0 + 3, State.OK)))
    assert rules.ending_of(done) is None
    assert done.checks[0].last_bad_at == T0 + 2


@pytest.mark.parametrize("state", [State.UNKNOWN, State.WARN])
def test_unknown_and_warn_prove_nothing(state: State) -> None:
    done = examined(an_incident(), readings((T0 + 3, State.OK), (T0 + 4, state), (T0 + 5, State.OK)))
    assert rules.ending_of(done) is None


def test_an_edited_check_never_proves() -> None:
    edited = a_check(rule_hash="r2")
    done = examined(an_incident(), readings((T0 + 4, State.OK), (T0 + 5, State.OK), rule_hash="r2"), edited)
    assert rules.ending_of(done) is None
    assert "edited" in (done.checks[0].lost or "")


def test_a_deleted_check_never_proves() -> None:
    incident = an_incident()
    held = rules.examine(incident, incident.checks[0], None, readings((T0 + 4, State.OK), (T0 + 5, State.OK)))
    assert "deleted" in (held.lost or "")
    assert rules.ending_of(replace(incident, checks=(held,))) is None


def test_readings_closer_than_a_second_count_once() -> None:
    done = examined(an_incident(), readings((T0 + 4.0, State.OK), (T0 + 4.3, State.OK), (T0 + 4.6, State.OK)))
    assert rules.ending_of(done) is None


def test_every_check_must_prove() -> None:
    incident = an_incident()
    other = FailingCheck("shop/queue", State.CRIT, "137", "r1", T0, T0, 1)
    both = replace(incident, checks=(replace(incident.checks[0], proven_at=T0 + 5), other))
    assert rules.ending_of(both) is None


def a_service(**changes: object) -> Service:
    response = Response("shop/runbooks/x.md", "shop", ("certificate",), "runbooks/x.md", "auto", (3, 3600.0))
    return replace(Service("shop", hosts=("app1",), respond=(response,)), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "after", "opens"),
    [
        ("shop/web", State.CRIT, True),
        ("shop/web", State.WARN, False),
        ("shop/certificate", State.WARN, True),
        ("shop/certificate@app1", State.WARN, True),
        ("shop/web", State.UNKNOWN, False),
        ("shop/web", State.OK, False),
    ],
)
def test_what_opens_an_incident(check: str, after: State, opens: bool) -> None:
    assert rules.opens_incident(a_flip(check, after), a_service()) is opens


@pytest.mark.parametrize(
    ("tier", "state", "severity"), [(1, State.CRIT, "P1"), (2, State.CRIT, "P2"), (1, State.WARN, "P3")]
)
def test_severity(tier: int, state: State, severity: str) -> None:
    assert rules.severity_of(a_service(tier=tier), state) == severity


def test_the_same_check_within_a_day_reopens_and_recurs_after_a_fix() -> None:
    closed = an_incident(status=Status.CLOSED, closed_at=T0 + 100, ending=Ending.FIXED)
    assert rules.comes_back(closed, a_flip(at=T0 + 200), T0 + 200)
    assert not rules.comes_back(closed, a_flip("shop/disk"), T0 + 200)
    assert not rules.comes_back(closed, a_flip(), T0 + 100 + rules.RECURRENCE_S + 1)
    again = rules.reopened(closed, a_flip(at=T0 + 200), a_service(), a_check())
    assert (again.status, again.recurring, again.reopened, again.last_change_at) == (Status.OPEN, True, 1, None)


def test_coming_back_after_recovering_by_itself_is_no_false_closure() -> None:
    closed = an_incident(status=Status.CLOSED, closed_at=T0 + 100, ending=Ending.ITSELF)
    assert not rules.reopened(closed, a_flip(at=T0 + 200), a_service(), a_check()).recurring


def test_a_child_is_held_under_the_incident_of_its_ancestor() -> None:
    services = {
        "shop": a_service(depends_on=("db",)),
        "db": Service("db", depends_on=("disk",)),
        "disk": Service("disk"),
    }
    inventory = Inventory("rev", T0, Team(), {}, services, {}, {}, {})
    grandparent = an_incident(id=7, service="disk")
    assert rules.parent_incident(services["shop"], [grandparent], inventory) is grandparent
    host_down = an_incident(id=8, service="", host="app1")
    assert rules.parent_incident(services["shop"], [host_down], inventory) is host_down
    stranger = an_incident(id=9, service="mail")
    assert rules.parent_incident(services["shop"], [stranger], inventory) is None


def test_extending_keeps_the_worst_severity_and_renews_a_known_check() -> None:
    incident = an_incident(severity="P2")
    more = rules.extended(incident, a_flip("shop/disk", State.WARN), a_service(), None)
    assert more.severity == "P2"
    assert [held.check for held in more.checks] == ["shop/web", "shop/disk"]
    again = rules.extended(more, a_flip("shop/web", at=T0 + 9), a_service(), a_check())
    assert [held.check for held in again.checks] == ["shop/disk", "shop/web"]
    assert again.checks[1].flipped_at == T0 + 9


def test_an_edited_check_that_flips_again_does_not_prove_under_its_new_rule() -> None:
    again = replace(a_flip(at=T0 + 10), rule_hash="r2")
    held = rules.extended(an_incident(), again, None, a_check(rule_hash="r2"))
    good = readings((T0 + 14, State.OK), (T0 + 15, State.OK), rule_hash="r2")
    done = examined(held, good, a_check(rule_hash="r2"))
    assert rules.ending_of(done) is None
    assert "edited" in (done.checks[0].lost or "")


def test_a_check_that_was_lost_stays_lost_when_it_flips_again_under_its_old_rule() -> None:
    lost = examined(an_incident(), [], a_check(rule_hash="r2"))
    held = rules.extended(lost, a_flip(at=T0 + 10), None, a_check())
    done = examined(held, readings((T0 + 14, State.OK), (T0 + 15, State.OK)))
    assert rules.ending_of(done) is None


@pytest.mark.parametrize(
    ("looks", "now", "late"),
    [
        ([[101.0, 102.0]], 106.0, True),  # asked at once, and more than 4 s have passed since
        ([[101.0, 102.0]], 104.5, False),  # asked first at 101, so the time ends at 105
        ([[]], 400.0, False),  # nobody has looked yet: nothing is known
        ([[]], 100.0 + 4 + rules.BLIND_S + 1, True),  # a person is asked in the end
        ([[101.0], []], 106.0, False),  # one of two checks was not asked yet
        ([[101.0], [130.0]], 133.0, False),
        ([], 105.0, True),  # nothing left to ask
    ],
)
def test_the_time_for_a_proof_runs_while_somebody_looks(looks: list[list[float]], now: float, late: bool) -> None:
    assert rules.proof_is_late(100.0, 4.0, looks, now) is late
