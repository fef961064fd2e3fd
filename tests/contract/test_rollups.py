"""Folding in the file and in PostgreSQL: nothing is lost or counted twice, whatever comes late or fails in between."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.readings import Place, judged

from watchkeeper.core.checks import Judged, Settled, State
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.readings.retention import Retention
from watchkeeper.services.history import History
from watchkeeper.services.ports.rollups import RollupsPort
from watchkeeper.store.places import ReadingsReading, ReadingsWriting

DAY = 20_000 * 86_400.0  # midnight UTC
HOUR = 3600.0


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(
        tmp_path, empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    )


@pytest.fixture
def writer(place: Place) -> Iterator[ReadingsWriting]:
    store = place.writer()
    quiet(store)
    yield store
    store.close()


@pytest.fixture
def reader(place: Place) -> Iterator[ReadingsReading]:
    opened = place.reader()
    yield opened
    opened.close()


def quiet(store: ReadingsWriting) -> None:
    """Fold only when the test says so."""
    store._pace.now_and_then = lambda *_: None  # type: ignore[attr-defined]


def fold_all(store: ReadingsWriting, now: float, most: int = 3) -> int:
    store._folder.forget_round()  # type: ignore[attr-defined]
    folded = 0
    for _ in range(1000):
        step = store.fold(now, most)
        folded += step
        if not step and not store._folder._round:  # type: ignore[attr-defined]
            return folded
    raise AssertionError("folding does not end")


def readings(check: str, hours: int, every_s: float = 60.0, seed: int = 1) -> list[Judged]:
    chance = random.Random(seed)
    found = []
    for number in range(round(hours * HOUR / every_s)):
        state = State.CRIT if chance.random() < 0.05 else State.OK
        at = round(DAY + number * every_s + chance.random(), 3)
        status = 500 if state is State.CRIT else 200
        found.append(judged(check, at, state, status=status, value=round(chance.gauss(50, 9), 2)))
    return found


def facts(store: RollupsPort, check: str, until: float = DAY + 2 * 86_400) -> dict[str, object]:
    """Everything that must not depend on the order of things."""
    day = store.days(check, DAY, until)
    hours = store.hours(check, DAY, until)
    return {
        "readings": [
            (each.reading.at, each.verdict.state, dict(each.reading.values)) for each in store.readings(check, 0, 10**6)
        ],
        "days": [(at, each.counts, each.errors, [round(part) for part in each.seconds]) for at, each in day],
        "hours": [(at, each.counts, each.errors, [round(part) for part in each.seconds]) for at, each in hours],
        "p95": [each.sketches["value"].percentile(0.95) for _at, each in day],
        "buckets": [each.sketches["value"].positive for _at, each in [*day, *hours]],
    }  # fmt: skip


def test_a_folded_reading_is_read_as_before(writer: ReadingsWriting, reader: ReadingsReading) -> None:
    given = readings("shop/web", 5)
    writer.write(given, [], {})
    before = reader.readings("shop/web", 0, 10_000)
    assert fold_all(writer, DAY + 4 * HOUR + 1000) == 4
    assert reader.readings("shop/web", 0, 10_000) == before == writer.readings("shop/web", 0, 10_000)
    since = given[77].reading.at
    assert reader.readings("shop/web", since, 5) == before[77:82]
    assert reader.readings("shop/web", since, 500, until=given[200].reading.at) == before[77:200]
    assert reader.first_reading("shop/web") == given[0].reading.at
    assert reader.readings("shop/other", 0) == [] and reader.first_reading("shop/other") is None
    raw = given[4 * 60 :]
    assert [each.reading.at for each in reader.readings("shop/web", DAY + 4 * HOUR)] == [
        each.reading.at for each in raw
    ]


def test_late_readings_and_any_order_give_the_same(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    given = readings("a", 7)
    writer.write(given, [], {})
    fold_all(writer, DAY + 2 * 86_400)
    expected = facts(reader, "a")
    chance = random.Random(4)
    shuffled = list(given)
    chance.shuffle(shuffled)
    for part in range(5):
        renamed = [
            judged("b", each.reading.at, each.verdict.state, **each.reading.values) for each in shuffled[part::5]
        ]
        writer.write(renamed, [], {})
        if part == 3:  # these wait, not folded: what is read is the same
            assert len(reader.readings("b", 0, 10_000)) == len(given) - len(shuffled[4::5])
        else:
            fold_all(writer, DAY + 2 * 86_400, most=1)
    fold_all(writer, DAY + 2 * 86_400)
    assert facts(reader, "b") == expected
    assert place.execute("select count(*) from watch.reading")[0][0] == 0


def test_a_fold_that_fails_half_way_changes_nothing_and_is_repeated(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    writer.write(readings("a", 3), [], {})
    before = reader.readings("a", 0, 10_000)
    for table in ("blob", "hour", "day"):
        if place.url:
            place.execute(f"alter table watch.{table} add constraint broken check (check_id < 0) not valid")
        else:
            place.execute(f"create trigger broken before insert on {table} begin select raise(abort, 'disk full'); end")
        with pytest.raises((sqlite3.Error, WatchkeeperError)):
            writer.fold(DAY + 86_400)
        assert reader.readings("a", 0, 10_000) == before and reader.days("a", DAY, DAY + 86_400) == []
        place.execute(f"alter table watch.{table} drop constraint broken" if place.url else "drop trigger broken")
    assert fold_all(writer, DAY + 86_400) == 3
    assert reader.readings("a", 0, 10_000) == before
    assert [each.count for _at, each in reader.days("a", DAY, DAY + 86_400)] == [180]


_CHILD = """
import sys
from pathlib import Path
from watchkeeper.store.places import open_readings_writer
store = open_readings_writer(Path(sys.argv[1]), sys.argv[2])
while store.fold(float(sys.argv[3]), 1):
    print("folded", flush=True)
