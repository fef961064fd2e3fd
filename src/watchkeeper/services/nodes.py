"""This node among the others: it is seen, takes over from the dead, knows who leads, and hands questions to their owner."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.core import nodes as rules
from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks.values import Judged, State
from watchkeeper.core.errors import NoAnswer, NotFound, StoreAway, WatchkeeperError
from watchkeeper.core.nodes import BEAT_S, GONE_S, GRACE_S, Node
from watchkeeper.core.times import format_duration
from watchkeeper.services.doctor.findings import Finding
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.own_life import OwnLife
from watchkeeper.services.ports import JournalPort, OpsRepositoryPort, Ping, WatchPort
from watchkeeper.services.ports.nodes import Ask, Beat, NodesPort

log = logging.getLogger(__name__)
ASK_S = 60.0
"""How long the owner of a check may take to ask it."""
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Acts:
    """What a node does about the others. dead: it was declared dead itself. taken: (dead node, its runs)."""

    dead: Callable[[], None]
    taken: Callable[[Node, list[int]], None]


class Nodes:
    """One node. `join`, then `beat` about every second, from one thread; everything else from any thread."""

    def __init__(self, port: NodesPort, revision: Callable[[], str], acts: Acts) -> None:
        self._port, self._revision, self._acts = port, revision, acts
        self._view: tuple[Node, ...] = ()
        self._me: Node | None = None
        self._well_since: float | None = None
        self._away = ""

    # ---- being a node ----

    def join(self) -> Node:
        """Become a node and see the others. Raises `Locked` when this node runs already."""
        self._me = self._port.join()
        seen = self._port.beat("")
        self._view = seen.nodes if seen else (self._me,)
        self._well_since = seen.now if seen else None
        log.info("node %s, number %s, epoch %s; %s in all", self._me.name, self._me.number, self._me.epoch,
                 len(self._view))  # fmt: skip
        return self._me

    def beat(self) -> None:
        """Be seen; take over from those that are silent. While the database is away everything stays as it was."""
        try:
            seen = self._port.beat(self._revision())
        except StoreAway as error:
            self._well_since = None
            if not self._away:
                log.error("this node cannot be seen by the others: %s", error)
            self._away = error.sentence
            return
        self._away = ""
        if seen is None:
            log.critical("this node was silent for too long and was declared dead; it ends and starts again")
            self._acts.dead()
            return
        self._note(seen)
        for node in seen.nodes:
            if self._looks_dead(node, seen):
                self._take_over(node)

    def _note(self, seen: Beat) -> None:
        late = seen.now - seen.before > GONE_S  # we, or the database, stood still: the others may have too
        self._well_since = seen.now if self._well_since is None or late else self._well_since
        if {node.id for node in seen.nodes} != {node.id for node in self._view}:
            log.info("nodes: %s", ", ".join(node.name for node in seen.nodes))
        self._view = seen.nodes

    def _looks_dead(self, node: Node, seen: Beat) -> bool:
        """Only who was well itself for as long may say so: after an outage of the database everybody looks silent."""
        if node.id == self.me.id or self._well_since is None:
            return False
        well_s = seen.now - self._well_since
        return any(node.age_s > limit and well_s >= limit for limit in (GONE_S, GRACE_S))

    def _take_over(self, node: Node) -> None:
        numbers = self._port.take_over(node)
        if numbers is None:
            return
        log.warning("node %s was silent for %s and is dead; its runs go on here: %s", node.name,
                    format_duration(node.age_s), numbers or "none")  # fmt: skip
        self._view = tuple(each for each in self._view if each.id != node.id)
        self._acts.taken(node, numbers)

    def leave(self) -> None:
        """End in order: the others go on at once."""
        try:
            numbers = self._port.leave()
            if numbers:
                log.info("runs %s go on at another node, or at the next start", numbers)
        except WatchkeeperError as error:
            log.warning("this node could not leave in order; it will be missed: %s", error)

    # ---- knowing ----

    @property
    def me(self) -> Node:
        """This node as it joined."""
        assert self._me is not None, "join first"
        return self._me

    def all(self) -> tuple[Node, ...]:
        """Every node that is not dead, in order of joining; as seen at the last beat."""
        return self._view

    def ids(self) -> list[str]:
        """Their ids, sorted."""
        return sorted(node.id for node in self._view)

    def leads(self) -> bool:
        """Whether this node does what is done once. While the database is away nobody can, and nobody writes."""
        first = rules.leader(self._view)
        return first is not None and first.id == self.me.id

    def owner(self, service: str) -> str:
        """Id of the node that asks the checks of this service."""
        return rules.owner(service, self.ids())

    def away(self) -> str:
        """Why the others cannot see this node; "" when they can."""
        return self._away


class InventoryInForce:
    """The files of the ops repo for this node (`OpsRepositoryPort`): the leader's own directory, stored for the others.

    Who follows takes what is stored. A follower that becomes leader goes on with it until a file in its own directory is
    saved, so a change of leader alone never changes what is watched.
    """

    def __init__(self, own: OpsRepositoryPort, port: NodesPort, leads: Callable[[], bool]) -> None:
        self._own, self._port, self._leads = own, port, leads
        self._followed = False
        self._held_at = ""
        self._last: dict[str, bytes] = {}
        self._last_is_own = False
        self._stored = ""

    def signature(self) -> str:
        """Changes with the own directory while it counts, else with the revision that is stored."""
        if self._own_counts():
            return "own " + self._own.signature()
        return "stored " + self._port.revision()

    def _own_counts(self) -> bool:
        if not self._leads():
            self._followed, self._held_at = True, ""
            return False
        if not self._followed:
            return True
        if not self._held_at:
            self._held_at = self._own.signature()
        if self._own.signature() == self._held_at and self._port.revision():
            return False
        self._followed = False
        return True

    def files(self) -> dict[str, bytes]:
        """As the port says."""
        self._last_is_own = self._own_counts()
        self._last = self._own.files() if self._last_is_own else self._port.inventory()
        return self._last

    def faults(self) -> Iterable[tuple[str, str]]:
        """Of the own directory while it counts."""
        return self._own.faults() if self._last_is_own else ()

    def commits(self, since: float) -> list[tuple[str, float, str, str]]:
        """Of the own directory."""
        return self._own.commits(since)

    def differing(self) -> list[str]:
        """Paths in the own directory that are not as they are in force; none where it counts itself."""
        if self._last_is_own:
            return []
        own, force = self._own.files(), self._last
        return sorted(path for path in own.keys() | force.keys() if own.get(path) != force.get(path))

    def put_into_force(self, revision: str) -> None:
        """After a load: what the leader loaded from its own directory is stored for the others, once."""
        if self._last_is_own and self._last and self._leads() and revision != self._stored:
            if self._port.revision() != revision:
                self._port.keep_inventory(revision, self._last)
                log.info("inventory %s is in force for all nodes", revision[:12])
            self._stored = revision


class SharedWatch:
    """A `WatchPort` over the watches of all nodes: each check is asked by its owner."""

    def __init__(
        self, local: WatchPort, journal: JournalPort, port: NodesPort, nodes: Nodes, holder: InventoryHolder
    ) -> None:
        self._local, self._journal, self._port, self._nodes, self._holder = local, journal, port, nodes, holder
        self._at_work: set[int] = set()
        self._guard = threading.Lock()

    def ask(self, checks: Sequence[str]) -> list[Judged]:
        """Ask these checks now, each where it belongs. Raises `NoAnswer` when an owner does not get round to it."""
        known = self._holder.current.checks
        wanted = list(checks) or list(known)
        of_node: dict[str, list[str]] = {}
        for key in wanted:
            if key not in known:
                raise NotFound(f"There is no check {key}.", "List them: wk status.")
            of_node.setdefault(self._nodes.owner(known[key].service) or self._nodes.me.id, []).append(key)
        mine = of_node.pop(self._nodes.me.id, [])
        asks = [self._port.want(node, keys) for node, keys in of_node.items()]
        found = {judged.reading.check: judged for judged in (self._local.ask(mine) if mine else [])}
        for ask in asks:
            self._await(ask)
        if asks:
            latest = self._journal.latest()
            found |= {key: latest[key] for ask in asks for key in ask.checks if key in latest}
        return [found[key] for key in wanted if key in found]

    def _await(self, ask: Ask) -> None:
        until = time.monotonic() + ASK_S
        while not self._port.is_done(ask):
            if ask.node not in self._nodes.ids() or time.monotonic() > until:
                self._port.done(ask)
                names = ", ".join(ask.checks[:3])
                raise NoAnswer(
                    f"The node that asks {names} gave no answer.", "Its checks move to another node soon; try again."
                )
            time.sleep(LOOK_S)

    def serve(self) -> None:
        """Ask what other nodes want to be asked here; called on a beat. Slow checks hold up nobody."""
        for ask in self._port.wanted():
            with self._guard:
                if ask.id in self._at_work:
                    continue
                self._at_work.add(ask.id)
            threading.Thread(target=self._serve_one, args=(ask,), name="ask", daemon=True).start()

    def _serve_one(self, ask: Ask) -> None:
        try:
            self._local.ask(ask.checks)
        except WatchkeeperError as error:
            log.warning("checks %s could not be asked for another node: %s", ", ".join(ask.checks), error)
        finally:
            try:
                self._port.done(ask)
            except WatchkeeperError as error:
                log.warning("an answer could not be handed back: %s", error)
            with self._guard:
                self._at_work.discard(ask.id)

    def status(self) -> dict[str, object]:
        """Of the watch on this node."""
        return self._local.status()

    def changed(self, checks: Mapping[str, float]) -> None:
        """Of those that this node asks; elsewhere their windows run on until the old readings have left them."""
        self._local.changed(checks)

    def fixed(self, checks: Sequence[str]) -> None:
        """Of those that this node asks; elsewhere they count as flapping until they were quiet for a while."""
        self._local.fixed(checks)

    def ping(self, ping: Ping) -> None:
        """A ping is durable for all nodes; its check is looked at by its owner."""
        self._local.ping(ping)
        check = self._holder.current.checks.get(ping.check)
        node = self._nodes.owner(check.service) if check is not None else ""
        if node and node != self._nodes.me.id:
            self._port.want(node, [ping.check])

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """As the port says: the watch of this node stores them for all."""
        self._local.alerts(alerts)
        checks = self._holder.current.checks
        for key in sorted({alert.check for alert in alerts} & checks.keys()):
            node = self._nodes.owner(checks[key].service)
            if node and node != self._nodes.me.id:
                self._port.want(node, [key])


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node for people. leads: it loads the ops repo and does what is done once."""

    node: Node
    me: bool
    leads: bool
    services: tuple[str, ...]


