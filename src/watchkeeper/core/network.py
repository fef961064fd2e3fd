"""Where main listens, and who may come there: this machine only, or others through TLS or a trusted proxy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.core.errors import Usage

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_PART = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_PART}(\.{_PART})*\Z")
_SAFE = "Give --tls-cert FILE --tls-key FILE, or --trusted-proxy CIDR for a proxy in front that ends TLS."


@dataclass(frozen=True, slots=True)
class Network:
    """What `wk up` was told. address "": loopback, on `port`. certificate, key: files of TLS; "" without.

    proxies: networks whose word on the caller's address, scheme and host counts; nobody else may come then, but this
    machine. hosts: names by which the pages are opened, besides loopback and the public address of watchkeeper.yaml.
    agent_socket: a socket for every Unix user of this machine, whose calls are those of agents.
    """

    address: str = ""
    port: int | None = None
    certificate: str = ""
    key: str = ""
    proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    agent_socket: str = ""

    @property
    def has_tls(self) -> bool:
        """Whether we end TLS ourselves."""
        return bool(self.certificate)

    @property
    def is_open(self) -> bool:
        """Whether others than this machine can come: by an address of ours, or through a proxy."""
        return bool(self.proxies) or not is_loopback(self.address)

    def url(self, port: int) -> str:
        """Where this machine opens the page."""
        scheme = "https" if self.has_tls else "http"
        if self.hosts and self.has_tls:
            name = self.hosts[0]
        elif not self.address or ipaddress.ip_address(self.address).is_unspecified:
            name = "127.0.0.1"
        else:
            name = f"[{self.address}]" if ":" in self.address else self.address
        return f"{scheme}://{name}:{port}"

    def words(self) -> list[str]:
        """The same as words of a command line."""
        words: list[str] = []
        if self.address:
            shown = f"[{self.address}]" if ":" in self.address else self.address
            words += ["--listen", f"{shown}:{self.port or 0}"]
        elif self.port is not None:
            words += ["--port", str(self.port)]
        words += ["--tls-cert", self.certificate, "--tls-key", self.key] if self.certificate else []
        words += [word for each in self.proxies for word in ("--trusted-proxy", each)]
        words += [word for each in self.hosts for word in ("--host", each)]
        return [*words, "--agent-socket", self.agent_socket] if self.agent_socket else words


def network_of(
    listen: str = "", port: int | None = None, certificate: str = "", key: str = "", proxies: Sequence[str] = (),
    hosts: Sequence[str] = (), agent_socket: str = "",
) -> Network:  # fmt: skip
    """What these words mean. Raises `Usage` for what does not hold, and for an open address without TLS or a proxy."""
    if listen and port is not None:
        raise Usage("--listen and --port both say the port.", "Leave --port out.")
    if port is not None and not 0 <= port <= 65535:
        raise Usage(f"--port {port} is not a port.", "Give one between 1 and 65535, or 0 for a free one.")
    address, port = _listened(listen) if listen else ("", port)
    if bool(certificate) != bool(key):
        raise Usage("--tls-cert and --tls-key come together.", "Give both files, in PEM form.")
    for each in hosts:
        if not _NAME.match(each):
            raise Usage(
                f"--host {each!r} is no name of a host.", "Give it without scheme and port: --host ops.example.org."
            )
    found = Network(
        address, port, certificate, key, _networks(proxies), tuple(each.lower() for each in hosts), agent_socket
    )
    if not is_loopback(address) and not certificate and not found.proxies:
        raise Usage(f"{listen} can be reached by others, and there would be no encryption.", _SAFE)
    return found


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches this address; "" means loopback."""
    return not address or ipaddress.ip_address(address).is_loopback


def is_within(address: str, networks: Sequence[str]) -> bool:
    """Whether this is an address of one of these networks; no address is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in ipaddress.ip_network(each) for each in networks)


def host_name(header: str) -> str:
    """The name in a Host header, in small letters, without its port; "" for what is none."""
    name, _, port = header.rpartition(":") if ":" in header and not header.endswith("]") else (header, "", "")
    if port and not port.isdigit():
        return ""
    name = name.lower().removesuffix(".")
    return name.removeprefix("[").removesuffix("]") if name.startswith("[") else name


def _listened(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    address = "127.0.0.1" if address == "localhost" else address.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(address)
        number = int(port)
    except ValueError:
        raise Usage(
            f"--listen {text!r} is no address with a port.", "Give it as 192.0.2.10:8600 or [::]:8600."
        ) from None
    if not 0 <= number <= 65535:
        raise Usage(f"--listen {text!r} has no port between 0 and 65535.", "Give it as 192.0.2.10:8600.")
    return address, number


def _networks(texts: Sequence[str]) -> tuple[str, ...]:
    found = []
    for text in texts:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            hint = "Give an address or CIDR: 10.0.0.5 or 10.0.0.0/24."
            raise Usage(f"--trusted-proxy {text!r} is no network.", hint) from None
        if network.prefixlen == 0:
            raise Usage(f"--trusted-proxy {text} would trust everybody.", "Name the address of the proxy.")
        found.append(str(network))
    return tuple(found)
