"""The ping server on real sockets, over a real readings store: what is taken is durable, what is hostile is bounded.

On the loop that the watch uses; what differs between loops is tried on the stock one as well.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from watchkeeper.adapters.key_file import KeyFile
from watchkeeper.adapters.ping_listener import PingListener
from watchkeeper.adapters.ping_requests import HEAD_BYTES, MOST_BODY, Requests
from watchkeeper.adapters.ping_server import Bounds
from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.errors import NotFound
from watchkeeper.core.keys import Ring
from watchkeeper.core.watching import PingPlan
from watchkeeper.services.checks.intake import Intake
from watchkeeper.store.readings.ping_journal import PingJournal
from watchkeeper.store.readings.writer import ReadingsWriter

SECRET = bytes(range(32))
TIGHT = Bounds(head_s=0.5, whole_s=2.0, answer_s=5.0, idle_s=1.0, connections=40, most_connections=100, spare_s=0.1)


class Taking:
    """The watch as far as the server needs it."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake

    async def ping(self, ping: Ping) -> None:
        await self.intake.take(ping)

    async def take_alerts(self, alerts: Sequence[Alert]) -> None:
        await self.intake.take_alerts(alerts, time.time())

    def heartbeat(self, name: str) -> str:
        if name != "shop/backup":
            raise NotFound(f"There is no heartbeat check {name} any more.")
        return name


