"""Asking checks once, without a store: what `wk check` does when no daemon runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from watchkeeper.core.checks import Judged
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.services.ports import Clock, ProbePort


async def ask_once(
    inventory: Inventory,
    probes: ProbePort,
    keys: Sequence[str] = (),
    *,
    secret: Callable[[str], str] | None = None,
    clock: Clock = time.time,
    at_once: int = 64,
) -> list[Judged]:
    """One judged reading of each check named, in that order; of all checks when none is named.

    Every reading is judged alone: "for N of M" needs the running watch. Raises `NotFound` for an unknown key.
    """
    checks = named(inventory.checks, keys)
    probes.replace(inventory.hosts, inventory.databases, secret or _no_secret)
    open_probes = asyncio.Semaphore(at_once)

    async def ask(check: Check) -> Judged:
        async with open_probes:
            reading = await probes.ask(check, clock())
        return Judged(reading, judge(check, reading), check.rule_hash)

    return list(await asyncio.gather(*(ask(check) for check in checks)))


def named(known: Mapping[str, Check], keys: Sequence[str]) -> list[Check]:
    """The checks with these keys; all of them when no key is given."""
    if not keys:
        return list(known.values())
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise NotFound(f"There is no check {', '.join(unknown)}.", "See wk status for the checks there are.")
    return [known[key] for key in keys]


def _no_secret(name: str) -> str:
    raise NotFound(f"The secret {name} cannot be read here.")
