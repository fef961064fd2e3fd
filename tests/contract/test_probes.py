"""Every kind of probe against real servers, files and processes: what is measured, and what is said when it is not."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import os
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.probes.command import number_in
from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Reading
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check, Database, Host, Probe
from watchkeeper.services.ports import CommandResult, Ping

NOW = 1_800_000_000.0


def check(kind: str, timeout_s: float = 2.0, where: str = "here", host: str | None = None, **options: object) -> Check:
    key = f"shop/{kind}"
    probe = Probe(kind, options)
    return Check(key, "shop", kind, host, where, probe, 5.0, timeout_s, None, None, None, 1, "hash")  # type: ignore[arg-type]


def ask(wanted: Check, tools: Tools | None = None, now: float | None = None) -> Reading:
    async def once() -> Reading:
        probes = Probes(tools or Tools())
        try:
            return await probes.ask(wanted, time.time() if now is None else now)
        finally:
            await probes.close()

    return asyncio.run(once())


# ---------------------------------------------------------------------------------------------------- servers


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/big":
            self.send_response(200)
            self.send_header("Content-Length", str(100 * 2**20))
            self.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(100):
                    self.wfile.write(b"x" * 2**20)
            return
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()
            return
        if self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
            self.end_headers()
            return
        status = 500 if self.path == "/broken" else 200
        body = f"path={self.path} agent={self.headers['User-Agent']} token={self.headers.get('X-Token', '')}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(b"got " + body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def raw_server(act: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server that does `act` with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                act(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def certificate(folder: Path, days: float, name: str = "localhost") -> tuple[Path, Path]:
    """A self-signed certificate that ends in `days`, as (certificate, key) files."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.now(UTC) + timedelta(days=days)
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=400))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8
    (folder / "tls.pem").write_bytes(built.public_bytes(form))
    (folder / "tls.key").write_bytes(key.private_bytes(form, plain, serialization.NoEncryption()))
    return folder / "tls.pem", folder / "tls.key"


@contextlib.contextmanager
def tls_server(files: tuple[Path, Path]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)

    def act(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    with raw_server(act) as port:
        yield port


# ---------------------------------------------------------------------------------------------------- http


def test_http_measures_status_size_body_and_latency(web: str) -> None:
    reading = ask(check("http", url=f"{web}/ok"))
    assert reading.error is None
    assert reading.values["status"] == 200
    assert reading.values["connected"] is True
    assert "agent=watchkeeper" in str(reading.values["body"])
    assert reading.values["size"] == len(str(reading.values["body"]))
    assert 0 < reading.latency_s < 2


def test_http_says_what_the_server_said(web: str) -> None:
    assert ask(check("http", url=f"{web}/broken")).values["status"] == 500


def test_http_sends_method_body_and_headers(web: str) -> None:
    posted = ask(check("http", url=f"{web}/post", method="POST", body="order 1"))
    assert (posted.values["status"], posted.values["body"]) == (201, "got order 1")
    tools = Tools(secret=lambda name: f"value-of-{name}")
    assert "token=value-of-shop" in str(
        ask(check("http", url=web, headers={"X-Token": "secret:shop"}), tools).values["body"]
    )


def test_http_follows_redirects_only_when_told(web: str) -> None:
    reading = ask(check("http", url=f"{web}/redirect"))
    assert (reading.values["status"], reading.values["location"]) == (302, "/ok")
    assert ask(check("http", url=f"{web}/redirect", follow=True)).values["status"] == 200
    endless = ask(check("http", url=f"{web}/round", follow=True))
    assert (endless.values["status"], endless.values["error_kind"]) == (0, "redirects")


def test_http_reads_only_the_beginning_of_a_large_body(web: str) -> None:
    reading = ask(check("http", url=f"{web}/big"))
    assert reading.values["status"] == 200
    assert (reading.values["size"], reading.values["truncated"]) == (65_536, True)
    assert reading.latency_s < 1.5


def test_http_opens_a_fresh_connection_for_every_ask() -> None:
    seen: list[int] = []

    def answer(connection: socket.socket) -> None:
        seen.append(connection.getpeername()[1])
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")

    async def twice(url: str) -> None:
        probes = Probes(Tools())
        for _ in range(2):
            assert (await probes.ask(check("http", url=url), NOW)).values["status"] == 200
        await probes.close()

    with raw_server(answer) as port:
        asyncio.run(twice(f"http://127.0.0.1:{port}/"))
    assert len(set(seen)) == 2


def test_http_refused_is_an_answer_that_fails() -> None:
    reading = ask(check("http", url=f"http://127.0.0.1:{free_port()}/"))
    assert reading.error is None
    assert (reading.values["status"], reading.values["connected"]) == (0, False)
    assert reading.values["error_kind"] == "refused"
    assert "refused the connection" in str(reading.values["problem"])


def test_http_that_accepts_and_never_answers_ends_at_the_timeout() -> None:
    with raw_server(lambda connection: time.sleep(1.5)) as port:
        started = time.monotonic()
        reading = ask(check("http", timeout_s=0.4, url=f"http://127.0.0.1:{port}/"))
    assert time.monotonic() - started < 1.2
    assert (reading.values["status"], reading.values["error_kind"]) == (0, "timeout")
    assert "within 0.4 s" in str(reading.values["problem"])
    assert reading.latency_s >= 0.4


def _reset(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _say(text: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(text)

    return act


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (_reset, "reset"),
        (_say(b""), "closed"),
        (_say(b"SSH-2.0-x\r\n"), "protocol"),
        (_say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), "closed"),
    ],
)
def test_http_names_what_went_wrong(act: Callable[[socket.socket], None], kind: str) -> None:
    with raw_server(act) as port:
        reading = ask(check("http", url=f"http://127.0.0.1:{port}/"))
    assert (reading.error, reading.values["status"], reading.values["error_kind"]) == (None, 0, kind)
    assert f"127.0.0.1:{port}" in str(reading.values["problem"])


