"""Asking checks once, without a store: what `wk check` does when no daemon runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from watchkeeper.core.checks import Judged, Settled
from watchkeeper.core.checks.groups import members, reading_of
from watchkeeper.core.checks.judging import judge
from watchkeeper.core.conditions.tree import NOT_YET
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Check, Inventory
from watchkeeper.services.checks.guard import Guard
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

    Every reading is judged alone: "for N of M" and functions over some time (`p95(latency, 10m)`) need the running watch;
    the reason says so. The members of a group are asked along.
    Raises `NotFound` for an unknown key.
    """
    checks = named(inventory.checks, keys)
    probes.replace(inventory.hosts, inventory.databases, secret or _no_secret)
    open_probes = asyncio.Semaphore(at_once)
    guard = Guard(probes, clock, time.monotonic)
    guard.replace(inventory)
    asked: dict[str, asyncio.Future[Judged]] = {}

    async def ask(check: Check) -> Judged:
        if check.probe.kind == "group":
            wanted = {key for keys in members(check).values() for key in keys if key in inventory.checks}
            found = {key: await once(inventory.checks[key]) for key in sorted(wanted)}
            states = {
                key: Settled(each.verdict.state, clock(), reason=each.verdict.reason) for key, each in found.items()
            }
            reading = reading_of(check, states, clock())
        else:
            async with open_probes:
                reading = await probes.ask(check, clock())
            reading = await guard.doubted(check, reading)
        verdict = judge(check, reading)
        reason = verdict.reason.replace(NOT_YET, "is known to the running watch only")
        return Judged(reading, replace(verdict, reason=reason), check.rule_hash)

    def once(check: Check) -> asyncio.Future[Judged]:
        """The one question to this check, whoever wants to know."""
        if check.key not in asked:
            asked[check.key] = asyncio.ensure_future(ask(check))
        return asked[check.key]

    return list(await asyncio.gather(*(once(check) for check in checks)))


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
