"""The beats of main: small loops in threads, each of which survives its own failures."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.memory import keep_loaded
from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.services.nodes import SharedWatch

if TYPE_CHECKING:
    from watchkeeper.bootstrap.main import Application

log = logging.getLogger(__name__)
BACKUP_S, HEARTBEAT_S, SPOOLS_S = 20.0, 1.0, 60.0
FLIPS_S, PROOF_S, EXPIRY_S, SWEEP_S, OUTBOX_S, CHANGES_S, INVENTORY_S = 0.1, 0.25, 1.0, 2.0, 0.25, 5.0, 0.5
KEYS_S, VITALS_S = 2.0, 5.0
WINDOWS_S = 1.0
STATUS_PAGE_S = 1.0
EXPIRIES_S = 60.0
KEEPING_S, ANCHOR_S = 5.0, 10.0
DOCUMENT_S = 3.0
TASKS_S = 15.0
TOKENS_S = 15.0
WEBHOOKS_S = 1.0
ESCALATIONS_S = 1.0
CANCELLING_S, ASKS_S = 1.0, 0.3
LOOK_FIRST_S = 1.5
"""So long a message waits at most for the look at what changed before it."""


class Beats:
    """Starts and stops the loops of one application."""

    def __init__(self, app: Application, daemon: bool = False) -> None:
        self._app = app
        self._daemon = daemon
        self._stopping = threading.Event()
        self._look_for_changes = threading.Event()
        self._messages_wait = 0.0
        self._threads: list[threading.Thread] = []
        self._said: dict[str, str] = {}

    def start(self) -> None:
        """Start all loops. What a crash left half of the log's archive is put right before anybody asks for it."""
        app = self._app
        self._once("log repair", app.logbook.keeping.repair)
        once: list[tuple[str, float, Callable[[], object]]] = [
            ("flips", FLIPS_S, self._flips),
            ("proof", PROOF_S, app.incidents.prove),
            ("hurry", 1.0, app.incidents.hurry),
            ("causes", PROOF_S, app.causes.look),
            ("expiry", EXPIRY_S, app.deadlines.expire),
            ("sweep", SWEEP_S, app.recorder.sweep),
            ("outbox", OUTBOX_S, self._outbox),
            ("cancelling", CANCELLING_S, app.cancelling.beat),
            ("expiries", EXPIRIES_S, app.expiries.warn),
            ("tasks", TASKS_S, app.tasks.beat),
            ("unlogged", EXPIRIES_S, app.unlogged.beat),
            ("shifts", TASKS_S, app.shifts.beat),
            ("log document", DOCUMENT_S, app.logbook.document.beat),
            ("log index", KEEPING_S, app.logbook.questions.catch_up),
            ("log keeping", KEEPING_S, app.logbook.keeping.beat),
            ("log anchor", ANCHOR_S, app.logbook.anchors.beat),
            ("webhooks", WEBHOOKS_S, app.webhooks.beat),
            ("windows", WINDOWS_S, app.window_beat.beat),
            ("status page", STATUS_PAGE_S, app.posting.beat),
            ("escalations", ESCALATIONS_S, app.escalations.walk),
            ("oncall", 2 * ESCALATIONS_S, app.oncall.hand_over),
        ]
        if self._daemon:
            once += [("vitals", VITALS_S, app.own.vitals.look)]
            once += [("heartbeat", HEARTBEAT_S, app.own.heartbeat.beat), ("spools", SPOOLS_S, app.spools.tidy)]
            if app.joined is None:  # else everything is in PostgreSQL, which is backed up by its own tools
                once += [("backup", BACKUP_S, app.own.backups.look)]
        loops = [(name, every_s, self._by_leader(act)) for name, every_s, act in once]
        loops += [("inventory", INVENTORY_S, self._inventory), ("keys", KEYS_S, app.keys.publish)]
        loops += [("tokens", TOKENS_S, app.tokens.flush)]
        if isinstance(app.watch, SharedWatch):
            loops += [("asks", ASKS_S, app.watch.serve)]
        for name, every_s, act in loops:
            self._spawn(name, every_s, act, self._stopping)
        self._threads.append(threading.Thread(target=self._changes, name="changes", daemon=True))
        self._threads[-1].start()

    def stop(self) -> None:
        """End all loops; a beat at work gets two seconds."""
        self._stopping.set()
        self._look_for_changes.set()
        for thread in self._threads:
            thread.join(2.0)

    def _spawn(self, name: str, every_s: float, act: Callable[[], object], stopping: threading.Event) -> None:
        self._app.own.pulse.beat(name)

        def loop() -> None:
            while not stopping.wait(every_s):
                self._once(name, act)

        thread = threading.Thread(target=loop, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _once(self, name: str, act: Callable[[], object]) -> None:
        try:
            act()
            self._app.own.pulse.beat(name)
            self._said.pop(name, None)
        except WatchkeeperError as error:
            if self._said.get(name) != error.sentence:  # a lasting fault is said once, not every second
                log.error("beat %s goes on after a fault: %s", name, error)
            self._said[name] = error.sentence
            self._stopping.wait(1.0)
        except Exception:
            log.exception("beat %s failed; it goes on", name)
            self._stopping.wait(1.0)

    def _by_leader(self, act: Callable[[], object]) -> Callable[[], object]:
        """Of several nodes only the one that leads does it; alone it is done as it is."""
        joined = self._app.joined
        if joined is None:
            return act
        return lambda: act() if joined.nodes.leads() else None

    def _flips(self) -> None:
        if self._app.recorder.follow():
            self._app.engine.nudge()
            if not self._messages_wait:
                self._messages_wait = time.monotonic() + LOOK_FIRST_S
            self._look_for_changes.set()

    def _changes(self) -> None:
        at_once = False
        while not self._stopping.is_set():
            self._once("changes", self._by_leader(partial(self._app.changes.look, at_once)))
            if not self._look_for_changes.is_set():
                self._messages_wait = 0.0
            at_once = self._look_for_changes.wait(CHANGES_S)
            self._look_for_changes.clear()

    def _outbox(self) -> None:
        """While a look at what changed is under way the messages of an opening wait for it, so that they name the suspect;
        never longer than a moment."""
        if time.monotonic() >= self._messages_wait:
            self._app.outbox.deliver_due()

    def _inventory(self) -> None:
        app = self._app
        if app.holder.refresh():
            app.take_over_inventory()
            log.info("inventory %s loaded", app.holder.current.revision[:12])
            keep_loaded()
        if app.joined is not None and app.joined.in_force is not None:
            app.joined.in_force.put_into_force(app.holder.current.revision)