def test_http_that_cannot_resolve_the_name_was_not_asked() -> None:
    reading = ask(check("http", url="http://nosuch.invalid/"))
    assert reading.error is not None
    assert "nosuch.invalid could not be resolved" in reading.error
    assert "status" not in reading.values


def test_http_over_tls_with_an_untrusted_certificate(tmp_path: Path) -> None:
    with tls_server(certificate(tmp_path, 90)) as port:
        untrusted = ask(check("http", url=f"https://127.0.0.1:{port}/"))
        accepted = ask(check("http", url=f"https://127.0.0.1:{port}/", verify=False))
    assert (untrusted.values["status"], untrusted.values["error_kind"]) == (0, "tls")
    assert accepted.values["status"] == 200


def test_http_with_a_url_that_cannot_be_sent_is_a_sentence() -> None:
    reading = ask(check("http", url="ftp://127.0.0.1/"))
    assert reading.error is not None and "cannot be sent" in reading.error


# ---------------------------------------------------------------------------------------------------- tcp, tls


def test_tcp_connects_refuses_and_times_out() -> None:
    with raw_server(lambda connection: None) as port:
        assert ask(check("tcp", address=f"127.0.0.1:{port}")).values["connected"] is True
    refused = ask(check("tcp", address=f"127.0.0.1:{free_port()}"))
    assert (refused.error, refused.values["connected"], refused.values["error_kind"]) == (None, False, "refused")
    unknown = ask(check("tcp", address="nosuch.invalid:80"))
    assert unknown.error is not None and "could not be resolved" in unknown.error
    assert unknown.values == {}


def test_tcp_ends_at_the_timeout_when_nobody_accepts() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(8):  # fills the queue of connections, so that the next one hangs
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)
        reading = ask(check("tcp", timeout_s=0.4, address=f"127.0.0.1:{port}"))
    assert (reading.values["connected"], reading.values["error_kind"]) == (False, "timeout")


