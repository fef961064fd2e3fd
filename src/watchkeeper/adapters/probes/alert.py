"""alert: what another program says of the service, such as Prometheus by its Alertmanager; see docs/how-to/alertmanager.md.

Values: those of `core.alerts.judge_alerts`. Nobody is asked: the newest word of every alert counts.
"""

from __future__ import annotations

from watchkeeper.adapters.probes.tools import Answer, Asker, Tools
from watchkeeper.core.alerts import judge_alerts
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return AlertAsker(tools)


class AlertAsker:
    """Reads the alerts that the watch has stored."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        if self._tools.pings is None:
            raise NoAnswer("Alerts are known to the running watch only.", "Start it with wk up.")
        alerts = await self._tools.in_thread(check.timeout_s, self._tools.pings.alerts, check.key)
        values, error = judge_alerts(alerts, now)
        return Answer(values, error, latency_s=0.0)

    async def close(self) -> None:
        """Nothing is kept open."""
