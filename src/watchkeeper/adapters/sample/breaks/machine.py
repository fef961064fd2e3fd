"""A whole machine of the fleet, with several services on it."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.adapters.sample import outside
from watchkeeper.adapters.sample.breaks.scenario import Aftermath, Family, Scenario
from watchkeeper.adapters.sample.breaks.tools import kill
from watchkeeper.adapters.sample.places import Places

HOST = "quay2"


def host_down(places: Places) -> float:
    """The machine on quay 2 is gone: its SSH server and what hangs on it are killed."""
    return kill(places, HOST)


def _one_page(after: Aftermath) -> str:
    """One incident, and one page that opens it, however many services are on the machine."""
    if len(after.incidents) != 1:
        services = ", ".join(str(each["service"] or each["host"]) for each in after.incidents)
        return f"{len(after.incidents)} incidents were opened ({services})"
    opened = [page for page in after.pages if page["kind"] in ("opened", "escalated")]
    held = {check["check"].partition("/")[0] for check in after.incident["checks"]}
    if len(opened) != 1:
        return f"{len(opened)} pages say that something is wrong"
    return "" if len(held) >= 3 else f"the incident holds checks of {len(held)} services only"


def mend(places: Places) -> Sequence[str]:
    """The machine is started again."""
    return () if outside.listens(places.ports()["quay"]) else (HOST,)


FAMILY = Family(
    scenarios=(
        Scenario(
            "host-down", "escalated", "", "a machine with three services on it is switched off", host_down,
            "looks after the machine; the page names it, and its services are held under it", judge=_one_page,
            linger_s=4.0, host=HOST, weight_s=16,
        ),
    ),
    mend=mend,
)  # fmt: skip
