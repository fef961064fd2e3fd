"""What is kept of one check for one hour or one day: counts and seconds by state, and a sketch of every measured number."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from watchkeeper.core.readings.sketch import Sketch, merged, merged_packed, pack, sketch_of, unpack

HOUR_S, DAY_S = 3600, 86_400
STATES = ("OK", "WARN", "CRIT", "UNKNOWN")
"""The order of counts and seconds, and the numbers of states in samples."""
_MOST_NAMES = 32
_VERSION = 1
_NAMES = (
    *(
        "",
        "latency",
        "status",
        "size",
        "value",
        "exit_code",
        "count",
        "days",
        "age",
        "free",
        "used",
        "busy",
        "per_core1",
    ),
    *(
        "per_core5",
        "per_core15",
        "load1",
        "load5",
        "load15",
        "cores",
        "queue",
        "wait",
        "read_rate",
        "write_rate",
        "reads",
    ),
    *("writes", "restarts", "failed", "uptime", "offset", "ahead", "uncertainty", "inodes_free", "total", "available"),
    *("memory", "cpu", "budget", "files", "oldest", "newest", "rss", "swap"),
)
"""Names that roll-ups hold as their place in this list, in every store ever written: only append."""
_NUMBERS = {name: number for number, name in enumerate(_NAMES) if name}
_HEAD = struct.Struct("<5I4QB")
_ENTRY = struct.Struct("<BBI")
Spread = tuple[int, int, int, int]
Seconds = tuple[float, float, float, float]


_NO_VALUES: Mapping[str, object] = MappingProxyType({})


class Sample(NamedTuple):
    """One reading as it is kept. at: epoch seconds. state: place in STATES. rule: number of its rule in the store."""

    at: float
    latency_s: float
    state: int
    rule: int
    values: Mapping[str, object] = _NO_VALUES
    error: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rollup:
    """counts and seconds by state, in the order of STATES. errors: readings that could not be asked.

    seconds: each reading stands until the next one, but not for longer than three times the usual distance: what is
    missing to the whole hour nobody saw. sketches: by measured name; `latency` is the time of the answer where the probe
    gives none of its own. What was derived from several readings (`p95(latency, 10m)`) has none.
    """

    counts: Spread = (0, 0, 0, 0)
    seconds: Seconds = (0.0, 0.0, 0.0, 0.0)
    errors: int = 0
    sketches: Mapping[str, Sketch] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """All readings."""
        return sum(self.counts)

    @property
    def covered_s(self) -> float:
        """Seconds for which somebody looked."""
        return sum(self.seconds)


def rollup_of(samples: Sequence[Sample], start: float, length_s: float) -> Rollup:
    """The roll-up of samples (oldest first) that lie within [start, start + length_s)."""
    if not samples:
        return Rollup()
    _times, latencies, states, _rules, answers, faults, _reasons = zip(*samples, strict=True)
    alike = Counter(map(id, answers))  # answers that are alike often share one mapping
    distinct = {id(values): values for values in answers}
    errors = len(faults) - faults.count(None)
    own = list(latencies)
    if errors or any("latency" in values for values in distinct.values()):
        own = [each.latency_s for each in samples if each.error is None and "latency" not in each.values]
    found: dict[str, list[float]] = {"latency": own} if own else {}
    for number, values in distinct.items():
        for name, value in values.items():
            if (type(value) is float or type(value) is int) and "(" not in name and " " not in name:
                found.setdefault(name, []).extend([float(value)] * alike[number])
    kept = sorted(found, key=lambda name: (name != "latency", name))[:_MOST_NAMES]
    sketches = {name: sketch_of(found[name]) for name in kept}
    counts = (states.count(0), states.count(1), states.count(2), states.count(3))
    return Rollup(counts, seconds_by_state(samples, start, length_s), errors, sketches)


def seconds_by_state(samples: Sequence[Sample], start: float, length_s: float) -> Seconds:
    """How long each state was seen within [start, start + length_s), see `Rollup`."""
    found = [0.0, 0.0, 0.0, 0.0]
    if not samples:
        return (0.0, 0.0, 0.0, 0.0)
    times, states = [each.at for each in samples], [each.state for each in samples]
    distances = sorted([later - at for at, later in pairwise(times)])
    reach = min(length_s, max(3.0 * distances[len(distances) // 2], 1.0)) if distances else length_s
    end = start + length_s
    if times[0] - start <= reach:
        found[states[0]] += max(0.0, times[0] - start)
    if distances and distances[0] >= 0 and distances[-1] <= reach and times[-1] <= end and len(set(states)) == 1:
        found[states[0]] += times[-1] - times[0] + min(reach, end - times[-1])  # the usual hour: no hole, one state
        return (found[0], found[1], found[2], found[3])
    for at, later, state in zip(times, [*times[1:], end], states, strict=True):
        found[state] += max(0.0, min(later, at + reach, end) - at)
    return (found[0], found[1], found[2], found[3])


def merged_rollups(rollups: Iterable[Rollup]) -> Rollup:
    """All of them together; the same in any order."""
    some = list(rollups)
    if len(some) == 1:
        return some[0]
    names = dict.fromkeys(name for each in some for name in each.sketches)
    return Rollup(
        _sum4([each.counts for each in some]),
        _added([each.seconds for each in some]),
        sum(each.errors for each in some),
        {name: merged(each.sketches[name] for each in some if name in each.sketches) for name in names},
    )


def with_seconds(rollup: Rollup, seconds: Seconds) -> Rollup:
    """The same with other seconds."""
    return replace(rollup, seconds=seconds)


def moved(seconds: Seconds, before: Seconds, after: Seconds) -> Seconds:
    """A day's seconds when one hour of it changed from `before` to `after`."""
    found = [max(0.0, each - old + new) for each, old, new in zip(seconds, before, after, strict=True)]
    return (found[0], found[1], found[2], found[3])


