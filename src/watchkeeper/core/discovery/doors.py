"""Where to knock in the second round: at the sites, at the ports of the team's services, and where TLS is spoken."""

from __future__ import annotations

from watchkeeper.core.discovery.findings import Facts, Site
from watchkeeper.core.discovery.ports import WEB_SERVERS, running_servers, speaks_http
from watchkeeper.core.discovery.questions import HOSTNAME, Door

MOST = 120
_TLS_PORTS = frozenset({443, 8443, 465, 636, 853, 993, 995, 5671, 6697, 8883})


def door_of(site: Site) -> Door:
    """Where a site is asked."""
    return Door(site.address, site.port, site.names[0] if HOSTNAME.match(site.names[0]) else "")


def doors(facts: Facts) -> tuple[Door, ...]:
    """Everything that may answer over HTTP."""
    servers = running_servers(facts)
    sites = [site for site in facts.sites if site.server in servers]
    served = {site.port for site in sites}
    found = [door_of(site) for site in sites]
    for listener in facts.listeners:
        at_server = bool(WEB_SERVERS.keys() & set(listener.programs)) and listener.port in served
        if speaks_http(listener) and not at_server:
            found.append(Door(listener.reach, listener.port))
    return tuple(door for door in dict.fromkeys(found) if door.sound)[:MOST]


def secure_doors(facts: Facts) -> tuple[Door, ...]:
    """Everything that shows a certificate: secure sites, doors that answered over TLS, well-known ports."""
    servers = running_servers(facts)
    found = [door_of(site) for site in facts.sites if site.server in servers and site.secure]
    served = {door.port for door in found}
    found += [Door(each.address, each.port) for each in facts.answers if each.secure and each.port not in served]
    found += [Door(each.reach, each.port) for each in facts.listeners
              if each.protocol == "tcp" and each.port in _TLS_PORTS and each.port not in served]  # fmt: skip
    return tuple(door for door in dict.fromkeys(found) if door.sound)[:MOST]
