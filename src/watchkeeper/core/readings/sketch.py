"""A sketch of many numbers: counts in buckets that grow by 2 %, so every percentile is within 1 % and sketches add up.

The counts of neighbouring buckets are one large whole number with 32 bits for each: adding sketches is one addition of the
machine. Numbers nearer to zero than 1e-9 count as zero; beyond 1e18 they fall into the last bucket.
"""

from __future__ import annotations

import math
import struct
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

RATIO = 1.02
ERROR = (RATIO - 1) / (RATIO + 1)
"""The largest relative error of a percentile: 0.0099."""
SMALLEST, LARGEST = 1e-9, 1e18
_PER_LOG = 1.0 / math.log(RATIO)
_MIDDLE = 2.0 / (RATIO + 1.0)
_BITS, _BYTES = 32, 4
_ONE, _NEGATIVE = 1, 2
_SAME = struct.Struct("<BId")
_HEAD = struct.Struct("<BBHhIIddd")
_MORE = struct.Struct("<BHh")


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts of neighbouring buckets. base: number of the first one. packed: 32 bits for each count, the first lowest."""

    base: int = 0
    packed: int = 0

    def counts(self) -> array[int]:
        """The counts, from the bucket `base` on."""
        size = -(-self.packed.bit_length() // _BITS)
        return array("I", self.packed.to_bytes(size * _BYTES, "little"))


_EMPTY = Buckets()


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is kept of many numbers: how many, their sum, exact ends, and the counts of either sign."""

    count: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    zeros: int = 0
    positive: Buckets = _EMPTY
    negative: Buckets = _EMPTY

    @property
    def mean(self) -> float | None:
        """The mean; None without numbers."""
        return min(max(self.total / self.count, self.low), self.high) if self.count else None

    def percentile(self, share: float) -> float | None:
        """The smallest number that at least this share (0..1) of them does not exceed, within 1 %; None without any."""
        if not self.count:
            return None
        rank = max(1, math.ceil(share * self.count - 1e-9))
        return min(max(self._at(rank), self.low), self.high)

    def _at(self, rank: int) -> float:
        """The value of the rank-th smallest number (1 is the first)."""
        if self.negative.packed:
            counts = self.negative.counts()
            below = sum(counts)
            if rank <= below:  # the largest bucket of negative numbers holds the smallest ones
                place = bisect_left(list(accumulate(reversed(counts))), rank)
                return -_value(self.negative.base + len(counts) - 1 - place)
            rank -= below
        if rank <= self.zeros:
            return 0.0
        if not self.positive.packed:
            return self.high
        reached = list(accumulate(self.positive.counts()))
        return _value(self.positive.base + min(bisect_left(reached, rank - self.zeros), len(reached) - 1))


def sketch_of(values: Iterable[float]) -> Sketch:
    """A sketch of finite numbers."""
    given = sorted(values)
    if not given:
        return Sketch()
    if given[0] == given[-1]:
        return _same(given[0], len(given))
    positive = Counter([math.ceil(math.log(v) * _PER_LOG) for v in given if SMALLEST <= v <= LARGEST])
    over = sum(1 for v in given if v > LARGEST)
    if over:
        positive[_number(LARGEST)] += over
    negative: Counter[int] = Counter()
    if given[0] < 0:
        negative = Counter([_number(min(-v, LARGEST)) for v in given if v <= -SMALLEST])
    zeros = len(given) - positive.total() - negative.total()
    return Sketch(len(given), _sum(given), given[0], given[-1], zeros, _packed(positive), _packed(negative))


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """The sketch of all their numbers together; the same in any order."""
    some = [each for each in sketches if each.count]
    if len(some) < 2:
        return some[0] if some else Sketch()
    return Sketch(
        sum([each.count for each in some]),
        _sum([each.total for each in some]),
        min([each.low for each in some]),
        max([each.high for each in some]),
        sum([each.zeros for each in some]),
        _added([each.positive for each in some]),
        _added([each.negative for each in some]),
    )


