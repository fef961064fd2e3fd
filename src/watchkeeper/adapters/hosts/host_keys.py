"""Host keys over SSH: looked at without logging in, accepted into the file that connections are verified against."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import asyncssh

from watchkeeper.adapters.hosts.ssh import CONNECT_TIMEOUT_S
from watchkeeper.adapters.hosts.ssh_connection import Route, _options
from watchkeeper.adapters.hosts.ssh_sentences import _line_of, explain
from watchkeeper.core.errors import Forbidden
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.ports.host_keys import ShownKey


class SshHostKeys:
    """Implements `HostKeysPort`. config: the OpenSSH client configuration to honour, None for ``~/.ssh/config``."""

    def __init__(self, config: Path | None = None, connect_timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._config = config
        self._timeout_s = connect_timeout_s

    async def look(self, host: Host) -> ShownKey:
        """The key that the host shows, or that it is known already. Raises `NoAnswer`."""
        route = Route(host, self._config, self._timeout_s)
        options, files = None, list[str]()
        try:
            options, files = _options(route)
            name = options.host_key_alias or options.host
            usual = options.port == 22 or bool(options.host_key_alias)
            place = name if usual else f"[{name}]:{options.port}"
            if any(_line_of(file, name, None if options.port == 22 else options.port) for file in files):
                return ShownKey(place, True, files[0])
            async with asyncio.timeout(self._timeout_s):
                key = await asyncssh.get_server_host_key(route.target, options=options)
        except (asyncssh.Error, OSError, ValueError) as error:
            raise explain(error, route, options, files) from None
        if key is None:
            raise explain(asyncssh.ConnectionLost("no host key was shown"), route, options, files)
        public = key.export_public_key("openssh").decode().split()
        line = f"{place} {public[0]} {public[1]}"
        return ShownKey(place, False, files[0], public[0], key.get_fingerprint("sha256"), line)

    def accept(self, shown: ShownKey) -> None:
        """Append the line; the folder and the file are made when they are missing."""
        path = Path(shown.file)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - 1, 0))
                torn = size > 0 and file.read(1) != b"\n"
                file.write((b"\n" if torn else b"") + shown.line.encode() + b"\n")
        except OSError as error:
            raise Forbidden(
                f"{shown.file} cannot be written ({error.strerror}), so the host key was not accepted.",
                "Correct its permissions, or add the line by hand: ssh-keyscan shows it.",
            ) from None
