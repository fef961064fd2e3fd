"""The channels `smtp` and `alertmanager` against real servers: a mail server that misbehaves, and Alertmanager itself."""

from __future__ import annotations

import email
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.policy import default
from pathlib import Path

import pytest
from tests.contract.test_notifiers import self_signed
from tests.fixtures.mail_server import MailServer

from watchkeeper.adapters.notifiers import Notifiers
from watchkeeper.adapters.notifiers.alertmanager import alerts
from watchkeeper.core.inventory.values import Channel
from watchkeeper.core.notifications import Item, Message
from watchkeeper.services.ports.notifiers import DeliveryError

NOW = time.time()
FACTS = {"service": "shop", "host": "app1", "team": "Harbour", "severity": "P2", "opening": "12.0",
         "opened_at": "2026-11-21T10:00:00.000Z"}  # fmt: skip
MESSAGE = Message(
    key="incident-12.0-opened", kind="opened", title="P2 shop/web: status 502\r\nBcc: all@example.org \u00e4",
    body="status 502, limit 200\n.\nlast line", incident=12, severity="P2", at=NOW, facts=FACTS,
    acknowledge="https://watch.example.org/ack/abc",
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Callable[..., MailServer]]:
    made: list[MailServer] = []

    def start(**more: object) -> MailServer:
        made.append(MailServer(**more))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for each in made:
        each.close()


def mailbox(server: MailServer, timeout_s: float = 5.0, **more: object) -> Channel:
    options = {
        "port": server.port,
        "from": "watch@example.org",
        "to": ("duty@example.org", "ann@example.org"),
        "tls": "none",
    }
    return Channel("mail", "smtp", "127.0.0.1", timeout_s, options | more)


def send(channel: Channel, message: Message = MESSAGE, secret: Callable[[str], str] = str) -> None:
    Notifiers(".", secret).send(channel, message)


def test_a_mail_arrives_with_one_stable_id_and_in_the_thread_of_its_incident(server: Callable[..., MailServer]) -> None:
    mails = server()
    closed = replace(MESSAGE, key="incident-12.0-closed", kind="closed", title="shop: closed")
    for each in (MESSAGE, MESSAGE, closed):
        send(mailbox(mails), each)
    first, again, end = [email.message_from_bytes(mail.data, policy=default) for mail in mails.taken]
    assert first["Message-ID"] == again["Message-ID"] != end["Message-ID"]
    assert first["References"] == end["References"] and first["Date"] == again["Date"]
    assert first["Subject"] == "P2 shop/web: status 502 Bcc: all@example.org \u00e4" and first["Bcc"] is None
    assert "\n.\nlast line" in first.get_content().replace("\r\n", "\n")
    assert "I have it: https://watch.example.org/ack/abc" in first.get_content()
    assert len(mails.taken[0].to) == 2


@pytest.mark.parametrize(
    ("mode", "permanent", "words"),
    [("busy", False, "451"), ("refuse", True, "554"), ("hang", False, "within 0.7 s"), ("drip", False, "within 0.7 s")],
)
def test_a_server_that_does_not_take_it(
    server: Callable[..., MailServer], mode: str, permanent: bool, words: str
) -> None:
    mails = server(mode=mode)
    begun = time.monotonic()
    with pytest.raises(DeliveryError, match=words) as caught:
        send(mailbox(mails, 0.7))
    assert caught.value.permanent is permanent and not mails.taken
    assert time.monotonic() - begun < 5


def test_a_line_that_is_closed_after_the_mail_was_taken_is_tried_again(server: Callable[..., MailServer]) -> None:
    mails = server(mode="close")
    with pytest.raises(DeliveryError, match="closed the line") as caught:
        send(mailbox(mails))
    assert not caught.value.permanent and len(mails.taken) == 1


def test_one_address_that_is_refused_does_not_send_it_to_the_others_twice(server: Callable[..., MailServer]) -> None:
    mails = server(mode="half")
    send(mailbox(mails))
    assert len(mails.taken) == 1


