"""A month of readings kept: bytes for each, percentiles and availability from roll-ups, and what folding costs.

    python bench/rollups.py [--checks N] [--every S] [--days N] [--store DIR]

Fills a readings store through the watch's own writer (500 checks / 30 s / 30 days = 43.2 million readings take about half an
hour on two busy cores; --days 1 is a quick look), folds it as the watch does, and asks it as the pages do. --store keeps it,
and measures it without filling when it is there already. Nothing is extrapolated: what is printed was measured with as many
readings as the first line says.
Goals: <= 6.5 bytes for a reading with everything; p95 of any check <= 1 ms and within 1 %; availability of all checks <= 5 ms.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
from watchkeeper.store.readings.reader import ReadingsReader
from watchkeeper.store.readings.writer import ReadingsWriter

START = 1_760_054_400.0  # midnight UTC
MIDDLE_S, SPREAD, LATE_S = 0.05, 0.35, 0.0005
ENTROPY = ((math.log(MIDDLE_S * 1e6) + 0.5 * math.log(2 * math.pi * math.e * SPREAD**2)) / math.log(2) + 0.6) / 8
"""Bytes that a latency to the microsecond and a start to the millisecond hold at least, by their distributions."""
POOL, STRIDE = 1_000_003, 61_813  # numbers drawn once, taken in an order that repeats after a million
ROUNDS_WRITTEN = 4  # rounds of all checks in one commit: 2,000 readings, as of 60,000 checks in a second
DOWN_EVERY_S, DOWN_S = 3 * 86_400.0, 900.0


def keys(count: int) -> list[str]:
    return [f"service-{number // 8}/check-{number % 8}" for number in range(count)]


def fill(folder: Path, checks: list[str], every_s: float, days: int) -> dict[str, float]:
    """Write and fold; what it cost, seconds of processor time."""
    writer = ReadingsWriter(folder / "readings.db")
    writer._pace.now_and_then = lambda *_: None  # type: ignore[method-assign]  # here folding is measured by itself
    chance = random.Random(7)
    phases = [chance.random() * every_s for _ in checks]
    down_from = [START + chance.random() * DOWN_EVERY_S for _ in checks]
    states = dict.fromkeys(checks, State.OK)
    pool = [round(chance.lognormvariate(math.log(MIDDLE_S), SPREAD), 6) for _ in range(POOL)]
    late = [chance.expovariate(1 / LATE_S) for _ in range(POOL)]
    fine = Verdict(State.OK, "status 200")
    drawn, done = 0, 0
    spent = {"write": 0.0, "fold": 0.0, "made": 0.0}
    filled = folder / "filled.json"
    if filled.exists():  # cut before its end: go on with the day after the last whole one
        known = json.loads(filled.read_text())
        drawn, done, down_from, spent = known["drawn"], known["days"], known["down_from"], known["spent"]
        states = {check: State(word) for check, word in zip(checks, known["states"], strict=True)}
        forget_after(writer, START + done * 86_400)
    good, bad = {"status": 200, "size": 5120, "connected": True}, {"status": 500, "size": 312, "connected": True}
    steps = round(3600 / every_s)
    for hour in range(done * 24, days * 24):
        group: list[Judged] = []
        flips: list[Flip] = []
        for step in range(steps):
            at = START + hour * 3600 + step * every_s
            for place, check in enumerate(checks):
                drawn = (drawn + STRIDE) % POOL
                asked = at + phases[place] + late[drawn]
                if asked > down_from[place] + DOWN_S:
                    down_from[place] += DOWN_EVERY_S
                state = State.CRIT if asked >= down_from[place] else State.OK
                if state is State.OK:
                    group.append(Judged(Reading(check, asked, pool[drawn], good), fine, "rule"))
                else:
                    group.append(Judged(Reading(check, asked, pool[drawn], bad), Verdict(state, "status 500"), "rule"))
                if states[check] is not state:
                    before, states[check] = states[check], state
                    flips.append(
                        Flip(0, check, check.partition("/")[0], None, asked, before, state, "", {}, "rule", "")
                    )
            if (step + 1) % ROUNDS_WRITTEN and step + 1 < steps:
                continue
            began = time.process_time()
            settled = {flip.check: Settled(flip.after, flip.at) for flip in flips}
            writer.write(group, flips, settled or {checks[0]: Settled(states[checks[0]], START)})
            spent["write"] += time.process_time() - began
            group, flips = [], []
        now = START + (hour + 1) * 3600 + 1000
        began = time.process_time()
        while writer._folder.due(now) and (writer.fold(now, most=1000, enough=bool) or writer._folder._round):
            pass
        writer._folder.forget_round()
        spent["fold"] += time.process_time() - began
        if hour % 24 == 23:
            day = hour // 24 + 1
            known = {"days": day, "drawn": drawn, "down_from": down_from, "spent": spent}
            filled.write_text(json.dumps({**known, "states": [states[check].value for check in checks]}))
            each = size(folder) / ((hour + 1) * steps * len(checks))
            print(f"day {day} of {days}: {each:.2f} B, {time.process_time():.0f} s of processor time", flush=True)
    writer._connection.execute("pragma wal_checkpoint(truncate)")
    writer.close()
    return spent


def forget_after(writer: ReadingsWriter, moment: float) -> None:
    """Take away what a cut run wrote of a day that it did not finish."""
    with writer._transaction():
        run = writer._connection.execute
        run("delete from reading where at >= ?", (moment,))
        run("delete from flip where at >= ?", (moment,))
        run("delete from blob where hour >= ?", (moment // 3600,))
        run("delete from hour where hour >= ?", (moment // 3600,))
        run("delete from day where day >= ?", (moment // 86_400,))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("readings.db*"))


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round, sorted."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} ms ({times[0]:.2f}..{times[-1]:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=500)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.store or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        checks = keys(arguments.checks)
        spent = None
        filled = folder / "filled.json"
        if not (folder / "readings.db").exists() or (
            filled.exists() and json.loads(filled.read_text())["days"] < arguments.days
        ):
            spent = fill(folder, checks, arguments.every, arguments.days)
        report(folder, checks, spent)


def report(folder: Path, checks: list[str], spent: dict[str, float] | None) -> None:
    reader = ReadingsReader(folder / "readings.db")
    first = min(reader.first_days().values())
    with sqlite3.connect(folder / "readings.db") as file:
        ((raw, newest),) = file.execute("select count(*), coalesce(max(at), 0) from reading")
        ((last_hour,),) = file.execute("select max(hour) from blob")
        newest = max(newest, (last_hour + 1) * 3600.0)
        pages = {
            table: file.execute("select coalesce(sum(pgsize), 0) from dbstat where name in (?, ?)", names).fetchone()[0]
            for table, names in (
                ("blobs", ("blob", "blob_of_check")), ("hours", ("hour", "hour")), ("days", ("day", "day")),
                ("raw", ("reading", "reading_of_check")),
            )
        } if has_dbstat(file) else {}  # fmt: skip
    days = math.ceil((newest - first) / 86400)
    folded = sum(rollup.count for check in checks for _at, rollup in reader.days(check, first, newest + 86400))
    total = folded + raw
    whole = size(folder)
    print(f"{total:,} readings of {len(checks)} checks in {days} days, {whole / 1e6:.1f} MB")
    print(
        f"bytes for a reading, everything     {whole / total:.2f}   (goal <= 6.50)   {whole / total / ENTROPY:.2f}x entropy"
    )
    for table, held in pages.items():
        print(f"  of it {table:<29} {held / total:.2f}")
    if spent is not None:
        each = {what: seconds / total * 1e6 for what, seconds in spent.items()}
        print(f"processor time for 1,000 readings   write {each['write']:.1f} ms, fold {each['fold']:.1f} ms")
    until = newest + 1.0
    since = max(first, until - 30 * 86400.0)
    chance = random.Random(3)
    some = chance.sample(checks, min(100, len(checks)))
    for check in some:  # the pages of the file come from memory, as in a running main
        reader.sketch(check, "latency", since, until)
    times: list[float] = []
    for check in some:
        times += timed(lambda c=check: reader.sketch(c, "latency", since, until).percentile(0.95), 5)  # type: ignore[misc]
    print(f"p95 of a check over {(until - since) / 86400:.0f} days          {shown(sorted(times))}   (goal <= 1 ms)")
    busy = time.process_time()
    for check in some:
        reader.sketch(check, "latency", since, until).percentile(0.95)
    print(f"  processor time of one             {(time.process_time() - busy) / len(some) * 1000:.2f} ms")
    worst = 0.0
    for check in some[:5]:
        exact = sorted(each.reading.latency_s for each in reader.readings(check, since, 10_000_000, until))
        sketch = reader.sketch(check, "latency", since, until)
        assert len(exact) == sketch.count, (len(exact), sketch.count)
        for share in (0.5, 0.9, 0.95, 0.99):
            true = exact[math.ceil(share * len(exact)) - 1]
            worst = max(worst, abs((sketch.percentile(share) or 0.0) / true - 1))
    print(f"largest error of p50..p99           {worst * 100:.2f} %   (goal <= 1 %)")
    availability(reader, checks, since, until)


def availability(reader: ReadingsReader, checks: list[str], since: float, until: float) -> None:
    from watchkeeper.services.history import History

    history = History(reader, lambda: until)
    cold = timed(lambda: history.splits(checks, since, until), 1)
    warm = timed(lambda: history.splits(checks, since, until), 25)
    splits = history.splits(checks, since, until)
    share = sum(each.down_s for each in splits.values()) / sum(each.span_s for each in splits.values())
    flips = reader.newest_flip()
    busy = time.process_time()
    for _ in range(10):
        history.splits(checks, since, until)
    busy = (time.process_time() - busy) * 100
    print(
        f"availability of {len(checks)} checks, {flips:,} flips  {shown(warm)}   (goal <= 5 ms); down {share * 100:.3f} %"
    )
    print(f"  processor time {busy:.2f} ms; the first time in a process, with all flips, {cold[0]:.0f} ms")


def has_dbstat(file: sqlite3.Connection) -> bool:
    try:
        file.execute("select 1 from dbstat limit 1")
    except sqlite3.Error:
        return False
    return True


if __name__ == "__main__":
    main()
