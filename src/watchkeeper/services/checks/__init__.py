"""Asking checks: the watch loop, and one question without a store."""

from watchkeeper.services.checks.loop import Watch
from watchkeeper.services.checks.needs import Inventories, Limits, WatchReadings
from watchkeeper.services.checks.once import ask_once

__all__ = ["Inventories", "Limits", "Watch", "WatchReadings", "ask_once"]
