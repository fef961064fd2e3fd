"""Heads of the log outside: in commits of a real git repository and at a real webhook; and after a restore."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.fixtures.log_keeping import NOW, Kept, draft

from watchkeeper.adapters.notifiers import Notifiers
from watchkeeper.adapters.repositories.log_anchors import CommittedAnchors
from watchkeeper.core.actors import LOCAL
from watchkeeper.core.errors import Usage
from watchkeeper.core.log.policy import LogPolicy
from watchkeeper.core.log.proof import Anchoring
from watchkeeper.services.log.anchors import Anchors
from watchkeeper.store import backups, restoring


class Witness:
    """A webhook that keeps what it got; status: what it answers."""

    def __init__(self) -> None:
        self.heard: list[tuple[bytes, dict[str, str]]] = []
        self.status = 204
        witness = self

        class Room(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                witness.heard.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers)))
                self.send_response(witness.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Room)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def witness() -> Iterator[Witness]:
    made = Witness()
    yield made
    made.close()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    made.append(*(draft(n) for n in range(1, 6)))
    yield made
    made.close()


def anchors(kept: Kept, clock=lambda: NOW) -> Anchors:
    notifiers = Notifiers(str(kept.root / "ops"), lambda name: f"the {name}")
    return Anchors(
        kept.store, kept.store.verify_log, CommittedAnchors(kept.root / "ops"), notifiers, kept.holder, clock
    )


def git(kept: Kept, *words: str) -> None:
    names = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(kept.root / "ops"), *names, *words], check=True, capture_output=True)


def test_commits_carry_the_head_and_a_cut_tail_is_named(kept: Kept) -> None:
    proof = anchors(kept)
    assert proof.known() == []
    git(kept, "init")
    git(kept, "commit", "--allow-empty", "-m", "nothing of the log")
    git(kept, "commit", "--allow-empty", "-m", "one", "--trailer", proof.trailer())
    kept.append(draft(6))
    git(kept, "commit", "--allow-empty", "-m", f"two\n\n{proof.trailer()}\nSigned-off-by: Ana <ana@example.org>")
    git(kept, "commit", "--allow-empty", "-m", "three\n\nOperations-Log-Head: 4 no hash")
    assert [each.number for each in proof.known()] == [6, 5]
    assert all(each.where.startswith("commit ") for each in proof.known())
    found = proof.verify()
    assert (found.ok, found.anchors) == (True, 2)
    git(kept, "commit", "--allow-empty", "-m", "four", "--trailer", f"Operations-Log-Head: 7 {'a' * 64}")
    found = proof.verify()
    assert (found.ok, found.first_bad) == (False, 7)
    assert "cut off" in found.sentence


def test_an_archive_is_committed_with_the_head_when_nobody_else_is_at_work(kept: Kept) -> None:
    git(kept, "init")
    (kept.root / "ops/notes.md").write_text("ours\n")
    git(kept, "add", ".")
    git(kept, "commit", "-m", "first")
    kept.append(draft(6, 3.0))
    kept.acts(kept.store).archive(LOCAL)
    assert [each.number for each in anchors(kept).known()] == [7]
    assert anchors(kept).verify().anchors == 1
    shown = subprocess.run(
        ["git", "-C", str(kept.root / "ops"), "show", "--stat", "--format=%an"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.startswith("watchkeeper\n")
    assert "operations-log-2022.jsonl" in shown.stdout
    assert "operations-log-2022.md" in shown.stdout
    (kept.root / "ops/notes.md").write_text("at work\n")
    kept.append(draft(7, 3.0))
    kept.acts(kept.store).archive(LOCAL)
    assert len(anchors(kept).known()) == 1, "left to the people"
    assert kept.store.verify_log().checked == 2


def test_a_head_that_was_told_is_compared(kept: Kept) -> None:
    number, hash_ = anchors(kept).head()
    assert anchors(kept).verify(f"{number} {hash_}").anchors == 1
    assert "written anew" in anchors(kept).verify(f"{number} {'0' * 64}").sentence
    with pytest.raises(Usage, match="is not an anchor"):
        anchors(kept).verify("five")


def test_the_webhook_gets_the_head_signed_once_a_day(kept: Kept, witness: Witness) -> None:
    now = NOW
    proof = anchors(kept, lambda: now)
    proof.beat()
    assert not witness.heard, "nothing is declared"
    target = f"http://127.0.0.1:{witness.server.server_port}/#secret:key"
    team = replace(kept.holder.current.team, log=LogPolicy(anchoring=Anchoring(target, 86_400.0)))
    kept.holder.current.team = team
    witness.status = 503
    proof.beat()
    proof.beat()
    assert len(witness.heard) == 1, "after a failure it waits"
    witness.status = 204
    now += 301
    proof.beat()
    now += 3600
    proof.beat()
    assert len(witness.heard) == 2
    body, headers = witness.heard[-1]
    number, hash_ = proof.head()
    assert json.loads(body)["facts"]["number"] == str(number)
    assert json.loads(body)["facts"]["hash"] == hash_
    signed = hmac.new(b"the key", f"{headers['X-Watchkeeper-Timestamp']}.".encode() + body, hashlib.sha256)
    assert headers["X-Watchkeeper-Signature"] == f"sha256={signed.hexdigest()}"
    assert [each.where for each in proof.known()] == ["the webhook"]
    now += 90_000
    proof.beat()
    assert len(witness.heard) == 3


def test_a_backup_of_an_archived_log_is_restored_and_explains_later_anchors(kept: Kept) -> None:
    kept.append(draft(6, 3.0))
    kept.keeping.archive(LOCAL)
    kept.keeping.purge(LOCAL, 5, "a secret")
    made = backups.make(kept.root / "state", kept.root / "copies", now=NOW + 100)
    assert made.manifest.entries == 8
    kept.append(draft(9))
    later = anchors(kept).head()
    kept.close()
    restoring.restore(kept.root / "copies", kept.root / "state", now=NOW + 200, replace_old=True)
    again = Kept(kept.root)
    again.append(draft(10), draft(11))
    found = again.store.verify_log()
    assert (found.ok, found.entries, found.checked, found.purged) == (True, 11, 1, 1)
    assert "restore" in anchors(again).verify(f"{later[0]} {later[1]}").sentence
    again.close()
