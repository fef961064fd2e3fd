"""Incidents: proof and closing, reading them, and what people do with them."""

from watchkeeper.services.incidents.acts import Acts
from watchkeeper.services.incidents.proof import ASK_AGAIN_S
from watchkeeper.services.incidents.reading import Reading
from watchkeeper.services.incidents.records import Records

__all__ = ["ASK_AGAIN_S", "Incidents"]


class Incidents(Reading, Records, Acts):
    """Reads and acts on incidents; `prove` is called on every beat of main."""
