"""Webhooks against a receiver that listens, fails, redirects and hangs: in order, at least once, signed, nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.fixtures.api_app import ApiApp, api_app

from watchkeeper.adapters.webhooks import Webhooks as Poster
from watchkeeper.core import webhooks as rules
from watchkeeper.core.inventory.loading import load
from watchkeeper.services.ports.notifiers import DeliveryError

KEY = "receiver-key-41c"


class Receiver:
    """A program of the team. status: what it answers; `taken`: bodies it answered with 200."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[dict[str, str], bytes]] = []
        self.taken: list[dict[str, object]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if outer.status == 200:
                    outer.taken.append(json.loads(body))
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/stolen")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    @property
    def ids(self) -> list[str]:
        return [str(each["id"]) for body in self.taken for each in body["events"]]  # type: ignore[attr-defined]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.server.shutdown()
    opened.server.server_close()


@pytest.fixture
def app(short_path: Path, receiver: Receiver) -> Iterator[ApiApp]:
    key = short_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    root = short_path / "one"
    with api_app(root) as opened:
        opened.house.write("secrets.yaml", f"secrets: {{bot-key: {{file: {key}}}}}\n")
        with (opened.house.ops / "watchkeeper.yaml").open("a") as file:
            file.write(f"webhooks:\n  bot: {{url: '{receiver.url}', secret: bot-key, events: [entry.*]}}\n")
        until(lambda: "webhooks" in opened.get("/webhooks") and opened.get("/webhooks")["webhooks"])
        until(lambda: state(opened)["event"] is not None and kept(opened))
        yield opened


def kept(app: ApiApp) -> bool:
    """Whether the receiver was seen by the beat: from then on it misses nothing."""
    with app.local._app.store.read() as session:
        return session.setting("webhook bot") is not None


def until(holds: Callable[[], object], limit_s: float = 20.0) -> None:
    ends = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.05)


def state(app: ApiApp) -> dict[str, object]:
    return app.get("/webhooks")["webhooks"][0]


def write(app: ApiApp, title: str) -> int:
    return int(app.post("/log", title=title, type="Deployment")["entry"]["number"])


def test_told_once_in_order_and_signed(app: ApiApp, receiver: Receiver) -> None:
    numbers = [write(app, f"Deployed {n}") for n in range(3)]
    until(lambda: len(receiver.ids) >= 3)
    assert receiver.ids == [f"entry-{number}" for number in numbers]
    headers, body = receiver.asked[-1]
    signed = hmac.new(
        KEY.encode(), f"{headers['x-watchkeeper-timestamp']}.".encode() + body, hashlib.sha256
    ).hexdigest()
    assert headers["x-watchkeeper-signature"] == f"sha256={signed}"
    event = json.loads(body)["events"][-1]
    assert event["type"] == "entry.deployment" and event["text"] == "Deployed 2" and KEY.encode() not in body
    assert state(app)["entry"] == numbers[-1] and not state(app)["error"]


def test_a_receiver_that_was_away_misses_nothing(app: ApiApp, receiver: Receiver) -> None:
    receiver.status = 503
    numbers = [write(app, f"Deployed {n}") for n in range(rules.MOST + 10)]
    until(lambda: state(app)["tries"])
    assert "503" in str(state(app)["error"]) and receiver.ids == []
    receiver.status = 200
    until(lambda: len(receiver.ids) >= len(numbers), 30)
    assert receiver.ids == [f"entry-{number}" for number in numbers]
    assert len(receiver.taken) == 2 and not state(app)["error"]


def test_a_redirect_is_not_followed_and_said(app: ApiApp, receiver: Receiver) -> None:
    receiver.status = 302
    answer = app.post("/webhooks/bot/test")["test"]
    assert not answer["ok"] and "302" in answer["error"]


def test_replay_sends_again_and_a_test_says_what_the_receiver_said(app: ApiApp, receiver: Receiver) -> None:
    number = write(app, "Deployed")
    until(lambda: receiver.ids == [f"entry-{number}"])
    assert app.post("/webhooks/bot/replay", entry=number - 1)["webhook"]["entry"] == number - 1
    until(lambda: receiver.ids == [f"entry-{number}"] * 2)
    assert app.post("/webhooks/bot/test")["test"]["ok"]
    assert receiver.taken[-1]["events"][0]["type"] == "test"  # type: ignore[index]
    status, _, _ = app.ask("POST", "/webhooks/nobody/test", {})
    assert status == 404


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "https://[fe80::1]/", "https://0.0.0.0/",
        "https://224.0.0.1/", "https://[::ffff:169.254.169.254]/", "http://192.0.2.7/", "http://2852039166/",
        "https://0xa9fea9fe/", "ftp://127.0.0.1/", "file:///etc/passwd", "https://", "http://0/",
    ],
)  # fmt: skip
def test_nothing_is_sent_where_no_receiver_is(url: str) -> None:
    with pytest.raises(DeliveryError):
        Poster().post(url, b"{}", {}, "key", 2.0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{url: 'http://bot.example.org/', secret: s}", "https address"),
        ("{url: 'https://u:p@bot.example.org/', secret: s}", "without a password"),
        ("{url: 'https://bot.example.org/', secret: unknown}", "unknown secret"),
        ("{url: 'https://bot.example.org/'}", "secret"),
        ("{url: 'https://bot.example.org/', secret: s, events: ['inc*']}", "pattern"),
        ("{url: 'https://bot.example.org/', secret: s, events: []}", ""),
    ],
)
def test_mistakes_are_told_with_their_line(line: str, words: str) -> None:
    files = {
        "watchkeeper.yaml": f"team: T\nwebhooks:\n  bot: {line}\n".encode(),
        "secrets.yaml": b"secrets: {s: {env: S}}\n",
    }
    loaded = load(files, 0.0)
    assert loaded.inventory is None
    assert any(words in each.expected + each.found for each in loaded.errors), loaded.errors
