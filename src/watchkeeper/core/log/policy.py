"""What a team decided about its operations log: its words, where its document is, how long entries are kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """The key `log` of watchkeeper.yaml. Every part has a default that a team without the key can live with."""