def test_tls_tells_days_and_trust_apart(tmp_path: Path) -> None:
    files = certificate(tmp_path, 5)
    with tls_server(files) as port:
        strange = ask(check("tls", address=f"127.0.0.1:{port}"))
        trusted = ask(check("tls", address=f"127.0.0.1:{port}", ca=str(files[0])))
        other_name = ask(check("tls", address=f"127.0.0.1:{port}", ca=str(files[0]), name="shop.example.org"))
    assert (strange.error, strange.values["trusted"]) == (None, False)
    assert 4.9 < float(strange.values["days"] or 0) < 5.1
    assert "self" in str(strange.values["problem"])
    assert trusted.values["trusted"] is True and 4.9 < float(trusted.values["days"] or 0) < 5.1
    assert other_name.values["trusted"] is False


def test_tls_reads_the_date_of_an_ended_certificate(tmp_path: Path) -> None:
    files = certificate(tmp_path, -3)
    with tls_server(files) as port:
        reading = ask(check("tls", address=f"127.0.0.1:{port}", ca=str(files[0])))
    assert reading.values["trusted"] is False
    assert -3.1 < float(reading.values["days"] or 0) < -2.9
    assert "expired" in str(reading.values["problem"])


def test_tls_on_a_port_without_tls_or_without_anything() -> None:
    with raw_server(_say(b"220 mail ready\r\n")) as port:
        plain = ask(check("tls", address=f"127.0.0.1:{port}"))
    assert (plain.values["connected"], plain.values["trusted"]) == (False, False)
    refused = ask(check("tls", address=f"127.0.0.1:{free_port()}"))
    assert (refused.values["error_kind"], refused.values["trusted"]) == ("refused", False)
    assert "days" not in refused.values


# ---------------------------------------------------------------------------------------------------- this machine


