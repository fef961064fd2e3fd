"""clock: how far the clock of a host and ours are apart.

On another host ``date`` is asked and half the round trip is taken off: the offset is wrong by at most ``uncertainty``.
On this machine there is nothing to compare with, so the kernel is asked what its time keeper (chrony, timesyncd, ntpd)
knows; where none keeps it the answer is UNKNOWN.

Values: ``offset`` (seconds, never negative), ``ahead`` (seconds, negative when the host is behind), ``uncertainty``
(seconds) and ``value`` (as offset).
"""

from __future__ import annotations

import ctypes
import re
import time

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools, must_succeed, place
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check
from watchkeeper.core.times import format_duration

_WORTH_SAYING_S = 0.5
_UNSYNCHRONISED = 0x0040  # STA_UNSYNC of adjtimex(2)
_NANO = 0x2000  # STA_NANO: offsets are nanoseconds
_ANSWER = re.compile(rb"^WK (\d{9,11})\.(\d{1,9}|%?N?)\s*$", re.MULTILINE)


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return ClockAsker(tools)


class ClockAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        far = self._tools.far(check)
        if far is None:
            return Answer(kept_here())
        result = await far.read("date '+WK %s.%N'", deadline_s=check.timeout_s, limit=65_536)
        ended = time.time()
        theirs, grain_s = parse(must_succeed(result, "date", check), place(check))
        return Answer(compare(theirs, grain_s, ended, result.duration_s, place(check)), latency_s=result.duration_s)

    async def close(self) -> None:
        """Nothing is kept open."""


def parse(output: bytes, where: str) -> tuple[float, float]:
    """(their epoch seconds, how coarse they are). A date without nanoseconds (some BusyBox) says whole seconds."""
    match = _ANSWER.search(output)
    if match is None:
        raise NoAnswer(f"date on {where} said nothing that can be read.", "Does it know `date +%s`?")
    seconds, fraction = match.groups()
    if not fraction.isdigit():
        return int(seconds) + 0.5, 0.5
    return int(seconds) + int(fraction) / 10 ** len(fraction), 0.0


def compare(theirs: float, grain_s: float, ended: float, took_s: float, where: str) -> dict[str, Value]:
    """The values. ended: our clock when the answer was there; took_s: since the question left."""
    ahead = theirs - (ended - took_s / 2)
    uncertainty = took_s / 2 + grain_s
    if grain_s and abs(ahead) <= uncertainty:
        ahead = 0.0  # whole seconds: below that nothing can be told
    values: dict[str, Value] = {"offset": round(abs(ahead), 4), "value": round(abs(ahead), 4)}
    values |= {"ahead": round(ahead, 4), "uncertainty": round(uncertainty, 4)}
    if abs(ahead) > _WORTH_SAYING_S:
        way = "ahead of" if ahead > 0 else "behind"
        values["problem"] = f"The clock of {where} is {format_duration(abs(ahead))} {way} ours."
    return values


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), the part before its time stamp; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 256),
    )


def kept_here() -> dict[str, Value]:
    """What the kernel knows of this machine's clock; asking changes nothing. Raises `NoAnswer` when nobody keeps it."""
    facts = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(facts)) < 0:
        raise NoAnswer("The kernel of this machine does not tell about its clock.", "Ask the clock of another host.")
    if facts.status & _UNSYNCHRONISED:
        raise NoAnswer(
            "Nothing keeps the clock of this machine, so how far off it is cannot be told.",
            "Start chrony or systemd-timesyncd; or let another watchkeeper ask this machine over SSH.",
        )
    ahead = -facts.offset / (1e9 if facts.status & _NANO else 1e6)
    values: dict[str, Value] = {"offset": round(abs(ahead), 6), "value": round(abs(ahead), 6)}
    return values | {"ahead": round(ahead, 6), "uncertainty": round(facts.maxerror / 1e6, 6)}
