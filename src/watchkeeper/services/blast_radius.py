"""Measuring what a plan names: files and bytes on its hosts, read-only, within a deadline, best effort."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.runs.measuring import text_of, with_answer
from watchkeeper.core.runs.values import BlastRadius, Touch
from watchkeeper.services.pins import Pinner
from watchkeeper.services.ports import Clock
from watchkeeper.services.ports.blocking import BlockingHostsPort

log = logging.getLogger(__name__)
DEADLINE_S = 3.0
"""How long one host may count. What it had not counted by then is not said."""
ALL_HOSTS_S = 9.0
MAX_ANSWER = 64 * 1024


class Measurer:
    """Asks the hosts of a plan how much there is. Never raises for a host: what could not be counted stays open.

    pinner: asks the same hosts what the script files hold.
    """

    def __init__(self, hosts: BlockingHostsPort, clock: Clock) -> None:
        self._hosts = hosts
        self._clock = clock
        self.pinner = Pinner(hosts)

    def measured(self, radius: BlastRadius) -> BlastRadius:
        """The blast radius with files and bytes where paths are named, and the time of the look."""
        begun = self._clock()
        touches: Sequence[Touch] = radius.touches
        for host in dict.fromkeys(touch.host for touch in touches if touch.path):
            if self._clock() - begun > ALL_HOSTS_S:
                log.info("not measured on %s: the other hosts took the time", host)
                break
            touches = self._on_host(host, touches)
        return replace(radius, touches=tuple(touches), measured_at=begun)

    def _on_host(self, host: str, touches: Sequence[Touch]) -> Sequence[Touch]:
        text = text_of([(index, touch) for index, touch in enumerate(touches) if touch.host == host])
        try:
            result = self._hosts.get(host).read(text, deadline_s=DEADLINE_S, limit=MAX_ANSWER)
        except WatchkeeperError as error:
            log.info("what a plan would touch on %s was not measured: %s", host, error)
            return touches
        return with_answer(touches, result.output.decode(errors="replace"))
