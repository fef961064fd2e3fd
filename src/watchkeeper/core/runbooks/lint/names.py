"""Names in a document that the ops repo does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from watchkeeper.core.runbooks.lint.links import prose
from watchkeeper.core.runbooks.lint.values import meant
from watchkeeper.core.runbooks.values import Finding, Runbook

if TYPE_CHECKING:
    from watchkeeper.core.inventory.values import Inventory

_CHECK: Final = re.compile(r"`([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:@[A-Za-z0-9_.-]+)?`")


def names(runbook: Runbook, text: str, inventory: Inventory | None) -> Iterator[Finding]:
    """Hosts, services and checks that are not in the ops repo."""
    if inventory is None:
        return
    yield from _hosts(runbook, inventory)
    if runbook.service and runbook.service not in inventory.services:
        yield Finding(
            1,
            "error",
            f'The front matter names the service "{runbook.service}", and there is no such service'
            f"{meant(runbook.service, inventory.services)}. Correct the name, or add services/{runbook.service}.yaml.",
            "unknown-service",
        )
    yield from _checks(text, inventory)


def _hosts(runbook: Runbook, inventory: Inventory) -> Iterator[Finding]:
    if runbook.host and runbook.host not in inventory.hosts:
        yield _host(1, "The front matter", runbook.host, inventory)
    for step in runbook.steps:
        if step.host and step.host != runbook.host and step.host not in inventory.hosts:
            yield _host(step.line, f'Step "{step.id}"', step.host, inventory)
    for procedure in runbook.procedures:
        for table in procedure.checks:
            if table.host and table.host not in inventory.hosts:
                yield _host(table.line, "The table", table.host, inventory)


def _host(line: int, who: str, name: str, inventory: Inventory) -> Finding:
    listed = ", ".join(sorted(inventory.hosts)[:12]) or "none"
    sentence = (
        f'{who} names the host "{name}", and hosts.yaml has no such host{meant(name, inventory.hosts)}. '
        f"Correct the name, or add the host; there are: {listed}."
    )
    return Finding(line, "error", sentence, "unknown-host")


def _checks(text: str, inventory: Inventory) -> Iterator[Finding]:
    """`service/check` in the prose, where the service is known and the check is not."""
    for number, line in prose(text):
        for match in _CHECK.finditer(line):
            service = inventory.services.get(match.group(1))
            if service is None or not service.checks:
                continue
            known = {check.name for check in service.checks}
            if match.group(2) not in known:
                yield Finding(
                    number,
                    "warning",
                    f"The text speaks of the check {match.group(1)}/{match.group(2)}, and {service.name} has no such "
                    f"check{meant(match.group(2), known)}. Its checks: {', '.join(sorted(known)[:12])}.",
                    "unknown-check",
                )
