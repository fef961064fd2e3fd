"""The key `log` of watchkeeper.yaml: words, document, retention."""

from __future__ import annotations

from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.log.policy import LogPolicy


class LogModel(Strict):
    """The operations log as the team keeps it."""


def policy_of(model: LogModel | None) -> LogPolicy:
    """What the rules use; defaults where nothing is written."""
    return LogPolicy()
