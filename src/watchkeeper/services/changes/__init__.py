"""What changed: looked for on a slow beat and at once when an incident opens, told by deploy scripts, read as suspects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watchkeeper.core.access import assert_allowed, assert_at_all
from watchkeeper.core.actors import Actor
from watchkeeper.core.changes import KINDS, TOLD_KINDS, Change, relations
from watchkeeper.core.checks.values import Value
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.log.values import Draft
from watchkeeper.services.access import on_either
from watchkeeper.services.changes.commits import OpsCommits, ServiceCommits
from watchkeeper.services.changes.configuration import Configuration
from watchkeeper.services.changes.images import Images
from watchkeeper.services.changes.looking import Here, Places
from watchkeeper.services.changes.packages import Packages
from watchkeeper.services.changes.reboots import Reboots
from watchkeeper.services.changes.source import Source, shown
from watchkeeper.services.changes.suspects import first_suspect, run_change, suspects
from watchkeeper.services.changes.telling import tell_suspects
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Clock, OpsRepositoryPort, Session, StorePort
from watchkeeper.services.ports.blocking import BlockingHostsPort

__all__ = ["Changes", "Told", "first_suspect", "run_change", "suspects"]
log = logging.getLogger(__name__)
LONGEST_S = 366 * 86400.0
MOST = 1000
LOOK_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """A change as somebody tells of it. at: None is now. key: one row per key, so that a script may tell it twice."""

    kind: str
    title: str
    service: str = ""
    host: str = ""
    detail: str = ""
    key: str = ""
    at: float | None = None


class Changes:
    """Looks at what may have changed, takes what is told, and gives it out."""

    def __init__(
        self, store: StorePort, hosts: BlockingHostsPort, repository: OpsRepositoryPort, holder: InventoryHolder,
        clock: Clock, here: Here | None = None, ops: str = "", redact: Callable[[str], str] = str,
    ) -> None:  # fmt: skip
        """redact: takes known secrets out of a text; titles and details come from hosts and scripts."""
        self._store = store
        self._holder = holder
        self._clock = clock
        self._commits = OpsCommits(repository)
        sources: tuple[Source, ...] = (Configuration(), Reboots(), Packages(), ServiceCommits(ops), Images())
        self._redact = redact
        self._looked_at: set[tuple[int, int]] = set()
        self._looked_since = 0.0
        self._places = Places(store, hosts, sources, clock, here, redact)

    # ---- looking -----------------------------------------------------------------------------------------------------

    def look(self, at_once: bool = False) -> list[Change]:
        """Look everywhere; returns what is new. at_once: an incident has opened, so nothing waits for its own interval."""
        found = [*self._look_at_commits(), *self._places.look(self._holder.current, at_once)]
        now = self._clock()
        if found or not 0 <= now - self._looked_since < LOOK_AGAIN_S:
            self._looked_at.clear()  # something new is known, or was told meanwhile
            self._looked_since = now
        tell_suspects(self._store, self._holder.current, now, self._looked_at)
        return found

    def skipped(self) -> dict[str, tuple[str, ...]]:
        """Per host why it, or something on it, is not looked at now."""
        return self._places.skipped()

    def _look_at_commits(self) -> list[Change]:
        with self._store.read() as session:
            seen = self._commits.seen(session)
        if not seen:
            now = self._clock()
            self._store.write(lambda session: self._commits.note(session, now))
            return []
        found = self._commits.look(seen)
        if found:
            self._store.write(lambda session: self._keep_commits(session, found))
        return found

    def _keep_commits(self, session: Session, found: Sequence[Change]) -> None:
        for change in found:
            session.add_change(change)
        self._commits.note(session, max(change.at for change in found))

    # ---- reading -----------------------------------------------------------------------------------------------------

    def newest(self, since: float, until: float, limit: int = 200, service: str = "", kind: str = "") -> list[Change]:
        """Changes in that time, newest first. service: only those on it, its hosts and what it needs, any depth.

        Raises `NotFound` for an unknown service and `Usage` for an unknown kind.
        """
        inventory = self._holder.current
        if service and service not in inventory.services:
            raise NotFound(f"There is no service {service}.", "List them: wk status.")
        if kind and kind not in KINDS:
            raise Usage(f"There are no changes of kind {kind}.", f"There are: {', '.join(KINDS)}.")
        limit = max(0, min(limit, MOST))
        with self._store.read() as session:
            found = session.changes(since, until, MOST if service or kind else limit)
        near = relations(inventory, service) if service else None
        if near is not None:
            names, hosts = {service, *near.needs}, {*near.hosts, *near.hosts_of_needs}
            found = [each for each in found if each.service in names or (not each.service and each.host in hosts)]
        return [each for each in found if not kind or each.kind == kind][:limit]

    # ---- being told --------------------------------------------------------------------------------------------------

    def add(self, actor: Actor, told: Told) -> Change:
        """Keep what a person or a script tells of; a deployment is an entry of the log as well.

        The same key again gives the change that is known already. Raises `Usage`, `NotFound` or `Forbidden`.
        """
        assert_at_all(actor, "changes.tell")
        assert_allowed(actor, "changes.tell", *on_either(self._holder.current, told.service, told.host))
        change = self._checked(actor, told)

        def work(session: Session) -> Change:
            known = session.change_by_key(change.key) if change.key else None
            if known is not None:
                return known
            kept = session.add_change(change)
            if kept.kind == "deployment":
                session.append_entry(_entry(kept))
            return kept

        return self._store.write(work)

    def _checked(self, actor: Actor, told: Told) -> Change:
        inventory, now = self._holder.current, self._clock()
        if told.kind not in TOLD_KINDS:
            raise Usage(f"A change of kind {told.kind!r} cannot be told.", f"Tell of one of: {', '.join(TOLD_KINDS)}.")
        title = shown(self._redact(told.title), 300)
        if not title:
            raise Usage("The change has no title.", 'Give one: wk change add --service shop "shop 2.14.1".')
        if told.service and told.service not in inventory.services:
            raise NotFound(f"There is no service {told.service}.", "List them: wk status.")
        if told.host and told.host not in inventory.hosts:
            raise NotFound(f"There is no host {told.host}.", "They stand in hosts.yaml.")
        if not told.service and not told.host:
            raise Usage("Nobody knows what this change is about.", "Give --service NAME or --host NAME.")
        at = told.at if told.at is not None else now
        if not now - LONGEST_S <= at <= now + 60.0:
            raise Usage(
                "The time of a change lies within the last year and not ahead.", "Leave it out: it is now then."
            )
        detail, key = (
            self._redact(told.detail.strip()[:4000]),
            f"told:{told.key.strip()[:200]}" if told.key.strip() else "",
        )
        return Change(0, min(at, now), told.kind, title, actor.name, told.service, told.host, detail, key=key)


def _entry(kept: Change) -> Draft:
    about = kept.service or kept.host
    title = kept.title if about in kept.title else f"{about}: {kept.title}"
    sections = (("Change", kept.detail or kept.title),)
    about_it = {"service": kept.service, "host": kept.host}
    facts: dict[str, Value] = {"change": kept.id}
    facts |= {name: value for name, value in about_it.items() if value}
    return Draft(kept.at, "Deployment", title, kept.actor, "Medium", sections=sections, facts=facts)
