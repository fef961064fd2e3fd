"""A tiny file system for one folder of the fleet, where this machine lets us mount one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from watchkeeper.core.errors import NoAnswer


def cannot_mount() -> str:
    """Why no file system can be mounted here, "" when one can. Tried for real, in a name space of its own."""
    if os.geteuid() != 0:
        return "mounting a small file system needs root"
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"]
    try:
        done = subprocess.run(tried, stdin=subprocess.DEVNULL, capture_output=True, timeout=10.0, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no file system can be mounted here ({error})"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (
        "" if done.returncode == 0 else f"no file system can be mounted here ({said[-1] if said else done.returncode})"
    )


def mount_small(folder: Path, inodes: int, size: str = "8m") -> None:
    """Mount a tmpfs with so many inodes on `folder`. Raises `NoAnswer` with mount's own words."""
    options = f"size={size},nr_inodes={inodes},mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], stdin=subprocess.DEVNULL, capture_output=True,
        timeout=10.0, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NoAnswer(f"{folder} got no file system of its own: {done.stderr.decode('utf-8', 'replace').strip()}")


def unmount(folder: Path) -> None:
    """Take away what is mounted on `folder`; nothing mounted is fine. Files that are open there stay until closed."""
    while folder.is_dir() and os.path.ismount(folder):
        done = subprocess.run(
            ["umount", "--lazy", str(folder)], stdin=subprocess.DEVNULL, capture_output=True, timeout=10.0
        )
        if done.returncode:
            raise NoAnswer(f"{folder} cannot be unmounted: {done.stderr.decode('utf-8', 'replace').strip()}")