class Server:
    """A listener in a thread of its own."""

    def __init__(self, state: Path, plan: PingPlan, bounds: Bounds = TIGHT, stock: bool = False) -> None:
        self.state, self.plan = state, plan
        self.store = ReadingsWriter(state / "readings.db")
        self.ring = Ring(SECRET)
        self.faults: list[str] = []
        self.intake = Intake(self.store, journal=PingJournal(state), redact=lambda text: text.replace("hunter2", "***"))
        self._loop = asyncio.new_event_loop() if stock else uvloop.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run(bounds)), daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    async def _run(self, bounds: Bounds) -> None:
        async def health() -> list[str]:
            return self.faults

        requests = Requests(Taking(self.intake), lambda: self.ring, health, time.time)
        self.listener = PingListener(requests, self.state, lambda: self.plan, bounds)
        async with self.listener.serving():
            self._ready.set()
            await self._stop.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        self.store.close()

    @property
    def port(self) -> int:
        return int(self.listener.url.rpartition(":")[2])

    def path(self, purpose: str = "ping", subject: str = "shop/backup") -> str:
        return f"/{purpose}/{self.ring.issue(purpose, subject)}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 10)

    def raw(self, data: bytes, close: bool = True) -> bytes:
        with self.connect() as line:
            line.sendall(data)
            if close:
                line.shutdown(socket.SHUT_WR)
            return everything(line)

    def ask(self, path: str, method: str = "GET", body: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        return self.raw(head.encode() + body, close=False)

    def pings(self) -> list[Ping]:
        from watchkeeper.store.readings.pings import WHOLE, newest

        return newest(self.store._connection, "shop/backup", 1000, WHOLE)


def everything(line: socket.socket) -> bytes:
    found = b""
    while part := line.recv(65_536):
        found += part
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def begin(**options: object) -> Server:
        state = tmp_path / f"state{len(started)}"
        state.mkdir()
        started.append(Server(state, options.pop("plan", PingPlan()), **options))  # type: ignore[arg-type]
        return started[-1]

    yield begin
    for each in started:
        each.close()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


def test_each_way_of_pinging_is_kept(server: Server) -> None:
    path = server.path()
    assert status(server.ask(path)) == 200
    head = server.ask(f"{path}/start?rid=r-1", "HEAD")
    assert status(head) == 200 and head.endswith(b"\r\n\r\n"), "an answer to HEAD has no body"
    assert status(server.ask(f"{path}/3?rid=r-1", "POST", b"dump of shop.db\nkey is hunter2\ndisk full\n")) == 200
    assert status(server.ask(f"{path}/log", "POST", b"half way")) == 200
    assert status(server.ask(f"{path}/fail")) == 200
    assert status(server.ask(f"{path}/0")) == 200
    told = [(each.status, each.exit_code, each.rid, each.note) for each in server.pings()]
    assert told == [
        ("success", None, "", ""), ("start", None, "r-1", ""), ("fail", 3, "r-1", "disk full"), ("log", None, "", "half way"),
        ("fail", None, "", ""), ("success", 0, "", ""),
    ]  # fmt: skip
    body = server.pings()[2].body
    assert body == "dump of shop.db\nkey is ***\ndisk full\n"
    assert server.pings()[1].source == "HEAD from 127.0.0.1"


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/ping/nonsense", "GET", 404), ("/ping/", "GET", 404), ("/", "GET", 404), ("/ping", "POST", 404),
        ("{ping}/256", "GET", 400), ("{ping}/begin", "GET", 400), ("{ping}/start/now", "GET", 400),
        ("{ping}?rid=a%20b", "GET", 400), ("{ping}?rid=" + "a" * 65, "GET", 400), ("{ping}", "DELETE", 405),
        ("{ping}", "PUT", 405), ("{alerts}", "GET", 405), ("{other}", "GET", 404), ("{gone}", "GET", 404),
        ("{ping}x", "GET", 404), ("//", "GET", 404), ("/health", "POST", 405), ("/health/wrong", "GET", 404),
        ("/%00%ff/../ping", "GET", 404), ("*", "OPTIONS", 404),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_and_kept_nowhere(server: Server, path: str, method: str, expected: int) -> None:
    names = {
        "ping": server.path(), "alerts": server.path("alerts", ""), "other": "/ping/" + server.ring.issue("alerts", ""),
        "gone": server.path("ping", "shop/gone"),
    }  # fmt: skip
    answer = server.ask(path.format(**names), method)
    assert status(answer) == expected
    assert server.pings() == []


def test_a_rotated_key_is_refused_at_once(server: Server) -> None:
    path = server.path()
    server.ring = Ring(SECRET, {("ping", "shop/backup"): 2})
    assert status(server.ask(path)) == 404
    assert status(server.ask(server.path())) == 200


@pytest.mark.parametrize("stock", [False, True])
def test_requests_in_one_piece_are_answered_in_order(start: Callable[..., Server], stock: bool) -> None:
    server = start(stock=stock)
    one = f"GET {server.path()}/start HTTP/1.1\r\nHost: x\r\n\r\n"
    two = f"POST {server.path()}/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nbad"
    last = f"GET {server.path()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = server.raw((one + two + last).encode())
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert [each.status for each in server.pings()] == ["start", "fail", "success"]


@pytest.mark.parametrize("stock", [False, True])
def test_requests_that_follow_each_other_are_answered_in_order(start: Callable[..., Server], stock: bool) -> None:
    """Each in a piece of its own, the first ones while the one before is still being answered, some in two pieces."""
    server = start(stock=stock)
    plain = f"GET {server.path()}/log HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    post = f"POST {server.path()}/7 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nbad".encode()
    with server.connect() as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (plain, post, post[:20], post[20:-2], post[-2:], plain):
            line.sendall(piece)
            time.sleep(0.001)
        line.shutdown(socket.SHUT_WR)
        assert everything(line).count(b"HTTP/1.1 200 ") == 4
    assert [each.status for each in server.pings()] == ["log", "fail", "fail", "log"]


@pytest.mark.parametrize("stock", [False, True])
def test_a_connection_that_is_kept_takes_one_ping_after_the_other(start: Callable[..., Server], stock: bool) -> None:
    server = start(stock=stock, bounds=replace(TIGHT, requests=30))
    request = f"GET {server.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with server.connect() as line:
        for number in range(1, 31):
            line.sendall(request)
            answer = line.recv(4096)
            assert status(answer) == 200 and (b"connection: close" in answer) == (number == 30)
        assert line.recv(1) == b"", "it has had its share"
    assert len(server.pings()) == 30


@pytest.mark.parametrize("said", [b"", b"GET / HT"])
def test_who_asks_nothing_in_time_is_told_so(server: Server, said: bytes) -> None:
    with server.connect() as line:
        line.sendall(said)
        assert status(everything(line)) == 408
    with server.connect() as line:
        line.sendall(f"GET {server.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert status(line.recv(4096)) == 200
        line.sendall(said)
        assert status(everything(line)) == 408


@pytest.mark.parametrize("form", ["plain", "unusual"])
def test_a_store_that_hangs_costs_the_answer_not_the_server(start: Callable[..., Server], form: str) -> None:
    server = start(bounds=replace(TIGHT, answer_s=0.5))
    go, real = threading.Event(), server.store.add_pings
    server.store.add_pings = lambda *given, **more: (go.wait(20), real(*given, **more))[1]  # type: ignore[method-assign]
    path = server.path() if form == "plain" else f"http://x{server.path()}"
    answer = server.ask(path)
    assert status(answer) == 503 and b"retry-after: 5" in answer
    assert status(server.ask("/health")) == 200
    go.set()
    wait_for(lambda: len(server.pings()) == 1)


def test_who_leaves_before_the_answer_has_pinged(server: Server) -> None:
    for _ in range(20):
        with server.connect() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
            line.sendall(f"GET {server.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.02)
    assert status(server.ask(server.path())) == 200
    assert len(server.pings()) == 21


def test_a_client_that_reads_nothing_is_let_go(server: Server) -> None:
    request = f"GET {server.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with server.connect() as line:
        line.settimeout(20)
        try:
            for _ in range(100_000):
                line.sendall(request * 50)
        except OSError:
            pass  # timed out would be one too: that says the next line
        assert status(server.ask(server.path())) == 200
    wait_for(lambda: len(server.listener._doors) == 1 and not any(door.is_used for door in server.listener._doors))


def test_a_large_body_keeps_its_beginning_and_end(server: Server) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(120_000))  # more than 1 MB
    assert status(server.ask(f"{server.path()}/1", "POST", b"first\n" + lines + b"the reason\n")) == 200
    kept = server.pings()[0]
    assert kept.note == "the reason" and len(kept.body) < 12_000
    assert kept.body.startswith("first\n") and kept.body.endswith("the reason\n") and "cut" in kept.body


def test_a_body_without_end_is_cut_and_its_ping_is_kept(server: Server) -> None:
    head = f"POST {server.path()}/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    piece = b"100000\r\n" + b"y" * 0x100000 + b"\r\n"
    with server.connect() as line:
        line.sendall(head)
        try:
            for _ in range(3 * MOST_BODY // 0x100000):
                line.sendall(piece)
        except OSError:
            pass  # it does not listen any more
        try:
            assert status(everything(line)) == 200
        except ConnectionError:
            pass  # the answer went by while we were still sending
    wait_for(lambda: len(server.pings()) == 1)
    assert len(server.pings()[0].body) < HEAD_BYTES + 10_000


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), b"GET\r\n\r\n", b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"\r\n" * 50_000,
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000 + b"\r\n\r\n", b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", b"\x00" * 4096,
    ],
)  # fmt: skip
def test_garbage_is_refused_and_the_next_ping_is_taken(server: Server, garbage: bytes) -> None:
    try:
        answer = server.raw(garbage)
    except ConnectionError:
        answer = b""
    assert answer == b"" or 400 <= status(answer) < 500
    assert status(server.ask(server.path())) == 200


