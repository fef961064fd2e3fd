"""The contract of EvidencePort."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from watchkeeper.core.errors import Invalid, Locked
from watchkeeper.store.evidence import CHUNK, EvidenceStore


@pytest.fixture
def evidence(tmp_path: Path):
    store = EvidenceStore(tmp_path / "evidence.db")
    yield store
    store.close()


def test_what_was_appended_is_read_from_any_offset(evidence: EvidenceStore) -> None:
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


def test_nothing_kept_is_empty(evidence: EvidenceStore) -> None:
    assert evidence.size(9, 9, 9) == 0
    assert evidence.read(9, 9, 9) == b""


def test_output_is_compressed_and_the_file_is_private(evidence: EvidenceStore) -> None:
    evidence.append(1, 0, 1, b"the same line again\n" * 100_000)
    assert evidence.size(1, 0, 1) == 2_000_000
    with closing(sqlite3.connect(evidence.path)) as raw:
        assert raw.execute("SELECT sum(length(data)) FROM chunk").fetchone()[0] < 40_000
    assert stat.S_IMODE(evidence.path.stat().st_mode) == 0o600


def test_threads_append_to_their_own_steps_and_to_one(evidence: EvidenceStore) -> None:
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


def test_acknowledged_output_survives_kill_9(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom watchkeeper.store.evidence import EvidenceStore\nstore = EvidenceStore(sys.argv[1])\n"
        "for n in range(100000):\n    store.append(1, 0, 1, b'%06d\\n' % n)\n    print(n, flush=True)\n"
    )
    path = tmp_path / "evidence.db"
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "src"},
    )
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    told += [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    store = EvidenceStore(path)
    kept = store.read(1, 0, 1, 0, 10_000_000)
    store.close()
    assert kept.startswith(b"".join(b"%06d\n" % n for n in range(len(told))))


def test_a_damaged_chunk_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence.db")
    store.append(4, 2, 1, b"output " * 1000)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as raw:
        raw.execute("UPDATE chunk SET data = x'00'")
    with pytest.raises(Invalid, match="run 4, step 2"):
        store.read(4, 2, 1)
    store.close()
    (tmp_path / "other.db").write_bytes(b"nonsense" * 200)
    with pytest.raises(Invalid, match=r"other\.db"):
        EvidenceStore(tmp_path / "other.db")


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence.db")
    store.close()
    store.close()
    with pytest.raises(Locked, match="closed"):
        store.append(1, 1, 1, b"x")
