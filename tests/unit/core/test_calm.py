"""An incident that nobody fixed closes when it is calm; between the thresholds nothing is proven; members may be quiet."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.core.test_incident_rules import T0, a_check, a_flip, an_incident, examined, readings

from watchkeeper.core.checks.values import Judged, Reading, State, Verdict
from watchkeeper.core.conditions import parse_condition
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Ending, Incident
from watchkeeper.core.inventory.values import Check, Service

CHECK = replace(a_check(), every_s=10.0)  # calm after 40 s


def opened(check: Check = CHECK, **values: object) -> Incident:
    return replace(rules.opened(a_flip(values=values), None, check, T0), id=1)


def good(*after_s: float) -> list[Judged]:
    return readings((T0, State.CRIT), *((T0 + each, State.OK) for each in after_s))


def test_the_good_halves_of_a_fast_signal_close_nothing() -> None:
    incident = examined(opened(), good(10, 20), CHECK)
    assert incident.checks[0].proven_at is not None and rules.ending_of(incident) is None
    assert rules.ending_of(examined(opened(), good(10, 20, 30, 39), CHECK)) is None
    assert rules.ending_of(examined(opened(), good(10, 20, 30, 40), CHECK)) is Ending.ITSELF


def test_a_bad_reading_begins_the_calm_anew() -> None:
    seen = [*good(10, 20, 30), *readings((T0 + 35, State.CRIT), (T0 + 45, State.OK), (T0 + 55, State.OK))]
    assert rules.ending_of(examined(opened(), seen, CHECK)) is None
    seen += readings((T0 + 65, State.OK), (T0 + 75, State.OK))
    assert rules.ending_of(examined(opened(), seen, CHECK)) is Ending.ITSELF


def test_what_we_fixed_closes_by_its_proof_alone() -> None:
    incident = replace(opened(), fix_started_at=T0 + 1, last_change_at=T0 + 3)
    assert rules.ending_of(examined(incident, good(10, 20), CHECK)) is Ending.FIXED


def test_a_flapping_check_must_stay_quiet_for_longer() -> None:
    incident = opened(flapping=7)
    assert incident.checks[0].needed_s == 600.0
    assert rules.ending_of(examined(incident, good(*range(10, 600, 10)), CHECK)) is None
    assert rules.ending_of(examined(incident, good(*range(10, 610, 10)), CHECK)) is Ending.ITSELF


def test_without_flapping_the_readings_alone_count() -> None:
    plain = replace(CHECK, flapping=None)
    assert rules.ending_of(examined(opened(plain), good(10, 20), plain)) is Ending.ITSELF


def test_between_the_thresholds_nothing_is_proven_and_nothing_is_worse() -> None:
    check = replace(a_check(recover=2), flapping=None, recover_when=parse_condition("value < 80"))
    incident = opened(check)

    def seen(*values: float) -> list[Judged]:
        return [
            Judged(Reading("shop/web", T0 + 1 + n, 0.01, {"value": value}), Verdict(State.OK, ""), "r1")
            for n, value in enumerate(values)
        ]

    between = examined(incident, seen(70, 90, 90), check)
    assert (between.checks[0].proof_count, between.checks[0].last_bad_at) == (0, T0)
    assert examined(incident, seen(90, 70, 90, 70), check).checks[0].proof_count == 1
    assert rules.ending_of(examined(incident, seen(90, 70, 70), check)) is Ending.ITSELF


def test_a_recovery_that_must_last_is_proven_by_its_span() -> None:
    check = replace(a_check(recover=1), flapping=None, recover_s=20.0)
    assert rules.ending_of(examined(opened(check), good(5, 10, 24), check)) is None
    assert rules.ending_of(examined(opened(check), good(5, 10, 25), check)) is Ending.ITSELF


def test_progress_is_told_once_when_it_is_over() -> None:
    early, late = (examined(opened(), good(*times), CHECK) for times in ((10, 20), (10, 20, 30, 40)))
    assert not rules.is_over(early, early.checks[0]) and rules.is_over(late, late.checks[0])
    fixed = examined(replace(an_incident(), last_change_at=T0 + 3), good(10, 20))
    assert rules.is_over(fixed, fixed.checks[0])


def test_a_quiet_member_leaves_it_to_its_group() -> None:
    loud, quiet = Service("shop", checks=(CHECK,)), Service("shop", checks=(replace(CHECK, spoken_for="shop/all"),))
    assert rules.opens_incident(a_flip(), loud) and not rules.opens_incident(a_flip(), quiet)
