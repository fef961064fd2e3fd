"""Asking checks: one module per kind of probe, loaded at its first use; see `tools` for the rules they share."""

from watchkeeper.adapters.probes.registry import Probes
from watchkeeper.adapters.probes.tools import Answer, Asker, Tools

__all__ = ["Answer", "Asker", "Probes", "Tools"]
