"""The bridge with 1,000 checks and a year of history: time on the server for each page, and bytes sent.

    python bench/bridge.py [--services N] [--days N] [--rounds N] [--store DIR] [--served]

Makes a state directory by the store's own functions: flips of a year (each check fails about once a week), the roll-up of
every day, incidents, entries of the log and runs of that year. Then a real watch asks the checks (`disk`, every 30 s) and
Django's handler answers in this process, with the cookie of a one-time link, as uvicorn's threads would call it.

Nothing is kept from one request to the next that a change would throw away: before every request that is counted one more
check has flipped and half a second of freshness is over ("after a flip"). "same moment" is what the second viewer costs.
bare: the same handler and middleware with nothing to make (a refused method), so the ratio is to Django alone.
--served: also 200 requests over one kept connection to a real main (uvicorn, one process).
--store keeps the state directory and uses it again. Goal: p95 of the bridge and of each part <= 100 ms; exit 1 when not.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import io
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.http_checks import WatchClient, started, wait_for

GOAL_MS = 100.0
DAY_S = 86_400.0
CHECKS_EACH = 4
IN_GROUP = 12
FAILING = 8
"""Services that fail now, each with an open incident."""
FLIPS_EVERY_S, DOWN_S = 7 * DAY_S, 600.0
INCIDENTS, ENTRIES = 2_000, 4_000
PAGES = ("/", "/?q=service-1", "/?sort=name", "/fragment/now", "/fragment/alarm", "/fragment/open", "/fragment/services",
         "/fragment/side", "/wall", "/incidents", "/services/service-003")  # fmt: skip
BARE = "/enter"


def name_of(number: int) -> str:
    return f"service-{number:03}"


def ops_repo(folder: Path, services: int) -> Path:
    """Services in groups, each with four cheap checks; the first ones fail."""
    (folder / "services").mkdir(parents=True)
    (folder / "watchkeeper.yaml").write_text("team: Bench\ntimezone: Europe/Berlin\ndefaults: {every: 30s}\n")
    (folder / "hosts.yaml").write_text("hosts:\n  here: {local: true}\n")
    for number in range(services):
        lines = [f"service: {name_of(number)}", "hosts: [here]", f"labels: {{group: Group {number // IN_GROUP:02}}}"]
        lines.append("checks:")
        for each in range(CHECKS_EACH):
            bad = "    crit: free >= 0%\n" if number < FAILING and each == 0 else "    crit: free < 0.001%\n"
            lines.append(f"  - name: c{each}\n    disk: {folder}\n{bad}".rstrip())
        (folder / f"services/{name_of(number)}.yaml").write_text("\n".join(lines) + "\n")
    return folder


# ---- a year, written by the store's own functions ---------------------------------------------------------------------------


def fill(state: Path, services: int, days: int, now: float) -> int:
    """The readings store; how many flips it has."""
    from watchkeeper.core.checks import Flip, Judged, Reading, Settled, State, Verdict
    from watchkeeper.core.readings.rollup import Sample, pack_rollup, rollup_of
    from watchkeeper.store.readings.writer import ReadingsWriter

    chance = random.Random(11)
    keys = [f"{name_of(number)}/c{each}" for number in range(services) for each in range(CHECKS_EACH)]
    writer = ReadingsWriter(state / "readings.db")
    writer._pace.now_and_then = lambda *_: None  # type: ignore[method-assign]
    start = now - days * DAY_S
    moves: list[tuple[float, str, State, State]] = []
    for key in keys:
        at = start + chance.expovariate(1 / FLIPS_EVERY_S)
        while at < now - DAY_S / 24:
            bad = chance.choice((State.CRIT, State.CRIT, State.WARN, State.UNKNOWN))
            lasts = chance.expovariate(1 / DOWN_S)
            moves += [(at, key, State.OK, bad), (min(at + lasts, now - 60), key, bad, State.OK)]
            at += lasts + chance.expovariate(1 / FLIPS_EVERY_S)
    moves.sort()
    values = {"free": 41_000_000_000, "total": 100_000_000_000}
    fine = Verdict(State.OK, "41 GB free")
    first = [Judged(Reading(key, start + 1.0, 0.001, values), fine, "rule") for key in keys]
    writer.write(first, [], {key: Settled(State.OK, start + 1.0) for key in keys})
    position = 0
    for day in range(days):
        until = start + (day + 1) * DAY_S
        flips = []
        while position < len(moves) and moves[position][0] < until:
            at, key, before, after = moves[position]
            service = key.partition("/")[0]
            flips.append(Flip(0, key, service, "here", at, before, after, "free 0.4 %, limit 1 %", values, "rule", ""))
            position += 1
        writer.write([], flips, {flip.check: Settled(flip.after, flip.at) for flip in flips})
    samples = [Sample(at * 30.0, 0.0005 + chance.random() / 1000, 0, 1, values) for at in range(2880)]
    rollup = rollup_of(samples, 0.0, DAY_S)
    packed, covered = pack_rollup(rollup, small=False), rollup.covered_s
    numbers = dict(writer.ask("select text, id from name"))
    last = int(now // DAY_S)
    with writer._transaction():
        for key in keys:
            for day in range(last - days, last):
                writer._folder._put(writer._connection, "day", "day", numbers[key], day, packed, covered)
    newest = [Judged(Reading(key, now - 5.0, 0.001, values), fine, "rule") for key in keys]
    settled = writer.settled()
    writer.write(newest, [], settled)
    for at in (now - 200 * DAY_S, now - 40 * DAY_S):  # two downtimes of our own
        writer._connection.execute("insert into gap (start_at, end_at) values (?, ?)", (at, at + 900.0))
    writer.alive(now)
    writer._connection.execute("pragma wal_checkpoint(truncate)")
    writer.close()
    return len(moves)


def fill_main(state: Path, services: int, days: int, now: float) -> None:
    """Incidents and entries of the year, and what is open now."""
    from watchkeeper.core.checks import State
    from watchkeeper.core.incidents.values import Ending, FailingCheck, Incident, Status
    from watchkeeper.core.log.values import Draft
    from watchkeeper.services.ports import Session
    from watchkeeper.services.watch import CURSOR
    from watchkeeper.store.readings.reader import ReadingsReader
    from watchkeeper.store.writer import Store

    store, newest = Store.open(state), ReadingsReader(state / "readings.db").newest_flip()
    chance = random.Random(5)

    def held(service: str, at: float) -> tuple[FailingCheck, ...]:
        return (FailingCheck(f"{service}/c0", State.CRIT, "free 0.4 %, limit 1 %", "rule", at, at, 2),)

    def incidents(session: Session) -> None:
        session.set_cursor(CURSOR, newest)  # main has taken the flips of the year
        for number in range(INCIDENTS):
            at, service = now - days * DAY_S * (1 - number / INCIDENTS) - 7200, name_of(chance.randrange(services))
            session.add_incident(Incident(
                0, service, None, Status.CLOSED, "P2", f"{service}: c0 is CRIT, free 0.4 %", at, held(service, at),
                closed_at=at + 600, ending=Ending.FIXED,
            ))  # fmt: skip
        for number in range(FAILING):
            at, service = now - 600 - number * 60, name_of(number)
            session.add_incident(Incident(
                0, service, None, Status.OPEN, "P2", f"{service}: c0 is CRIT, free 0.4 %", at, held(service, at)
            ))  # fmt: skip

    def entries(first: int) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            for number in range(first, min(first + 500, ENTRIES)):
                at = now - days * DAY_S * (1 - number / ENTRIES) - 3600
                session.append_entry(Draft(
                    at, "Incident", f"Incident {number}: a service recovered", "watchkeeper",
                    sections=(("Impact", "None that anybody saw."),),
                ))  # fmt: skip

        return work

    store.write(incidents)
    for first in range(0, ENTRIES, 500):
        store.write(entries(first))
    store.close()


# ---- asking ---------------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What came back: seconds by the clock and of the processor, status, bytes as sent and as read."""

    seconds: float
    processor_s: float
    status: int
    sent: int
    whole: bytes


