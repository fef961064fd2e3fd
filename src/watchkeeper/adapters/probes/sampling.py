"""For probes that measure what happened between two looks at the same counters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from watchkeeper.core.inventory.values import Check

FIRST_S = 0.3
"""Between the two samples of a first ask. After it the interval of the check is what is measured."""

S = TypeVar("S")


class Sampler(Generic[S]):
    """Keeps the last sample of each check. follows(before, now): False when the counters began anew, as after a reboot."""

    def __init__(self, take: Callable[[Check], Awaitable[S]], follows: Callable[[S, S], bool]) -> None:
        self._take = take
        self._follows = follows
        self._last: dict[str, S] = {}

    async def pair(self, check: Check) -> tuple[S, S]:
        """The sample before and the sample now; the first ask takes both."""
        before, sample = self._last.get(check.key), await self._take(check)
        if before is None or not self._follows(before, sample):
            await asyncio.sleep(FIRST_S)
            before, sample = sample, await self._take(check)
        self._last[check.key] = sample
        return before, sample