def merged_packed(packed: Iterable[tuple[bytes, int]]) -> Sketch:
    """`merged` of sketches as `pack` writes them, each (bytes, where it begins), without making each of them first."""
    count = zeros = 0
    low, high = math.inf, -math.inf
    totals: list[float] = []
    spreads: list[tuple[int, int]] = []
    others: list[Sketch] = []
    for data, at in packed:
        if data[at] & (_ONE | _NEGATIVE):
            others.append(unpack(data, at))
            continue
        _flags, width, size, base, some, none, total, least, most = _HEAD.unpack_from(data, at)
        count += some
        zeros += none
        totals.append(total)
        if least < low:
            low = least
        if most > high:
            high = most
        if size:
            at += _HEAD.size
            whole = bytearray(size * _BYTES)
            for place in range(width):
                whole[place::_BYTES] = data[at : at + size]
                at += size
            spreads.append((base, int.from_bytes(whole, "little")))
    if not count:
        return merged(others)
    first = min(spreads)[0] if spreads else 0
    positive = Buckets(first, sum([each << _BITS * (base - first) for base, each in spreads])) if spreads else _EMPTY
    whole_sketch = Sketch(count, _sum(totals), low, high, zeros, positive)
    return merged([whole_sketch, *others]) if others else whole_sketch


def pack(sketch: Sketch) -> bytes:
    """A sketch as bytes, not compressed. Of one and the same number only it and the count are kept."""
    if sketch.count and sketch.low == sketch.high:
        return _SAME.pack(_ONE, sketch.count, sketch.low)
    if not sketch.count:
        return _SAME.pack(_ONE, 0, 0.0)
    size, width, whole = _planes(sketch.positive)
    flags = _NEGATIVE if sketch.negative.packed else 0
    head = _HEAD.pack(
        *(flags, width, size, sketch.positive.base, sketch.count, sketch.zeros),
        *(sketch.total, sketch.low, sketch.high),
    )
    if not flags:
        return head + whole
    size, width, below = _planes(sketch.negative)
    return head + whole + _MORE.pack(width, size, sketch.negative.base) + below


def unpack(data: bytes, at: int = 0) -> Sketch:
    """The opposite of `pack`; at: where it begins."""
    if data[at] & _ONE:
        _flags, count, value = _SAME.unpack_from(data, at)
        return _same(value, count) if count else Sketch()
    flags, width, size, base, count, zeros, total, low, high = _HEAD.unpack_from(data, at)
    at += _HEAD.size
    positive = _read(data, at, width, size, base) if size else _EMPTY
    negative = _EMPTY
    if flags & _NEGATIVE:
        at += width * size
        width, size, base = _MORE.unpack_from(data, at)
        negative = _read(data, at + _MORE.size, width, size, base)
    return Sketch(count, total, low, high, zeros, positive, negative)


def _planes(buckets: Buckets) -> tuple[int, int, bytes]:
    """(size, bytes kept of each count, all lowest bytes and then the next ones)."""
    if not buckets.packed:
        return 0, 0, b""
    size = -(-buckets.packed.bit_length() // _BITS)
    whole = buckets.packed.to_bytes(size * _BYTES, "little")
    kept = [whole[place::_BYTES] for place in range(_BYTES)]
    while len(kept) > 1 and not any(kept[-1]):
        kept.pop()
    return size, len(kept), b"".join(kept)


def _read(data: bytes, at: int, width: int, size: int, base: int) -> Buckets:
    whole = bytearray(size * _BYTES)
    for place in range(width):
        whole[place::_BYTES] = data[at : at + size]
        at += size
    return Buckets(base, int.from_bytes(whole, "little"))


def _sum(values: Sequence[float]) -> float:
    """Exactly rounded; of numbers that are too large for that, as far as floats go."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def _same(value: float, count: int) -> Sketch:
    if abs(value) < SMALLEST:
        return Sketch(count, value * count, value, value, count)
    buckets = Buckets(_number(min(abs(value), LARGEST)), count)
    if value > 0:
        return Sketch(count, value * count, value, value, 0, buckets)
    return Sketch(count, value * count, value, value, 0, _EMPTY, buckets)


def _number(value: float) -> int:
    """The bucket of a positive number: it holds what is above RATIO**(n-1) and not above RATIO**n."""
    return math.ceil(math.log(value) * _PER_LOG)


def _value(bucket: int) -> float:
    """The number that stands for a bucket: as far from its lower end as from its upper one, relatively."""
    return _MIDDLE * math.exp(bucket / _PER_LOG)


def _packed(counts: Counter[int]) -> Buckets:
    if not counts:
        return _EMPTY
    base = min(counts)
    whole = array("I", bytes(_BYTES * (max(counts) - base + 1)))
    for bucket, count in counts.items():
        whole[bucket - base] = count
    return Buckets(base, int.from_bytes(whole.tobytes(), "little"))


def _added(some: Sequence[Buckets]) -> Buckets:
    some = [each for each in some if each.packed]
    if len(some) < 2:
        return some[0] if some else _EMPTY
    base = min([each.base for each in some])
    return Buckets(base, sum([each.packed << _BITS * (each.base - base) for each in some]))
