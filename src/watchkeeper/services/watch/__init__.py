"""Taking flips of the watch, and what follows from them."""

from watchkeeper.services.watch.recorder import CURSOR, WatchRecorder

__all__ = ["CURSOR", "WatchRecorder"]