def test_a_request_that_ends_in_the_middle_is_no_ping(server: Server) -> None:
    answer = server.raw(f"POST {server.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf".encode())
    assert status(answer) == 400
    assert server.pings() == []


def test_slow_clients_give_way(server: Server) -> None:
    """Twice as many as may be connected drip one byte each; a job that reports is answered all the same."""
    slow = []
    for _ in range(2 * TIGHT.connections):
        line = server.connect()
        line.sendall(b"G")
        slow.append(line)
    assert status(server.ask(server.path())) == 200
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(still_open(line) for line in slow):
        for line in slow:
            try:
                line.send(b"E")  # keeps on dripping: the head has a deadline as a whole
            except OSError:
                pass
        time.sleep(0.1)
    assert not any(still_open(line) for line in slow)
    for line in slow:
        line.close()


def still_open(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return line.recv(65_536) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_while_the_store_is_away_pings_wait_in_a_file_and_are_stored_once(server: Server) -> None:
    real, server.store.add_pings = server.store.add_pings, broken  # type: ignore[method-assign]
    assert status(server.ask(f"{server.path()}/start", "POST", b"hunter2")) == 200
    assert status(server.ask(server.path())) == 200
    assert "hunter2" not in (server.state / "pings.journal").read_text()
    assert "kept in a file" in server.intake.fault
    assert server.pings() == []
    server.store.add_pings = real  # type: ignore[method-assign]
    with (server.state / "pings.journal").open("ab") as file:
        file.write(b'{"check": "shop/ba')  # a crash in the middle of a line that was never answered
    for _ in range(2):  # a crash after they were stored and before they were forgotten
        server.store.add_pings(PingJournal(server.state).waiting(), once=True)
    asyncio.run(server.intake.drain())
    assert [each.status for each in server.pings()] == ["start", "success"]
    assert server.intake.fault == "" and PingJournal(server.state).is_empty


def broken(pings: Sequence[Ping], *, once: bool = False) -> None:
    raise OSError("the database is away")


def test_when_nothing_can_be_kept_the_job_is_told_to_come_again(server: Server) -> None:
    server.store.add_pings = broken  # type: ignore[method-assign]
    server.intake._journal.add = broken  # type: ignore[union-attr,method-assign]
    answer = server.ask(server.path())
    assert status(answer) == 503 and b"retry-after: 5" in answer
    assert "cannot be kept" in server.intake.fault


def test_alerts_of_both_forms_are_taken(server: Server) -> None:
    webhook = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "Down"}, "fingerprint": "f1"}]}
    path = server.path("alerts", "")
    assert status(server.ask(path, "POST", json.dumps(webhook).encode())) == 200
    posted = [{"labels": {"alertname": "Slow", "severity": "warning"}, "endsAt": "2999-01-01T00:00:00Z"}]
    assert status(server.ask(f"{path}/api/v2/alerts", "POST", json.dumps(posted).encode())) == 200
    assert {each.name for each in server.store.alerts("")} == {"Down", "Slow"}
    assert status(server.ask(path, "POST", b"[]")) == 400
    assert status(server.ask(path, "POST", b"x" * 1_100_000)) == 413


