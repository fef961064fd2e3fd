"""One contract for every kind of channel: a script, a webhook, one Apprise class; against real receivers."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from watchkeeper.adapters.notifiers import Notifiers
from watchkeeper.adapters.notifiers.apprise import plugin_module, redacted
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

MESSAGE = Message(
    key="incident-12-opened", kind="opened", title="P2 shop: web is CRIT",
    body='status 500, limit 200 "ok" \u00e4\u6f22\n2nd line',
    link="http://127.0.0.1:1/incidents/12", incident=12, severity="P2",
)  # fmt: skip


@dataclass
class Taken:
    """One request as the receiver saw it."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A real HTTP server that behaves as `mode` says."""

    mode: str = "accept"
    taken: list[Taken] = field(default_factory=list)
    port: int = 0
    gone: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.taken.append(Taken({name.lower(): value for name, value in handler.headers.items()}, body))
        if self.mode == "hang":
            self.gone.wait(20)
        elif self.mode == "slow":
            handler.wfile.write(b"HTTP/1.1 200")
            for _ in range(100):
                if self.gone.wait(0.1):
                    return
                try:
                    handler.wfile.write(b" ")
                    handler.wfile.flush()
                except OSError:
                    return
        elif self.mode == "accept-and-close":
            handler.close_connection = True
        elif self.mode == "redirect":
            handler.send_response(302)
            handler.send_header("Location", f"http://127.0.0.1:{self.port}/elsewhere")
            handler.end_headers()
        else:
            handler.send_response({"accept": 200, "fail": 503, "refuse": 403, "busy": 429}[self.mode])
            handler.send_header("Content-Length", "2")
            handler.end_headers()
            handler.wfile.write(b"ok")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            held.answer(self)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    held.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield held
    held.gone.set()
    server.shutdown()
    server.server_close()


def no_secret(name: str) -> str:
    raise NotFound(f"secrets.yaml has no secret {name}.")


def script(place: Path, text: str, mode: int = 0o755) -> str:
    path = place / "tell.sh"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)
    return path.name


Make = Callable[..., Channel]


@pytest.fixture(params=["script", "webhook", "apprise"])
def make(request: pytest.FixtureRequest, tmp_path: Path, receiver: Receiver) -> Make:
    """A channel of each kind that behaves as told: accept, fail, hang."""

    def build(mode: str, timeout_s: float = 5.0) -> Channel:
        if request.param == "script":
            text = {
                "accept": "cat > taken.json",
                "fail": "cat >/dev/null; echo no; exit 3",
                "hang": "sleep 30 & sleep 30",
            }
            return Channel("bell", "script", script(tmp_path, text[mode]), timeout_s)
        receiver.mode = mode
        scheme = "http" if request.param == "webhook" else "json"
        return Channel("room", request.param, f"{scheme}://127.0.0.1:{receiver.port}/hook", timeout_s)

    return build


def test_an_accepted_message_arrives_with_its_title_and_key(make: Make, tmp_path: Path, receiver: Receiver) -> None:
    channel = make("accept")
    Notifiers(str(tmp_path), no_secret).send(channel, MESSAGE)
    raw = (tmp_path / "taken.json").read_bytes() if channel.kind == "script" else receiver.taken[0].body
    assert MESSAGE.title in json.loads(raw)["title"]
    assert MESSAGE.key.encode() in raw


def test_the_same_message_twice_carries_the_same_key(make: Make, tmp_path: Path, receiver: Receiver) -> None:
    channel = make("accept")
    notifiers, seen = Notifiers(str(tmp_path), no_secret), []
    for _ in range(2):
        notifiers.send(channel, MESSAGE)
        raw = (tmp_path / "taken.json").read_bytes() if channel.kind == "script" else receiver.taken[-1].body
        seen.append(raw)
    assert seen[0].count(MESSAGE.key.encode()) == seen[1].count(MESSAGE.key.encode()) == 1


