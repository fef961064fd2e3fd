"""Flips as lines of a timeline."""

from __future__ import annotations

from watchkeeper.core.checks.values import Flip, Value
from watchkeeper.core.incidents.values import Event, EventKind
from watchkeeper.services.ports import Session


def flip_event(session: Session, incident: int, flip: Flip, kind: EventKind, text: str = "") -> None:
    """Write a flip into a timeline, at its own time."""
    words = text or f"{flip.check} {flip.before} to {flip.after}: {flip.reason}"
    detail: dict[str, Value] = {"check": flip.check, "seq": flip.seq, "rule": flip.rule}
    session.add_event(Event(0, incident, flip.at, kind, "watchkeeper", words, flip.after, detail))
