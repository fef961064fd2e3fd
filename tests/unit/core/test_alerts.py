"""Alerts of other programs: read without trust, placed by their label, and silent senders are no recovery."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.core.alerts import Alert, judge_alerts, read_posted, read_webhook
from watchkeeper.core.errors import Invalid, Usage
from watchkeeper.core.inventory.values import Check, Probe
from watchkeeper.core.watching import AlertPlan, known_names, place_alerts

NOW = 1_800_000_000.0


def webhook(*alerts: dict[str, Any]) -> bytes:
    return json.dumps({"version": "4", "receiver": "wk", "status": "firing", "alerts": alerts}).encode()


def given_alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status, "labels": {"alertname": "Down", **labels}, "annotations": {"summary": "it is down"},
        "startsAt": "2027-01-15T07:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "a1b2",
    }  # fmt: skip


def check(service: str, name: str = "alerts", kind: str = "alert", was: str | None = None) -> Check:
    return Check(
        f"{service}/{name}", service, name, None, "here", Probe(kind, {}), 30.0, 5.0, None, None, None, 1, "h", was
    )


def test_a_webhook_of_version_4() -> None:
    (alert,) = read_webhook(webhook(given_alert(severity="Critical")), NOW)
    assert (alert.name, alert.status, alert.severity, alert.fingerprint) == ("Down", "firing", "critical", "a1b2")
    assert (alert.summary, alert.sender, alert.ends_at) == ("it is down", "Alertmanager wk", None)
    assert alert.starts_at == 1_799_996_400.0


def test_prometheus_says_by_the_end_whether_it_fires() -> None:
    row = {"labels": {"alertname": "Down"}, "startsAt": "2027-01-15T07:00:00Z"}
    fires, over = (
        read_posted(json.dumps([{**row, "endsAt": ends}]).encode(), NOW)[0]
        for ends in ("2027-01-15T08:04:00Z", "2027-01-15T07:59:00Z")
    )
    assert (fires.status, fires.ends_at) == ("firing", NOW + 240.0)
    assert over.status == "resolved"
    assert fires.fingerprint == over.fingerprint


def test_labels_choose_among_services_and_nothing_is_lost() -> None:
    plan, checks = AlertPlan("service", "watch"), [check("watch"), check("shop", "prom"), check("shop", "web", "http")]
    alerts = read_webhook(webhook(given_alert(service="shop"), given_alert(service="../etc"), given_alert()), NOW)
    assert [each.check for each in place_alerts(alerts, plan, checks)] == ["shop/prom", "watch/alerts", "watch/alerts"]
    with pytest.raises(Invalid, match="not taken here"):
        place_alerts(alerts, None, checks)
    with pytest.raises(Invalid, match="not taken here"):
        place_alerts(alerts, AlertPlan("service", "gone"), checks)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"alerts": 1}', b'{"alerts": [1]}', b'{"alerts": [{}]}', b'{"alerts": [{"labels": {}}]}',
     b"[" * 100_000, b'{"alerts": [{"labels": 3}]}', json.dumps({"alerts": [{"labels": {"a": "b"}}] * 1001}).encode()],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(Usage):
        read_webhook(body, NOW)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"]), anything)
)
def test_no_alert_breaks_us(row: dict[str, Any]) -> None:
    for read, body in ((read_webhook, {"alerts": [row]}), (read_posted, [row])):
        try:
            alerts = read(json.dumps(body).encode(), NOW)
        except Usage:
            continue
        for alert in alerts:
            assert alert.summary.isprintable() and len(alert.summary) <= 400
            assert 0 < len(alert.fingerprint) <= 64 and alert.fingerprint.isalnum()
            judge_alerts([alert], NOW)


def fires(
    severity: str = "critical", ends_at: float | None = None, name: str = "Down", status: str = "firing"
) -> Alert:
    return Alert(name, status, name, severity, "gone", {}, NOW - 60, ends_at, NOW - 30, "Prometheus")  # type: ignore[arg-type]


def test_what_fires_is_counted_by_how_grave_it_is() -> None:
    values, error = judge_alerts([fires(), fires("warning", name="Slow"), fires("", name="Odd")], NOW)
    assert error is None
    assert (values["firing"], values["critical"], values["warning"], values["names"]) == (3, 2, 1, "Down, Odd, Slow")
    assert str(values["problem"]).endswith("and 2 more by Prometheus: gone")
    assert values["oldest"] == 60.0


def test_resolved_is_the_word_of_the_sender_and_said_so() -> None:
    values, error = judge_alerts([fires(status="resolved")], NOW)
    assert (error, values["firing"]) == (None, 0)
    assert values["told"] == "Down was resolved by the word of Prometheus, not by a check of ours"
    assert judge_alerts([], NOW)[0]["firing"] == 0


def test_a_sender_that_fell_silent_is_unknown_never_well() -> None:
    values, error = judge_alerts([fires(ends_at=NOW - 1)], NOW)
    assert values == {} and error is not None and "never resolved it" in error
    both, error = judge_alerts([fires(ends_at=NOW - 1), fires(name="Other")], NOW)
    assert error is None and (both["firing"], both["silent"]) == (1, 1)


def test_a_job_is_known_by_its_former_name_too() -> None:
    checks = [check("shop", "backup", "heartbeat", was="dump"), check("shop", "web", "http", was="site")]
    assert known_names(checks) == {"shop/dump": "shop/backup", "shop/backup": "shop/backup"}
