"""Where a demo keeps its things: one directory with the ops repo, the fleet's run-time state, and nothing elsewhere."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.core.errors import Invalid

PORTS = ("shop", "worker", "docs", "tls", "stock", "tides", "partner", "quay", "cranes")
LONGEST_SOCKET = 95
"""supervisord binds `supervisor.sock.PID` first, and the kernel takes 107 bytes."""
PORT_RANGE = (15_000, 32_000)
_GIVEN: set[int] = set()
_GUARD = threading.Lock()
_PLAIN = re.compile(r"[A-Za-z0-9._/@-]+")


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of one demo, as absolute paths."""

    directory: Path

    @classmethod
    def of(cls, directory: str | Path) -> Places:
        """The places below `directory`. Raises `Invalid` when its path cannot be used in runbooks or for a socket."""
        places = cls(Path(os.path.abspath(directory)))
        if not _PLAIN.fullmatch(str(places.directory)):
            raise Invalid(
                f"The demo cannot live in {places.directory}: its path holds a space or another special character.",
                "Choose a plain one: wk demo --dir /tmp/harbour.",
            )
        length = len(str(places.supervisor_socket))
        if length > LONGEST_SOCKET:
            raise Invalid(
                f"The demo cannot live in {places.directory}: the path of its socket has {length} characters, "
                f"at most {LONGEST_SOCKET} work.",
                "Choose a shorter one: wk demo --dir /tmp/harbour.",
            )
        return places

    def sibling(self, number: int) -> Places:
        """Another demo below this one, for drills on several fleets at the same time. Raises `Invalid` as `of` does."""
        return Places.of(self.directory / str(number))

    def siblings(self) -> list[Places]:
        """The other demos that were ever made below this one."""
        return [Places(folder) for folder in sorted(self.directory.glob("[2-9]")) if (folder / "fleet").is_dir()]

    @property
    def ops(self) -> Path:
        """The sample ops repo."""
        return self.directory / "ops"

    @property
    def state(self) -> Path:
        """watchkeeper's own state directory for it."""
        return self.ops / ".watchkeeper"

    @property
    def fleet(self) -> Path:
        """Programs, settings, data, logs and sockets of the fleet."""
        return self.directory / "fleet"

    @property
    def facts(self) -> Path:
        """fleet.json: where it was made, and its ports."""
        return self.fleet / "fleet.json"

    @property
    def spool(self) -> Path:
        """Where changing commands leave their trace: in the fleet, or in /var/tmp for a demo in /tmp.

        /tmp does not survive a reboot, so watchkeeper refuses it for this.
        """
        if str(self.directory).startswith("/tmp/"):
            return Path(f"/var/tmp/wk-{os.getuid()}")
        return self.fleet / "spool"

    @property
    def supervisor_socket(self) -> Path:
        """Where supervisord listens."""
        return self.fleet / "supervisor.sock"

    @property
    def database(self) -> Path:
        """The order desk's SQLite database."""
        return self.fleet / "data" / "shop.db"

    @property
    def exports(self) -> Path:
        """Packing lists and sheets; the shop keeps it within a budget."""
        return self.fleet / "exports"

    @property
    def stock_lock(self) -> Path:
        """The lock file of the stock database; after a crash of it, it stays."""
        return self.fleet / "stock" / "stock.lock"

    @property
    def container(self) -> Path:
        """Name and API of the container, when the fleet has one."""
        return self.fleet / "container.json"

    @property
    def settings_file(self) -> Path:
        """The web shop's settings, named in `config:` of its service."""
        return self.fleet / "etc" / "shop.env"

    @property
    def labels(self) -> Path:
        """Where the worker lays the labels for the printer."""
        return self.fleet / "labels"

    @property
    def quay(self) -> Path:
        """Keys and files of the small machine on quay 2, which is reached over SSH."""
        return self.fleet / "quay2"

    @property
    def pages(self) -> Path:
        """What reached the duty phone of the sample, one JSON message per line."""
        return self.fleet / "pages.jsonl"

    @property
    def certificate(self) -> Path:
        """Key and certificate of the documentation site."""
        return self.fleet / "tls" / "docs.pem"

    def ports(self) -> Mapping[str, int]:
        """The ports of a fleet that was made. Raises `Invalid` when there is none, or when it was moved."""
        try:
            facts = json.loads(self.facts.read_text(encoding="utf-8"))
            made_in, held = str(facts["directory"]), dict(facts["ports"])
            if missing := [name for name in PORTS if name not in held]:
                raise Invalid(
                    f"The demo in {self.directory} was made by an older watchkeeper: it has no {', '.join(missing)}.",
                    f"End it with 'wk demo --stop', delete {self.directory}, and start again.",
                )
            ports = {name: int(held[name]) for name in PORTS}
        except FileNotFoundError:
            raise Invalid(f"There is no sample fleet in {self.directory}.", "'wk demo' makes one.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Invalid(
                f"{self.facts} cannot be read ({error}).", f"Delete {self.directory} and start again."
            ) from None
        if made_in != str(self.directory):
            raise Invalid(
                f"The demo in {self.directory} was made in {made_in}, and its files name that place.",
                f"Move it back, or delete {self.directory} and start again.",
            )
        return ports

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        """Write fleet.json, as a whole or not at all."""
        fresh = self.facts.with_suffix(".new")
        fresh.write_text(
            json.dumps({"directory": str(self.directory), "ports": dict(ports)}, indent=1), encoding="utf-8"
        )
        os.replace(fresh, self.facts)


def free_ports(count: int) -> list[int]:
    """Different free ports of the loopback interface; none that was given to another fleet of this process.

    They lie below the ports that the kernel gives to outgoing connections, which come and go before a program binds.
    """
    found: list[int] = []
    with _GUARD:
        while len(found) < count:
            port = random.randrange(*PORT_RANGE)
            if port not in _GIVEN and is_free(port):
                _GIVEN.add(port)
                found.append(port)
    return found


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback interface."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
