"""The sockets of main: the page's, the command line's, and the one for agents. And the certificate, renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from pathlib import Path

from watchkeeper.core.errors import Invalid, Locked, Usage
from watchkeeper.core.network import Network

log = logging.getLogger("watchkeeper.main")
DEFAULT_PORT = 8600
CERTIFICATE_S = 30.0
"""How often the files of the certificate are looked at."""


def tcp_listener(network: Network) -> socket.socket:
    """The page's listener: the port asked for, or 8600, or a free one when that is taken. Raises `Locked`, `Invalid`."""
    address = network.address or "127.0.0.1"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for candidate in (network.port,) if network.port is not None else (DEFAULT_PORT, 0):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it each answer of two packets waits 40 ms for a delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((address, candidate or 0))
        except OSError as error:
            listener.close()
            reason = error.strerror
            continue
        listener.listen(128)
        listener.set_inheritable(False)
        return listener
    if reason and "in use" in reason:
        raise Locked(
            f"Port {network.port} on {address} is taken.", "Choose another with --port, or leave it out for a free one."
        )
    raise Invalid(f"{address} port {network.port} cannot be opened: {reason}.", "Name an address of this machine.")


def unix_listener(path: Path, mode: int = 0o600) -> socket.socket:
    """A Unix socket in the place of what an earlier process left there. Raises `Usage` for a path that holds something else."""
    if path.exists() and not path.is_socket():
        raise Usage(f"{path} is there and is no socket.", "Name a path that is free.")
    path.unlink(missing_ok=True)
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~mode)
    try:
        unix.bind(str(path))
    except OSError as error:
        unix.close()
        raise Usage(
            f"{path} cannot be made: {error.strerror or error}.", "Its folder must be there and be ours."
        ) from None
    finally:
        os.umask(before)
    path.chmod(mode)
    unix.listen(128)
    return unix


def assert_certificate(network: Network) -> None:
    """Read certificate and key once before anything starts. Raises `Invalid` with the reason."""
    if not network.has_tls:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(network.certificate, network.key)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or getattr(error, "reason", "") or "they are no certificate and its key"
        raise Invalid(
            f"TLS cannot be used with {network.certificate} and {network.key}: {reason}.",
            "Both are files in PEM form that this user may read, and belong together.",
        ) from None


async def follow_certificate(context: ssl.SSLContext, network: Network) -> None:
    """Take a renewed certificate for new connections; one that does not hold leaves the old one in place. Never returns."""
    seen = _stamps(network)
    while True:
        await asyncio.sleep(CERTIFICATE_S)
        now = _stamps(network)
        if now == seen:
            continue
        seen = now
        try:
            assert_certificate(network)
            context.load_cert_chain(network.certificate, network.key)
            log.info("the certificate was read again")
        except (OSError, Invalid) as error:
            log.error("the renewed certificate is not used, the old one stays: %s", error)


def _stamps(network: Network) -> tuple[object, ...]:
    found: list[object] = []
    for name in (network.certificate, network.key):
        try:
            status = os.stat(name)
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)
