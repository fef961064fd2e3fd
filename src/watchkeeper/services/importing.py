"""Importing: a team's own documents into the ops repo, without touching a line that somebody wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.core.importing.documents import Document
from watchkeeper.core.importing.fates import add_fates
from watchkeeper.core.importing.merging import HERE, Imported, finish, merge_documents
from watchkeeper.core.importing.responses import add_responses
from watchkeeper.core.importing.understanding import understand
from watchkeeper.core.importing.writing import REPORT, digests
from watchkeeper.core.inventory.loading import load
from watchkeeper.core.inventory.values import Host
from watchkeeper.services.discovery import kept_sound


def import_documents(
    documents: Sequence[Document], existing: Mapping[str, str], repo: str, now: float, day: str, here: str = ""
) -> Imported:
    """How the ops repo changes. existing: its files as text, those of a skeleton for a new one.

    repo: what the person calls it, for the next steps. day: the date for the files. here: the host that was just
    discovered, for what names no other; "" takes the one host there is, or this machine in a repo without any.
    """
    loaded = load(_bytes(existing), now)
    hosts: Mapping[str, Host] = loaded.inventory.hosts if loaded.inventory is not None else {}
    zone = loaded.inventory.team.timezone if loaded.inventory is not None else "UTC"
    before = digests(existing.get(REPORT, ""))
    occupied = {path: text for path, text in existing.items() if path not in before}
    made = understand(documents, hosts, here or _here(hosts), zone, occupied)
    add_responses(made)
    add_fates(made)
    result = merge_documents(made, existing, day, repo)
    kept_sound(result.merge, _bytes(existing), now)
    finish(result, existing, day, repo)
    return result


def _here(hosts: Mapping[str, Host]) -> str:
    """The host for what names none: this machine, or the only one; "" where that cannot be told."""
    if not hosts:
        return HERE
    local = [name for name, host in hosts.items() if host.kind == "local"]
    if len(local) == 1:
        return local[0]
    return next(iter(hosts)) if len(hosts) == 1 else ""


def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
    """The files that the inventory is loaded from."""
    return {
        path: text.encode("utf-8", "surrogatepass")
        for path, text in files.items()
        if "/" not in path or path.startswith(("services/", "runbooks/"))
    }
