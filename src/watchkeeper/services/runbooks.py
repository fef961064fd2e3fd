"""Runbooks of the ops repo, read."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import RunbookFile
from watchkeeper.core.runbooks import Runbook, read_runbook
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import StorePort
from watchkeeper.services.responses import Responder


@dataclass(frozen=True, slots=True)
class LastProof:
    """When a response last changed something and was proven, as the age of trust counts it.

    proven_at: epoch seconds, None for never. within_s: how long trust lasts (`proven_within`).
    """

    response: str
    runbook: str
    proven_at: float | None
    within_s: float


def last_proofs(store: StorePort, holder: InventoryHolder) -> list[LastProof]:
    """One row for every response that may do something, in the order of the inventory."""
    inventory, responder = holder.current, Responder(holder)
    found: list[LastProof] = []
    with store.read() as session:
        for service in inventory.services.values():
            for response in service.respond:
                file = inventory.runbooks.get(response.runbook)
                if file is None or response.mode == "observe":
                    continue
                at = responder.last_proven(session, response, file.digest)
                found.append(LastProof(response.name, response.runbook, at, inventory.team.proven_within_s))
    return found


class Runbooks:
    """The catalogue. What is not in it cannot be run."""

    def __init__(self, holder: InventoryHolder) -> None:
        self._holder = holder
        self._read: dict[str, Runbook] = {}

    def catalogue(self) -> list[tuple[RunbookFile, Runbook, tuple[str, ...]]]:
        """(file, runbook, services that respond with it), by path."""
        inventory = self._holder.current
        return [(file, self._parsed(file), self._services(path)) for path, file in sorted(inventory.runbooks.items())]

    def get(self, path: str) -> tuple[RunbookFile, Runbook, tuple[str, ...]]:
        """One runbook; raises `NotFound` and names those there are."""
        inventory = self._holder.current
        file = inventory.runbooks.get(path) or inventory.runbooks.get(f"runbooks/{path}")
        if file is None:
            names = ", ".join(sorted(inventory.runbooks)) or "none"
            raise NotFound(f"There is no runbook {path} in the ops repo.", f"Its runbooks: {names}.")
        return file, self._parsed(file), self._services(file.path)

    def _parsed(self, file: RunbookFile) -> Runbook:
        found = self._read.get(file.digest + file.path)
        if found is None:
            found = self._read[file.digest + file.path] = read_runbook(file.text, file.path)
        return found

    def _services(self, path: str) -> tuple[str, ...]:
        services = self._holder.current.services.values()
        return tuple(service.name for service in services if any(each.runbook == path for each in service.respond))
