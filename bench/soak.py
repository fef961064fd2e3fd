"""Soak: does the memory grow with what was watched? The real watch loop and main services on a virtual clock.

    python bench/soak.py [--probes 5000000] [--checks 1000] [--slices 20]

1,000 checks in 200 services are asked every 10 s of virtual time; about every 500th probe begins an incident that lasts three
readings, so 5 million probes make about 10,000 incidents, each with its messages to a webhook on loopback. Only the probes are
made up (at the probe port). The run is cut into slices; after each the garbage is collected and the resident memory read.
Printed are the slices, each with its own speed, which must not fall with history, and the slope of a straight line through
them, without the first quarter, which fills caches.

Exits with 1 when the slope is above 5 MB per million probes, or when fewer incidents came and went than were made.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
import zlib
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.virtual_house import EPOCH, Receiver, VirtualHouse, write_ops

from watchkeeper.core.checks import Reading
from watchkeeper.core.inventory.values import Check

EVERY_S, IN_SERVICE = 10.0, 5
BAD_READINGS = 3
PROBES_PER_INCIDENT = 500
BAR_MB = 5.0
BEAT_S = 12.5
"""A quarter of a second of main at 50 times the speed."""
FRESH_S = 300.0
"""So often all that was closed is forgotten for recurrences, as a team would see new incidents, not one reopened for ever."""


STRETCH_S = PROBES_PER_INCIDENT * EVERY_S


@cache
def offset_of(check: str) -> float:
    """Where in its stretch a check begins."""
    return zlib.crc32(check.encode()) / 2**32 * STRETCH_S


def answer(check: Check, now: float) -> Reading:
    """Bad for three readings at a moment of its own in every stretch of `PROBES_PER_INCIDENT` of its readings."""
    into = (now - EPOCH + offset_of(check.key)) % STRETCH_S
    bad = into < BAD_READINGS * EVERY_S
    return Reading(check.key, now, 0.012, {"status": 503 if bad else 200, "connected": True, "size": 2, "body": "ok"})


def resident_mb() -> float:
    """Resident memory of this process."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line with the smallest squares through (x, y)."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def services(checks: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for number in range(checks):
        lines = [f"  - name: c{number}", f"    http: http://127.0.0.1:1/{number}", "    from: here"]
        lines += [f"    every: {EVERY_S:g}s", "    crit: status != 200 for 2 of 3", "    recover: 2 in a row"]
        found.setdefault(f"s{number // IN_SERVICE}", []).extend(lines)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--probes", type=int, default=5_000_000)
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--slices", type=int, default=20)
    parser.add_argument("--trace", action="store_true", help="name the places that allocated what stayed (slow)")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what is measured is memory, not the disk
    with tempfile.TemporaryDirectory(prefix="wk-soak-", dir=place) as name:
        return soak(Path(name), chosen.probes, chosen.checks, max(8, chosen.slices), chosen.trace)


def soak(folder: Path, probes: int, checks: int, slices: int, trace: bool) -> int:
    receiver = Receiver()
    team = f'team: soak\ntimezone: UTC\nchannels:\n  sink: {{webhook: "{receiver.url}"}}\n'
    house = VirtualHouse(write_ops(folder / "ops", services(checks), team), folder / "state", answer, BEAT_S)
    seconds = probes / checks * EVERY_S / slices
    points, began, busy, fresh_at = [], time.monotonic(), time.process_time(), 0.0

    def forget() -> None:
        nonlocal fresh_at
        if house.loop.now >= fresh_at:
            now = house.clock()
            house.app.store.write(lambda session: session.set_setting("recurrence_after", repr(now)))
            fresh_at = house.loop.now + FRESH_S

    before = None
    for number in range(slices):
        house.run(seconds, forget)
        gc.collect()
        points.append((house.probes.asked / 1e6, resident_mb()))
        now, used = time.monotonic(), time.process_time()
        pace, alone = seconds / (now - began), seconds / (used - busy)
        print(
            f"  {house.probes.asked:>9} probes   {points[-1][1]:7.1f} MB   {pace:6.0f}x, of processor time {alone:.0f}x",
            flush=True,
        )
        began, busy = now, used
        if trace and number == slices // 4:
            import tracemalloc

            tracemalloc.start(1)
            before = tracemalloc.take_snapshot()
    if before is not None:
        _show_growth(before)
    opened, closed = counted(house)
    house.run(300.0)
    house.close()
    receiver.close()
    kept = points[len(points) // 4 :]
    grows = slope(kept)
    print(
        f"soak: {house.probes.asked} probes of {checks} checks, {opened} incidents ({closed} closed), {receiver.count} messages"
    )
    print(f"  memory grows by {grows:.2f} MB per million probes (at most {BAR_MB:g})")
    wanted = 0.8 * probes / PROBES_PER_INCIDENT
    return 0 if grows <= BAR_MB and opened >= wanted and closed >= 0.9 * opened else 1


def counted(house: VirtualHouse) -> tuple[int, int]:
    """(openings, closings) in all timelines."""
    from django.db import connections

    with connections["default"].cursor() as cursor:
        cursor.execute("select kind, count(*) from incident_event where kind in ('opened', 'closed') group by kind")
        found = dict(cursor.fetchall())
    return int(found.get("opened", 0)), int(found.get("closed", 0))


def _show_growth(before: object) -> None:
    import tracemalloc

    after = tracemalloc.take_snapshot()
    for line in after.compare_to(before, "lineno")[:15]:  # type: ignore[arg-type]
        print("   ", line)


if __name__ == "__main__":
    sys.exit(main())