class NodeReader:
    """Shows the nodes: `wk status`, the page, and the doctor's findings."""

    def __init__(self, nodes: Nodes, holder: InventoryHolder) -> None:
        self._nodes, self._holder = nodes, holder

    def states(self) -> tuple[NodeState, ...]:
        """All of them, in order of joining."""
        view, ids = self._nodes.all(), self._nodes.ids()
        owners = self._owners(ids)
        first = rules.leader(view)
        return tuple(
            NodeState(
                node, node.id == self._nodes.me.id, first is not None and first.id == node.id, owners.get(node.id, ())
            )
            for node in view
        )

    def _owners(self, ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for service in sorted(self._holder.current.services):
            found.setdefault(rules.owner(service, ids), []).append(service)
        return {node: tuple(services) for node, services in found.items()}

    def warnings(self) -> tuple[str, ...]:
        """What a first look must show."""
        away = self._nodes.away()
        found = [f"This node is alone: {away}"] if away else []
        silent = [node for node in self._nodes.all() if node.age_s > GONE_S and node.id != self._nodes.me.id]
        return (*found, *(f"Node {node.name} is silent for {format_duration(node.age_s)}." for node in silent))

    def findings(self) -> list[Finding]:
        """One per node; the doctor's part."""
        away = self._nodes.away()
        if away:
            words = "See that PostgreSQL runs and DATABASE_URL is right. Until then nothing is taken over."
            return [Finding("nodes", State.CRIT, f"This node is alone: {away}", words)]
        found = [self._finding(state) for state in self.states()]
        if len({state.node.version for state in self.states()}) > 1:
            words = "Nodes run different versions of watchkeeper."
            found.append(Finding("nodes versions", State.WARN, words, "Upgrade them one after the other."))
        if len({state.node.host for state in self.states()}) > 1:
            found += self._local_hosts()
        return found

    def _finding(self, state: NodeState) -> Finding:
        node = state.node
        name = f"node {node.name}"
        if node.age_s > GONE_S and not state.me:
            words = f"silent for {format_duration(node.age_s)}; after {GRACE_S:g} s its runs and checks move"
            return Finding(name, State.CRIT, words, f"Look at {node.host}: systemctl status watchkeeper.")
        parts = [
            "this one" if state.me else f"seen {format_duration(max(0.0, node.age_s))} ago",
            *(["leads"] if state.leads else []),
            f"version {node.version}",
            f"asks {', '.join(state.services)}" if state.services else "asks nothing",
        ]
        return Finding(name, State.OK, ", ".join(parts))

    def _local_hosts(self) -> list[Finding]:
        """A host that is `local` is another machine on each node."""
        local = [host.name for host in self._holder.current.hosts.values() if host.kind == "local"]
        if not local:
            return []
        words = f"Nodes run on several machines, and {', '.join(local)} means whichever of them is at work."
        return [Finding("nodes hosts", State.WARN, words, "Reach every host by ssh: docs/how-to/several-machines.md")]


def _checkout(in_force: InventoryInForce | None) -> list[Finding]:
    """Whether the ops repo of this machine is what is in force: scripts and secrets are taken from it."""
    differing = in_force.differing() if in_force is not None else []
    if not differing:
        return []
    words = (
        f"The ops repo on this machine is not the one in force: {len(differing)} files differ, such as {differing[0]}."
    )
    return [Finding("ops repo here", State.WARN, words, "Pull it on every machine.")]


def beside(
    nodes: Nodes, reader: NodeReader, own: OwnLife, in_force: InventoryInForce | None = None
) -> tuple[Callable[[], tuple[str, ...]], Callable[[], list[Finding]]]:
    """(warnings, findings) of a node: its own life and the others. Who follows leaves out what only the leader does."""

    def warnings() -> tuple[str, ...]:
        return (*reader.warnings(), *(own.warnings() if nodes.leads() else ()))

    def findings() -> list[Finding]:
        left_out = ("own backup",) if nodes.leads() else ("heartbeat", "own backup")
        kept = [each for each in own.findings() if each.name not in left_out]
        words = "Records, readings and evidence are in PostgreSQL: back that up, with pg_dump or its own tools."
        return [*kept, Finding("own backup", State.OK, words), *reader.findings(), *_checkout(in_force)]

    return warnings, findings


__all__ = ["BEAT_S", "Acts", "InventoryInForce", "NodeReader", "NodeState", "Nodes", "SharedWatch", "beside"]
