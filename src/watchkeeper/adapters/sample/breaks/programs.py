"""Programs that are gone: the worker, the shop."""

from __future__ import annotations

from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario, nothing_to_mend
from watchkeeper.adapters.sample.breaks.tools import kill, kill_between_orders
from watchkeeper.adapters.sample.places import Places


def worker_down(places: Places) -> float:
    """The worker's process is killed."""
    return kill(places, "worker")


def web_down(places: Places) -> float:
    """The shop's process is killed."""
    return kill(places, "shop")


def _comes_back_to_the_same(after: Aftermath) -> str:
    """The first incident again, marked as recurring, and no other one of the worker beside it."""
    incident = after.incident
    if incident["reopened"] != 1 or not incident["recurring"]:
        return "a new incident was opened instead of the old one"
    others = [
        each for each in after.incidents if each["service"] == incident["service"] and each["id"] != incident["id"]
    ]
    return "another incident was opened beside it" if others else ""


FAMILY = Family(
    scenarios=(
        Scenario(
            "worker-down", "closed", "worker", "the worker's process was killed", worker_down,
            "reads the entry in the log; asks why it died", weight_s=6,
        ),
        Scenario(
            "web-down", "closed", "shop", "the shop's process was killed", web_down,
            "reads the entry in the log; asks why it died", weight_s=6,
        ),
        Scenario(
            "recurring", "escalated", "worker", "the worker's process was killed, and killed again after it was put right",
            kill_between_orders, "looks for the cause: the restart works, but does not hold", again=kill_between_orders,
            judge=_comes_back_to_the_same, weight_s=18,
        ),
    ),
    mend=nothing_to_mend,
    responses=("worker/runbooks/worker-down.md", "shop/runbooks/web-down.md"),
)  # fmt: skip
