"""Opening connections for the tcp and tls probes, and one mapping from what goes wrong to a word and a sentence."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from watchkeeper.adapters.probes.tools import text_option
from watchkeeper.core.errors import Usage
from watchkeeper.core.inventory.values import Check

_ERRNO = re.compile(r"\[Errno (\d+)\]")

_THEIRS = {
    errno.ECONNREFUSED: ("refused", "refused the connection"),
    errno.ECONNRESET: ("reset", "reset the connection"),
    errno.EPIPE: ("reset", "closed the connection"),
    errno.EHOSTUNREACH: ("unreachable", "cannot be reached: no route to host"),
    errno.ETIMEDOUT: ("timeout", "gave no answer in time"),
    errno.EHOSTDOWN: ("unreachable", "cannot be reached: the host is down"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a connection failed. ours: the target was never asked, so nothing is known about it."""

    kind: str
    sentence: str
    ours: bool = False


def target(check: Check, default_port: int = 0) -> tuple[str, int]:
    """(host, port) of the check's options: ``host`` and ``port``, or ``address: host:port`` with [IPv6] in brackets."""
    host, port = text_option(check, "host"), text_option(check, "port")
    address = text_option(check, "address")
    if address and not host:
        host, _, port = address.rpartition(":") if not address.endswith("]") else (address, "", "")
        if not host:
            host, port = address, ""
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isdigit() else default_port
    if not host or not 0 < number < 65536:
        raise Usage(f"{check.key}: no host and port to connect to.", "Write it as host:port.")
    return host, number


def explain(error: BaseException, where: str, timeout_s: float) -> Trouble:
    """The one place where an exception of a connection becomes a word and a sentence. `where`: host:port."""
    if isinstance(error, TimeoutError):
        return Trouble("timeout", f"{where} gave no answer within {timeout_s:g} s.")
    if isinstance(error, socket.gaierror):
        return Trouble("dns", f"The name of {where} could not be resolved ({error.strerror}).", ours=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble("certificate", f"{where} showed a certificate that does not hold: {error.verify_message}.")
    if isinstance(error, ssl.SSLError):
        return Trouble("tls", f"{where} failed in the TLS handshake ({_reason(error)}).")
    if isinstance(error, EOFError):
        return Trouble("closed", f"{where} closed the connection.")
    if isinstance(error, OSError):
        for number in _numbers(error):
            if number in _THEIRS:
                kind, words = _THEIRS[number]
                return Trouble(kind, f"{where} {words}.")
        return Trouble("network", f"{where} could not be asked from here ({error.strerror or error}).", ours=True)
    return Trouble("failed", f"{where} could not be asked ({type(error).__name__}).")


def _numbers(error: OSError) -> list[int]:
    """The errno, or those of all addresses tried when several failed."""
    return [error.errno] if error.errno else [int(number) for number in _ERRNO.findall(str(error))]


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no TLS").replace("_", " ").lower()
