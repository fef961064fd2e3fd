"""The outbound heartbeat against real servers: what counts as taken, and that no sentence holds the address."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from watchkeeper.adapters.heartbeat import send
from watchkeeper.services.ports import DeliveryError


class Listener(http.server.BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(int(self.path.partition("status=")[2] or 200))
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_2xx_is_taken_and_the_whole_address_is_asked(place: str) -> None:
    send(f"{place}/ping/key-1?status=204")
    assert Listener.asked[-1] == "/ping/key-1?status=204"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_all_else_is_refused_and_a_redirect_is_not_followed(place: str, status: int) -> None:
    with pytest.raises(DeliveryError, match=f"127.0.0.1 answered {status}") as told:
        send(f"{place}/key-2?status={status}")
    assert "key-2" not in str(told.value)
    assert Listener.asked[-1].startswith("/key-2"), "nobody asked elsewhere"


def test_a_server_that_drips_is_cut_off(place: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    for letter in b"HTTP/1.1 200 OK and so on and so on" * 20:
                        connection.sendall(bytes([letter]))
                        time.sleep(0.1)
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(DeliveryError, match=r"did not answer within 0\.5 s"):
            send(f"http://127.0.0.1:{listener.getsockname()[1]}/key-3", timeout_s=0.5)
        thread.join(10)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:1/key-4", "127.0.0.1 could not be reached: Connection refused"),
        ("ftp://127.0.0.1/key-4", "not an http or https URL"),
        ("http://127.0.0.1:key-4/", "not a usable one"),
        ("http://127.0.0.1:1/key-4 with blanks\r\n", "could not be reached"),
        ("", "not an http or https URL"),
    ],
)
def test_addresses_that_lead_nowhere(address: str, told: str) -> None:
    with pytest.raises(DeliveryError, match=told) as error:
        send(address)
    assert "key-4" not in str(error.value)
