"""The drill: break the sample fleet for real, watch what watchkeeper makes of it, ask from outside whether it works.

`playing` plays one scenario on one demo, `fleets` plays many on several demos at the same time, `played` holds the
figures, `showing` tells them.
"""

from watchkeeper.faces.cli.drill.fleets import Fleets
from watchkeeper.faces.cli.drill.played import (
    Played,
    percentile,
    present,
    result,
    skipped,
    summary,
    tried,
    upper_bound,
    was_told,
)
from watchkeeper.faces.cli.drill.playing import Drill, Stopping
from watchkeeper.faces.cli.drill.showing import as_json, describe, show

__all__ = [
    "Drill", "Fleets", "Played", "Stopping", "as_json", "describe", "percentile", "present", "result", "show",
    "skipped", "summary", "tried", "upper_bound", "was_told",
]  # fmt: skip
