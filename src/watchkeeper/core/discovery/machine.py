"""Operating system, disks, packages, log folders: what the machine says of itself."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.findings import Disk, LogFolder, PackageChange, System
from watchkeeper.core.discovery.text import lines, number, words_of

_NOT_DISKS = words_of(
    "tmpfs devtmpfs squashfs proc sysfs cgroup cgroup2 devpts mqueue hugetlbfs debugfs tracefs securityfs pstore bpf "
    "configfs fusectl efivarfs ramfs autofs binfmt_misc nsfs iso9660 fuse.lxcfs fuse.gvfsd-fuse fuse.snapfuse rpc_pipefs udev"
)
_NO_PLACES = ("/proc", "/sys", "/dev", "/run", "/snap/", "/var/lib/docker", "/var/lib/containers", "/boot/efi")
_PART = re.compile(r"(?:NAME|PRETTY_NAME|ID|VERSION_ID)=")


def read_system(output: bytes) -> System:
    """The answer to ``system``."""
    parts = dict(sections_of(output, "release kernel name init user zone programs"))
    release = {
        line.partition("=")[0]: line.partition("=")[2].strip("\"'")
        for line in parts.get("release", [])
        if _PART.match(line)
    }
    zone = (parts.get("zone") or [""])[0].partition("zoneinfo/")
    return System(
        name=(parts.get("name") or [""])[0].partition(".")[0][:63],
        release=release.get("PRETTY_NAME", release.get("NAME", "")),
        kernel=(parts.get("kernel") or [""])[0],
        init=(parts.get("init") or [""])[0],
        zone=zone[2] or (zone[0] if "/" in zone[0] and not zone[0].startswith("/") else ""),
        root=(parts.get("user") or [""])[0] == "0",
        programs=frozenset(parts.get("programs", [])),
    )


def sections_of(output: bytes, names: str) -> list[tuple[str, list[str]]]:
    """The parts of an answer whose marks are these names."""
    found, known = list[tuple[str, list[str]]](), names.split()
    for line in lines(output):
        if line.startswith("WK-") and line[3:] in known:
            found.append((line[3:], []))
        elif found:
            found[-1][1].append(line)
    return found


def read_disks(output: bytes) -> tuple[Disk, ...]:
    """The answer to ``disks``: file systems that hold something, each device once, the shortest path first."""
    parts = dict(sections_of(output, "kilobytes inodes"))
    inodes = {}
    for line in parts.get("inodes", [])[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and number(words[1]) > 0:
            inodes[words[5]] = 100.0 * number(words[3]) / number(words[1])
    found: dict[str, Disk] = {}
    for line in parts.get("kilobytes", [])[1:]:
        words = line.split(None, 6)
        if len(words) < 7 or words[1] in _NOT_DISKS or number(words[2]) == 0 or not words[6].startswith("/"):
            continue
        device, kind, path = words[0], words[1], words[6]
        if path.startswith(_NO_PLACES):
            continue
        usable = number(words[3]) + number(words[4])
        disk = Disk(path, device, kind, number(words[2]), 100.0 * number(words[4]) / max(usable, 1), inodes.get(path))
        if device not in found or len(path) < len(found[device].path):
            found[device] = disk
    return tuple(sorted(found.values(), key=lambda each: each.path))


def read_packages(output: bytes) -> tuple[PackageChange, ...]:
    """The answer to ``packages``, oldest first: lines of dpkg.log, or of rpm by the time of installation."""
    found = []
    for line in lines(output):
        words = line.split()
        if len(words) >= 6 and words[2] in ("upgrade", "install", "remove"):
            found.append(PackageChange(f"{words[0]} {words[1]}", words[2], words[3].partition(":")[0], words[5]))
        elif len(words) == 4 and words[1] == "installed" and number(words[0]):
            found.append(PackageChange(words[0], "install", words[2], words[3]))
    return tuple(found)


def read_logs(output: bytes) -> tuple[tuple[LogFolder, ...], tuple[str, ...]]:
    """The answer to ``logs``: folders with their size, and files."""
    folders, files = [], []
    for line in lines(output):
        words = line.split(None, 2)
        if words[0] == "WK-folder" and len(words) == 3:
            folders.append(LogFolder(words[2].rstrip("/") or "/", number(words[1])))
        elif words[0] == "WK-file" and len(words) >= 2:
            files.append(line.partition(" ")[2])
    return tuple(folders), tuple(files)
