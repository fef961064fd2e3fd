"""The readings store: nothing acknowledged is lost, readers never disturb the writer, own downtime is told."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Value, Verdict
from watchkeeper.core.errors import Invalid
from watchkeeper.services.ports import Ping
from watchkeeper.store.readings.reader import ReadingsReader
from watchkeeper.store.readings.writer import DAY_S, ReadingsWriter

NOW = 1_800_000_000.0


def judged(check: str, at: float, state: State = State.OK, rule: str = "r1", **values: Value) -> Judged:
    error = "could not be asked" if state is State.UNKNOWN else None
    return Judged(Reading(check, at, 0.0123, values, error), Verdict(state, f"why {state}"), rule)


def flip(check: str, at: float, after: State = State.CRIT) -> Flip:
    return Flip(0, check, "shop", None, at, State.OK, after, "status 500", {"status": 500}, "r1", "status != 200")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def writer(path: Path) -> Iterator[ReadingsWriter]:
    store = ReadingsWriter(path)
    yield store
    store.close()


def test_a_tick_comes_back_as_it_was_written(writer: ReadingsWriter, path: Path) -> None:
    settled = Settled(State.CRIT, NOW, (State.OK, State.CRIT, State.UNKNOWN, State.WARN), 0, "status 500")
    one = judged("shop/web", NOW, State.CRIT, status=500, connected=True, ratio=0.5, text="x", nothing=None)
    written = writer.write([one], [flip("shop/web", NOW)], {"shop/web": settled})
    reader = ReadingsReader(path)
    assert [each.seq for each in written] == [1]
    assert reader.flips(0) == written
    assert reader.flips(1) == []
    assert reader.readings("shop/web", NOW) == [one]
    assert reader.readings("shop/web", NOW + 1) == reader.readings("shop/other", 0) == []
    assert reader.latest() == {"shop/web": one}
    assert reader.settled() == writer.settled() == {"shop/web": settled}
    assert writer.rules() == {"shop/web": "r1"}
    assert writer.last_asked() == {"shop/web": NOW}
    reader.close()


def test_the_newest_reading_keeps_its_reason_and_old_good_ones_do_not(writer: ReadingsWriter, path: Path) -> None:
    good, bad = judged("a", NOW), judged("a", NOW + 1, State.UNKNOWN)
    for each in (good, bad, judged("a", NOW + 2)):
        writer.write([each], [], {"a": Settled(each.verdict.state, each.reading.at)})
    reader = ReadingsReader(path)
    assert [each.verdict.reason for each in reader.readings("a", 0)] == ["", "why UNKNOWN", ""]
    assert reader.readings("a", 0)[1].reading.error == "could not be asked"
    assert reader.latest()["a"].verdict.reason == "why OK"
    reader.close()


def test_bodies_are_not_stored_and_long_texts_are_cut(writer: ReadingsWriter, path: Path) -> None:
    writer.write([judged("a", NOW, body="secret page", output="y" * 5000)], [], {"a": Settled(State.OK, NOW)})
    writer.close()
    assert b"secret page" not in path.read_bytes()
    assert ReadingsReader(path).latest()["a"].reading.values == {"output": "y" * 400}


def test_a_settled_state_without_a_reading_keeps_the_newest_reading(writer: ReadingsWriter, path: Path) -> None:
    writer.write([judged("a", NOW, status=200)], [], {"a": Settled(State.OK, NOW, (State.OK,), 1)})
    writer.write([], [], {"a": Settled(State.OK, NOW)})
    assert writer.settled()["a"] == Settled(State.OK, NOW)
    assert ReadingsReader(path).latest()["a"].reading.values == {"status": 200}
    assert writer.rules() == {"a": "r1"}


def test_flip_numbers_grow_and_are_never_used_again(writer: ReadingsWriter, path: Path) -> None:
    for number in range(5):
        writer.write([], [flip("a", NOW + number), flip("b", NOW + number)], {})
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("delete from flip where seq > 6")
    assert [each.seq for each in writer.write([], [flip("a", NOW)], {})] == [11]
    assert [each.seq for each in ReadingsReader(path).flips(4, limit=3)] == [5, 6, 11]


def test_a_failed_commit_stores_nothing_of_it_and_can_be_repeated(writer: ReadingsWriter, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("create trigger broken before insert on flip begin select raise(abort, 'disk full'); end")
        with pytest.raises(sqlite3.Error, match="disk full"):
            writer.write([judged("new", NOW, rule="r9")], [flip("new", NOW)], {"new": Settled(State.CRIT, NOW)})
        other.execute("drop trigger broken")
    reader = ReadingsReader(path)
    assert reader.settled() == {} and reader.readings("new", 0) == []
    writer.write([judged("new", NOW, rule="r9")], [flip("new", NOW)], {"new": Settled(State.CRIT, NOW)})
    assert [each.rule_hash for each in reader.readings("new", 0)] == ["r9"]
    assert len(reader.flips(0)) == 1


def test_own_downtime_is_told_once(writer: ReadingsWriter, path: Path) -> None:
    assert writer.gap(NOW, 5.0) is None  # never alive before
    writer.alive(NOW)
    assert writer.gap(NOW + 5, 5.0) is None
    assert writer.gap(NOW + 65, 5.0) == (NOW, NOW + 65)
    assert writer.gap(NOW + 66, 5.0) is None
    reader = ReadingsReader(path)
    assert reader.gaps(0) == [(NOW, NOW + 65)]
    assert reader.gaps(NOW + 65) == []


def test_pings_are_kept(writer: ReadingsWriter, path: Path) -> None:
    assert writer.last_ping("a") == (None, None)
    success, start = Ping("a", NOW, "success", "300 MB"), Ping("a", NOW + 9, "start")
    for ping in (success, start, Ping("b", NOW + 20, "fail")):
        writer.ping(ping)
    assert writer.last_ping("a") == (success, start)
    for number in range(1200):
        writer.ping(Ping("a", NOW + 10 + number, "fail"))
    writer.close()
    again = ReadingsWriter(path)
    assert again.last_ping("a")[0] == success  # the only success is never pruned
    assert again.first_seen("a", NOW) == NOW
    assert again.first_seen("a", NOW + 50) == NOW
    again.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("select count(*) from ping where check_key = 'a'").fetchone()[0] <= 1002


def test_old_readings_go_in_slices_and_flips_stay(path: Path) -> None:
    store = ReadingsWriter(path, keep_s=14 * DAY_S)
    old = [judged("a", NOW - 20 * DAY_S + number) for number in range(500)]
    store.write([*old, judged("a", NOW)], [flip("a", NOW - 20 * DAY_S)], {"a": Settled(State.OK, NOW)})
    assert store.prune(NOW, slice_rows=300) == 300
    assert store.prune(NOW, slice_rows=300) == 200
    assert store.prune(NOW, slice_rows=300) == 0
    reader = ReadingsReader(path)
    assert len(reader.readings("a", 0)) == 1 and len(reader.flips(0)) == 1
    store.close()


def test_the_number_of_raw_readings_is_bounded(path: Path) -> None:
    store = ReadingsWriter(path, keep_rows=1000)
    for start in range(0, 8000, 500):
        store.write([judged("a", NOW + start + number) for number in range(500)], [], {})
    rows = ReadingsReader(path).readings("a", 0, limit=10_000)
    assert len(rows) <= 2000
    assert rows[-1].reading.at == NOW + 7999
    store.close()


def test_a_file_of_a_newer_program_is_refused_and_not_touched(path: Path) -> None:
    ReadingsWriter(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma user_version = 7")
    before = path.read_bytes()
    with pytest.raises(Invalid, match=r"newer watchkeeper \(its version is 7, this program knows 1\)"):
        ReadingsWriter(path)
    with pytest.raises(Invalid, match="newer"):
        ReadingsReader(path).flips(0)
    assert path.read_bytes() == before


def test_a_reader_before_the_first_watch_sees_nothing_and_makes_nothing(path: Path) -> None:
    reader = ReadingsReader(path)
    assert (reader.flips(0), reader.settled(), reader.latest(), reader.gaps(0)) == ([], {}, {}, [])
    assert not path.exists()
    store = ReadingsWriter(path)
    store.write([], [flip("a", NOW)], {})
    assert len(reader.flips(0)) == 1  # the same reader, once the file is there
    store.close()
    assert len(reader.flips(0)) == 1
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_a_reader_works_while_no_watch_runs(path: Path) -> None:
    store = ReadingsWriter(path)
    store.write([judged("a", NOW)], [flip("a", NOW)], {"a": Settled(State.OK, NOW)})
    store.close()
    assert len(ReadingsReader(path).flips(0)) == 1


def test_a_reader_cannot_write(writer: ReadingsWriter, path: Path) -> None:
    reader = ReadingsReader(path)
    connection = reader._connection()
    assert connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("delete from flip")


def test_two_readers_and_a_writer_at_once_see_whole_ticks_in_order(writer: ReadingsWriter, path: Path) -> None:
    """Each tick moves both checks together; a reader that saw half of one would notice."""
    failures: list[str] = []
    stopping = threading.Event()
    reader = ReadingsReader(path)
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
    reader.close()


_CHILD = """
import sys
from pathlib import Path
from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.store.readings.writer import ReadingsWriter
store = ReadingsWriter(Path(sys.argv[1]))
start = int(sys.argv[2])
for number in range(start, start + 100000):
    at = float(number)
    row = Judged(Reading("a", at, 0.0, {"n": number}), Verdict(State.OK, ""), "r")
    flip = Flip(0, "a", "s", None, at, State.OK, State.CRIT, "x", {"n": number}, "r", "rule")
    done = store.write([row, row], [flip], {"a": Settled(State.CRIT, at)})
    print(done[0].seq, number, flush=True)
