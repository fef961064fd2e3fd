"""Pings and alerts in both readings stores: whole, in order, once, and bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.readings import NOW, Place

from watchkeeper.core.alerts import KEPT_S, Alert
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.store.readings.pings import FEW, MANY, Pruning

WHOLE = Ping("a", NOW, "fail", "disk full", "run-7", 3, 12.5, "line one\nZoë: disk full\n", "POST from 127.0.0.1")


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    url = empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    return Place(tmp_path, url)


def test_a_ping_comes_back_whole(place: Place) -> None:
    writer, reader = place.writer(), place.reader()
    writer.add_pings([WHOLE, Ping("b", NOW, "start"), Ping("a", NOW + 1, "log", body="nul \x00 here")])
    assert reader.pings("a")[0] == WHOLE
    assert reader.pings("a")[1].body.startswith("nul ")
    assert writer.pings("a")[0] == replace(WHOLE, body="", source=""), "judging needs no bodies"
    assert [each.check for each in writer.pings("b")] == ["b"]
    assert writer.last_ping("a")[1] == Ping("a", NOW + 1, "log")
    writer.close()
    reader.close()


def test_pings_come_in_the_order_they_were_taken_and_newest_last(place: Place) -> None:
    writer = place.writer()
    writer.add_pings([Ping("a", NOW + number, "success") for number in range(30)])
    assert [each.at for each in writer.pings("a", 3)] == [NOW + 27, NOW + 28, NOW + 29]
    writer.close()


def test_what_was_kept_aside_is_stored_once(place: Place) -> None:
    writer = place.writer()
    aside = [WHOLE, Ping("a", NOW, "start"), Ping("a", NOW, "start", rid="x")]
    for _ in range(3):
        writer.add_pings(aside, once=True)
    assert len(writer.pings("a")) == 3
    writer.add_pings([WHOLE])
    assert len(writer.pings("a")) == 4, "a job may say the same thing twice"
    writer.close()


def test_under_load_old_pings_go_too_and_the_last_success_stays(place: Place) -> None:
    writer = place.writer()
    writer.add_pings([Ping("a", NOW, "success")])
    for start in range(0, 4000, 100):
        writer.add_pings([Ping("a", NOW + 1 + start + number, "start") for number in range(100)])
        writer.add_pings([Ping("few", NOW + start, "start"), *(Ping("b", NOW + start, "success") for _ in range(40))])
    kept = dict(place.execute("select check_key, count(*) from watch.ping group by check_key"))
    assert kept["few"] == 40 and max(kept.values()) <= 1001 + MANY + 100
    writer.add_pings(
        [Ping("a", NOW + 9000, "start"), Ping("b", NOW + 9000, "start")]
    )  # quiet ones: now they are pruned
    assert [each.at for each in writer.pings("b", 1)] == [NOW + 9000]
    assert place.execute("select count(*) from watch.ping")[0][0] <= 2 * 1002 + 40
    assert writer.last_ping("a")[0] == Ping("a", NOW, "success")
    writer.close()


def test_checks_that_report_in_step_are_not_pruned_with_one_commit() -> None:
    pruning, names = Pruning(), [f"job{number}" for number in range(100)]
    found = [pruning.due([Ping(name, NOW + turn, "success") for name in names]) for turn in range(MANY + 20)]
    assert not any(found[: MANY - 1]) and max(map(len, found)) <= FEW
    assert sorted(name for each in found for name in each) == sorted(names)
    quiet = pruning.due([Ping("job3", NOW, "success"), Ping("other", NOW, "success")])
    assert quiet == ["job3", "other"]


def test_the_newest_word_of_an_alert_counts(place: Place) -> None:
    writer, reader = place.writer(), place.reader()
    first = Alert(
        "f1", "firing", "Down", "critical", "gone", {"a": "ä"}, NOW - 9, None, NOW, "Alertmanager", "shop/alerts"
    )
    over = replace(first, status="resolved", ends_at=NOW + 5, updated_at=NOW + 6)
    writer.put_alerts([first, replace(first, fingerprint="f2"), replace(first, check="other/alerts")], NOW)
    writer.put_alerts([over], NOW + 6)
    assert sorted(writer.alerts("shop/alerts"), key=lambda each: each.fingerprint)[0] == over
    assert len(reader.alerts("shop/alerts")) == 2 and reader.alerts("other/alerts")[0].labels == {"a": "ä"}
    writer.put_alerts([], NOW + 7 + KEPT_S)
    assert [each.fingerprint for each in writer.alerts("shop/alerts")] == ["f2"], "what fires is never forgotten"
    writer.close()
    reader.close()