"""


def test_kill_9_between_folds_loses_nothing_and_counts_nothing_twice(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    given = {check: readings(check, 24, 120.0, seed) for seed, check in enumerate(("a", "b", "c"))}
    for each in given.values():
        writer.write(each, [], {})
    now = DAY + 2 * 86_400
    for _ in range(5):
        command = [sys.executable, "-c", _CHILD, str(place.state), place.url, str(now)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(7):
                child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        for check, each in given.items():
            assert [found.reading.at for found in reader.readings(check, 0, 10_000)] == [one.reading.at for one in each]
            folded = sum(rollup.count for _at, rollup in reader.days(check, DAY, now))
            assert folded == sum(rollup.count for _at, rollup in reader.hours(check, DAY, now))
    assert place.execute("select count(*) from watch.blob")[0][0] >= 35
    fold_all(writer, now)
    for check, each in given.items():
        assert [rollup.count for _at, rollup in reader.days(check, DAY, now)] == [len(each)]


def test_writing_folds_by_itself_and_a_fault_of_folding_stops_no_write(
    place: Place, reader: ReadingsReading, caplog: pytest.LogCaptureFixture
) -> None:
    store = place.writer()
    store.write(readings("a", 2), [], {})
    store._pace.EVERY_S = store._pace._not_before = 0.0  # type: ignore[attr-defined]
    store._folder.slice = lambda *_: 1 / 0  # type: ignore[attr-defined]
    store.write([judged("a", DAY + 3 * HOUR)], [], {"a": Settled(State.OK, DAY)})
    store.write([judged("a", DAY + 3 * HOUR + 1)], [], {})
    assert sum("cannot be folded" in each.message for each in caplog.records) == 1
    assert len(reader.readings("a", 0, 1000)) == 122
    del store._folder.slice  # type: ignore[attr-defined]
    store._pace._not_before = 0.0  # type: ignore[attr-defined]
    for second in range(2, 20):
        store.write([judged("a", DAY + 3 * HOUR + 300 + second)], [], {})
    assert place.execute("select count(*) from watch.blob")[0][0] == 2
    assert len(reader.readings("a", 0, 1000)) == 140
    store.close()


def test_what_is_past_its_time_goes_by_its_own_time(place: Place, reader: ReadingsReading) -> None:
    store = place.writer(retention=Retention(1 * 86_400, 3 * 86_400, 10 * 86_400))
    quiet(store)
    for day in range(6):
        store.write([judged("a", DAY + day * 86_400 + hour * HOUR, value=1.0) for hour in range(24)], [], {})
    now = DAY + 6 * 86_400
    fold_all(store, now)
    assert reader.readings("a", 0, 10_000)[0].reading.at == now - 86_400
    assert reader.hours("a", 0, now)[0][0] == now - 3 * 86_400
    assert len(reader.days("a", 0, now)) == 6
    assert reader.first_reading("a") == DAY
    assert reader.sketch("a", "value", DAY, now).count == 6 * 24
    store.keep(Retention(86_400, 86_400, 2 * 86_400))
    fold_all(store, now)
    assert len(reader.days("a", 0, now)) == 2 and len(reader.hours("a", 0, now)) == 23  # the newest is still raw
    store.write([judged("a", DAY + 5 * 86_400 + 12.5 * HOUR, value=2.0)], [], {})
    store.write([judged("a", DAY + 12.5 * HOUR, value=2.0)], [], {})  # ages late: folded, and gone with its time
    fold_all(store, now)
    assert [each.count for _at, each in reader.days("a", 0, now)] == [24, 24]
    store.close()


def test_percentiles_of_any_span_count_each_reading_once(writer: ReadingsWriting, reader: ReadingsReading) -> None:
    given = [*readings("a", 30, 120.0)]
    writer.write(given, [], {})
    fold_all(writer, DAY + 28 * HOUR + 1000)  # the last two hours are raw
    chance = random.Random(9)
    for _ in range(25):
        since, until = sorted(DAY + chance.random() * 30 * HOUR for _ in range(2))
        for name in ("latency", "value", "status"):
            inside = [each for each in given if since <= each.reading.at < until]
            expected = [each for each in inside if name != "latency" or each.reading.error is None]
            assert reader.sketch("a", name, since, until).count == len(expected), (since, until, name)
    assert reader.sketch("a", "value", DAY + 3 * HOUR, DAY + 3 * HOUR).count == 0
    assert reader.sketch("nothing", "value", DAY, DAY + HOUR).count == 0


def test_availability_knows_gaps_holes_and_what_was_never_watched(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    from watchkeeper.core.checks import Flip

    def flip(check: str, at: float, before: State, after: State) -> Flip:
        return Flip(0, check, "shop", None, at, before, after, "", {}, "r1", "")

    every_10_min = [DAY + 600 * number for number in range(4 * 144)]
    away = (DAY + 86_400 + 6 * HOUR, DAY + 86_400 + 30 * HOUR)  # nobody asked `b` for 24 hours
    writer.write([judged("a", at, value=1.0) for at in every_10_min], [], {"a": Settled(State.OK, DAY)})
    writer.write([judged("b", at, value=1.0) for at in every_10_min if not away[0] <= at < away[1]], [], {})
    writer.write(
        [], [flip("a", DAY + 10 * HOUR, State.OK, State.CRIT), flip("a", DAY + 12 * HOUR, State.CRIT, State.OK)], {}
    )
    writer.write([], [flip("b", DAY + HOUR, State.OK, State.WARN), flip("b", DAY + 2 * HOUR, State.WARN, State.OK)], {})
    now = DAY + 4 * 86_400
    fold_all(writer, now + 2000)
    writer.alive(now - 2 * HOUR)
    writer.gap(now - HOUR, 5.0)
    writer.alive(now)
    history = History(reader, lambda: now)
    splits = history.splits(["a", "b", "new"], DAY - 10 * HOUR, now)
    a, b = splits["a"], splits["b"]
    assert (a.unwatched_s, a.down_s, a.unknown_s - a.unwatched_s) == (10 * HOUR, 2 * HOUR, HOUR)
    assert (b.degraded_s, b.unknown_s - b.unwatched_s) == (HOUR, HOUR + 24 * HOUR)
    assert splits["new"].known_s == 0.0
    planned = history.splits(["a"], DAY, now, {"a": [(DAY + 11 * HOUR, DAY + 11.5 * HOUR)]})["a"]
    assert (planned.maintenance_s, planned.down_s) == (0.5 * HOUR, 1.5 * HOUR)
    both = history.split_together({"shop": ["a", "b"]}, DAY, now, {"a": [(DAY + 11 * HOUR, DAY + 11.5 * HOUR)]})["shop"]
    assert (both.down_s, both.degraded_s, both.maintenance_s) == (1.5 * HOUR, HOUR, 0.5 * HOUR)
    writer.write([], [flip("a", now - 60, State.OK, State.CRIT)], {})
    assert history.splits(["a"], DAY, now)["a"].down_s == 2 * HOUR + 60
    later = History(reader, lambda: now + 500)
    assert later.splits(["a"], now, now + 500)["a"].unknown_s == pytest.approx(500)  # no watch has said that it lives
