"""What the truth of a check needs of stores, socket and network: settled states, proven fixes, reference addresses."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.readings import NOW, Place, judged

from watchkeeper.adapters.probes import Probes, Tools
from watchkeeper.adapters.watch_socket import WatchClient, serve
from watchkeeper.core.checks import Settled, State
from watchkeeper.core.checks.values import Rows
from watchkeeper.core.inventory.loading import load
from watchkeeper.services.checks import ask_once

TURNS = tuple(NOW - 10.0 * number for number in range(64, 0, -1))


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(
        tmp_path, empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    )


def test_what_a_check_has_settled_as_comes_back_whole(place: Place) -> None:
    settled = {
        "plain": Settled(State.OK, NOW, (State.OK, State.CRIT), 1, "fine"),
        "holding": Settled(State.OK, NOW, (State.CRIT,) * 2, 0, "x", Rows(NOW - 60.25, None, None)),
        "coming": Settled(State.CRIT, NOW, (State.OK,), 1, "x", Rows(None, NOW - 1, NOW - 2)),
        "flapping": Settled(State.CRIT, NOW, (State.OK,), 1, "flapping: 64 flips", Rows(), TURNS, NOW - 3.5, State.OK),
        "turned": Settled(State.WARN, NOW, (), 0, "x", turns=(NOW - 1.125,)),
    }  # fmt: skip
    writer = place.writer()
    try:
        writer.write([judged(key, NOW) for key in settled], [], settled)
        assert writer.settled() == settled
    finally:
        writer.close()
    again = place.writer()  # after a restart
    try:
        assert again.settled() == settled
    finally:
        again.close()


class Listening:
    """The side of the watch, as far as this test needs it."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def fixed(self, keys: Sequence[str]) -> None:
        self.told += keys


def test_the_watch_is_told_of_a_proven_fix(tmp_path: Path) -> None:
    watch = Listening()

    async def story() -> None:
        path = tmp_path / "watch.sock"
        async with serve(path, watch):  # type: ignore[arg-type]
            await asyncio.to_thread(WatchClient(path).fixed, ["shop/web", "shop/queue"])

    asyncio.run(story())
    assert watch.told == ["shop/web", "shop/queue"]


# ---- our own network, asked for real


@pytest.fixture
def answering() -> Iterator[int]:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)  # not well, but there

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def ask(references: str, tmp_path: Path) -> dict[str, tuple[State, str]]:
    """Ask one check of a far machine (a documentation address, so nobody is there) and one of this machine."""
    files = {
        "watchkeeper.yaml": f"team: t\nconnectivity: {{any_of: [{references}], timeout: 2s}}\n",
        "services/s.yaml": "service: s\nchecks:\n"
        "  - name: far\n    tcp: 192.0.2.1:81\n    timeout: 300ms\n"
        f"  - name: near\n    tcp: 127.0.0.1:{closed_port()}\n    from: here\n",
    }
    inventory = load({path: text.encode() for path, text in files.items()}, 0.0).inventory
    assert inventory is not None
    probes = Probes(Tools(base=tmp_path))

    async def story() -> dict[str, tuple[State, str]]:
        try:
            found = await ask_once(inventory, probes)
        finally:
            await probes.close()
        return {each.reading.check: (each.verdict.state, each.verdict.reason) for each in found}

    return asyncio.run(story())


def test_one_answer_of_any_kind_means_that_we_have_a_network(answering: int, tmp_path: Path) -> None:
    found = ask(f'"127.0.0.1:{closed_port()}", "http://127.0.0.1:{answering}/"', tmp_path)
    assert found["watchkeeper/connectivity"][0] is State.OK
    assert found["s/near"][0] is State.CRIT
    assert "cut off" not in found["s/far"][1]


def test_without_any_answer_a_far_target_is_unknown_and_a_near_one_is_judged(tmp_path: Path) -> None:
    found = ask(f'"127.0.0.1:{closed_port()}", "http://no-such-host.invalid/"', tmp_path)
    state, reason = found["watchkeeper/connectivity"]
    assert state is State.CRIT and reason.startswith("No reference address answers: 127.0.0.1:")
    assert found["s/far"] == (
        State.UNKNOWN, "watchkeeper itself is cut off: none of its 2 reference addresses answers, so nobody can see",
    )  # fmt: skip
    assert found["s/near"][0] is State.CRIT
