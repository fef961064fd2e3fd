"""Is it them or us: a check that fails while no reference address of ours answers says nothing about its target.

The reference addresses are a check of their own, ``watchkeeper/connectivity``: its incident is the one message there is
about being cut off. A failing check of something beyond this machine becomes UNKNOWN meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from watchkeeper.core.checks.values import Reading
from watchkeeper.core.inventory.values import Check, Host

SERVICE, CHECK = "watchkeeper", "connectivity"
KEY = f"{SERVICE}/{CHECK}"
_ADDRESSED = {"http": "url", "tcp": "address", "tls": "address", "watchkeeper": "url"}


def is_remote(check: Check, hosts: Mapping[str, Host]) -> bool:
    """Whether asking this check needs a network: its host is far, or it asks an address beyond this machine."""
    if check.key == KEY or check.probe.kind in ("group", "heartbeat"):
        return False
    if _is_far(check, hosts):
        return True
    if check.probe.kind == "sql":
        return check.where == "here"
    option = _ADDRESSED.get(check.probe.kind)
    return option is not None and not is_loopback(_name(str(check.probe.options.get(option, ""))))


def _is_far(check: Check, hosts: Mapping[str, Host]) -> bool:
    """Whether it is asked on another machine, over SSH."""
    host = hosts.get(check.host) if check.where == "host" and check.host is not None else None
    if host is not None and host.kind == "container" and host.via:
        host = hosts.get(host.via)
    return host is not None and host.kind == "ssh"


def _name(address: str) -> str:
    """The host of a URL or of host:port."""
    if "://" in address:
        return urlsplit(address).hostname or ""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(name: str) -> bool:
    """Whether an address is this machine by its form; no name is resolved."""
    plain = name.lower().rstrip(".")
    if plain == "localhost" or plain.endswith(".localhost"):
        return True
    try:
        return ip_address(plain).is_loopback
    except ValueError:
        return False


def may_be_ours(check: Check, reading: Reading, hosts: Mapping[str, Host]) -> bool:
    """Whether a reading could be bad because we are cut off: nothing was reached at all.

    What another machine found out there, it told us: that is no matter of our network.
    """
    if reading.error is not None:
        return True
    return reading.values.get("connected") is False and not _is_far(check, hosts)


def is_cut_off(reference: Reading) -> bool:
    """Whether a reading of the reference addresses says that none answered."""
    return reference.error is not None or reference.values.get("answering") == 0


def blinded(reading: Reading, targets: int) -> Reading:
    """The reading of a check while we are cut off: no word about its target or its host."""
    many = (
        "its reference address gives no answer"
        if targets == 1
        else f"none of its {targets} reference addresses answers"
    )
    return replace(reading, values={"cut_off": True}, error=f"watchkeeper itself is cut off: {many}, so nobody can see")