@contextlib.contextmanager
def sleeper(word: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", word])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_process_counts_by_pattern_and_leaves_out_stopped_and_dead_ones() -> None:
    word = f"wk-probe-{os.getpid()}"
    with sleeper(word) as first, sleeper(word) as second:
        reading = ask(check("process", match=f"{word}$"))
        assert (reading.values["count"], reading.values["stopped"]) == (2, 0)
        assert reading.values["pid"] == min(first.pid, second.pid)
        assert int(reading.values["memory"] or 0) > 1_000_000
        first.send_signal(signal.SIGSTOP)
        os.waitpid(first.pid, os.WUNTRACED)
        reading = ask(check("process", match=word))
        assert (reading.values["count"], reading.values["stopped"]) == (1, 1)
        second.kill()
        time.sleep(0.05)  # not yet reaped: a zombie
        assert ask(check("process", match=word)).values["count"] == 0


def test_a_process_that_is_gone_has_no_memory_rather_than_little() -> None:
    """Otherwise "memory < 75MB" would be proven by killing it."""
    reading = ask(check("process", match=f"wk-nobody-{os.getpid()}$"))
    assert (reading.values["count"], reading.values["memory"]) == (0, None)


def test_process_by_name_finds_programs_and_the_scripts_of_interpreters(tmp_path: Path) -> None:
    script = tmp_path / "wk-shop-worker.py"
    script.write_text("import time; time.sleep(60)")
    running = subprocess.Popen([sys.executable, "-u", str(script)])
    try:
        time.sleep(0.05)
        assert ask(check("process", name="wk-shop-worker.py")).values["count"] == 1
        assert ask(check("process", name="wk-shop-worker")).values["count"] == 0
    finally:
        running.kill()
        running.wait()


def test_process_never_counts_itself() -> None:
    assert (
        ask(check("process", match=" ".join(sys.orig_argv[-1:]).replace("\\", ".") + "-no-such")).values["count"] == 0
    )
    own = Path("/proc/self/cmdline").read_bytes().split(b"\0")[0].decode()
    found = ask(check("process", name=os.path.basename(own))).values
    assert found["pid"] != os.getpid()


def test_process_tells_processor_time_from_the_second_ask() -> None:
    word = f"wk-busy-{os.getpid()}"
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass", word])

    async def twice() -> tuple[Reading, Reading]:
        probes = Probes(Tools())
        first = await probes.ask(check("process", match=word), NOW)
        await asyncio.sleep(0.4)
        second = await probes.ask(check("process", match=word), NOW)
        await probes.close()
        return first, second

    try:
        first, second = asyncio.run(twice())
    finally:
        busy.kill()
        busy.wait()
    assert first.values["cpu"] is None
    assert float(second.values["cpu"] or 0) > 5


def test_disk_counts_as_df_does(tmp_path: Path) -> None:
    reading = ask(check("disk", path=str(tmp_path)))
    line = subprocess.run(["df", "-P", "-k", tmp_path], capture_output=True, text=True, check=True).stdout.splitlines()[
        -1
    ]
    used = int(line.rpartition("%")[0].split()[-1])
    assert abs(float(reading.values["used"] or 0) - used) <= 1.1
    assert float(reading.values["free"] or 0) + float(reading.values["used"] or 0) == pytest.approx(100)
    missing = ask(check("disk", path=str(tmp_path / "none")))
    assert missing.error is not None and "No such file" in missing.error and "none" in missing.error


def test_folder_counts_bytes_against_its_budget(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a").write_bytes(os.urandom(400_000))
    os.link(tmp_path / "deep/a", tmp_path / "b")  # the same bytes once
    os.sync()
    reading = ask(check("folder", path=str(tmp_path), budget=1_000_000))
    assert 400_000 <= int(reading.values["bytes"] or 0) < 450_000
    assert float(reading.values["used"] or 0) == pytest.approx(int(reading.values["bytes"] or 0) / 10_000, abs=0.01)
    missing = ask(check("folder", path=str(tmp_path / "none"), budget=1))
    assert missing.error is not None and "No such file" in missing.error


def test_memory_and_cpu_of_this_machine() -> None:
    memory = ask(check("memory"))
    assert memory.error is None and 0 < float(memory.values["free"] or 0) < 100
    cpu = ask(check("cpu"))
    assert cpu.error is None and 0 <= float(cpu.values["used"] or 0) <= 100
    assert cpu.values["cores"] == os.cpu_count()
    assert float(cpu.values["load"] or 0) == pytest.approx(float(cpu.values["load1"] or 0) / os.cpu_count(), abs=0.01)


def test_the_last_number_of_a_command() -> None:
    said = {
        "42": 42,
        "queue: 7 ": 7,
        "load 0.5": 0.5,
        "app1 ok": None,
        "": None,
        "a\n12 of 30": 30,
        "-3": -3,
        "1e3": 1000,
    }
    assert {text: number_in(text) for text in said} == said


# ---------------------------------------------------------------------------------------------------- sql


def sqlite_file(folder: Path) -> Path:
    path = folder / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "create table job (state text); insert into job values ('queued'), ('queued'), ('done');"
        )
    return path


def sql(path: Path, query: str, timeout_s: float = 1.0) -> Reading:
    tools = Tools(databases={"shop": Database("shop", "sqlite", str(path))})
    return ask(check("sql", timeout_s=timeout_s, database="shop", query=query), tools)


def test_sqlite_gives_the_first_column_of_the_first_row(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    reading = sql(path, "select count(*), 9 from job where state = 'queued';")
    assert (reading.error, reading.values["value"], reading.values["rows"]) == (None, 2, 1)
    assert sql(path, "select state from job where 0").values == {"value": None, "rows": 0}


def test_sqlite_is_never_written(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    before = path.read_bytes()
    for query in ("delete from job", "create table x (y)", f"attach '{tmp_path / 'other.db'}' as o"):
        sql(path, query)
    assert "readonly" in str(sql(path, "delete from job").error)
    assert path.read_bytes() == before
    assert not (tmp_path / "other.db").exists()


def test_sqlite_says_locked_endless_missing_and_wrong(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("begin exclusive")
        locked = sql(path, "select 1 from job", timeout_s=0.3)
        holder.execute("rollback")
    assert "stayed locked" in str(locked.error) and locked.latency_s < 1.0
    started = time.monotonic()
    endless = sql(path, "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c", 0.3)
    assert "did not end within 0.3 s" in str(endless.error)
    assert time.monotonic() - started < 1.5
    assert "does not exist" in str(sql(tmp_path / "none.db", "select 1").error)
    assert not (tmp_path / "none.db").exists()
    assert "no such table: no_table" in str(sql(path, "select * from no_table").error)
    (tmp_path / "torn.db").write_bytes(b"not a database" * 100)
    assert "not a database" in str(sql(tmp_path / "torn.db", "select 1 from x").error)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory, requires: Callable[..., None]) -> Iterator[str]:
    requires("postgresql")
    import getpass
    import shutil
    import tempfile

    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="wk-pg-"))
    port = free_port()
    as_root = os.geteuid() == 0
    user = "postgres" if as_root else getpass.getuser()
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if as_root else []
    if as_root:
        shutil.chown(folder, "postgres", "postgres")
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*prefix, binaries / "initdb", "-D", folder / "data", "-A", "trust", "-N"], check=True, **quiet)
    options = ["-k", str(folder), "-h", "127.0.0.1", "-p", str(port), "-F"]
    server = subprocess.Popen([*prefix, binaries / "postgres", "-D", folder / "data", *options], **quiet)
    url = f"postgresql://{user}:hidden-word@127.0.0.1:{port}/postgres"
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        for _ in range(50):
            if ask_postgres(url, "select 1").error is None:
                break
            time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def ask_postgres(url: str, query: str, timeout_s: float = 2.0) -> Reading:
    tools = Tools(databases={"shop": Database("shop", "postgresql", "secret:shop-url")}, secret=lambda name: url)
    return ask(check("sql", timeout_s=timeout_s, database="shop", query=query), tools)


