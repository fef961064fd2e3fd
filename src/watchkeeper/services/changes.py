"""Noticing changes: configuration files of services, commits of the ops repo. Runs are noted where they happen."""

from __future__ import annotations

import logging
import shlex
from functools import partial

from watchkeeper.core.changes import Change
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.inventory.values import Service
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, OpsRepositoryPort, Session, StorePort
from watchkeeper.services.ports.blocking import BlockingHostsPort

log = logging.getLogger(__name__)
COMMITS = "commits_seen_at"


class Changes:
    """Looks at what may have changed; called on a slow beat, and at once when an incident opens."""

    def __init__(
        self,
        store: StorePort,
        hosts: BlockingHostsPort,
        repository: OpsRepositoryPort,
        holder: InventoryHolder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._hosts = hosts
        self._repository = repository
        self._holder = holder
        self._clock = clock
        self._looked_at: dict[str, float] = {}

    def newest(self, since: float, until: float, limit: int = 200) -> list[Change]:
        """Changes in that time, newest first."""
        with self._store.read() as session:
            return session.changes(since, until, limit)

    def look(self) -> list[Change]:
        """Look at configuration files and commits; returns what is new."""
        found = [*self._configuration(), *self._commits()]
        for change in found:
            self._store.write(partial(_add, change=change))
        return found

    # ---- configuration files -----------------------------------------------------------------------------------------

    def _configuration(self) -> list[Change]:
        by_host: dict[str, list[tuple[Service, str]]] = {}
        for service in self._holder.current.services.values():
            for host in service.hosts:
                by_host.setdefault(host, []).extend((service, path) for path in service.config)
        found: list[Change] = []
        for host, files in by_host.items():
            if files:
                found.extend(self._look_on(host, files))
        return found

    def _look_on(self, host: str, files: list[tuple[Service, str]]) -> list[Change]:
        paths = sorted({path for _, path in files})
        try:
            result = self._hosts.get(host).read(_digests_command(paths), deadline_s=15.0, limit=262_144)
        except WatchkeeperError as error:
            log.info("configuration of %s not looked at: %s", host, error.sentence)
            return []
        looked_at = self._clock()
        digests = _parse_digests(result.output.decode(errors="replace"))
        found = [self._compare(host, service, path, digests.get(path)) for service, path in files]
        self._looked_at[host] = looked_at
        return [change for change in found if change is not None]

    def _compare(self, host: str, service: Service, path: str, now_is: tuple[str, float] | None) -> Change | None:
        key = f"digest {host} {service.name} {path}"
        digest, modified_at = now_is or ("missing", self._looked_at.get(host, self._clock()))
        with self._store.read() as session:
            before = session.setting(key)
        if before == digest:
            return None
        self._store.write(lambda session: session.set_setting(key, digest))
        if before is None:
            return None
        word = "was removed" if digest == "missing" else "appeared" if before == "missing" else "was edited"
        at = min(modified_at, self._clock())
        return Change(
            0,
            at,
            "configuration",
            f"{path} {word}",
            f"somebody on {host}",
            service.name,
            host,
            f"{before[:12]} to {digest[:12]}",
        )

    # ---- commits -----------------------------------------------------------------------------------------------------

    def _commits(self) -> list[Change]:
        now = self._clock()
        with self._store.read() as session:
            seen = float(session.setting(COMMITS) or 0.0)
        if not seen:
            self._store.write(lambda session: session.set_setting(COMMITS, repr(now)))
            return []
        commits = [each for each in self._repository.commits(seen) if each[1] > seen]
        if not commits:
            return []
        newest = max(at for _, at, _, _ in commits)
        self._store.write(lambda session: session.set_setting(COMMITS, repr(newest)))
        return [
            Change(0, at, "commit", f"commit {commit[:8]}: {subject}", author, own=author == "watchkeeper")
            for commit, at, author, subject in commits
        ]


def _add(session: Session, change: Change) -> None:
    session.add_change(change)


def _digests_command(paths: list[str]) -> str:
    """One read command for all files of a host: ``sha256 mtime path`` a line; missing files are left out."""
    names = " ".join(shlex.quote(path) for path in paths)
    return (
        f'for f in {names}; do [ -f "$f" ] || continue; '
        'd=$(sha256sum < "$f" 2>/dev/null) || continue; printf "%s %s %s\\n" "${d%% *}" "$(stat -c %Y "$f")" "$f"; done'
    )


def _parse_digests(output: str) -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for line in output.splitlines():
        digest, _, rest = line.partition(" ")
        modified, _, path = rest.partition(" ")
        if path and modified.isdigit():
            found[path] = (digest, float(modified))
    return found
