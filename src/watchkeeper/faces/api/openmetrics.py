"""Our families of samples in the shape of prometheus_client, which writes them; it is loaded at the first use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from watchkeeper.services.metrics import Family

PREFIX = "watchkeeper_"


class Collected:
    """Our families in the shape that the library writes; also the collector of its tests."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        """Each family with its samples."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for family in self._families:
            names = sorted({name for labels, _value in family.samples for name in labels})
            make = GaugeMetricFamily if family.kind == "gauge" else CounterMetricFamily
            made = make(PREFIX + family.name, family.help, labels=names)
            for labels, value in family.samples:
                made.add_metric([clean(labels.get(name, "")) for name in names], value)
            yield made


def clean(text: str) -> str:
    """A label value as UTF-8 can carry it; the library escapes quotes, backslashes and line breaks."""
    return text.encode("utf-8", "replace").decode()
