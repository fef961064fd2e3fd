"""What needs neither a daemon nor a store: reading the ops repo, and asking its checks once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from watchkeeper.adapters.repositories.directory import DirectoryRepository
from watchkeeper.core.checks.values import Judged
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Inventory, Loaded


def load_ops(ops: Path) -> tuple[Loaded, Mapping[str, bytes]]:
    """(inventory with every mistake, the files it was read from)."""
    repository = DirectoryRepository(ops)
    files = repository.files()
    return load(files, time.time(), repository.faults()), files


def ask_now(ops: Path, inventory: Inventory, keys: Sequence[str]) -> list[Judged]:
    """One judged reading of each of these checks, asked from this process. Raises `NotFound` for an unknown key."""
    import asyncio

    return asyncio.run(_ask(ops, inventory, keys))


async def _ask(ops: Path, inventory: Inventory, keys: Sequence[str]) -> list[Judged]:
    from watchkeeper.adapters.secrets import SecretReader
    from watchkeeper.bootstrap.watch import build_probes
    from watchkeeper.services.checks import ask_once

    secrets = SecretReader(ops)
    secrets.replace(inventory.secrets)
    probes = build_probes(ops)
    try:
        return await ask_once(inventory, probes, keys, secret=secrets.value)
    finally:
        await probes.close()
