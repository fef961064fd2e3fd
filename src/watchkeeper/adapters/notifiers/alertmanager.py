"""Channel kind `alertmanager`: incidents as alerts of an Alertmanager, by its API v2.

The labels are those of the opening of the incident and never change until it is closed, so that its end finds it. A firing
alert carries a far end of its own: an Alertmanager would else declare it resolved after five minutes of silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from watchkeeper.adapters.notifiers.body import text_body
from watchkeeper.adapters.notifiers.webhook import post
from watchkeeper.core.notifications import Item, Message
from watchkeeper.core.times import utc_text

LASTS_S = 30 * 86400.0
TEST_LASTS_S = 60.0
LABELS = ("service", "host", "owner", "team", "severity", "opening")
_API = re.compile(r"/api/v\d+/alerts/?\Z")


def deliver(
    target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = "",
    options: Mapping[str, object] = MappingProxyType({}),
) -> None:  # fmt: skip
    """POST the alerts of a message; 2xx is accepted. target: where the Alertmanager's page is. Raises `DeliveryError`."""
    del key, directory, options
    address = target if _API.search(target) else target.rstrip("/") + "/api/v2/alerts"
    body = json.dumps(alerts(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    headers = {"X-Watchkeeper-Key": "".join(one if " " <= one <= "~" else "?" for one in message.key)[:500]}
    post(address, body, headers, timeout_s=timeout_s, what="Alertmanager")


def alerts(message: Message) -> list[dict[str, Any]]:
    """One alert per incident in the message, as it stands with its last word."""
    own = Item(message.key, message.kind, message.title, message.incident, message.severity, message.at, message.facts)
    last: dict[str, Item] = {}
    for item in message.items or (own,):
        last[item.facts.get("opening") or item.key] = item
    return [_alert(item, message) for item in last.values()]


def _alert(item: Item, message: Message) -> dict[str, Any]:
    facts = item.facts
    began = facts.get("opened_at") or utc_text(item.at)
    name = "WatchkeeperTest" if item.kind == "test" else "WatchkeeperIncident" if facts else "WatchkeeperWarning"
    labels = {"alertname": name, **{name: facts[name] for name in LABELS if facts.get(name)}}
    if not facts:
        labels["key"] = item.key
    lasts = {"closed": 0.0, "test": TEST_LASTS_S}.get(item.kind, LASTS_S)
    alert: dict[str, Any] = {
        "labels": labels,
        "annotations": {"summary": item.title, "description": text_body(message), "key": item.key},
        "startsAt": began,
        "endsAt": utc_text(item.at + lasts),
    }
    if message.link.startswith(("http://", "https://")):
        alert["generatorURL"] = message.link
    return alert