def test_postgresql_answers_read_only_and_in_time(postgres: str) -> None:
    assert ask_postgres(postgres, "select 41 + 1").values["value"] == 42
    assert ask_postgres(postgres, "select 2.5::numeric").values["value"] == 2.5
    assert ask_postgres(postgres, "select 1 where false").values == {"value": None, "rows": 0}
    assert "read-only" in str(ask_postgres(postgres, "create table x (y int)").error)
    assert "multiple commands" in str(ask_postgres(postgres, "commit; create table x (y int)").error)
    slow = ask_postgres(postgres, "select pg_sleep(5)", timeout_s=0.4)
    assert "did not end within 0.4 s" in str(slow.error) and slow.latency_s < 2
    assert "no_table" in str(ask_postgres(postgres, "select * from no_table").error)


def test_postgresql_that_is_down_never_tells_the_password() -> None:
    pytest.importorskip("psycopg")
    reading = ask_postgres(f"postgresql://shop:hidden-word@127.0.0.1:{free_port()}/shop", "select 1")
    assert reading.error is not None and "efused" in reading.error
    assert "hidden-word" not in reading.error


# ---------------------------------------------------------------------------------------------------- heartbeat


class KnownPings:
    """Pings by hand, at the port of the readings store."""

    def __init__(self, success: Ping | None = None, last: Ping | None = None, seen: float = NOW) -> None:
        self._pings, self._seen = (success, last or success), seen

    def last_ping(self, check: str) -> tuple[Ping | None, Ping | None]:
        return self._pings if check == "shop/heartbeat" else (None, None)

    def pings(self, check: str, limit: int = 200) -> list[Ping]:
        known = {ping.at: ping for ping in self.last_ping(check) if ping is not None}
        return [known[at] for at in sorted(known)]

    def first_seen(self, check: str, now: float) -> float:
        return self._seen

    def alerts(self, check: str) -> list[Alert]:
        return []


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_heartbeat_by_interval_is_late_after_every_and_grace() -> None:
    pings = KnownPings(Ping("shop/heartbeat", NOW, "success"))
    wanted = check("heartbeat", every=3600.0, grace=300.0)
    in_time = ask(wanted, Tools(pings=pings), NOW + 3899).values
    assert (in_time["late"], in_time["age"], in_time["status"]) == (False, 3899, "success")
    late = ask(wanted, Tools(pings=pings), NOW + 3960).values
    assert (late["late"], late["late_s"]) == (True, 60)


