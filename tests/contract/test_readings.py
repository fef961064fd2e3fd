"""The readings store, in its file and in PostgreSQL: nothing acknowledged is lost, readers never disturb the writer, own
downtime is told. What only one of the two has to prove is in test_readings_file.py and test_readings_nodes.py.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.readings import NOW, Place, flip, judged

from watchkeeper.core.checks import Settled, State
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.services.ports import Ping
from watchkeeper.store.places import ReadingsReading, ReadingsWriting


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(
        tmp_path, empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    )


@pytest.fixture
def writer(place: Place) -> Iterator[ReadingsWriting]:
    store = place.writer()
    yield store
    store.close()


@pytest.fixture
def reader(place: Place) -> Iterator[ReadingsReading]:
    opened = place.reader()
    yield opened
    opened.close()


def test_a_tick_comes_back_as_it_was_written(writer: ReadingsWriting, reader: ReadingsReading) -> None:
    settled = Settled(State.CRIT, NOW, (State.OK, State.CRIT, State.UNKNOWN, State.WARN), 0, "status 500")
    one = judged("shop/web", NOW, State.CRIT, status=500, connected=True, ratio=0.5, text="x", nothing=None)
    written = writer.write([one], [flip("shop/web", NOW)], {"shop/web": settled})
    assert [each.seq for each in written] == [1]
    assert reader.flips(0) == written
    assert reader.flips(1) == []
    assert reader.readings("shop/web", NOW) == [one]
    assert reader.readings("shop/web", NOW + 1) == reader.readings("shop/other", 0) == []
    assert reader.latest() == {"shop/web": one}
    assert reader.settled() == writer.settled() == {"shop/web": settled}
    assert writer.rules() == {"shop/web": "r1"}
    assert writer.last_asked() == {"shop/web": NOW}


def test_the_newest_reading_keeps_its_reason_and_old_good_ones_do_not(
    writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    good, bad = judged("a", NOW), judged("a", NOW + 1, State.UNKNOWN)
    for each in (good, bad, judged("a", NOW + 2)):
        writer.write([each], [], {"a": Settled(each.verdict.state, each.reading.at)})
    assert [each.verdict.reason for each in reader.readings("a", 0)] == ["", "why UNKNOWN", ""]
    assert reader.readings("a", 0)[1].reading.error == "could not be asked"
    assert reader.latest()["a"].verdict.reason == "why OK"


def test_a_settled_state_without_a_reading_keeps_the_newest_reading(
    writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    writer.write([judged("a", NOW, status=200)], [], {"a": Settled(State.OK, NOW, (State.OK,), 1)})
    writer.write([], [], {"a": Settled(State.OK, NOW)})
    assert writer.settled()["a"] == Settled(State.OK, NOW)
    assert reader.latest()["a"].reading.values == {"status": 200}
    assert writer.rules() == {"a": "r1"}


def test_flip_numbers_grow_and_are_never_used_again(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    for number in range(5):
        writer.write([], [flip("a", NOW + number), flip("b", NOW + number)], {})
    place.execute("delete from watch.flip where seq > 6")
    assert [each.seq for each in writer.write([], [flip("a", NOW)], {})] == [11]
    assert [each.seq for each in reader.flips(4, limit=3)] == [5, 6, 11]


def test_a_failed_commit_stores_nothing_of_it_and_can_be_repeated(
    place: Place, writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    place.refuse_flips(True)
    with pytest.raises((sqlite3.Error, WatchkeeperError), match=r"disk full|broken"):
        writer.write([judged("new", NOW, rule="r9")], [flip("new", NOW)], {"new": Settled(State.CRIT, NOW)})
    place.refuse_flips(False)
    assert reader.settled() == {} and reader.readings("new", 0) == []
    writer.write([judged("new", NOW, rule="r9")], [flip("new", NOW)], {"new": Settled(State.CRIT, NOW)})
    assert [each.rule_hash for each in reader.readings("new", 0)] == ["r9"]
    assert len(reader.flips(0)) == 1


def test_own_downtime_is_told_once(writer: ReadingsWriting, reader: ReadingsReading) -> None:
    assert writer.gap(NOW, 5.0) is None  # never alive before
    writer.alive(NOW)
    assert writer.gap(NOW + 5, 5.0) is None
    assert writer.gap(NOW + 65, 5.0) == (NOW, NOW + 65)
    assert writer.gap(NOW + 66, 5.0) is None
    assert reader.gaps(0) == [(NOW, NOW + 65)]
    assert reader.gaps(NOW + 65) == []


def test_pings_are_kept(place: Place, writer: ReadingsWriting) -> None:
    assert writer.last_ping("a") == (None, None)
    success, start = Ping("a", NOW, "success", "300 MB"), Ping("a", NOW + 9, "start")
    for ping in (success, start, Ping("b", NOW + 20, "fail")):
        writer.ping(ping)
    assert writer.last_ping("a") == (success, start)
    for number in range(1200):
        writer.ping(Ping("a", NOW + 10 + number, "fail"))
    writer.close()
    again = place.writer()
    assert again.last_ping("a")[0] == success  # the only success is never pruned
    assert again.first_seen("a", NOW) == NOW
    assert again.first_seen("a", NOW + 50) == NOW
    again.close()
    assert place.execute("select count(*) from watch.ping where check_key = 'a'")[0][0] <= 1002


def test_the_number_of_raw_readings_is_bounded(place: Place, reader: ReadingsReading) -> None:
    store = place.writer(keep_rows=1000)
    for start in range(0, 8000, 500):
        store.write([judged("a", NOW + start + number) for number in range(500)], [], {})
    assert place.execute("select count(*) from watch.reading")[0][0] <= 2000
    assert reader.readings("a", 0, limit=10_000)[-1].reading.at == NOW + 7999
    store.close()


def test_a_reader_works_while_no_watch_runs(place: Place, reader: ReadingsReading) -> None:
    store = place.writer()
    store.write([judged("a", NOW)], [flip("a", NOW)], {"a": Settled(State.OK, NOW)})
    store.close()
    assert len(reader.flips(0)) == 1


def test_two_readers_and_a_writer_at_once_see_whole_ticks_in_order(
    writer: ReadingsWriting, reader: ReadingsReading
) -> None:
    """Each tick moves both checks together; a reader that saw half of one would notice."""
    failures: list[str] = []
    stopping = threading.Event()
    seen = [0, 0]

    def follow(number: int) -> None:
        cursor = 0
        while not stopping.is_set() or cursor < 400:
            flips = reader.flips(cursor, 50)
            if [each.seq for each in flips] != list(range(cursor + 1, cursor + 1 + len(flips))):
                failures.append(f"a flip is missing after {cursor}")
                return
            cursor += len(flips)
            latest = reader.latest()
            if len({row.reading.at for row in latest.values()}) > 1:
                failures.append("half a tick was seen")
                return
            seen[number] = cursor

    threads = [threading.Thread(target=follow, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for number in range(200):
        at = NOW + number
        states = {"a": Settled(State.OK, at), "b": Settled(State.OK, at)}
        writer.write([judged("a", at), judged("b", at)], [flip("a", at), flip("b", at)], states)
    stopping.set()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert seen == [400, 400]


_CHILD = """
import sys
from pathlib import Path
from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.store.places import open_readings_writer
store = open_readings_writer(Path(sys.argv[1]), sys.argv[2])
start = int(sys.argv[3])
for number in range(start, start + 100000):
    at = float(number)
    row = Judged(Reading("a", at, 0.0, {"n": number}), Verdict(State.OK, ""), "r")
    flip = Flip(0, "a", "s", None, at, State.OK, State.CRIT, "x", {"n": number}, "r", "rule")
    done = store.write([row, row], [flip], {"a": Settled(State.CRIT, at)})
    print(done[0].seq, number, flush=True)
"""


def test_kill_9_between_commits_loses_nothing_that_was_acknowledged(place: Place, reader: ReadingsReading) -> None:
    acknowledged = 0
    for _ in range(4):
        command = [sys.executable, "-c", _CHILD, str(place.state), place.url, str(acknowledged)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(30):
                acknowledged = int(child.stdout.readline().split()[0])
            child.send_signal(signal.SIGKILL)
            for line in child.stdout.read().splitlines():
                if len(line.split()) == 2:
                    acknowledged = int(line.split()[0])
        flips = reader.flips(0, limit=1_000_000)
        assert [each.seq for each in flips] == list(range(1, len(flips) + 1))
        assert len(flips) in (acknowledged, acknowledged + 1)  # one may be committed and not yet told
        acknowledged = len(flips)
        settled = reader.settled()["a"]
        assert settled.since == flips[-1].at  # the tick is there as a whole
        assert len(reader.readings("a", 0, 1_000_000)) == 2 * len(flips)
    if not place.url:
        assert place.execute("pragma integrity_check") == [("ok",)]