def test_a_refusal_is_an_error_that_may_pass(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        Notifiers(str(tmp_path), no_secret).send(make("fail"), MESSAGE)
    assert not caught.value.permanent
    assert any(word in str(caught.value) for word in ("exit 3", "503"))


def test_the_deadline_of_the_channel_holds(make: Make, tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(DeliveryError, match=r"0\.5 s"):
        Notifiers(str(tmp_path), no_secret).send(make("hang", 0.5), MESSAGE)
    assert time.monotonic() - begun < 5


# webhook


def hook(receiver: Receiver, mode: str, timeout_s: float = 5.0, suffix: str = "") -> Channel:
    receiver.mode = mode
    return Channel("room", "webhook", f"http://127.0.0.1:{receiver.port}/hook{suffix}", timeout_s)


def test_webhook_body_holds_every_field_and_the_key_stands_in_a_header(receiver: Receiver) -> None:
    Notifiers(".", no_secret).send(hook(receiver, "accept"), MESSAGE)
    body = json.loads(receiver.taken[0].body)
    assert body == {
        "key": MESSAGE.key, "kind": "opened", "title": MESSAGE.title, "body": MESSAGE.body, "link": MESSAGE.link,
        "incident": 12, "severity": "P2",
    }  # fmt: skip
    assert receiver.taken[0].headers["x-watchkeeper-key"] == MESSAGE.key
    assert "x-watchkeeper-signature" not in receiver.taken[0].headers


def test_webhook_signature_can_be_checked_with_the_shared_secret(receiver: Receiver) -> None:
    channel = hook(receiver, "accept", suffix="#secret:room-key")
    Notifiers(".", {"room-key": "not for logs"}.__getitem__).send(channel, MESSAGE)
    taken = receiver.taken[0]
    stamp = taken.headers["x-watchkeeper-timestamp"]
    expected = hmac.new(b"not for logs", f"{stamp}.".encode() + taken.body, hashlib.sha256).hexdigest()
    assert taken.headers["x-watchkeeper-signature"] == f"sha256={expected}"
    assert abs(int(stamp) - time.time()) < 60, "an old copy can be told from a new one"


@pytest.mark.parametrize(
    ("mode", "permanent"), [("refuse", True), ("busy", False), ("fail", False), ("redirect", True)]
)
def test_webhook_says_whether_trying_again_can_help(receiver: Receiver, mode: str, permanent: bool) -> None:
    with pytest.raises(DeliveryError) as caught:
        Notifiers(".", no_secret).send(hook(receiver, mode), MESSAGE)
    assert caught.value.permanent is permanent
    assert len(receiver.taken) == 1, "a redirect is not followed"


def test_webhook_without_an_answer_is_not_delivered(receiver: Receiver) -> None:
    with pytest.raises(DeliveryError, match="without an answer") as caught:
        Notifiers(".", no_secret).send(hook(receiver, "accept-and-close"), MESSAGE)
    assert not caught.value.permanent


def test_webhook_deadline_holds_against_a_server_that_drips(receiver: Receiver) -> None:
    begun = time.monotonic()
    with pytest.raises(DeliveryError, match="did not answer within 1 s"):
        Notifiers(".", no_secret).send(hook(receiver, "slow", 1.0), MESSAGE)
    assert time.monotonic() - begun < 3


def test_webhook_on_a_closed_port_names_the_host_and_not_the_path() -> None:
    channel = Channel("room", "webhook", "http://127.0.0.1:9/hook-with-token-5f3a", 2.0)
    with pytest.raises(DeliveryError) as caught:
        Notifiers(".", no_secret).send(channel, MESSAGE)
    assert "127.0.0.1" in str(caught.value) and "5f3a" not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["ftp://example.org/x", "no address", "http://", "http://[::1/x", "http://h:99999/x"]
)
def test_a_webhook_target_that_is_no_address_is_permanent(target: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        Notifiers(".", no_secret).send(Channel("room", "webhook", target, 1.0), MESSAGE)
    assert caught.value.permanent


def test_webhook_refuses_a_certificate_that_does_not_hold(receiver: Receiver, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = server.accept()
        with contextlib.suppress(OSError), context.wrap_socket(caller, server_side=True) as secured:
            receiver.taken.append(Taken({}, secured.recv(1000)))

    threading.Thread(target=serve, daemon=True).start()
    channel = Channel("room", "webhook", f"https://127.0.0.1:{server.getsockname()[1]}/hook", 5.0)
    with server, pytest.raises(DeliveryError, match="certificate does not hold") as caught:
        Notifiers(".", no_secret).send(channel, MESSAGE)
    assert not caught.value.permanent and not receiver.taken


def self_signed(place: Path) -> str:
    """A PEM file with a new key and its own certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + signed.public_bytes(serialization.Encoding.PEM)
    (place / "pair.pem").write_bytes(pem)
    return str(place / "pair.pem")


def test_a_key_cannot_add_a_header(receiver: Receiver) -> None:
    evil = Message(key="a\r\nX-Evil: 1", kind="test", title="t", body="b")
    Notifiers(".", no_secret).send(hook(receiver, "accept"), evil)
    assert "x-evil" not in receiver.taken[0].headers


def test_a_secret_target_is_read_at_each_send(receiver: Receiver) -> None:
    receiver.mode, asked = "accept", []

    def secret(name: str) -> str:
        asked.append(name)
        return f"http://127.0.0.1:{receiver.port}/hook\n"

    notifiers = Notifiers(".", secret)
    for _ in range(2):
        notifiers.send(Channel("room", "webhook", "secret:room-url", 5.0), MESSAGE)
    assert asked == ["room-url", "room-url"] and len(receiver.taken) == 2


def test_a_missing_secret_is_a_failed_delivery_that_names_the_channel() -> None:
    with pytest.raises(DeliveryError, match=r"Channel room: .*no secret room-url") as caught:
        Notifiers(".", no_secret).send(Channel("room", "webhook", "secret:room-url", 5.0), MESSAGE)
    assert not caught.value.permanent


# script


def test_script_gets_json_on_standard_input_and_nothing_in_argv(tmp_path: Path) -> None:
    name = script(tmp_path, 'cat > taken.json; echo "$#" > count; env > environment')
    os.environ["WATCHKEEPER_TEST_SECRET"] = "do not pass on"
    try:
        Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", name), MESSAGE)
    finally:
        del os.environ["WATCHKEEPER_TEST_SECRET"]
    assert json.loads((tmp_path / "taken.json").read_text())["body"] == MESSAGE.body
    assert (tmp_path / "count").read_text().strip() == "0"
    seen = (tmp_path / "environment").read_text()
    assert "do not pass on" not in seen and f"WATCHKEEPER_KEY={MESSAGE.key}" in seen and "PATH=" in seen


def test_script_failure_carries_the_last_line_it_said(tmp_path: Path) -> None:
    name = script(tmp_path, "echo first >&2; printf 'modem \\033[31mis busy\\n' >&2; exit 7")
    with pytest.raises(DeliveryError) as caught:
        Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", name), MESSAGE)
    assert "exit 7" in str(caught.value) and "is busy" in str(caught.value) and "\x1b" not in str(caught.value)


def test_script_that_ignores_term_is_ended_with_its_children(tmp_path: Path) -> None:
    name = script(tmp_path, "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; sleep 60' & sleep 60; sleep 60")
    with pytest.raises(DeliveryError, match="was stopped"):
        Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", name, 0.7), MESSAGE)
    child = int((tmp_path / "child").read_text())
    assert _ended(child)


def test_script_does_not_leave_background_children_behind(tmp_path: Path) -> None:
    name = script(tmp_path, "sleep 60 & echo $! > child; exit 0")
    Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", name, 5.0), MESSAGE)
    assert _ended(int((tmp_path / "child").read_text()))


def _ended(pid: int) -> bool:
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_script_that_is_missing_or_not_executable_says_so(tmp_path: Path) -> None:
    name = script(tmp_path, "exit 0", stat.S_IRUSR | stat.S_IWUSR)
    for target, words in ((name, "chmod"), ("absent.sh", "No such file")):
        with pytest.raises(DeliveryError, match=words):
            Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", target), MESSAGE)


def test_a_script_that_never_reads_still_gets_a_large_message(tmp_path: Path) -> None:
    big = Message(key="k", kind="test", title="t", body="x" * 2_000_000)
    Notifiers(str(tmp_path), no_secret).send(Channel("bell", "script", script(tmp_path, "exit 0"), 5.0), big)


# apprise


@pytest.mark.parametrize(
    ("mode", "permanent"), [("refuse", True), ("fail", False), ("busy", False), ("accept-and-close", False)]
)
def test_apprise_says_whether_trying_again_can_help(receiver: Receiver, mode: str, permanent: bool) -> None:
    receiver.mode = mode
    channel = Channel("push", "apprise", f"json://127.0.0.1:{receiver.port}/token-5f3a", 3.0)
    with pytest.raises(DeliveryError) as caught:
        Notifiers(".", no_secret).send(channel, MESSAGE)
    assert caught.value.permanent is permanent
    assert "5f3a" not in str(caught.value)


@pytest.mark.parametrize("target", ["nothing", "nosuchservice://token-5f3a/x", "tgram://", "slack://token-5f3a"])
def test_an_unusable_apprise_address_is_permanent_and_keeps_its_secret(target: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        Notifiers(".", no_secret).send(Channel("push", "apprise", target, 1.0), MESSAGE)
    assert caught.value.permanent and "5f3a" not in str(caught.value)


def test_the_module_of_a_scheme_is_found_without_importing_any() -> None:
    assert plugin_module("json") == "apprise.plugins.custom_json"
    assert plugin_module("ntfys") == "apprise.plugins.ntfy"
    assert plugin_module("mailto") == "apprise.plugins.email.base"
    assert plugin_module("nosuchservice") is None


def test_one_message_loads_one_plugin_and_not_all(receiver: Receiver) -> None:
    program = (
        "import sys\n"
        "from watchkeeper.adapters.notifiers import Notifiers\n"
        "from watchkeeper.core.inventory.values import Channel\n"
        "from watchkeeper.core.notifications import Message\n"
        "assert not any(m.startswith('apprise') for m in sys.modules)\n"
        f"Notifiers('.', str).send(Channel('p', 'apprise', 'json://127.0.0.1:{receiver.port}/', 5.0),"
        " Message(key='k', kind='test', title='t', body='b'))\n"
        "print([m for m in sys.modules if m.startswith('apprise.plugins.') and m != 'apprise.plugins.base'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['apprise.plugins.custom_json']"
    assert len(receiver.taken) == 1


def test_redaction_takes_every_part_of_the_address() -> None:
    text = redacted(
        "POST to ntfys://user:pa55word@host.example/topic77 failed, error=500",
        "ntfys://user:pa55word@host.example/topic77",
    )
    assert "pa55word" not in text and "topic77" not in text and "error=500" in text


def test_an_unknown_kind_of_channel_is_permanent() -> None:
    with pytest.raises(DeliveryError, match="known: script") as caught:
        Notifiers(".", no_secret).send(Channel("x", "pigeon", "coop"), MESSAGE)  # type: ignore[arg-type]
    assert caught.value.permanent