def test_without_tls_nothing_is_sent_where_it_is_asked_for(server: Callable[..., MailServer]) -> None:
    mails = server()
    with pytest.raises(DeliveryError, match="offers no TLS") as caught:
        send(mailbox(mails, tls="starttls"))
    assert caught.value.permanent and not mails.taken


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_does_not_hold_is_refused(
    server: Callable[..., MailServer], tmp_path: Path, tls: str
) -> None:
    mails = server(pair=self_signed(tmp_path), implicit=tls == "implicit")
    with pytest.raises(DeliveryError, match="certificate does not hold"):
        send(mailbox(mails, tls=tls))
    assert not mails.taken


def test_a_wrong_password_is_told_without_it(server: Callable[..., MailServer]) -> None:
    mails = server(password="right-5f3a")
    signed_in = mailbox(mails, user="watch", password="secret:mail")
    send(signed_in, secret={"mail": "right-5f3a"}.__getitem__)
    assert mails.taken[0].user == "known"
    with pytest.raises(DeliveryError, match="does not let watch in") as caught:
        send(signed_in, secret={"mail": "wrong-77c1"}.__getitem__)
    assert "77c1" not in str(caught.value) and caught.value.permanent


def test_a_port_nobody_listens_on_is_named_by_its_host() -> None:
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1 could not be reached"):
        send(
            Channel(
                "mail",
                "smtp",
                "127.0.0.1",
                2.0,
                {"port": 9, "from": "a@b.example", "to": ("c@d.example",), "tls": "none"},
            )
        )


# Alertmanager


def test_an_end_has_the_labels_of_its_beginning_whatever_the_severity_is_now() -> None:
    closed = replace(MESSAGE, key="incident-12.0-closed", kind="closed", severity="P1")
    (begun,), (ended,) = alerts(MESSAGE), alerts(closed)
    assert begun["labels"] == ended["labels"] and begun["startsAt"] == ended["startsAt"]
    assert begun["endsAt"] > ended["endsAt"]


def test_several_in_one_message_are_several_alerts_each_with_its_last_word() -> None:
    other = FACTS | {"service": "pay", "opening": "13.0"}
    items = (
        Item("a", "opened", "t", 12, "P2", NOW, FACTS), Item("b", "opened", "t", 13, "P2", NOW, other),
        Item("c", "closed", "t", 12, "P2", NOW, FACTS),
    )  # fmt: skip
    found = {each["labels"]["service"]: each for each in alerts(replace(MESSAGE, items=items))}
    assert set(found) == {"shop", "pay"} and found["shop"]["endsAt"] < found["pay"]["endsAt"]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """A real one, where it is installed."""
    program = shutil.which("prometheus-alertmanager")
    if program is None:
        pytest.skip("part not installed: prometheus-alertmanager (apt-get install prometheus-alertmanager)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "am.yml").write_text("route: {receiver: w}\nreceivers: [{name: w}]\n")
    command = [program, f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/am",
               f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
    with (tmp_path / "am.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def firing(address: str) -> list[dict[str, object]]:
    with urllib.request.urlopen(f"{address}/api/v2/alerts", timeout=5) as answer:
        return json.load(answer)


def test_a_real_alertmanager_fires_and_resolves(alertmanager: str) -> None:
    channel = Channel("am", "alertmanager", alertmanager, 5.0)
    deadline = time.monotonic() + 30
    while True:
        try:
            send(channel)
            break
        except DeliveryError:
            assert time.monotonic() < deadline, "Alertmanager takes no alert"
            time.sleep(0.2)
    (alert,) = firing(alertmanager)
    assert alert["labels"]["service"] == "shop" and alert["labels"]["alertname"] == "WatchkeeperIncident"  # type: ignore[index]
    send(channel, replace(MESSAGE, key="incident-12.0-closed", kind="closed", at=time.time() - 1))
    assert firing(alertmanager) == []
    with pytest.raises(DeliveryError, match="answered 404"):
        send(replace(channel, target=alertmanager + "/nowhere"))
