"""Why a host cannot be reached over SSH, in one sentence with the next step."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from watchkeeper.core.errors import NoAnswer

if TYPE_CHECKING:
    from watchkeeper.adapters.hosts.ssh_connection import Route


def explain(
    error: Exception, route: Route, options: asyncssh.SSHClientConnectionOptions | None, files: list[str]
) -> NoAnswer:
    """The reason for a person. files: the known-hosts files that were read. sent=False: no command ever left."""
    host, port = (options.host, options.port) if options else (route.target, route.host.port or 22)
    user = options.username if options else route.host.user
    place = f"{route.host.name} ({host}:{port})"
    if isinstance(error, asyncssh.HostKeyNotVerifiable) and options:
        sentence, hint = _untrusted(place, options, files)
    elif isinstance(error, asyncssh.PermissionDenied):
        sentence = f"{place} does not let {user} in: no key that watchkeeper has was accepted."
        hint = f"Add the public key to ~/.ssh/authorized_keys of {user} there, or set IdentityFile in ~/.ssh/config."
    elif isinstance(error, TimeoutError):
        sentence = f"{place} did not answer within {route.connect_timeout_s:g} s."
        hint = "Is it up, and does a firewall let this machine in? Try: " + _ssh(user, host, port)
    elif isinstance(error, asyncssh.ConnectionLost | ConnectionResetError | BrokenPipeError):
        sentence = f"{place} closed the connection before the login was complete, several times in a row."
        hint = "Look at sshd's log there (MaxStartups, hosts.deny, fail2ban)."
    elif isinstance(error, OSError):
        sentence, hint = _network(error, place, user, host, port)
    else:
        sentence = f"{place} cannot be reached: {_one_line(error)}."
        hint = "Compare with: " + _ssh(user, host, port)
    return NoAnswer(sentence, hint, host=route.host.name, sent=False)


def _ssh(user: str, host: str, port: int) -> str:
    return f"ssh -p {port} {user}@{host}" if port != 22 else f"ssh {user}@{host}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__


def _network(error: OSError, place: str, user: str, host: str, port: int) -> tuple[str, str]:
    numbers = {getattr(one, "errno", None) for one in (error, *getattr(error, "exceptions", ()))}
    if isinstance(error, socket.gaierror):
        hint = "Correct its address in hosts.yaml, or HostName in ~/.ssh/config."
        return f"{place}: the name {host} has no address.", hint
    if errno.ECONNREFUSED in numbers:
        sentence = f"{place} refused the connection: nothing listens on that port."
        return sentence, "Is sshd running there, and is the port right?"
    if numbers & {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return (
            f"{place} cannot be reached: there is no route to it.",
            "Is it up, and is the network between you and it?",
        )
    if error.filename:
        return f"{place}: {error.filename} cannot be read ({error.strerror}).", "Correct its permissions or its path."
    return f"{place} cannot be reached: {_one_line(error)}.", "Compare with: " + _ssh(user, host, port)


def _untrusted(place: str, options: asyncssh.SSHClientConnectionOptions, files: list[str]) -> tuple[str, str]:
    """Changed and unknown keys look the same to the library; the line that names the host tells them apart."""
    name = options.host_key_alias or options.host
    label = name if options.port == 22 or options.host_key_alias else f"[{name}]:{options.port}"
    for file in files:
        line = _line_of(file, name, None if options.port == 22 else options.port)
        if line:
            return (
                f"The host key of {place} is not the one in {file}:{line}: the host was reinstalled, or it is another.",
                f"Ask whoever runs it; when the change is right: ssh-keygen -f {file} -R '{label}', then: "
                + _ssh(options.username, options.host, options.port),
            )
    return (
        f"The host key of {place} is unknown: {files[0]} has no line for {label}.",
        f"Compare the fingerprint and accept it once by hand: {_ssh(options.username, options.host, options.port)}",
    )


def _line_of(file: str, name: str, port: int | None) -> int:
    """Number of the first line that speaks of this host, 0 when there is none."""
    try:
        lines = Path(file).read_text("utf-8", "replace").splitlines()
    except OSError:
        return 0
    for number, line in enumerate(lines, 1):
        try:
            if any(asyncssh.import_known_hosts(line).match(name, "", port)):
                return number
        except ValueError:
            continue
    return 0