def pack_rollup(rollup: Rollup, small: bool = True) -> bytes:
    """A roll-up as bytes. small: compressed where that helps; without it is read faster."""
    milli = [min(round(each * 1000), 2**40) for each in rollup.seconds]
    parts = [_HEAD.pack(*rollup.counts, rollup.errors, *milli, len(rollup.sketches))]
    for name, sketch in rollup.sketches.items():
        body = pack(sketch)
        known = _NUMBERS.get(name)
        own = b"" if known else name.encode("utf-8", "replace")[:200]
        parts += [_ENTRY.pack(known or 0, len(own), len(body)), own, body]
    data = b"".join(parts)
    packed = zlib.compress(data, 9, -15) if small else data
    return bytes((_VERSION * 2 + 1,)) + packed if len(packed) < len(data) else bytes((_VERSION * 2,)) + data


def unpack_rollup(data: bytes, only: str | None = None) -> Rollup:
    """The opposite of `pack_rollup`. only: the one name whose sketch is wanted; all when None."""
    whole = _opened(data)
    *head, size = _HEAD.unpack_from(whole, 0)
    sketches: dict[str, Sketch] = {}
    at = _HEAD.size
    for _ in range(size):
        known, own, length = _ENTRY.unpack_from(whole, at)
        at += _ENTRY.size
        name = _NAMES[known] if known else whole[at : at + own].decode("utf-8", "replace")
        at += own
        if only is None or name == only:
            sketches[name] = unpack(whole, at)
        at += length
    counts, seconds = (head[0], head[1], head[2], head[3]), [each / 1000 for each in head[5:]]
    return Rollup(counts, (seconds[0], seconds[1], seconds[2], seconds[3]), head[4], sketches)


def sketch_of_all(rollups: Iterable[bytes], name: str) -> Sketch:
    """The sketch of one name in all these packed roll-ups together. Faster than `unpack_rollup` of each."""
    return merged_packed(_places(rollups, name))


def _places(rollups: Iterable[bytes], name: str) -> Iterator[tuple[bytes, int]]:
    """(bytes, where the packed sketch of this name begins) of each roll-up that has one."""
    wanted, form = _NUMBERS.get(name, 0), _VERSION * 2
    for data in rollups:
        whole = data[1:] if data[0] == form else _opened(data)
        at = _HEAD.size
        for _ in range(whole[at - 1]):
            known, own, length = _ENTRY.unpack_from(whole, at)
            at += _ENTRY.size + own
            if known == wanted and (known or whole[at - own : at].decode("utf-8", "replace") == name):
                yield whole, at
                break
            at += length


def _opened(data: bytes) -> bytes:
    """The bytes of a packed roll-up. Raises ValueError for the form of a newer program."""
    if data[0] >> 1 != _VERSION:
        raise ValueError(f"form {data[0] >> 1} of a roll-up; this program knows {_VERSION}")
    return zlib.decompress(data[1:], -15, 1024) if data[0] & 1 else data[1:]


def squeeze(data: bytes, version: int, words: bytes) -> bytes:
    """Compressed where that helps. The first byte says the version of the form, and whether it is compressed."""
    worker = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, words)
    small = worker.compress(data) + worker.flush()
    return bytes((version * 2 + 1,)) + small if len(small) < len(data) else bytes((version * 2,)) + data


def unsqueeze(data: bytes, version: int, words: bytes) -> bytes:
    """The opposite of `squeeze`. Raises ValueError for the form of a newer program."""
    if data[0] >> 1 != version:
        raise ValueError(f"form {data[0] >> 1} of kept readings; this program knows {version}")
    if not data[0] & 1:
        return data[1:]
    worker = zlib.decompressobj(-15, words)
    return worker.decompress(data[1:]) + worker.flush()


def _sum4(rows: Sequence[Sequence[int]]) -> Spread:
    return (sum([r[0] for r in rows]), sum([r[1] for r in rows]), sum([r[2] for r in rows]), sum([r[3] for r in rows]))


def _added(rows: Sequence[Seconds]) -> Seconds:
    return (sum([r[0] for r in rows]), sum([r[1] for r in rows]), sum([r[2] for r in rows]), sum([r[3] for r in rows]))
