"""Escalation tables as small teams write them into their documents, each as keys of watchkeeper.yaml that do the same."""

from __future__ import annotations

import pytest
from tests.fixtures.telling import at

from watchkeeper.core.addressing import address
from watchkeeper.core.escalations import due_at
from watchkeeper.core.incidents.values import Incident, Severity, Status
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory
from watchkeeper.core.oncall.rotation import person_at
from watchkeeper.core.routing import policy_for, subject_of

# P1 at once, any hour, to a phone, then the administrator, then the security officer; P2 the same day: in business hours at
# once, with the administrator after four hours of them; P3 on the next business day, by mail alone. Backups and sign-in
# have rows of their own. What nobody takes is reported again every two hours. Level 2 after 15 minutes, level 3 after 30.
TABLES = """team: Harbour
timezone: Africa/Johannesburg
hours: {days: mon-fri, from: "08:00", to: "17:00", holidays: [south-africa]}
holidays: {south-africa: [2026-12-16, 2026-12-25, 2026-12-26]}
channels:
  phone-operator: {script: tools/a.sh}
  phone-admin: {script: tools/a.sh}
  phone-security: {script: tools/a.sh}
  mail: {script: tools/a.sh}
  tickets: {script: tools/a.sh}
people:
  operator: {channels: [phone-operator, mail]}
  admin: {channels: [phone-admin, mail]}
  security: {channels: [phone-security, mail]}
oncall:
  operations: {rotation: [operator, admin], every: 7d, hand_over: "mon 08:00", from: 2026-11-02}
escalations:
  at-once:
    steps: [{to: [oncall:operations]}, {after: 15m, to: [admin]}, {after: 30m, to: [everybody]}]
    repeat: {after: 2h, times: 12}
    acknowledged_for: 4h
  security: [{to: [security, oncall:operations]}, {after: 15m, to: [everybody]}]
  same-day: [{to: [oncall:operations], hours: business}, {after: 4h, to: [admin], hours: business}]
  next-business-day: [{to: [mail], hours: business}]
  known-but-left: [{to: [tickets]}]
routes:
  - {service: sign-in, severity: P1, escalation: security}
  - {service: "backup*", severity: [P1, P2], escalation: same-day}
  - {label: {repair: by-hand}, escalation: known-but-left}
  - {severity: P1, escalation: at-once}
  - {severity: P2, hours: business, escalation: same-day}
  - {severity: P2, hours: outside, escalation: same-day}
  - {severity: [P3, P4], escalation: next-business-day}
"""


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    services = dict.fromkeys(("shop", "sign-in", "backup-nightly"), b"")
    files = {f"services/{name}.yaml": f"service: {name}\n".encode() for name in services}
    files["services/reports.yaml"] = b"service: reports\nlabels: {repair: by-hand}\n"
    loaded = load({"watchkeeper.yaml": TABLES.encode(), "tools/a.sh": b"", **files}, at("2026-11-21 12:00"))
    assert loaded.inventory is not None, loaded.mistakes
    return loaded.inventory


@pytest.mark.parametrize(
    ("service", "severity", "opened", "expected"),
    [
        (
            "shop",
            "P1",
            "2026-11-21 03:00",
            [("2026-11-21 03:00", "phone-operator"), ("2026-11-21 03:15", "phone-admin")],
        ),
        ("shop", "P1", "2026-11-24 03:00", [("2026-11-24 03:00", "phone-admin"), ("2026-11-24 03:15", "phone-admin")]),
        ("sign-in", "P1", "2026-11-21 03:00", [("2026-11-21 03:00", "phone-security")]),
        ("shop", "P2", "2026-11-23 10:00", [("2026-11-23 10:00", "phone-admin"), ("2026-11-23 14:00", "phone-admin")]),
        (
            "shop",
            "P2",
            "2026-11-20 15:00",
            [("2026-11-20 15:00", "phone-operator"), ("2026-11-23 10:00", "phone-admin")],
        ),
        ("backup-nightly", "P1", "2026-12-16 02:00", [("2026-12-17 08:00", "phone-operator")]),
        ("shop", "P3", "2026-12-24 17:30", [("2026-12-28 08:00", "mail")]),
        ("shop", "P3", "2026-12-24 16:30", [("2026-12-24 16:30", "mail")]),
        ("reports", "P1", "2026-12-24 03:00", [("2026-12-24 03:00", "tickets")]),
    ],
)
def test_every_row_tells_whom_it_names_when_it_names(
    inventory: Inventory, service: str, severity: Severity, opened: str, expected: list[tuple[str, str]]
) -> None:
    zone = "Africa/Johannesburg"
    start = at(opened, zone)
    team = inventory.team
    incident = Incident(1, service, None, Status.OPEN, severity, "", start, ())
    policy = policy_for(team, subject_of(inventory, incident, "opened"), start)
    assert policy is not None
    for number, (when, channel) in enumerate(expected):
        due = due_at(policy, number, start, team.hours)
        assert due == at(when, zone)
        on_call = {name: person_at(each, (), due) for name, each in team.telling.schedules.items()}
        assert address(team, policy, number, on_call, severity, due).ways[0].channels[0] == channel


def test_the_report_every_two_hours_goes_on_for_a_day(inventory: Inventory) -> None:
    policy = inventory.team.telling.policies["at-once"]
    rounds = [due_at(policy, number, 0.0, None) for number in range(0, policy.length, 3)]
    assert rounds == [number * 9000.0 for number in range(13)]
    assert policy.acknowledged_for_s == 4 * 3600