class Handler:
    """Django's WSGI handler with a browser's cookies."""

    def __init__(self) -> None:
        from django.core.handlers.wsgi import WSGIHandler

        self._handler = WSGIHandler()
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, method: str = "GET") -> Answer:
        """One request, as a2wsgi would give it."""
        route, _, query = path.partition("?")
        told: dict[str, Any] = {}

        def begin(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            told["status"], told["headers"] = int(status.split()[0]), headers

        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": route, "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8600", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http", "HTTP_HOST": "127.0.0.1:8600", "HTTP_ACCEPT_ENCODING": "gzip",
            "HTTP_X_WATCHKEEPER_WAY": "tcp", "REMOTE_ADDR": "127.0.0.1",
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }  # fmt: skip
        began, busy = time.perf_counter(), time.thread_time()
        answer = self._handler(environ, begin)
        data = b"".join(answer)
        seconds, busy = time.perf_counter() - began, time.thread_time() - busy
        close = getattr(answer, "close", None)
        if close:
            close()
        for name, value in told["headers"]:
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        packed = any(name.lower() == "content-encoding" for name, _value in told["headers"])
        return Answer(seconds, busy, told["status"], len(data), gzip.decompress(data) if packed else data)


class Flipper:
    """One more check flips before each request: written by the store's own writer, beside the watch."""

    def __init__(self, state: Path, services: int) -> None:
        from watchkeeper.store.readings.writer import ReadingsWriter

        self._writer = ReadingsWriter(state / "readings.db")
        self._services, self._number = services, 0

    def flip(self) -> None:
        """A check of a healthy service fails, or recovers from that."""
        from watchkeeper.core.checks import Flip, Settled, State

        self._number += 1
        turn, bad = divmod(self._number, 2)
        key = f"{name_of(FAILING + turn % (self._services - FAILING))}/c1"
        before, after = (State.OK, State.WARN) if not bad else (State.WARN, State.OK)
        now = time.time()
        flip = Flip(0, key, key.partition("/")[0], "here", now, before, after, "free 9 %, limit 10 %", {}, "rule", "")
        self._writer.write([], [flip], {key: Settled(after, now, reason="free 9 %, limit 10 %")})

    def close(self) -> None:
        """Let go of the file."""
        self._writer.close()


