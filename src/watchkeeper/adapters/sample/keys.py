"""The login of the sample's SSH machine: its host key, the watch's key, and who trusts whom. Made once."""

from __future__ import annotations

import os
from pathlib import Path

ALIAS = "quay2"


def make_login(folder: Path) -> None:
    """Write host_key, id_ed25519, authorized_keys and known_hosts into `folder` unless they are there. Mode 0600.

    known_hosts names the machine by its alias (HostKeyAlias), so that it holds whatever its port is.
    """
    if (folder / "known_hosts").exists():
        return
    host, client = _key(), _key()
    _write(folder / "host_key", host[0])
    _write(folder / "id_ed25519", client[0])
    _write(folder / "authorized_keys", client[1] + b" harbour\n")
    _write(folder / "known_hosts", ALIAS.encode() + b" " + host[1] + b"\n")


def _key() -> tuple[bytes, bytes]:
    """(private, public) in OpenSSH's formats."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    openssh = serialization.PublicFormat.OpenSSH
    return private, key.public_key().public_bytes(serialization.Encoding.OpenSSH, openssh)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
