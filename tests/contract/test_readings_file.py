"""What only readings.db has to prove: its bytes, its mode, its pragmas, and a file of a newer program."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.fixtures.readings import NOW, flip, judged

from watchkeeper.core.checks import Settled, State
from watchkeeper.core.errors import Invalid
from watchkeeper.services.ports import Ping
from watchkeeper.store.readings.reader import ReadingsReader
from watchkeeper.store.readings.writer import ReadingsWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.db"


@pytest.fixture
def writer(path: Path) -> Iterator[ReadingsWriter]:
    store = ReadingsWriter(path)
    yield store
    store.close()


def test_bodies_are_not_stored_and_long_texts_are_cut(writer: ReadingsWriter, path: Path) -> None:
    writer.write([judged("a", NOW, body="secret page", output="y" * 5000)], [], {"a": Settled(State.OK, NOW)})
    writer.close()
    assert b"secret page" not in path.read_bytes()
    assert ReadingsReader(path).latest()["a"].reading.values == {"output": "y" * 400}


def test_odd_values_come_back_and_half_a_character_stops_no_write(writer: ReadingsWriter, path: Path) -> None:
    odd = {
        "half": "a \udc80 b",
        "large": 2**70,
        "nothing": None,
        "tiny": 1e-7,
        "huge": 1e22,
        "not": float("nan"),
        "ok": True,
    }
    writer.write([judged("a", NOW, **odd), judged("b", NOW, text='\0 漢 \\ "')], [], {"a": Settled(State.OK, NOW)})
    latest = [each.reading.values for check in ("a", "b") for each in ReadingsReader(path).readings(check, 0)]
    assert latest == [{**odd, "half": "a ? b", "not": None}, {"text": '\0 漢 \\ "'}]
    assert type(latest[0]["large"]) is int
    assert latest[0]["ok"] is True


def test_settled_states_are_those_of_the_last_write_also_of_checks_that_stay(
    writer: ReadingsWriter, path: Path
) -> None:
    reader = ReadingsReader(path)
    known = {name: Settled(State.OK, NOW, (State.OK,) * 3, 4, "fine") for name in "abc"}
    for change in (
        {},
        {"b": Settled(State.CRIT, NOW + 1, (State.CRIT,), 0, "bad")},
        {"c": known["b"]},
        {"b": known["b"]},
    ):
        known |= change
        writer.write([], [], known)
        assert reader.settled() == known
    reader.settled().clear()
    assert reader.settled() == known


def test_a_file_of_a_newer_program_is_refused_and_not_touched(path: Path) -> None:
    ReadingsWriter(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma user_version = 7")
    before = path.read_bytes()
    with pytest.raises(Invalid, match=r"newer watchkeeper \(its version is 7, this program knows 3\)"):
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


def test_a_reader_cannot_write(writer: ReadingsWriter, path: Path) -> None:
    reader = ReadingsReader(path)
    connection = reader._connection()
    assert connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("delete from flip")


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