def share(times: list[float], part: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def measure(state: Path, services: int, rounds: int) -> bool:
    """Print a line for each page; whether the goal is kept."""
    from watchkeeper.bootstrap.main import application
    from watchkeeper.faces.web import pages

    app, handler, flipper = application(), Handler(), Flipper(state, services)
    handler.ask(f"/enter?key={app.door.make_link()}")
    cold = handler.ask("/")
    if cold.status != 200:
        raise SystemExit(f"the bridge answers {cold.status}: {cold.whole[:500]!r}")
    print(f"the first request of the process, everything cold   {cold.seconds * 1000:7.1f} ms")
    bare = [handler.ask(BARE, "HEAD").seconds for _ in range(rounds * 2)]
    floor = statistics.median(bare) * 1000
    print(f"bare: {floor:.2f} ms (p95 {share(bare, 0.95):.2f})")
    print(f"{'':26}after a flip                 processor x bare   same moment    bytes sent (read)")
    kept = True
    for page in PAGES:
        if handler.ask(page).status == 404:
            continue
        fresh, again, busy, last = [], [], [], cold
        for _ in range(rounds):
            flipper.flip()
            pages.look.forget()
            last = handler.ask(page)
            fresh.append(last.seconds)
            busy.append(last.processor_s)
            again.append(handler.ask(page).seconds)
        assert last.status == 200, (page, last.status)
        middle, late = share(fresh, 0.5), share(fresh, 0.95)
        kept = kept and (late <= GOAL_MS or page.startswith(("/incidents", "/services")))  # those are beside the goal
        print(
            f"{page:<26}p50 {middle:6.1f}  p95 {late:6.1f} ms   p95 {share(busy, 0.95):6.1f} {middle / floor:7.1f}"
            f"   {share(again, 0.5):8.2f} ms"
            f"   {last.sent:9,} ({len(last.whole):,})", flush=True,
        )  # fmt: skip
    flipper.close()
    return kept


# ---- a real main ------------------------------------------------------------------------------------------------------------


def served(ops: Path, state: Path, log: Path, requests: int = 200) -> None:
    """The bridge over one kept connection to uvicorn, beside the watch."""
    import json

    from watchkeeper.faces.cli.client import Client

    command = [
        sys.executable,
        "-m",
        "watchkeeper.programs.main",
        "--ops",
        str(ops),
        "--state",
        str(state),
        "--port",
        "0",
    ]
    for name in ("web.url", "main.sock"):
        (state / name).unlink(missing_ok=True)
    with log.open("w") as out, started(command, stderr=out, stdout=out):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not ((state / "web.url").exists() and (state / "main.sock").exists()):
            time.sleep(0.2)
        time.sleep(3.0)  # what it reads ahead
        url = json.loads((state / "web.url").read_text())["url"]
        link = urlsplit(Client(str(state / "main.sock"), timeout_s=30).post("/links", {})["link"]["url"])
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        line.request("GET", f"{link.path}?{link.query}")
        first = line.getresponse()
        first.read()
        pairs = [each.partition(";")[0] for each in first.headers.get_all("Set-Cookie") or []]
        sent = {"Cookie": "; ".join(pairs), "Accept-Encoding": "gzip"}
        times, size = [], 0
        for _ in range(requests):
            began = time.perf_counter()
            line.request("GET", "/", headers=sent)
            answer = line.getresponse()
            size = len(answer.read())
            times.append(time.perf_counter() - began)
            assert answer.status == 200, answer.status
            time.sleep(0.05)
        print(
            f"served by uvicorn, {requests} requests: p50 {share(times, 0.5):.1f}, p95 {share(times, 0.95):.1f},"
            f" p99 {share(times, 0.99):.1f} ms, {size:,} bytes"
        )


@contextmanager
def watched(ops: Path, state: Path, log: Path, checks: int) -> Iterator[subprocess.Popen[str]]:
    """A real watch over the checks."""
    command = [sys.executable, "-m", "watchkeeper.programs.watch", "--ops", str(ops), "--state", str(state)]
    with log.open("w") as out, started(command, stderr=out, stdout=out) as running:
        wait_for(WatchClient(state / "watch.sock"), checks, running)
        yield running


def main() -> int:
    """Make, measure, print."""
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--services", type=int, default=250)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--served", action="store_true")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = chosen.store or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-bridge-")))
        folder.mkdir(parents=True, exist_ok=True)
        ops, state = folder / "ops", folder / "state"
        if not ops.exists():
            ops_repo(ops, chosen.services)
        os.environ["WATCHKEEPER_STATE"] = str(state)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "watchkeeper.settings")
        state.mkdir(mode=0o700, exist_ok=True)
        began, now = time.monotonic(), time.time()
        if not (state / "readings.db").exists():
            flips = fill(state, chosen.services, chosen.days, now)
            print(f"readings made in {time.monotonic() - began:.0f} s: {flips:,} flips")
        if not (state / "main.db").exists():
            fill_main(state, chosen.services, chosen.days, now)
            print(f"made in {time.monotonic() - began:.0f} s: {INCIDENTS:,} incidents, {ENTRIES:,} entries")
        size = sum(path.stat().st_size for path in state.glob("*.db*")) / 1e6
        print(
            f"{chosen.services * CHECKS_EACH} checks of {chosen.services} services, {chosen.days} days, {size:.0f} MB"
        )
        with watched(ops, state, folder / "watch.log", chosen.services * CHECKS_EACH):
            from watchkeeper.bootstrap.main import open_application

            app = open_application(ops, state)
            kept = measure(state, chosen.services, chosen.rounds)
            app.close()
            if chosen.served:
                served(ops, state, folder / "main.log")
        return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
