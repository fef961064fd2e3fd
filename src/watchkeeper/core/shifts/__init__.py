"""Shifts: who has the watch, the checklist at its beginning, what is reported in it, and the hand-over at its end."""