def test_health_tells_strangers_only_whether(server: Server) -> None:
    assert b'{"health": {"ok": true, "faults": []}}' in server.ask("/health")
    server.faults = ["The outbox is stuck."]
    answer = server.ask("/health")
    assert status(answer) == 503 and b"outbox" not in answer
    assert b"The outbox is stuck." in server.ask(server.path("health", ""))


def test_only_the_proxy_that_is_trusted_may_connect(start: Callable[..., Server]) -> None:
    server = start(plan=PingPlan(trusted=("192.0.2.9",)))
    try:
        assert server.ask(server.path()) == b""
    except ConnectionError:
        pass
    assert server.pings() == []
    server = start(plan=PingPlan(trusted=("127.0.0.1",)))
    assert status(server.ask(server.path())) == 200


def test_off_loopback_without_tls_nothing_opens(start: Callable[..., Server]) -> None:
    server = start(plan=PingPlan(host="0.0.0.0"))
    assert server.listener.url == ""
    assert "0.0.0.0 is not loopback, and neither tls nor trusted_proxies is given" in server.listener.fault


@pytest.mark.parametrize("stock", [False, True])
def test_tls_with_the_certificate_of_the_team(start: Callable[..., Server], tmp_path: Path, stock: bool) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    server = start(plan=PingPlan(host="0.0.0.0", certificate=str(certificate), key=str(key)), stock=stock)
    assert server.listener.url.startswith("https://")
    context = ssl.create_default_context(cafile=str(certificate))
    with server.connect() as line, context.wrap_socket(line, server_hostname="localhost") as secure:
        for head in ("Host: x", "Host: x\r\nTransfer-Encoding: chunked", "Host: x\r\nConnection: close"):
            body = "0\r\n\r\n" if "chunked" in head else ""
            secure.sendall(f"GET {server.path()} HTTP/1.1\r\n{head}\r\n\r\n{body}".encode())
            assert status(secure.recv(4096)) == 200
    missing = start(plan=PingPlan(host="0.0.0.0", certificate=str(tmp_path / "none.pem"), key=str(key)))
    assert missing.listener.fault.endswith("none.pem: no such file or directory.")


def test_it_comes_back_on_the_port_it_had(start: Callable[..., Server]) -> None:
    first = start()
    port, state = first.port, first.state
    first.close()
    second = Server(state, PingPlan())
    try:
        assert second.port == port
    finally:
        second.close()
    first.close = lambda: None  # type: ignore[method-assign]


def test_keys_are_a_file_of_the_owner(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    assert file.ring() is None
    ring = Ring(SECRET, {("ping", "shop/backup"): 3})
    file.write(ring)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    assert KeyFile(tmp_path / "keys.json").ring() == ring
    (tmp_path / "keys.json").write_text('{"secret": "AAAA", "generations": []}')
    assert file.ring() is None, "a damaged file opens nothing"
    assert "secret" not in repr(ring)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
