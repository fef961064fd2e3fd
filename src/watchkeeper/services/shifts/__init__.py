"""Shifts: begun with a checklist, reported in, and handed over."""

from watchkeeper.services.shifts.acts import Shifts, Whole

__all__ = ["Shifts", "Whole"]
