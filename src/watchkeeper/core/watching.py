"""What watches the watcher and is told by others: where pings are taken, whose alerts, which other watchkeepers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from watchkeeper.core.alerts import Alert
from watchkeeper.core.errors import Invalid

if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Check

PEERS = "watchkeepers"
"""The service that watches the other watchkeepers."""
ALERTS = "alerts"
"""The check that takes the alerts of a service which declares none itself."""
PING_PORT = 8601


@dataclass(frozen=True, slots=True)
class PingPlan:
    """Where pings are taken over HTTP. host: "" for nowhere. port: 0 chooses `PING_PORT`, or a free one that stays.

    url: how jobs reach it from outside, "" for the address itself. trusted: addresses of proxies that alone may connect.
    """

    host: str = "127.0.0.1"
    port: int = 0
    url: str = ""
    certificate: str = ""
    key: str = ""
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """Which service an alert is about: the value of its label, or the default when there is no such service."""

    service_label: str
    default: str


@dataclass(frozen=True, slots=True)
class Peer:
    """Another watchkeeper. url: of its health, may be ``secret:NAME``."""

    name: str
    url: str
    every_s: float


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def place_alerts(alerts: Sequence[Alert], plan: AlertPlan | None, checks: Iterable[Check]) -> list[Alert]:
    """Each alert with the key of the check it counts for. Raises `Invalid` when nobody takes alerts here.

    Labels are untrusted: they only ever choose among the services that have such a check.
    """
    takers: dict[str, str] = {}
    for check in checks:
        if check.probe.kind == "alert":
            takers.setdefault(check.service, check.key)
    if plan is None or plan.default not in takers:
        raise Invalid(
            "Alerts are not taken here: watchkeeper.yaml does not say whose they are.",
            "Add there, for example: alerts: {default: NAME}, with the name of a service.",
        )
    return [
        replace(each, check=takers.get(each.labels.get(plan.service_label, ""), takers[plan.default]))
        for each in alerts
    ]


def known_names(checks: Collection[Check]) -> dict[str, str]:
    """Keys of heartbeat checks by every name a ping may use: their own, and those they had before a rename."""
    found: dict[str, str] = {}
    for check in checks:
        if check.probe.kind == "heartbeat" and check.was:
            host = check.key.partition("@")[2]
            found[f"{check.service}/{check.was}" + (f"@{host}" if host else "")] = check.key
    for check in checks:
        if check.probe.kind == "heartbeat":
            found[check.key] = check.key
    return found
