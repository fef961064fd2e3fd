"""Finding out that nothing is to be pruned costs the same with a million rows as with ten."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.store.readings.writer import ReadingsWriter

ROWS = 60_000


def test_the_ends_of_the_readings_are_found_without_reading_all_of_them(tmp_path: Path) -> None:
    writer = ReadingsWriter(tmp_path / "readings.db", keep_rows=ROWS - 100)
    connection = writer._connection
    rows = ((number % 50, float(number), 0.01, 0, 1, None, None, None) for number in range(ROWS))
    connection.execute("begin")
    connection.executemany("insert into reading values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("commit")
    thousands = 0

    def counted() -> int:
        nonlocal thousands
        thousands += 1
        return 0

    connection.set_progress_handler(counted, 1000)  # called every 1,000 steps of SQLite's machine
    assert writer.prune(slice_rows=10) == 10
    assert thousands < 10
    connection.set_progress_handler(None, 0)
    assert writer.prune(slice_rows=4000) == 90 and writer.prune() == 0
    assert connection.execute("select min(at), max(at) from reading").fetchone() == (100.0, ROWS - 1.0)
    writer.close()
