"""Settings that somebody edited wrongly."""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import fleet
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.places import Places
from watchkeeper.adapters.sample.supervision import control


def bad_config(places: Places) -> float:
    """The shop's settings get a letter O for a zero, and the shop is restarted, as somebody in a hurry would."""
    text = places.settings_file.read_text(encoding="utf-8")
    places.settings_file.write_text(text.replace("ORDER_LIMIT=500", "ORDER_LIMIT=5OO"), encoding="utf-8")
    at = time.time()
    control(places, "restart", "shop")
    return at


def _blames_settings(after: Aftermath) -> str:
    first = next(iter(after.incident["suspects"]), None)
    change = first["change"] if first else {}
    blamed = change.get("kind") == "configuration" and after.places.settings_file.name in str(change.get("title"))
    return "" if blamed else "the changed file is not the first suspect"


def mend(places: Places) -> Sequence[str]:
    """The settings as they should be; the shop is restarted when they were not."""
    before = places.settings_file.read_bytes() if places.settings_file.exists() else b""
    fleet.write_settings(places)
    return ("shop",) if before != places.settings_file.read_bytes() else ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "bad-config", "escalated", "shop", "shop.env was edited wrongly and the shop restarted", bad_config,
            "takes the edit of `shop.env` back, the first suspect of the incident", works=False,
            judge=_blames_settings, weight_s=20,
        ),
    ),
    mend=mend,
)  # fmt: skip
