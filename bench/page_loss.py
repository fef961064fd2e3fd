"""No page lost: a thousand kill -9, and the same outage beside Alertmanager and Monit.

    python bench/page_loss.py [--kills 1000] [--peers]

First the kills: a virtual day on which the receivers are down for six hours (they fail, hang, refuse, and close the line
after they took it), lived by processes that are killed after, or just before, every one to three commits of the path from
flip to message. Then, with --peers (needs prometheus-alertmanager and monit from Debian), ten services on a real outage of
two minutes, each program with its own receiver that behaves the same; every program is killed with -9 in the middle of it
and started again. Alertmanager is fed as Prometheus feeds it, Monit asks by itself and keeps its event queue on disk.
Exits with 1 when watchkeeper lost or disordered anything, or told it later than two minutes after the receivers were back.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.fixtures.mail_server import MailServer
from tests.fixtures.page_loss import AFTER_S, every_commit, expected, lives, outcome
from tests.house import House

# seconds after the start: receivers down from 20 to 140 (500, then hanging, then 500); every program killed at 75
DOWN, HANGS, FAILS, BACK, KILLED, END = 20.0, 60.0, 90.0, 140.0, 75.0, 290.0
OUTAGES = {
    "s1": (30, 60), "s2": (32, 62), "s3": (34, 100),  # both ends while nobody listens
    "s4": (40, 200), "s5": (42, 202), "s6": (44, 204),  # begins while nobody listens
    "s7": (6, 80), "s8": (8, 110),  # ends while nobody listens
    "s9": (165, 195), "s10": (167, 197),  # after it
}  # fmt: skip


@dataclass
class Peer:
    """A program beside ours and what its receiver got. got: (service, DOWN or UP) -> when first."""

    name: str
    start: Callable[[], Any]
    stop: Callable[[], None]
    got: dict[tuple[str, str], float] = field(default_factory=dict)
    copies: int = 0

    def take(self, service: str, way: str, at: float) -> None:
        self.copies += (service, way) in self.got
        self.got.setdefault((service, way), at)

    def line(self) -> str:
        wanted = [(name, way) for name in OUTAGES for way in ("DOWN", "UP")]
        lost = [each for each in wanted if each not in self.got]
        due = {(name, way): at for name, span in OUTAGES.items() for way, at in zip(("DOWN", "UP"), span, strict=True)}
        late = {
            each: self.got[each] - max(due[each], BACK if DOWN <= due[each] < BACK else 0)
            for each in wanted
            if each in self.got
        }
        if "--debug" in sys.argv:
            print(self.name, sorted((round(at, 1), *each) for each, at in self.got.items()))
        swapped = [name for name in OUTAGES if self.got.get((name, "UP"), 1e9) < self.got.get((name, "DOWN"), 0)]
        told = f"{len(wanted) - len(lost)} of {len(wanted)} told, {len(lost)} lost"
        named = f" ({', '.join(f'{name} {way}' for name, way in lost)})" if lost else ""
        most = max(late.values(), default=0.0)
        return (
            f"{self.name:<13} {told}{named}; latest {most:.0f} s; UP before DOWN {len(swapped)}; copies {self.copies}"
        )

    @property
    def faults(self) -> bool:
        wanted = len(OUTAGES) * 2
        return len(self.got) < wanted or any(
            self.got[name, "UP"] < self.got[name, "DOWN"]
            for name in OUTAGES
            if (name, "UP") in self.got and (name, "DOWN") in self.got
        )


class Town:
    """The services that are asked, and the clock of the run."""

    def __init__(self) -> None:
        self.begun = time.monotonic() + 1e6  # nothing happens before every program runs
        town = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(502 if town.is_down(self.path.strip("/")) else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def now(self) -> float:
        return time.monotonic() - self.begun

    def is_down(self, name: str) -> bool:
        since, until = OUTAGES.get(name, (0, 0))
        return since <= self.now < until

    @property
    def mode(self) -> str:
        """How every receiver behaves now."""
        if not DOWN <= self.now < BACK:
            return "accept"
        return "hang" if HANGS <= self.now < FAILS else "fail"

    def receiver(self, take: Callable[[dict[str, Any]], None]) -> str:
        """The address of a webhook receiver."""
        town = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                mode = town.mode
                if mode == "hang":
                    time.sleep(10)
                    return
                if mode == "accept":
                    take(json.loads(body))
                self.send_response(200 if mode == "accept" else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/hook"


def watchkeeper(town: Town, root: Path) -> Peer:
    """The real programs on an ops repo of their own; checks every 2 s, one webhook, everything else as it comes."""
    house = House(root / "house", every="2s")
    peer = Peer("watchkeeper", lambda: house.start(), lambda: house.kill("watch", "main"))

    def take(body: dict[str, Any]) -> None:
        for item in body.get("items") or [body]:
            if item["kind"] in ("opened", "escalated", "closed"):
                way = "UP" if item["kind"] == "closed" else "DOWN"
                known = (item["facts"]["service"], way) in peer.got
                if not known or (not body.get("update") and item["kind"] != "escalated"):  # an update says all again
                    peer.take(item["facts"]["service"], way, town.now)

    hook = town.receiver(take)
    house.write(
        "watchkeeper.yaml", f"team: T\nchannels:\n  room: {{webhook: {hook}, timeout: 5s}}\ndefaults: {{every: 2s}}\n"
    )
    for name in OUTAGES:
        house.write(
            f"services/{name}.yaml",
            f"service: {name}\nchecks:\n  - {{name: web, http: http://127.0.0.1:{town.port}/{name}, crit: status != 200}}\n",
        )
    return peer


def alertmanager(town: Town, root: Path) -> Peer:
    """Fed every 2 s as Prometheus does: what fires with an end 20 s ahead, what is over with its end, for 15 minutes."""
    port = _free_port()
    (root / "am").mkdir(parents=True)
    peer = Peer("Alertmanager", lambda: None, lambda: None)

    def take(body: dict[str, Any]) -> None:
        for alert in body["alerts"]:
            peer.take(alert["labels"]["service"], "UP" if alert["status"] == "resolved" else "DOWN", town.now)

    hook = town.receiver(take)
    config = root / "am" / "am.yml"
    config.write_text(
        "route: {receiver: w, group_by: [service], group_wait: 1s, group_interval: 2s}\n"
        f"receivers:\n- name: w\n  webhook_configs: [{{url: '{hook}', send_resolved: true}}]\n"
    )
    command = ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={root}/am/data",
               f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
    _as_program(peer, command, root / "am" / "log")

    def feed() -> None:
        while town.now < END:
            time.sleep(2)
            alerts = [
                _alert(name, begun, over)
                for name, span in OUTAGES.items()
                for begun, over in [_seen(town, span)]
                if begun
            ]
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/api/v2/alerts",
                json.dumps(alerts).encode(),
                {"Content-Type": "application/json"},
            )
            try:
                urllib.request.urlopen(request, timeout=2).close()
            except OSError:
                continue

    threading.Thread(target=feed, daemon=True).start()
    return peer


def _seen(town: Town, span: tuple[int, int]) -> tuple[float, float]:
    """(began, ended) in epoch seconds as far as it has happened; 0 for not yet."""
    base = time.time() - town.now
    return (base + span[0] if town.now >= span[0] else 0.0, base + span[1] if town.now >= span[1] else 0.0)


def _alert(name: str, begun: float, over: float) -> dict[str, Any]:
    ends = over or time.time() + 20
    return {"labels": {"alertname": "Down", "service": name}, "startsAt": _stamp(begun), "endsAt": _stamp(ends)}


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def monit(town: Town, root: Path) -> Peer:
    """Asks every 2 s and mails; its event queue keeps what the mail server did not take."""
    peer = Peer("Monit", lambda: None, lambda: None)
    (root / "monit" / "queue").mkdir(parents=True)
    mails = MailServer()
    lines = [f"set daemon 2\nset pidfile {root}/monit/pid\nset statefile {root}/monit/state\nset idfile {root}/monit/id",
             f"set logfile {root}/monit/log\nset eventqueue basedir {root}/monit/queue slots 1000",
             f"set mailserver 127.0.0.1 port {mails.port} with timeout 5 seconds",
             "set alert duty@example.org",
             "set mail-format { from: monit@example.org\n subject: EVENT $SERVICE $EVENT }"]  # fmt: skip
    lines += [
        f"check host {name} with address 127.0.0.1\n  if failed port {town.port} protocol http request /{name} then alert"
        for name in OUTAGES
    ]
    rc = root / "monit" / "rc"
    rc.write_text("\n".join(lines) + "\n")
    rc.chmod(0o700)
    _as_program(peer, ["monit", "-I", "-c", str(rc)], root / "monit" / "out")

    def follow() -> None:
        seen = 0
        while town.now < END:
            mails.mode = {"accept": "accept", "hang": "hang", "fail": "busy"}[town.mode]
            time.sleep(0.2)
            for mail in mails.taken[seen:]:
                seen += 1
                found = re.search(rb"Subject: EVENT (\S+) (.+)", mail.data)
                if found and found.group(1).decode() in OUTAGES:
                    peer.take(found.group(1).decode(), "UP" if b"ucceeded" in found.group(2) else "DOWN", town.now)

    threading.Thread(target=follow, daemon=True).start()
    return peer


def _as_program(peer: Peer, command: list[str], log: Path) -> None:
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(subprocess.Popen(command, stdout=log.open("ab"), stderr=subprocess.STDOUT))

    def stop() -> None:
        running[-1].send_signal(signal.SIGKILL)
        running[-1].wait()

    peer.start, peer.stop = start, stop


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def beside_peers(root: Path) -> bool:
    """The same outage for all three at once; True when ours lost or disordered nothing."""
    town = Town()
    peers = [watchkeeper(town, root)]
    if shutil.which("prometheus-alertmanager"):
        peers.append(alertmanager(town, root))
    if shutil.which("monit"):
        peers.append(monit(town, root))
    for peer in reversed(peers):
        peer.start()
    town.begun = time.monotonic() + 10.0  # everything has been asked once
    while town.now < KILLED:
        time.sleep(0.1)
    for peer in peers:
        peer.stop()
    for peer in reversed(peers):
        peer.start()
    while town.now < END:
        time.sleep(0.2)
    for peer in peers:
        peer.stop()
    print(
        f"\n{len(OUTAGES)} services, receivers down for {BACK - DOWN:.0f} s,"
        f" every program killed with -9 after {KILLED - DOWN:.0f} s of it:"
    )
    for peer in peers:
        print("  " + peer.line())
    return not peers[0].faults


def kills(root: Path, wanted: int) -> bool:
    """Days with kills until there were as many as wanted; True when nothing was lost."""
    fine, done, day, begun = True, 0, 0, time.monotonic()
    while done < wanted:
        place = root / f"day-{day}"
        done += lives(place, wanted - done, every_commit)
        found = outcome(place)
        day += 1
        print(
            f"day {day}: {done} kills so far; DOWN {found.downs} and UP {found.ups} of {expected()}, lost {len(found.lost)},"
            f" out of order {len(found.disorder)}, keys with two meanings {len(found.unstable)},"
            f" latest {found.late_s:.0f} s after the receivers were back (at most {AFTER_S:.0f}), read twice {found.copies}"
        )
        for each in (*found.lost, *found.disorder, *found.unstable):
            print(f"  {each}")
        fine = fine and not (found.lost or found.disorder or found.unstable) and found.late_s <= AFTER_S
        shutil.rmtree(place)
    print(f"{done} kills in {time.monotonic() - begun:.0f} s: {'nothing lost' if fine else 'LOST OR LATE'}")
    return fine


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--debug", action="store_true", help="also when each of the peers' messages came")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wk-page-loss-") as place:
        fine = kills(Path(place), options.kills) if options.kills else True
        if options.peers:
            fine = beside_peers(Path(place) / "peers") and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