def test_heartbeat_by_cron_keeps_to_the_time_zone_through_daylight_saving() -> None:
    wanted = check("heartbeat", cron="0 2 * * *", timezone="Europe/Berlin", grace=3600.0)
    pings = KnownPings(Ping("shop/heartbeat", at("2026-10-24T00:05:00+00:00"), "success"))  # 02:05 in summer
    # the next 02:00 in Berlin: the clocks went back at 03:00, so the first 02:00 is 00:00 UTC
    assert ask(wanted, Tools(pings=pings), at("2026-10-25T00:59:00+00:00")).values["late"] is False
    assert ask(wanted, Tools(pings=pings), at("2026-10-25T02:30:00+00:00")).values["late"] is True


def test_heartbeat_never_pinged_counts_from_when_it_was_first_known() -> None:
    wanted = check("heartbeat", every=60.0, grace=0.0)
    values = ask(wanted, Tools(pings=KnownPings(seen=NOW)), NOW + 59).values
    assert (values["status"], values["late"], values["age"]) == ("never", False, 59)
    assert ask(wanted, Tools(pings=KnownPings(seen=NOW)), NOW + 61).values["late"] is True


def test_heartbeat_tells_a_failed_job() -> None:
    failed = Ping("shop/heartbeat", NOW + 5, "fail", "disk full")
    pings = KnownPings(Ping("shop/heartbeat", NOW, "success"), failed)
    values = ask(check("heartbeat", every=60.0), Tools(pings=pings), NOW + 10).values
    assert (values["status"], values["failed"], values["note"]) == ("fail", True, "disk full")


# ---------------------------------------------------------------------------------------------------- hosts


class LocalShell:
    """A host at the port, whose commands run here by sh: what an SSH host would answer."""

    def __init__(self, reachable: bool = True, path: str | None = None) -> None:
        self._reachable, self._path = reachable, path

    async def read(
        self, text: str, *, deadline_s: float, environment: Any = None, shell: str = "sh", **_: Any
    ) -> CommandResult:
        if not self._reachable:
            raise NoAnswer("far cannot be reached: no route to host.", "Look at its network.")
        started = time.monotonic()
        variables = dict(os.environ) | dict(environment or {}) | ({"PATH": self._path} if self._path else {})
        pipe = asyncio.subprocess.PIPE
        run = await asyncio.create_subprocess_exec(
            f"/bin/{shell}", "-c", text, stdout=pipe, stderr=pipe, stdin=asyncio.subprocess.DEVNULL, env=variables,
            start_new_session=True,
        )  # fmt: skip
        try:
            output, error = await asyncio.wait_for(run.communicate(), deadline_s)
        except TimeoutError:
            os.killpg(run.pid, signal.SIGKILL)
            await run.wait()
            return CommandResult(None, b"", b"", time.monotonic() - started, timed_out=True)
        return CommandResult(run.returncode, output, error, time.monotonic() - started)

    def get(self, name: str) -> Any:
        return self

    async def close(self) -> None: ...


def far(kind: str, shell: LocalShell | None = None, timeout_s: float = 3.0, **options: object) -> Reading:
    host: Any = shell or LocalShell()
    tools = Tools(make_pool=lambda hosts: host, hosts={"far": Host("far", "ssh", "198.51.100.9")})
    tools.databases = {"shop": Database("shop", "sqlite", str(options.pop("path_of_database", "")))}
    return ask(check(kind, timeout_s=timeout_s, where="host", host="far", **options), tools)


def test_http_on_a_host_is_asked_by_its_curl(web: str) -> None:
    reading = far("http", url=f"{web}/ok", headers={"X-Token": 'a"b\\c'})
    assert (reading.error, reading.values["status"]) == (None, 200)
    assert 'token=a"b\\c' in str(reading.values["body"])
    assert far("http", url=f"{web}/broken").values["status"] == 500
    assert far("http", url=f"{web}/redirect").values["status"] == 302
    assert far("http", url=f"{web}/redirect", follow=True).values["status"] == 200
    assert far("http", url=f"{web}/post", method="POST", body="x=1").values["body"] == "got x=1"
    big = far("http", url=f"{web}/big")
    assert (big.values["status"], big.values["size"]) == (200, 65_536)


