"""The container of the crane board."""

from __future__ import annotations

import time
from collections.abc import Sequence

from watchkeeper.adapters.sample import containers
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.places import Places
from watchkeeper.core.errors import WatchkeeperError


def container_down(places: Places) -> float:
    """The container is killed; its restart policy is `no`, so Docker leaves it so."""
    at = time.time()
    containers.kill(places)
    return at


def _answers_again(after: Aftermath) -> str:
    return "" if containers.works(after.places) else "the crane board does not answer"


def mend(places: Places) -> Sequence[str]:
    """A container that does not answer is made anew; without a Docker API there is none to mend."""
    if containers.known(places) is not None and not containers.works(places):
        try:
            containers.start(places)
        except WatchkeeperError:
            return ()  # the API is gone: that is the person's machine, not the fleet
    return ()


FAMILY = Family(
    scenarios=(
        Scenario(
            "container-down", "closed", "cranes", "the container of the crane board was killed", container_down,
            "reads the entry in the log; asks why it was killed", judge=_answers_again, missing=containers.missing,
            weight_s=7,
        ),
    ),
    mend=mend,
    responses=("cranes/runbooks/container-down.md",),
)  # fmt: skip
