"""Processes, listening sockets and the connections between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from watchkeeper.core.discovery.findings import Listener, Process
from watchkeeper.core.discovery.text import lines, number

_USERS = re.compile(r'\("((?:[^"\\]|\\.)*)",pid=(\d+),fd=\d+\)')
_NETSTAT = re.compile(r"(\d+)/(\S+)")


def read_processes(output: bytes) -> Mapping[int, Process]:
    """The answer to ``processes``, by pid."""
    found = {}
    for line in lines(output):
        words = line.split()
        if len(words) < 8 or not number(words[0]):
            continue
        pid = number(words[0])
        found[pid] = Process(
            pid, number(words[1]), "" if words[2] in ("?", "-") else words[2], number(words[3]), words[4], words[5],
            control_group(words[6]), tuple(words[7:]),
        )  # fmt: skip
    return found


def control_group(text: str) -> str:
    """The path of the control group that systemd or a container engine gave: of the unified hierarchy, else systemd's."""
    best = ""
    for part in re.split(r"[;,](?=\d+:)", text):
        number_, _, rest = part.partition(":")
        controllers, _, path = rest.partition(":")
        if path and (controllers == "name=systemd" or (number_ == "0" and not best)):
            best = path
    return best


def unit_of(cgroup: str) -> str:
    """The innermost system service of a control group, "" when there is none (sessions, containers, no systemd)."""
    if "docker" in cgroup.rpartition("/")[2] or "libpod" in cgroup:
        return ""
    parts = [part for part in cgroup.split("/") if part.endswith(".service") and not part.startswith("user@")]
    return parts[-1] if parts else ""


def container_of(cgroup: str) -> str:
    """The id of the container a control group belongs to, "" for none."""
    found = re.search(r"(?:docker|libpod|crio|containerd)[-/]([0-9a-f]{64})", cgroup)
    return found[1] if found else ""


def read_listeners(output: bytes) -> tuple[Listener, ...]:
    """The answer to ``listeners``: of ss, netstat or /proc/net; one entry for each protocol, address and port."""
    found: dict[tuple[str, str, int], Listener] = {}
    for line in lines(output):
        words = line.split()
        one = _of_ss(words, line) or _of_netstat(words) or _of_kernel(words)
        if one is not None and 0 < one.port < 65536:
            found.setdefault((one.protocol, one.address, one.port), one)
    return tuple(sorted(found.values(), key=lambda each: (each.protocol, each.port, each.address)))


def _of_ss(words: list[str], line: str) -> Listener | None:
    if len(words) < 6 or words[0] not in ("tcp", "udp") or words[1] not in ("LISTEN", "UNCONN"):
        return None
    address, _, port = words[4].rpartition(":")
    users = _USERS.findall(line)
    return Listener(words[0], address.strip("[]"), number(port), _unique(name for name, _ in users),
                    tuple(sorted({number(pid) for _, pid in users})))  # fmt: skip


def _of_netstat(words: list[str]) -> Listener | None:
    if (
        len(words) < 5
        or words[0] not in ("tcp", "tcp6", "udp", "udp6")
        or (words[0][:3] == "tcp" and "LISTEN" not in words)
    ):
        return None
    address, _, port = words[3].rpartition(":")
    owner = next((found for found in map(_NETSTAT.match, words[5:]) if found), None)
    return Listener(words[0][:3], address, number(port), (owner[2].rstrip(":"),) if owner else (),
                    (number(owner[1]),) if owner else ())  # fmt: skip


def _of_kernel(words: list[str]) -> Listener | None:
    """A line of /proc/net/tcp: state 0A listens; addresses are little-endian hexadecimal."""
    if len(words) < 4 or not words[0].endswith(":") or words[3] != "0A" or ":" not in words[1]:
        return None
    address, _, port = words[1].partition(":")
    try:
        raw, number_ = bytes.fromhex(address), int(port, 16)
    except ValueError:
        return None
    if len(raw) == 4:
        return Listener("tcp", ".".join(str(part) for part in reversed(raw)), number_)
    loopback = raw[:12] == bytes(12) and raw[12:] in (bytes.fromhex("01000000"),)
    return Listener("tcp", "::1" if loopback else "::", number_) if len(raw) == 16 else None


def read_connections(output: bytes) -> tuple[tuple[int, int, str], ...]:
    """The answer to ``connections``: (pid, remote port, remote address) of every connection with a known owner."""
    found = set()
    for line in lines(output):
        words = line.split()
        if len(words) >= 5 and ":" in words[3]:
            address, _, port = words[3].rpartition(":")
            for _, pid in _USERS.findall(line):
                found.add((number(pid), number(port), address.strip("[]").removeprefix("::ffff:")))
    return tuple(sorted(found))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
