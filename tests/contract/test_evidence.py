"""The contract of EvidencePort, in a file and in PostgreSQL."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.fixtures.postgresql import empty_database
from tests.fixtures.proxy import Line

from watchkeeper.core.errors import Invalid, Locked
from watchkeeper.store.evidence import CHUNK
from watchkeeper.store.places import ClosableEvidence, open_evidence


@dataclass(frozen=True)
class Place:
    """An empty place for evidence: a state directory, and with a url a database of its own."""

    state: Path
    url: str = ""

    def open(self) -> ClosableEvidence:
        return open_evidence(self.state, self.url)

    def execute(self, statement: str) -> list[tuple]:
        """Raw SQL by somebody else; in the file there is no `evidence.` in front of the tables."""
        if not self.url:
            with closing(sqlite3.connect(self.state / "evidence.db")) as raw, raw:
                return raw.execute(statement.replace("evidence.", "")).fetchall()
        import psycopg

        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(
        tmp_path, empty_database(request.getfixturevalue("postgresql")) if request.param == "postgresql" else ""
    )


@pytest.fixture
def shared(postgresql: str, tmp_path: Path) -> Place:
    return Place(tmp_path, empty_database(postgresql))


@pytest.fixture
def evidence(place: Place) -> Iterator[ClosableEvidence]:
    store = place.open()
    yield store
    store.close()


def test_what_was_appended_is_read_from_any_offset(evidence: ClosableEvidence) -> None:
    chance = random.Random(3)
    whole = b""
    for size in (1, 10, CHUNK - 1, CHUNK, 3 * CHUNK + 7, 0, 5):
        part = chance.randbytes(size) if size % 2 else b"line of output\n" * (size // 15 + 1)
        evidence.append(1, 0, 1, part)
        whole += part
    evidence.append(1, 0, 2, b"another attempt")
    assert evidence.size(1, 0, 1) == len(whole)
    assert evidence.read(1, 0, 1, 0, len(whole) + 99) == whole
    for _ in range(200):
        offset, limit = chance.randrange(len(whole) + 50), chance.randrange(2 * CHUNK)
        assert evidence.read(1, 0, 1, offset, limit) == whole[offset : offset + limit]
    assert evidence.read(1, 0, 2) == b"another attempt"


def test_nothing_kept_is_empty(evidence: ClosableEvidence) -> None:
    assert evidence.size(9, 9, 9) == 0
    assert evidence.read(9, 9, 9) == b""


def test_what_was_collected_is_forgotten_before_it_is_collected_again(evidence: ClosableEvidence) -> None:
    evidence.append(1, 0, 1, b"half of it, " * 20_000)
    evidence.append(1, 0, 2, b"another attempt")
    evidence.reset(1, 0, 1)
    assert (evidence.size(1, 0, 1), evidence.read(1, 0, 1)) == (0, b"")
    evidence.append(1, 0, 1, b"all of it")
    assert evidence.read(1, 0, 1) == b"all of it"
    assert evidence.read(1, 0, 2) == b"another attempt"


def test_output_is_compressed(place: Place, evidence: ClosableEvidence) -> None:
    evidence.append(1, 0, 1, b"the same line again\n" * 100_000)
    assert evidence.size(1, 0, 1) == 2_000_000
    assert place.execute("SELECT sum(length(data)) FROM evidence.chunk")[0][0] < 40_000


def test_the_file_is_private(tmp_path: Path) -> None:
    open_evidence(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "evidence.db").stat().st_mode) == 0o600


def test_threads_append_to_their_own_steps_and_to_one(evidence: ClosableEvidence) -> None:
    def busy(step: int) -> None:
        for _ in range(20):
            evidence.append(1, step, 1, b"x" * 1000)
            evidence.append(1, 99, 1, b"%d" % step * 1000)

    threads = [threading.Thread(target=busy, args=(step,)) for step in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(evidence.read(1, step, 1) == b"x" * 20_000 for step in range(8))
    together = evidence.read(1, 99, 1)
    parts = [together[start : start + 1000] for start in range(0, len(together), 1000)]
    assert sorted(parts) == [b"%d" % step * 1000 for step in range(8) for _ in range(20)]


def test_acknowledged_output_survives_kill_9(place: Place) -> None:
    program = (
        "import sys, pathlib\nfrom watchkeeper.store.places import open_evidence\n"
        "store = open_evidence(pathlib.Path(sys.argv[1]), sys.argv[2])\n"
        "for n in range(100000):\n    store.append(1, 0, 1, b'%06d\\n' % n)\n    print(n, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(place.state), place.url],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "src"},
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    told += [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    store = place.open()
    kept = store.read(1, 0, 1, 0, 10_000_000)
    store.close()
    assert kept.startswith(b"".join(b"%06d\n" % n for n in range(len(told))))


def test_a_damaged_chunk_is_named(place: Place, evidence: ClosableEvidence) -> None:
    evidence.append(4, 2, 1, b"output " * 1000)
    place.execute("UPDATE evidence.chunk SET data = " + (r"'\x00'" if place.url else "x'00'"))
    with pytest.raises(Invalid, match="run 4, step 2"):
        evidence.read(4, 2, 1)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "evidence.db").write_bytes(b"nonsense" * 200)
    with pytest.raises(Invalid, match=r"evidence\.db"):
        open_evidence(tmp_path)


def test_a_closed_store_says_so(place: Place) -> None:
    store = place.open()
    store.close()
    store.close()
    with pytest.raises(Locked, match="closed"):
        store.append(1, 1, 1, b"x")


# several nodes on one PostgreSQL


def test_nodes_write_different_attempts_and_each_sees_all(shared: Place) -> None:
    one, two = shared.open(), shared.open()
    one.append(1, 0, 1, b"first attempt")
    two.append(1, 0, 2, b"second attempt")
    one.append(1, 0, 1, b", more")
    for node in (one, two):
        assert (node.read(1, 0, 1), node.read(1, 0, 2)) == (b"first attempt, more", b"second attempt")
        node.close()


def test_a_superseded_node_cannot_mix_its_bytes_into_what_another_collects(shared: Place) -> None:
    frozen, other = shared.open(), shared.open()
    frozen.reset(1, 0, 1)
    frozen.append(1, 0, 1, b"line 1\n")
    other.reset(1, 0, 1)  # takes the run over, and collects from the start
    other.append(1, 0, 1, b"line 1\nline 2\n")
    with pytest.raises(Locked, match="run 1, step 0 is collected by another node"):
        frozen.append(1, 0, 1, b"line 2\n")
    assert other.read(1, 0, 1) == frozen.read(1, 0, 1) == b"line 1\nline 2\n"
    frozen.append(1, 1, 1, b"its own")  # what nobody else collects is still its own
    assert other.read(1, 1, 1) == b"its own"
    frozen.close()
    other.close()


def test_a_cut_connection_loses_and_repeats_nothing(shared: Place) -> None:
    store = shared.open()
    finished = threading.Event()
    query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'watchkeeper'"

    def end() -> None:
        ended = 0
        while ended < 10:
            ended += shared.execute(query)[0][0]
            time.sleep(0.02)
        finished.set()

    ending = threading.Thread(target=end)
    ending.start()
    written = 0
    while not finished.is_set():
        store.append(1, 0, 1, b"%04d\n" % written)
        written += 1
    ending.join()
    assert store.read(1, 0, 1) == b"".join(b"%04d\n" % number for number in range(written))
    store.close()


@pytest.mark.parametrize("delivered", [True, False])
def test_an_append_whose_commit_has_no_answer_is_kept_once(shared: Place, delivered: bool) -> None:
    parts = urlsplit(shared.url)
    line = Line(parts.port or 0)
    store = open_evidence(shared.state, parts._replace(netloc=f"watch@127.0.0.1:{line.port}").geturl())
    line.lose(b"COMMIT", delivered, times=4)
    for number in range(8):
        store.append(1, 0, 1, b"%04d\n" % number)
    assert line.lost
    assert store.read(1, 0, 1) == b"".join(b"%04d\n" % number for number in range(8))
    store.close()
    line.close()


def test_tables_of_a_newer_program_are_refused(shared: Place) -> None:
    shared.open().close()
    shared.execute("update evidence.meta set value = '7' where name = 'version'")
    with pytest.raises(Invalid, match=r"evidence .* newer watchkeeper \(its version is 7, this program knows 1\)"):
        shared.open()
