"""Failed tries are counted per address and per account: who guesses is told to wait, who has the right key never is."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict, deque

from watchkeeper.core.errors import TooMany
from watchkeeper.services.ports import Clock

MOST_NAMES = 4096
"""So many are remembered; the one that was quiet longest is forgotten first."""


class Tries:
    """At most `most` failures within `within_s` seconds for each name. Kept in memory: a restart forgets them."""

    def __init__(self, clock: Clock, most: int, within_s: float, words: str) -> None:
        self._clock, self._most, self._within_s, self._words = clock, most, within_s, words
        self._guard = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def assert_free(self, name: str) -> None:
        """Raises `TooMany` with the seconds to wait while this one failed too often."""
        now = self._clock()
        with self._guard:
            kept = self._failed.get(name)
            if kept is None or len(kept) < self._most:
                return
            wait_s = kept[0] + self._within_s - now
        if wait_s > 0:
            wait = max(1, round(min(wait_s, self._within_s)))
            raise TooMany(
                f"{self._words}: {self._most} in {self._within_s:g} s.", f"Wait {wait} s.", retry_after_s=wait
            )

    def failed(self, name: str) -> None:
        """One more failure."""
        with self._guard:
            self._failed.setdefault(name, deque(maxlen=self._most)).append(self._clock())
            self._failed.move_to_end(name)
            while len(self._failed) > MOST_NAMES:
                self._failed.popitem(last=False)

    def forgive(self, name: str) -> None:
        """It was right this time."""
        with self._guard:
            self._failed.pop(name, None)


def neighbourhood(address: str) -> str:
    """What counts as one caller: an IPv4 address, the /64 of an IPv6 address, or the word itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
