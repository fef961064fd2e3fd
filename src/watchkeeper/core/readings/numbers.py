"""Whole numbers and floats as few bytes: what sketches and packed readings are written in."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_FLOAT = struct.Struct("<d")
_MICRO = 10**6
_EXACT = 2**53
_FORMATS = {2: "H", 4: "I", 8: "Q"}


class Reader:
    """Bytes being read from front to back. Raises IndexError or struct.error when they end too early."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def count(self) -> int:
        """A number that is never negative."""
        data, at = self.data, self.at
        byte = data[at]
        at += 1
        if byte < 0x80:
            self.at = at
            return byte
        value, shift = byte & 0x7F, 7
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                self.at = at
                return value
            shift += 7

    def signed(self) -> int:
        """A whole number."""
        value = self.count()
        return -((value + 1) >> 1) if value & 1 else value >> 1

    def number(self) -> float:
        """A float, exactly as it was written."""
        tag = self.data[self.at]
        self.at += 1
        if tag == 1:
            return float(self.signed())
        if tag == 2:
            return self.signed() / _MICRO
        (value,) = _FLOAT.unpack_from(self.data, self.at)
        self.at += 8
        return float(value)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        found = self.data[self.at : self.at + size]
        if len(found) != size:
            raise IndexError("the packed bytes end too early")
        self.at += size
        return found

    def text(self) -> str:
        """A text."""
        return self.take(self.count()).decode("utf-8")


def count(value: int) -> bytes:
    """A number that is never negative: 7 bits a byte."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """A whole number; small ones of either sign are short."""
    return count(value << 1 if value >= 0 else (-value << 1) - 1)


def number(value: float) -> bytes:
    """A finite float, exactly; whole ones and those of at most six decimals are short."""
    if abs(value) < _EXACT and value == int(value):
        return b"\x01" + signed(int(value))
    micro = round(value * _MICRO) if abs(value) < _EXACT / _MICRO else 0
    if micro and micro / _MICRO == value:
        return b"\x02" + signed(micro)
    return b"\x00" + _FLOAT.pack(value)


def text(value: str) -> bytes:
    """A text with its length before it."""
    data = value.encode("utf-8", "replace")
    return count(len(data)) + data


def planes(values: Sequence[int]) -> bytes:
    """Numbers that are never negative, of one width: all lowest bytes, then all next ones. The width comes first."""
    width = max(1, (max(values, default=0).bit_length() + 7) // 8)
    whole = b"".join([value.to_bytes(width, "little") for value in values])
    return bytes((width,)) + b"".join([whole[place::width] for place in range(width)])


def read_planes(reader: Reader, size: int) -> list[int]:
    """The opposite of `planes` for `size` numbers."""
    width = reader.take(1)[0]
    if width == 1:
        return list(reader.take(size))
    room = next((each for each in _FORMATS if each >= width), width)
    whole = bytearray(room * size)
    for place in range(width):
        whole[place::room] = reader.take(size)
    if room in _FORMATS:
        return list(struct.unpack(f"<{size}{_FORMATS[room]}", whole))
    return [int.from_bytes(whole[at : at + room], "little") for at in range(0, room * size, room)]
