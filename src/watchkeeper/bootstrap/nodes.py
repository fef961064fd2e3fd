"""The parts of one node among several on one PostgreSQL; loaded only where DATABASE_URL is set."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from watchkeeper import __version__
from watchkeeper.adapters.repositories.last_good import LastGood
from watchkeeper.adapters.watch_socket import WatchClient
from watchkeeper.bootstrap.state import node_id
from watchkeeper.core.errors import Invalid, WatchkeeperError
from watchkeeper.core.nodes import BEAT_S, Node
from watchkeeper.core.runs.values import Run
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.nodes import Acts, InventoryInForce, Nodes
from watchkeeper.services.ports import Clock, EnginePort, OpsRepositoryPort, Session
from watchkeeper.services.segments import Segments
from watchkeeper.store.nodes import NodeTable, session_name
from watchkeeper.store.writer import Store

log = logging.getLogger(__name__)
DECLARED_DEAD = 75
"""Exit code of a main that was declared dead; the supervisor starts it again, as a new epoch."""
ENGINE = "dbos>=3.4,<3.5"
FIRST_S = 30.0
"""How long a node that follows waits at its start for the first inventory of all."""
TELL_S = 2.0
"""How often the watch is told which nodes there are, also when nothing changed: it may have been started again."""


def assert_installed() -> None:
    """Raises `Invalid` with the command when what several nodes need is not installed."""
    missing = [name for name in ("psycopg", "dbos") if importlib.util.find_spec(name) is None]
    if missing:
        wanted = " ".join({"psycopg": "'psycopg[binary]>=3.2,<4'", "dbos": f"'{ENGINE}'"}[name] for name in missing)
        raise Invalid(
            f"DATABASE_URL is set, so watchkeeper needs {' and '.join(missing)}, which a plain installation does not have.",
            f"Install it: {sys.executable} -m pip install {wanted}. Or unset DATABASE_URL: one machine needs none.",
        )


@dataclass(slots=True)
class Joined:
    """This node, with the thread that keeps it alive. on_dead, on_taken: what the engine does then."""

    url: str
    store: Store
    table: NodeTable
    nodes: Nodes
    watch: WatchClient
    revision: Callable[[], str] = field(default=lambda: "")
    on_dead: Callable[[], None] = field(default=lambda: None)
    on_taken: Callable[[Node, list[int]], None] = field(default=lambda node, runs: None)
    in_force: InventoryInForce | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Be seen from now on."""
        for name, act in (("nodes", self._beat), ("tell", self._tell)):
            self._threads.append(threading.Thread(target=act, name=name, daemon=True))
            self._threads[-1].start()

    def leave(self) -> None:
        """End in order; nothing of this process can be written afterwards."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(5.0)
        self.nodes.leave()

    def _beat(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self.nodes.beat()
            except WatchkeeperError as error:
                log.warning("a beat of this node failed, it goes on: %s", error)
            except Exception:
                log.exception("a beat of this node failed; it goes on")
            self.table.wait(max(0.05, BEAT_S - (time.monotonic() - began)), self.store.heard)

    def _tell(self) -> None:
        """The watch is told at once when a node comes or goes. While the database is away the last word holds."""
        told, at = [""], 0.0
        while not self._stopping.wait(0.2):
            ids = self.nodes.ids()
            if self.nodes.away() or (ids == told and time.monotonic() - at < TELL_S):
                continue
            try:
                self.watch.assign(ids)
                told, at = ids, time.monotonic()
            except WatchkeeperError:
                self._stopping.wait(1.0)  # it starts beside us, or is started again


def name_sessions(state: Path) -> str:
    """Have every database session of this process carry the name of its node; call it before the first is opened."""
    name = session_name(node_id(state), os.getpid())
    os.environ["PGAPPNAME"] = name
    return name


def join(state: Path, store: Store, url: str, watch: WatchClient) -> Joined:
    """Become a node. Raises `Locked` when this one runs already."""
    table = NodeTable(store, url, node_id(state), socket.gethostname(), os.getpid(), __version__)
    joined: list[Joined] = []
    acts = Acts(lambda: _end(joined[0]), lambda node, runs: joined[0].on_taken(node, runs))
    nodes = Nodes(table, lambda: joined[0].revision(), acts)
    joined.append(Joined(url, store, table, nodes, watch))
    nodes.join()
    _share_secret(store)
    joined[0].start()
    return joined[0]


def follow(joined: Joined, own: OpsRepositoryPort, state: Path, clock: Clock) -> InventoryHolder:
    """The inventory in force: the leader's, stored for all. A node that follows waits for the first one."""
    until = time.monotonic() + FIRST_S
    while not joined.nodes.leads() and not joined.table.revision() and time.monotonic() < until:
        time.sleep(0.2)
    joined.in_force = InventoryInForce(own, joined.table, joined.nodes.leads)
    holder = InventoryHolder(joined.in_force, clock, last_good=LastGood(state))
    joined.in_force.put_into_force(holder.current.revision)
    joined.revision = lambda: holder.current.revision
    return holder


def build_engine(joined: Joined, segments: Segments, end_commands: Callable[[Run], None]) -> EnginePort:
    """The engine of a node; it learns of the dead from the node's beat."""
    from watchkeeper.engine.distributed import DistributedEngine, configuration

    config = configuration(joined.url, joined.nodes.me.id, os.environ.get("PGAPPNAME", "watchkeeper"))
    engine = DistributedEngine(
        joined.store, segments.execute, end_commands, segments.give_up, config, joined.table.adopt, joined.store.release
    )
    joined.on_dead = engine.declared_dead
    joined.on_taken = lambda node, _runs: engine.forget(node.id)
    return engine


def _end(joined: Joined) -> None:
    """The others have taken over what this node had. What is at work here cannot write any more, and ends with it."""
    joined.on_dead()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(DECLARED_DEAD)


def _share_secret(store: Store) -> None:
    """The signing key of the first node is that of all, so a page opened at one node works at the others."""
    from django.conf import settings

    def work(session: Session) -> str:
        key = session.setting("secret_key") or settings.SECRET_KEY
        session.set_setting("secret_key", key)
        return key

    settings.SECRET_KEY = store.write(work)
