"""The real watch loop and the real services of main in one process on one virtual clock; only the probes are made up.

Seconds pass as fast as the work is done. Used by `bench/soak.py`, and by tests that need hours.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from watchkeeper.adapters.hosts.blocking import BlockingHosts
from watchkeeper.adapters.repositories.directory import DirectoryRepository, own_ssh_config
from watchkeeper.adapters.repositories.last_good import LastGood
from watchkeeper.adapters.secrets import SecretReader
from watchkeeper.bootstrap import main as bootstrap
from watchkeeper.core.checks import Judged, Reading
from watchkeeper.core.inventory.values import Check
from watchkeeper.services.checks import Limits, Watch
from watchkeeper.services.delivery import in_turn
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.ports import Ping, Session
from watchkeeper.store.places import open_evidence, open_readings_writer
from watchkeeper.store.writer import Store, _Work

T = TypeVar("T")
EPOCH = 1_800_000_000.0
Answer = Callable[[Check, float], Reading]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout > 0:
            self._loop.now += timeout
        return super().select(0)


class MadeUpProbes:
    """The probe port: what a target answers is a function of the check and the time."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked = 0

    async def ask(self, check: Check, now: float) -> Reading:
        self.asked += 1
        return self._answer(check, now)

    def replace(self, hosts: Any, databases: Any, secret: Any) -> None:
        """Nothing to take over."""

    async def close(self) -> None:
        """Nothing is open."""


class Receiver:
    """A webhook on loopback that takes every message and counts them."""

    def __init__(self) -> None:
        receiver = self
        self.taken: list[bytes] = []
        self.count, self.keep = 0, False

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.count += 1
                if receiver.keep:
                    receiver.taken.append(body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class InProcessWatch:
    """`WatchPort` without a socket: main and watch take turns on one thread."""

    def __init__(self, loop: VirtualLoop, watch: Watch) -> None:
        self._loop, self._watch = loop, watch

    def ask(self, checks: Sequence[str]) -> list[Judged]:
        return self._loop.run_until_complete(self._watch.ask_now(checks))

    def status(self) -> dict[str, object]:
        return dict(self._watch.status())

    def fixed(self, checks: Sequence[str]) -> None:
        self._loop.run_until_complete(self._watch.fixed(checks))

    def ping(self, ping: Ping) -> None:
        self._loop.run_until_complete(self._watch.ping(ping))

    def alerts(self, alerts: Sequence[Any]) -> None:
        self._loop.run_until_complete(self._watch.take_alerts(alerts))


class VirtualHouse:
    """Call `run` to let time pass; the beats of main come every `beat_s` virtual seconds."""

    def __init__(self, ops: Path, state: Path, answer: Answer, beat_s: float = 5.0) -> None:
        state.mkdir(mode=0o700, exist_ok=True)
        self.loop, self.beat_s = VirtualLoop(), beat_s
        self.probes = MadeUpProbes(answer)
        self._readings = open_readings_writer(state, "", "")
        self._secrets = SecretReader(ops)
        repository = DirectoryRepository(ops)
        holder = InventoryHolder(repository, self.clock, last_good=LastGood(state))
        holder.refresh()

        async def inline(work: Callable[[], T]) -> T:
            return work()

        self.watch = Watch(
            holder, self.probes, self._readings, self.clock, lambda _: self._secrets.value,
            limits=Limits(refresh_s=3600.0, flush_s=1.0), monotonic=self.loop.time, offload=inline,
        )  # fmt: skip
        self._open_main(ops, state, repository, holder)
        self._running = self.loop.create_task(self.watch.run())

    def _open_main(self, ops: Path, state: Path, repository: DirectoryRepository, holder: InventoryHolder) -> None:
        import os

        os.environ["WATCHKEEPER_STATE"] = str(state)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "watchkeeper.settings")
        store = Store.open(state)
        store.write = partial(_write_here, store)  # type: ignore[method-assign]
        hosts = BlockingHosts(holder.current.hosts, ssh_config=own_ssh_config(ops))
        local: Any = InProcessWatch(self.loop, self.watch)
        self.app = bootstrap._assemble(
            ops,
            state,
            self.clock,
            repository,
            holder,
            store,
            self._secrets,
            hosts,
            open_evidence(state, ""),
            local,
            None,
        )
        self.app.outbox._start = in_turn

    def clock(self) -> float:
        """Epoch seconds of the virtual time."""
        return EPOCH + self.loop.now

    def run(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Let so many virtual seconds pass. each: called after every beat."""
        until = self.loop.now + seconds
        while self.loop.now < until - 1e-9:
            self.loop.run_until_complete(asyncio.sleep(min(self.beat_s, until - self.loop.now)))
            if self._running.done():
                self._running.result()
            self.beat()
            each()

    def beat(self) -> None:
        """What the beats of main do, once each."""
        app = self.app
        while app.recorder.follow():
            pass
        app.incidents.prove()
        app.incidents.hurry()
        app.causes.look()
        app.recorder.sweep()
        app.deadlines.expire()
        app.window_beat.beat()
        app.escalations.walk()
        app.outbox.deliver_due()

    def close(self) -> None:
        """End the watch, then main."""
        self._running.cancel()
        self.loop.run_until_complete(asyncio.gather(self._running, return_exceptions=True))
        self.app.close()
        self._readings.close()
        self.loop.close()


def _write_here(store: Store, work: Callable[[Session], T]) -> T:
    """`Store.write` with the same commit on the thread that asks: time stands still meanwhile, so nobody else would work."""
    item = _Work(work)
    store._commit([item])
    return item.answer.result()


def write_ops(folder: Path, services: Mapping[str, Sequence[str]], team: str) -> Path:
    """An ops repo: per service the YAML lines of its checks."""
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text(team)
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    for name, checks in services.items():
        head = [f"service: {name}", "hosts: [here]", "checks:"]
        (folder / f"services/{name}.yaml").write_text("\n".join([*head, *checks]) + "\n")
    return folder
