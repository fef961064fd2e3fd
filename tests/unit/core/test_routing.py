"""Which policy takes a message, and whom a step of it reaches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.fixtures.telling import at

from watchkeeper.core.addressing import Way, address
from watchkeeper.core.escalations import Policy, Step, Target, begin, due_at, go_on, lapse, move, pause
from watchkeeper.core.hours import Hours
from watchkeeper.core.incidents.values import Incident, Status
from watchkeeper.core.inventory.values import Channel, Host, Inventory, Service, Team
from watchkeeper.core.routing import Contact, Route, Subject, Telling, matches, policy_for, subject_of

OFFICE = Hours((0, 1, 2, 3, 4), 8 * 3600, 17 * 3600, "Europe/Berlin")
DAY, NIGHT = at("2026-11-17 10:00"), at("2026-11-17 23:00")
SUBJECT = Subject(
    "shop", ("app1",), {"env": frozenset({"prod"}), "site": frozenset({"quay", "dock"})}, "P2", "ops", "opened"
)


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        (Route(), True),
        (Route(services=("shop",)), True),
        (Route(services=("desk", "sh*")), True),
        (Route(services=("desk",)), False),
        (Route(hosts=("app*",)), True),
        (Route(hosts=("db*",)), False),
        (Route(labels={"env": ("prod",)}), True),
        (Route(labels={"env": ("prod",), "site": ("d*",)}), True),
        (Route(labels={"env": ("prod",), "tier": ("*",)}), False),
        (Route(severities=("P1", "P2")), True),
        (Route(severities=("P1",)), False),
        (Route(owners=("ops",)), True),
        (Route(owners=("dock*",)), False),
        (Route(kinds=("closed",)), False),
        (Route(services=("shop",), severities=("P2",), hours="outside"), False),
        (Route(hours="business"), True),
    ],
)
def test_a_route_takes_what_fits_all_it_says(route: Route, fits: bool) -> None:
    assert matches(route, SUBJECT, OFFICE, DAY) is fits


def test_hours_decide_by_the_moment_and_the_first_route_wins() -> None:
    night, rest = Policy("night", (Step(0.0, ()),)), Policy("rest", (Step(0.0, ()),))
    routes = (Route(hours="outside", escalation="night"), Route(escalation="rest"), Route(escalation="night"))
    team = Team(hours=OFFICE, telling=Telling(routes, {"night": night, "rest": rest}))
    assert policy_for(team, SUBJECT, DAY) is rest
    assert policy_for(team, SUBJECT, NIGHT) is night
    assert policy_for(Team(), SUBJECT, DAY) is None


def test_an_incident_of_a_host_has_the_labels_of_the_host() -> None:
    host = Host("app1", "local", labels={"site": "quay"})
    service = Service("shop", hosts=("app1", "app2"), owner="ops", labels={"env": "prod"})
    inventory = Inventory("", 0.0, Team(), {"app1": host}, {"shop": service}, {}, {}, {})
    made = Incident(1, "shop", None, Status.OPEN, "P1", "", 0.0, ())
    assert subject_of(inventory, made, "opened").labels == {"env": {"prod"}, "site": {"quay"}}
    assert subject_of(inventory, replace(made, service="", host="app1"), "opened") == Subject(
        "", ("app1",), {"site": frozenset({"quay"})}, "P1", "", "opened"
    )


def team(**more) -> Team:
    channels = tuple(Channel(name, "script", "x") for name in ("sms-ana", "sms-ben", "mail"))
    people = {
        "ana": Contact("ana", ("sms-ana",)),
        "ben": Contact("ben", ("sms-ben",), hours=OFFICE),
        "vic": Contact("vic"),
    }
    telling = Telling(people=people, groups={"all": ("ana", "ben"), "mute": ("vic",)})
    return replace(Team(channels=channels, telling=telling), **more)


def reached(
    *targets: Target, on_call: dict[str, str] | None = None, severity: str = "P2", now: float = DAY
) -> list[Way]:
    return list(address(team(), Policy("p", (Step(0.0, targets),)), 0, on_call or {}, severity, now).ways)


def test_each_kind_of_target_reaches_whom_it_names() -> None:
    ana, ben = Way("ana", ("sms-ana", "mail", "sms-ben")), Way("ben", ("sms-ben", "mail", "sms-ana"))
    assert reached(Target("person", "ana")) == [ana]
    assert reached(Target("channel", "mail")) == [Way("mail", ("mail", "sms-ana", "sms-ben"))]
    assert [way.to for way in reached(Target("group", "all"))] == ["ana (all)", "ben (all)"]
    assert reached(Target("oncall", "p"), on_call={"p": "ben"}) == [replace(ben, to="ben (on call p)")]
    assert [way.channels for way in reached(Target("everybody"))] == [("sms-ana",), ("sms-ben",), ("mail",)]
    assert len(reached(Target("group", "all"), Target("person", "ana"), Target("everybody"))) == 3


def test_nobody_on_call_or_nobody_reached_is_everybody() -> None:
    assert len(reached(Target("oncall", "p"))) == 3
    assert len(reached(Target("oncall", "p"), on_call={"p": "vic"})) == 3
    assert len(reached(Target("group", "mute"))) == 3
    assert len(reached(Target("oncall", "p"), Target("person", "ana"))) == 3


def test_outside_his_hours_somebody_is_spared_but_never_the_last_one() -> None:
    def names(*targets: Target, **more) -> list[str]:
        return [way.to for way in reached(*targets, now=NIGHT, **more)]

    assert names(Target("group", "all")) == ["ana (all)"]
    assert names(Target("group", "all"), severity="P1") == ["ana (all)", "ben (all)"]
    assert names(Target("person", "ben")) == ["ben"]


def test_a_team_without_channels_reaches_nobody_and_says_so() -> None:
    found = address(Team(), None, 0, {}, "P1", DAY)
    assert found.ways == ()


POLICY = Policy("p", (Step(0.0, ()), Step(900.0, ()), Step(3600.0, ())), repeat=1, repeat_after_s=600.0)


def test_steps_are_due_at_their_time_and_again_after_the_last() -> None:
    assert [due_at(POLICY, number, 100.0, None) for number in range(7)] == [100, 1000, 3700, 4300, 5200, 7900, None]
    assert POLICY.words(4) == "step 2 of p, round 2"


def test_a_step_of_business_hours_waits_and_none_is_before_the_one_above() -> None:
    policy = Policy("p", (Step(0.0, (), True), Step(600.0, ()), Step(7200.0, (), True)))
    start = at("2026-11-20 16:00")  # a Friday
    assert due_at(policy, 0, start, OFFICE) == start
    assert due_at(policy, 2, start, OFFICE) == at("2026-11-23 09:00")
    late = at("2026-11-20 18:00")
    assert due_at(policy, 0, late, OFFICE) == due_at(policy, 1, late, OFFICE) == at("2026-11-23 08:00")


def test_hours_that_never_open_do_not_hold_a_step_back() -> None:
    mondays = frozenset((date(2026, 11, 2) + timedelta(weeks=week)).isoformat() for week in range(130))
    never = Hours((0,), 0, 3600, "UTC", mondays)
    policy = Policy("p", (Step(60.0, (), True),))
    assert due_at(policy, 0, DAY, None) == due_at(policy, 0, DAY, never) == DAY + 60


def test_what_was_left_of_the_time_is_left_after_a_pause() -> None:
    ladder = begin(POLICY, 1, 0, "P1", 0.0, None)
    step = move(ladder, POLICY, 0.0, None)
    assert step is not None
    held = pause(step.after, 300.0, "acknowledged", 4000.0)
    assert move(held, POLICY, 9999.0, None) is None
    assert pause(held, 350.0, "muted").paused_at == 300.0
    again = go_on(held, POLICY, 5000.0, None)
    assert (again.due_at, again.paused_at) == (5600.0, None)
    assert go_on(again, POLICY, 5100.0, None) == again
    over = lapse(held, POLICY, 4000.0, None)
    taken = move(over, POLICY, 4000.0, None)
    assert taken is not None and (taken.number, taken.missed) == (1, ())
    finished = replace(held, step=POLICY.length)
    last = move(lapse(finished, POLICY, 4000.0, None), POLICY, 4000.0, None)
    assert last is not None and (last.number, last.after.due_at) == (POLICY.length - 1, None)


def test_of_several_steps_that_are_due_the_last_is_taken() -> None:
    ladder = begin(POLICY, 1, 0, "P1", 0.0, None)
    taken = move(ladder, POLICY, 3650.0, None)
    assert taken is not None
    assert (taken.number, taken.missed, taken.due_at, taken.after.due_at) == (2, (0, 1), 3600.0, 4200.0)
    assert move(taken.after, POLICY, 3650.0, None) is None
