"""Telling people: one module per kind of channel, found by name, imported when the first message needs it."""

from watchkeeper.adapters.notifiers.registry import Notifiers

__all__ = ["Notifiers"]
