"""``connectivity:`` of watchkeeper.yaml: how watchkeeper learns that it is itself cut off."""

from __future__ import annotations

from pydantic import Field

from watchkeeper.core.inventory.fields import Every, Timeout
from watchkeeper.core.inventory.probes import Strict, Targets
from watchkeeper.core.inventory.values import ConnectivityPlan


class ConnectivityModel(Strict):
    """Addresses of others. While none of them answers, a check from here that fails is UNKNOWN, not CRIT."""

    any_of: Targets = Field(description="URLs, or host:port; one answer is enough")
    every: Every = Field(default=10.0, description="how often they are asked")
    timeout: Timeout = Field(default=3.0, description="how long an answer may take")


def plan_of(model: ConnectivityModel | None) -> ConnectivityPlan | None:
    """What the team declared."""
    return ConnectivityPlan(tuple(model.any_of), model.every, model.timeout) if model is not None else None
