"""People, schedules, policies and routes in watchkeeper.yaml: what is read, and every mistake with its line."""

from __future__ import annotations

import pytest
from tests.fixtures.telling import TEAM, at

from watchkeeper.core.escalations import Policy, Step, Target
from watchkeeper.core.hours import Hours
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.schema import schema
from watchkeeper.core.inventory.values import Loaded
from watchkeeper.core.oncall.values import Layer
from watchkeeper.core.routing import Contact

HEAD = """team: Harbour
channels: {sms: {script: tools/a.sh}, mail: {script: tools/a.sh}}
people: {ana: {channels: [sms]}, ben: {channels: [mail]}, vic: {role: viewer}}
holidays: {berlin: [2026-12-25]}
"""
NOW = at("2026-11-21 12:00")


def read(text: str) -> Loaded:
    services = {f"services/{name}.yaml": f"service: {name}\n".encode() for name in ("shop", "desk", "batch", "crane")}
    return load({"watchkeeper.yaml": text.encode(), "tools/a.sh": b"", **services}, NOW)


def mistakes(text: str, level: str = "error") -> list[tuple[int, str, str]]:
    return [(each.line, each.found, each.did_you_mean) for each in read(text).mistakes if each.level == level]


def test_a_whole_team_is_read() -> None:
    loaded = read(TEAM)
    assert loaded.inventory is not None, loaded.mistakes
    telling = loaded.inventory.team.telling
    assert telling.people["ana"] == Contact("ana", ("sms-ana", "mail"), "Europe/Berlin", None)
    assert telling.people["chi"].hours == Hours(tuple(range(7)), 7 * 3600, 22 * 3600, "Europe/Berlin")
    assert telling.groups == {"leads": ("ben", "chi")}
    assert telling.schedules["primary"].layers == (
        Layer(("ana", "ben", "chi"), 7 * 86400, "2026-11-02", 9 * 3600, "2026-11-02"),
    )
    assert telling.policies["default"].steps[1] == Step(900.0, (Target("group", "leads"), Target("channel", "mail")))
    low = telling.policies["low"]
    assert low == Policy("low", low.steps, acknowledged_for_s=3600.0)
    assert [step.business for step in low.steps] == [True, True]
    assert (telling.policies["round"].repeat, telling.policies["round"].repeat_after_s) == (4, 1800.0)
    assert [route.escalation or route.channels for route in telling.routes] == [
        "low", "office", "round", ("chat", "mail"), ("chat",),
    ]  # fmt: skip
    hours = loaded.inventory.team.hours
    assert hours is not None and hours.holidays == {"2026-12-25", "2026-12-26", "2027-01-01"}


def test_a_role_is_no_longer_needed_and_only_written_ones_lower() -> None:
    loaded = read(HEAD)
    assert loaded.inventory is not None and loaded.inventory.team.people == {"vic": "viewer"}


