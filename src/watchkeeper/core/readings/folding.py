"""The readings of one check and hour as one blob, exactly, and back. Times are kept to the millisecond, never later.

Each column is written in the shortest of a few forms: one value, whole numbers, decimals, floats, or a list of values with
places in it. The bytes of numbers are laid out by place (all lowest, then all next), which is what zlib needs.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from itertools import pairwise

from watchkeeper.core.readings import numbers
from watchkeeper.core.readings.numbers import Reader, planes, read_planes
from watchkeeper.core.readings.rollup import Sample, squeeze, unsqueeze

_VERSION = 1
_WORDS = (
    b'["OK"]truefalsenull"running""active""enabled"problemtimed_outoutputunitstrustedconnectedlocationuptimeused'
    b"restartsreadsread_ratequeueload1load5load15per_core1per_core5per_core15busyfreedaysageinodes_freecountexit_code"
    b"valuesizestatuslatency"
)
_DECIMALS = (1, 2, 3, 4, 6)
_SAME, _WHOLE, _STEPS, _DECIMAL, _FLOATS, _LISTED = range(6)
_WIDEST = 2**62


def pack_samples(samples: Sequence[Sample]) -> bytes:
    """Samples, oldest first, as one blob."""
    at, latencies, states, rules, answers, errors, reasons = zip(*samples, strict=True)
    times = [math.floor(each * 1000 + 1e-6) for each in at]
    micro = [round(each * 1e6) for each in latencies]
    parts = [numbers.count(len(samples)), _steps(times), _whole(micro)]
    parts += [_column(states), _column(rules), _column(errors), _column(reasons)]
    distinct = list({id(values): values for values in answers}.values())  # alike ones often share one mapping
    names = sorted({name for values in distinct for name in values})
    parts.append(numbers.count(len(names)))
    for name in names:
        if len(distinct) == 1:
            parts += [numbers.text(name), _column((1,)), _column((distinct[0][name],))]
            continue
        present = [name in values for values in answers]
        parts += [numbers.text(name), _column([1 if each else 0 for each in present])]
        parts.append(_column([values[name] for values in answers if name in values]))
    return squeeze(b"".join(parts), _VERSION, _WORDS)


def unpack_samples(data: bytes) -> list[Sample]:
    """The opposite of `pack_samples`. Raises ValueError for a blob of a newer program."""
    reader = Reader(unsqueeze(data, _VERSION, _WORDS))
    size = reader.count()
    times, micro = _read_steps(reader, size), _read_whole(reader, size)
    states, rules, errors, reasons = (_read_column(reader, size) for _ in range(4))
    values: list[dict[str, object]] = [{} for _ in range(size)]
    for _ in range(reader.count()):
        name = reader.text()
        present = [place for place, there in enumerate(_read_column(reader, size)) if there]
        for place, value in zip(present, _read_column(reader, len(present)), strict=True):
            values[place][name] = value
    return [
        Sample(at / 1000, latency / 1e6, state, rule, each, error, reason)
        for at, latency, state, rule, each, error, reason in zip(
            times, micro, states, rules, values, errors, reasons, strict=True
        )
    ]


def first_time(data: bytes) -> float:
    """The time of the oldest sample of a packed hour."""
    reader = Reader(unsqueeze(data, _VERSION, _WORDS))
    reader.count()
    return reader.signed() / 1000


def numbers_in(data: bytes, name: str, since: float, until: float) -> list[float]:
    """The numbers of one measured name of a packed hour with since <= at < until, without making samples of the rest.

    `latency` is the time of the answer where the probe gives none of its own; of what could not be asked there is none.
    """
    reader = Reader(unsqueeze(data, _VERSION, _WORDS))
    size = reader.count()
    times, micro = _read_steps(reader, size), _read_whole(reader, size)
    _skip_column(reader, size)
    _skip_column(reader, size)
    errors = _read_column(reader, size)
    _skip_column(reader, size)
    own: dict[int, object] = {}
    for _ in range(reader.count()):
        found = reader.text()
        present = [place for place, there in enumerate(_read_column(reader, size)) if there]
        if found == name:
            own = dict(zip(present, _read_column(reader, len(present)), strict=True))
            break
        _skip_column(reader, len(present))
    first, last = since * 1000, until * 1000
    inside = [place for place, at in enumerate(times) if first <= at < last]
    if name == "latency" and not own:
        return [micro[place] / 1e6 for place in inside if errors[place] is None]
    kept = [own.get(place) for place in inside]
    if name == "latency":
        kept = [micro[p] / 1e6 if p not in own and errors[p] is None else own.get(p) for p in inside]
    return [float(value) for value in kept if type(value) is float or type(value) is int]


def _column(values: Sequence[object]) -> bytes:
    kinds = {*map(type, values)}
    if not values or (len(kinds) == 1 and values.count(values[0]) == len(values)):
        return bytes((_SAME,)) + numbers.text(_json(values[0] if values else None))
    if kinds == {int} and all(abs(each) < _WIDEST for each in values):  # type: ignore[arg-type]
        plain, steps = _whole(values), _steps(values)  # type: ignore[arg-type]
        return bytes((_WHOLE,)) + plain if len(plain) <= len(steps) else bytes((_STEPS,)) + steps
    if kinds == {float}:
        return _floats(values)  # type: ignore[arg-type]
    listed = [_json(each) for each in values]
    distinct = list(dict.fromkeys(listed))
    place = {each: number for number, each in enumerate(distinct)}
    texts = b"".join(numbers.text(each) for each in distinct)
    return bytes((_LISTED,)) + numbers.count(len(distinct)) + texts + planes([place[each] for each in listed])


def _read_column(reader: Reader, size: int) -> Sequence[object]:
    form = reader.take(1)[0]
    if form == _SAME:
        return [json.loads(reader.text())] * size
    if form == _WHOLE:
        return _read_whole(reader, size)
    if form == _STEPS:
        return _read_steps(reader, size)
    if form == _DECIMAL:
        scale = 10 ** reader.count()
        return [each / scale for each in _read_whole(reader, size)]
    if form == _FLOATS:
        whole = bytearray(8 * size)
        for place in range(8):
            whole[place::8] = reader.take(size)
        return list(struct.unpack(f"<{size}d", whole))
    distinct = [json.loads(reader.text()) for _ in range(reader.count())]
    return [distinct[place] for place in read_planes(reader, size)]


def _skip_column(reader: Reader, size: int) -> None:
    """Go on behind a column without reading its values."""
    form = reader.take(1)[0]
    if form == _SAME:
        reader.take(reader.count())
    elif form == _FLOATS:
        reader.take(8 * size)
    else:
        if form == _LISTED:
            for _ in range(reader.count()):
                reader.take(reader.count())
        elif form == _DECIMAL:
            reader.count()
        if form != _LISTED:
            reader.count()  # the least value, or the first one
        if form == _STEPS:
            reader.count()  # the usual step
        reader.take(reader.take(1)[0] * (size - 1 if form == _STEPS else size))


def _floats(values: Sequence[float]) -> bytes:
    for decimals in _DECIMALS:
        scale = 10**decimals
        if all(abs(each) * scale < 2**53 for each in values):
            whole = [round(each * scale) for each in values]
            if all(each / scale == value for each, value in zip(whole, values, strict=True)):
                return bytes((_DECIMAL,)) + numbers.count(decimals) + _whole(whole)
    data = struct.pack(f"<{len(values)}d", *values)
    return bytes((_FLOATS,)) + b"".join(data[place::8] for place in range(8))


def _whole(values: Sequence[int]) -> bytes:
    least = min(values)
    return numbers.signed(least) + planes([each - least for each in values])


def _read_whole(reader: Reader, size: int) -> list[int]:
    least = reader.signed()
    return [least + each for each in read_planes(reader, size)]


def _steps(values: Sequence[int]) -> bytes:
    """By the differences from one to the next, beside the usual one."""
    steps = [later - each for each, later in pairwise(values)]
    usual = sorted(steps)[len(steps) // 2] if steps else 0
    beside = [each - usual for each in steps]
    folded = [each << 1 if each >= 0 else (-each << 1) - 1 for each in beside]
    return numbers.signed(values[0]) + numbers.signed(usual) + planes(folded)


def _read_steps(reader: Reader, size: int) -> list[int]:
    value, usual = reader.signed(), reader.signed()
    found = [value]
    for each in read_planes(reader, size - 1):
        value += usual + (-((each + 1) >> 1) if each & 1 else each >> 1)
        found.append(value)
    return found


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
