"""A group of 100 readings in the readings store: PostgreSQL beside the file of one machine.

    python bench/readings.py [--rounds N] [--groups N]

Interleaved rounds; printed is the median of the ratios within each round (lowest..highest). The server is one of our own
on loopback and commits to disk. Processor time is that of the watch; the server's own is not in it. Bytes are of the whole
store after the readings were written, indexes included.
Goals: a group costs the watch <= 3x of the file, and <= 5 % of a core at 1,000 checks in 10 s (a group of 15 each 0.15 s).
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.fixtures.postgresql import postgresql_server

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.store.places import ReadingsWriting, open_readings_writer

NOW = 1_763_000_000.0
RECENT = (State.OK,) * 5


def group(size: int, number: int, checks: int = 1000) -> tuple[list[Judged], dict[str, Settled]]:
    """What the watch writes at once: readings of `size` checks of 1,000, with their settled states."""
    readings = []
    for place in range(size):
        check = f"service-{(number * size + place) % checks // 8}/check-{(number * size + place) % 8}@app{place % 4}"
        values = {"status": 200, "latency": 0.0123, "size": 5120 + place, "connected": True}
        reading = Reading(check, NOW + number + place / 1000, 0.0123 + place / 10_000, values)
        readings.append(Judged(reading, Verdict(State.OK, "status 200"), hashlib.sha256(check.encode()).hexdigest()))
    settled = {each.reading.check: Settled(State.OK, NOW, RECENT, 3, "status 200") for each in readings}
    return readings, settled


def write(writer: ReadingsWriting, groups: list[tuple[list[Judged], dict[str, Settled]]], flips: bool) -> None:
    for readings, settled in groups:
        check = readings[0].reading.check
        flip = Flip(
            0, check, "shop", None, NOW, State.OK, State.CRIT, "status 500", {"status": 500}, "r", "status != 200"
        )
        writer.write(readings, [flip] if flips else [], settled)


def measured(work: Callable[[], None], count: int) -> tuple[float, float]:
    """(seconds, seconds of processor time) per group."""
    began, processor = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) / count, (time.process_time() - processor) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--groups", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgresql_server(durable=True) as url:
        stores = {
            "file": open_readings_writer(Path(name)),
            "postgresql": open_readings_writer(Path(name), url, "bench"),
        }
        for size, flips in ((100, False), (15, False), (15, True)):
            rounds: list[dict[str, tuple[float, float]]] = []
            for number in range(-1, arguments.rounds):  # the first one is not counted
                start = (number + 1) * arguments.groups
                groups = [group(size, start + each) for each in range(arguments.groups)]
                found = {
                    place: measured(lambda w=writer, g=groups, f=flips: write(w, g, f), len(groups))  # type: ignore[misc]
                    for place, writer in stores.items()
                }
                rounds += [found] if number >= 0 else []
            report(f"{size} readings{' and a flip' if flips else ''}", rounds)
        for writer in stores.values():
            writer.close()
        sizes(Path(name), url)


def report(what: str, rounds: list[dict[str, tuple[float, float]]]) -> None:
    for unit, index in (("wall", 0), ("processor", 1)):
        medians = {place: statistics.median(row[place][index] for row in rounds) for place in rounds[0]}
        ratios = sorted(row["postgresql"][index] / row["file"][index] for row in rounds)
        print(
            f"{what:<24} {unit:<10} file {medians['file'] * 1000:7.2f} ms   postgresql {medians['postgresql'] * 1000:7.2f} ms"
            f"   {statistics.median(ratios):.2f}x ({ratios[0]:.2f}..{ratios[-1]:.2f})"
        )


def sizes(folder: Path, url: str) -> None:
    import sqlite3

    import psycopg

    with sqlite3.connect(folder / "readings.db") as file:
        rows = file.execute("select count(*) from reading").fetchone()[0]
    with psycopg.connect(url) as server:
        (there,) = server.execute("select count(*) from watch.reading").fetchone() or (0,)
        (table,) = server.execute("select pg_total_relation_size('watch.reading')").fetchone() or (0,)
    print(
        f"bytes for a reading: file {(folder / 'readings.db').stat().st_size / rows:.0f}, postgresql {table / there:.0f}"
    )


if __name__ == "__main__":
    main()
