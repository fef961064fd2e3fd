"""Asks the reference addresses when a check beyond this machine fails: was it the target, or are we cut off."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping

from watchkeeper.core.checks import Reading
from watchkeeper.core.checks.connectivity import KEY, blinded, is_cut_off, is_remote, may_be_ours
from watchkeeper.core.inventory.values import Check, Host, Inventory
from watchkeeper.core.times import format_duration
from watchkeeper.services.ports import Clock, ProbePort

log = logging.getLogger(__name__)
FRESH_S = 1.0
"""How long one look at the reference addresses serves all checks that fail."""


class Guard:
    """Nothing to do while the team names no reference addresses. Costs nothing while no check fails."""

    def __init__(self, probes: ProbePort, clock: Clock, monotonic: Clock) -> None:
        self._probes, self._clock, self._monotonic = probes, clock, monotonic
        self._reference: Check | None = None
        self._hosts: Mapping[str, Host] = {}
        self._looked_at = -math.inf
        self._looking: asyncio.Task[None] | None = None
        self._cut_off_since: float | None = None

    def replace(self, inventory: Inventory) -> None:
        """Take over the reference addresses of a new inventory."""
        self._reference = inventory.checks.get(KEY) if inventory.team.connectivity is not None else None
        self._hosts = inventory.hosts
        if self._reference is None:
            self._cut_off_since = None

    @property
    def since(self) -> float | None:
        """Since when we are cut off, epoch seconds; None while we are not, as far as known."""
        return self._cut_off_since

    async def doubted(self, check: Check, reading: Reading) -> Reading:
        """The reading; or, when it failed and no reference address answers either, one that says nobody could see."""
        reference = self._reference
        if reference is None or not is_remote(check, self._hosts) or not may_be_ours(check, reading, self._hosts):
            return reading
        if self._monotonic() - self._looked_at > FRESH_S:
            if self._looking is None:
                self._looking = asyncio.get_running_loop().create_task(self._look(reference))
            await asyncio.shield(self._looking)
        return blinded(reading, _targets(reference)) if self._cut_off_since is not None else reading

    def saw(self, check: Check, reading: Reading) -> None:
        """A reading of the reference addresses by their own check."""
        if self._reference is None or check.key != KEY:
            return
        self._looked_at = self._monotonic()
        if not is_cut_off(reading):
            self._cut_off_since = None
        elif self._cut_off_since is None:
            self._cut_off_since = reading.at

    async def _look(self, reference: Check) -> None:
        try:
            self.saw(reference, await self._probes.ask(reference, self._clock()))
        except Exception:  # without an answer of our own the others' readings stand
            log.exception("asking the reference addresses failed in a way it should not")
        finally:
            self._looking = None

    def warning(self) -> str:
        """One sentence while we are cut off, else ""."""
        if self._cut_off_since is None or self._reference is None:
            return ""
        age = format_duration(max(0.0, self._clock() - self._cut_off_since))
        return (
            f"watchkeeper itself has been cut off for {age}: none of its {_targets(self._reference)} reference addresses "
            "answers, so checks of other machines are UNKNOWN. See to the network of this machine."
        )


def _targets(reference: Check) -> int:
    listed = reference.probe.options.get("any_of")
    return len(listed) if isinstance(listed, list) else 1