"""


def test_kill_9_between_commits_loses_nothing_that_was_acknowledged(path: Path) -> None:
    acknowledged = 0
    for _ in range(4):
        command = [sys.executable, "-c", _CHILD, str(path), str(acknowledged)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(30):
                acknowledged = int(child.stdout.readline().split()[0])
            child.send_signal(signal.SIGKILL)
            for line in child.stdout.read().splitlines():
                if len(line.split()) == 2:
                    acknowledged = int(line.split()[0])
        flips = ReadingsReader(path).flips(0, limit=1_000_000)
        assert [each.seq for each in flips] == list(range(1, len(flips) + 1))
        assert len(flips) in (acknowledged, acknowledged + 1)  # one may be committed and not yet told
        acknowledged = len(flips)
        settled = ReadingsReader(path).settled()["a"]
        assert settled.since == flips[-1].at  # the tick is there as a whole
        assert len(ReadingsReader(path).readings("a", 0, 1_000_000)) == 2 * len(flips)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("pragma integrity_check").fetchone()[0] == "ok"


def test_a_batch_with_a_flip_or_a_ping_is_committed_with_full_and_others_with_normal(writer: ReadingsWriter) -> None:
    def level() -> int:
        return int(writer._connection.execute("pragma synchronous").fetchone()[0])

    normal, full = 1, 2
    writer.write([judged("a", NOW)], [], {})
    assert level() == normal
    writer.write([], [flip("a", NOW)], {})
    assert level() == full
    writer.write([judged("a", NOW)], [], {})
    assert level() == normal
    writer.ping(Ping("a", NOW, "success"))
    assert level() == full


def test_writing_is_fast_enough_for_a_thousand_checks(writer: ReadingsWriter) -> None:
    """100 readings a second is what 1,000 checks in 10 s need: 50 ticks of 15 in far less than their 7.5 s."""
    started = time.process_time()
    for number in range(50):
        rows = [judged(f"c{each}", NOW + number, status=200, size=512) for each in range(15)]
        writer.write(rows, [], {row.reading.check: Settled(State.OK, NOW, (State.OK,) * 5, 3) for row in rows})
    assert time.process_time() - started < 1.0