@pytest.mark.parametrize(
    ("keys", "line", "found"),
    [
        ("oncall: {p: {rotation: [ana, bem], every: 7d, from: 2026-11-02}}", 5, "the unknown person 'bem'"),
        ("oncall: {p: {rotation: [vic]}}", 5, "'vic', who has no channels"),
        ("oncall: {p: {rotation: [ana, ben], every: 7d}}", 5, "a rotation without 'from'"),
        ("oncall: {p: {rotation: [ana, ben], from: 2026-11-02}}", 5, "a rotation without 'every'"),
        ("oncall: {p: {rotation: []}}", 5, "nobody in it"),
        ("oncall: {p: {timezone: Europe/Berlin}}", 5, "'p' with neither"),
        ("oncall: {p: {rotation: [ana], layers: [{rotation: [ben]}]}}", 5, "'p' with both"),
        ("oncall: {p: {rotation: [ana], every: 90m}}", 5, "'90m'"),
        ("oncall: {p: {rotation: [ana], every: 5h}}", 5, "'5h'"),
        ("oncall: {p: {rotation: [ana], every: 36h}}", 5, "'36h'"),
        ('oncall: {p: {rotation: [ana], every: 1d, hand_over: "mon 09:00"}}', 5, "a day of the week, and turns of 1d"),
        ('oncall: {p: {rotation: [ana], hand_over: "monday9"}}', 5, "'monday9'"),
        ("oncall: {p: {rotation: [ana], holidays: berlin}}", 5, "'holidays' without 'cover'"),
        ("oncall: {p: {rotation: [ana], cover: [ben]}}", 5, "'cover' without 'holidays'"),
        ("oncall: {p: {rotation: [ana], holidays: bern, cover: [ben]}}", 5, "the unknown calendar 'bern'"),
        ("oncall:\n  p:\n    rotation: [ana]\n    overrides:\n      - {person: ben, from: 2026-12-02, to: 2026-12-01}", 9,
         "an override that ends before it begins"),
        ("oncall: {p: {rotation: [ana], overrides: [{person: bem, from: 2026-12-02, to: 2026-12-03}]}}", 5,
         "the unknown person 'bem'"),
        ("groups: {leads: []}", 5, "an empty group"),
        ("groups: {leads: [ana, x]}", 5, "the unknown person 'x'"),
        ("escalations: {e: []}", 5, "no step"),
        ("escalations: {e: [{after: 0s, to: []}]}", 5, "nobody"),
        ("escalations:\n  e:\n    - {after: 1h, to: [ana]}\n    - {after: 30m, to: [ben]}", 8, "'30m'"),
        ("escalations: {e: [{after: 0s, to: [oncall:primry]}]}", 5, "the unknown schedule 'primry'"),
        ("escalations: {e: [{after: 0s, to: [anna]}]}", 5, "the unknown target 'anna'"),
        ("escalations: {e: [{after: 0s, to: [pager:ana]}]}", 5, "the unknown kind of target 'pager'"),
        ("escalations: {e: [{after: 0s, to: [vic]}]}", 5, "'vic', who has no channels"),
        ("escalations: {e: [{after: 0s, hours: business, to: [ana]}]}", 5, "'business', and the team has no hours"),
        ("escalations: {e: [{afters: 0s, to: [ana]}]}", 5, "the unknown key 'afters'"),
        ("escalations: {e: {steps: [{to: [ana]}], repeat: {times: 0}}}", 5, "'0'"),
        ("groups: {mail: [ana]}\nescalations: {e: [{to: [mail]}]}", 6, "'mail', which is a channel and a group"),
        ("routes: [{severity: P1}]", 5, "neither"),
        ("routes: [{escalation: urgent}]", 5, "the unknown policy 'urgent'"),
        ("routes: [{channels: [mial]}]", 5, "the unknown channel 'mial'"),
        ("routes: [{service: shup, channels: [mail]}]", 5, "the unknown service 'shup'"),
        ("routes: [{host: app9, channels: [mail]}]", 5, "the unknown host 'app9'"),
        ("routes: [{hours: outside, channels: [mail]}]", 5, "'outside', and the team has no hours"),
        ("routes: [{severity: P7, channels: [mail]}]", 5, "'P7'"),
        ("routes: [{kind: opend, channels: [mail]}]", 5, "'opend'"),
        ('hours: {from: "17:00", to: "17:00"}', 5, "a map"),
        ('hours: {from: "17:00", to: "18:00", holidays: [bern]}', 5, "the unknown calendar 'bern'"),
        ("holidays: {x: [25.12.2026]}", 5, "'25.12.2026'"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_line(keys: str, line: int, found: str) -> None:
    head = HEAD.replace("holidays: {berlin: [2026-12-25]}", "") if keys.startswith("holidays") else HEAD
    made = mistakes(f"{head}{keys}\n")
    assert [(each[0], each[1]) for each in made] == [(line, found)], made


def test_a_mistake_in_one_key_does_not_hide_those_in_others() -> None:
    text = HEAD.replace("team: Harbour", "team: Harbour\ntimezone: Berlin") + (
        "oncall: {p: {rotation: [bem]}}\nescalations: {e: [{to: [oncall:q]}]}\nroutes: [{escalation: f}]\nbackup: 3\n"
    )
    assert [line for line, _, _ in mistakes(text)] == [2, 6, 7, 8, 9]


def test_a_route_that_nothing_reaches_is_a_warning() -> None:
    text = HEAD + "routes:\n  - {channels: [mail]}\n  - {severity: P1, channels: [sms]}\n"
    assert mistakes(text, "warning") == [(7, "a route behind one that takes every message", "")]


def test_a_gap_that_a_policy_would_ask_is_found_in_advance_and_others_are_not() -> None:
    office = (
        'oncall: {p: {rotation: [ana], restrict: {from: "08:00", to: "17:00"}}}\nhours: {from: "08:00", to: "17:00"}\n'
    )
    asked = HEAD + office + "escalations: {default: [{to: [oncall:p]}]}\n"
    ((line, found, _),) = mistakes(asked, "warning")
    assert line == 5
    assert found.startswith("'p' with nobody on call from Sat 2026-11-21 11:00 until Mon 2026-11-23 08:00")
    business = HEAD + office + "escalations: {default: [{to: [oncall:p], hours: business}]}\n"
    routed = HEAD + office + "escalations: {day: [{to: [oncall:p]}]}\nroutes: [{hours: business, escalation: day}]\n"
    unused = HEAD + office
    for text in (business, routed, unused):
        assert mistakes(text, "warning") == []
    later = HEAD + "oncall: {p: {rotation: [ana], from: 2026-12-01}}\nescalations: {default: [{to: [oncall:p]}]}\n"
    assert len(mistakes(later, "warning")) == 1


def test_editors_know_both_forms_of_a_policy() -> None:
    found = schema("watchkeeper")["$defs"]["PolicyModel"]
    assert [each["type"] for each in found["anyOf"]] == ["array", "object"]
