"""The keys of watchkeeper.yaml about pings, alerts and other watchkeepers: models, values, and the checks they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from watchkeeper.core.inventory.fields import SECRET, AbsolutePath, Every, Filled, Name, mistake
from watchkeeper.core.inventory.probes import HealthUrl, Strict
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.watching import ALERTS, PEERS, AlertPlan, Peer, PingPlan, is_loopback

if TYPE_CHECKING:
    from watchkeeper.core.inventory.models import DefaultsModel, TeamFile
    from watchkeeper.core.inventory.names import Names
    from watchkeeper.core.inventory.values import Check, Service

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>\d{1,5})\Z")
_URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?\Z")


def _listen(value: Any) -> str:
    match = _LISTEN.match(value) if isinstance(value, str) else None
    if value == "off" or value is False:
        return "off"
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise mistake("an address and a port, or off", "127.0.0.1:8601")
    return str(value)


def _address(value: Any) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise mistake("an IP address", "192.0.2.10") from None


def _base_url(value: Any) -> str:
    if not isinstance(value, str) or not _URL.match(value):
        raise mistake("an http or https URL without a query", "https://watch.example.org")
    return value.rstrip("/")


class CertificateModel(Strict):
    """What the ping server shows for itself. Files in PEM; they are read again when they change."""

    certificate: AbsolutePath = Field(description="the certificate with those above it")
    key: AbsolutePath = Field(description="its private key")


class PingsModel(Strict):
    """Where jobs report over HTTP. Off loopback with TLS, or behind a proxy that is named here."""

    listen: Annotated[str, BeforeValidator(_listen), WithJsonSchema({"type": "string"})] | None = Field(
        default=None, description="address and port, or off; default: 127.0.0.1:8601, or a free port when it is taken"
    )
    url: Annotated[str, BeforeValidator(_base_url), WithJsonSchema({"type": "string"})] | None = Field(
        default=None, description="how jobs reach it, for `wk ping url`; default: the address itself"
    )
    tls: CertificateModel | None = Field(default=None, description="speak TLS with this certificate")
    trusted_proxies: list[Annotated[str, BeforeValidator(_address), WithJsonSchema({"type": "string"})]] = Field(
        default_factory=list, description="addresses that alone may connect: of the proxy that speaks TLS in front"
    )

    @model_validator(mode="after")
    def _safe(self) -> PingsModel:
        host = (self.listen or "127.0.0.1:1").rpartition(":")[0]
        if self.listen != "off" and not is_loopback(host) and self.tls is None and not self.trusted_proxies:
            raise mistake(
                "'tls' or 'trusted_proxies' beside an address off loopback, since the keys would travel in the open",
                "trusted_proxies: [192.0.2.10]", found=f"{self.listen} alone",
            )  # fmt: skip
        return self


class AlertsModel(Strict):
    """Takes alerts of Prometheus and its Alertmanager; each service gets a check named alerts."""

    service_label: Filled = Field(default="service", description="the label that names the service")
    default: Name = Field(description="the service of an alert whose label names none of ours")


class PeerModel(Strict):
    """Another watchkeeper, whose health is asked; a page when it does not answer or is not well."""

    url: HealthUrl = Field(description="of its health, or secret:NAME")
    every: Every = Field(default=15.0, description="how often it is asked")


def ping_plan(model: PingsModel | None) -> PingPlan | None:
    """The plan of the file; None where it says nothing."""
    if model is None:
        return None
    url, trusted = model.url or "", tuple(model.trusted_proxies)
    certificate, key = (model.tls.certificate, model.tls.key) if model.tls else ("", "")
    if model.listen == "off":
        return PingPlan(host="", url=url)
    host, _, port = (model.listen or "127.0.0.1:0").rpartition(":")
    return PingPlan(host.strip("[]"), int(port), url, certificate, key, trusted)


def alert_plan(model: AlertsModel | None) -> AlertPlan | None:
    """Who gets which alert; None when none are taken."""
    return AlertPlan(model.service_label, model.default) if model is not None else None


def peers_of(models: Mapping[str, PeerModel]) -> tuple[Peer, ...]:
    """The other watchkeepers."""
    return tuple(Peer(name, each.url, each.every) for name, each in models.items())


def note_watching(root: Node, names: Names, notes: Notes) -> None:
    """Notes a default service that is not there, secrets that are not, and a service in the place of our own."""
    default = root.at("alerts", "default") if root.get("alerts") is not None else None
    if default is not None and isinstance(default.content, str) and default.content not in names.services:
        notes.unknown(default, "service", default.content, names.services, "services/")
    peers = root.get("peers")
    for _, peer in peers.items() if peers is not None and peers.is_map else ():
        url = peer.get("url") if peer.is_map else None
        match = SECRET.match(url.content) if url is not None and isinstance(url.content, str) else None
        if match and url is not None and match.group(1) not in names.secrets and "secrets" not in names.unread:
            notes.unknown(url, "secret", match.group(1), names.secrets, "secrets.yaml")
    if peers is not None and PEERS in names.services:
        found = f"peers beside a service '{PEERS}'"
        notes.add(peers, found, "another name for that service: this one watches the other watchkeepers")


def with_watching(services: Mapping[str, Service], model: TeamFile) -> dict[str, Service]:
    """The services with what those keys make: a service that watches the peers, an alert check in each service."""
    found = dict(services)
    if model.alerts is not None:
        for name, service in services.items():
            if not any(check.probe.kind == "alert" for check in service.checks):
                made = _check(name, ALERTS, "alert", {}, 30.0, model.defaults, service.checks)
                found[name] = replace(service, checks=(*service.checks, made)) if made is not None else service
    peers = peers_of(model.peers)
    if peers and PEERS not in found:
        from watchkeeper.core.inventory.values import Service

        made_of = [
            _check(PEERS, each.name, "watchkeeper", {"url": each.url}, each.every_s, model.defaults) for each in peers
        ]
        checks = tuple(each for each in made_of if each is not None)
        found[PEERS] = Service(
            PEERS, description="The other watchkeepers, which watch this one.", tier=1, checks=checks
        )
    return found


def _check(
    service: str, name: str, kind: Literal["alert", "watchkeeper"], options: Mapping[str, object], every_s: float,
    defaults: DefaultsModel, others: tuple[Check, ...] = (),
) -> Check | None:  # fmt: skip
    """A check with the rules of its kind; None when the name is taken."""
    from watchkeeper.core.checks.kinds import KINDS
    from watchkeeper.core.conditions import parse_rule
    from watchkeeper.core.inventory.checking import rule_hash
    from watchkeeper.core.inventory.values import Check, Probe

    if any(each.name == name for each in others):
        return None
    probe = Probe(kind, options)
    rules = {level: getattr(KINDS[kind], level) for level in ("ok", "warn", "crit")}
    ok, warn, crit = (parse_rule(text, kind) if text else None for text in rules.values())
    recover = 2 if kind == "watchkeeper" else 1
    return Check(
        key=f"{service}/{name}", service=service, name=name, host=None, where="here", probe=probe, every_s=every_s,
        timeout_s=defaults.timeout, ok=ok, warn=warn, crit=crit, recover=recover,
        rule_hash=rule_hash(probe, "here", None, [ok, warn, crit], recover),
    )  # fmt: skip