def test_http_on_a_host_says_refused_timeout_name_and_missing_curl(tmp_path: Path) -> None:
    refused = far("http", url=f"http://127.0.0.1:{free_port()}/")
    assert (refused.error, refused.values["status"], refused.values["error_kind"]) == (None, 0, "refused")
    with raw_server(lambda connection: time.sleep(1.0)) as port:
        slow = far("http", timeout_s=0.4, url=f"http://127.0.0.1:{port}/")
    assert (slow.values["status"], slow.values["error_kind"]) == (0, "timeout")
    assert "could not be resolved on far" in str(far("http", url="http://nosuch.invalid/").error)
    assert "far has no curl" in str(far("http", LocalShell(path=str(tmp_path)), url="http://127.0.0.1/").error)


def test_a_host_that_cannot_be_reached_is_named_in_the_values() -> None:
    for kind, options in {"disk": {"path": "/"}, "memory": {}, "command": {"command": "true"}}.items():
        reading = far(kind, LocalShell(reachable=False), **options)
        assert reading.error is not None and "cannot be reached" in reading.error
        assert reading.values == {"unreachable": "far"}


def test_tcp_and_tls_on_a_host(tmp_path: Path) -> None:
    with raw_server(lambda connection: None) as port:
        assert far("tcp", address=f"127.0.0.1:{port}").values["connected"] is True
    assert far("tcp", address=f"127.0.0.1:{free_port()}").values["error_kind"] == "refused"
    with tls_server(certificate(tmp_path, 30)) as port:
        reading = far("tls", address=f"127.0.0.1:{port}")
    assert reading.values["trusted"] is False and 29 < float(reading.values["days"] or 0) < 31


def test_process_disk_folder_memory_and_cpu_on_a_host(tmp_path: Path) -> None:
    word = f"wk-far-{os.getpid()}"
    with sleeper(word):
        assert far("process", match=word).values["count"] == 1
    assert far("process", match="WK-cmdline").values["count"] == 0  # the listing command itself
    assert far("disk", path=str(tmp_path)).values["used"] == pytest.approx(
        ask(check("disk", path=str(tmp_path))).values["used"], abs=1
    )
    (tmp_path / "a").write_bytes(os.urandom(300_000))
    assert int(far("folder", path=str(tmp_path), budget=1e6).values["bytes"] or 0) >= 300_000
    assert far("memory").error is None
    assert far("cpu").values["cores"] == os.cpu_count()
    assert "No such file" in str(far("disk", path="/nosuch").error)


@pytest.mark.skipif(
    not Path("/usr/bin/sqlite3").exists(), reason="part not installed: sqlite3 (apt-get install sqlite3)"
)
def test_sqlite_on_a_host(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    reading = far("sql", database="shop", query="select count(*) from job", path_of_database=path)
    assert (reading.error, reading.values["value"]) == (None, 3)
    assert "readonly" in str(far("sql", database="shop", query="delete from job", path_of_database=path).error)
    shell = far("sql", database="shop", query=".shell touch x", path_of_database=path)
    assert "starts with a dot" in str(shell.error)


def test_command_gives_exit_code_number_and_output() -> None:
    reading = far("command", command="echo queue 12; exit 3")
    assert reading.values["exit_code"] == 3
    assert (reading.values["value"], reading.values["output"]) == (12, "queue 12")
    slow = far("command", timeout_s=0.3, command="sleep 5")
    assert (slow.error, slow.values["exit_code"], slow.values["timed_out"]) == (None, 124, True)
    missing = far("command", command="nosuch-program")
    assert missing.error is not None and "nosuch-program" in missing.error


def test_an_unknown_kind_is_a_sentence() -> None:
    for kind in ("nosuch", "registry", "tools", "../x"):
        assert f"no probe of kind {kind}" in str(ask(check(kind)).error)
