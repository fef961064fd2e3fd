"""What came back after a proven fix: the same incident again, and a person is told, on the real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.empty_store import open_store

from watchkeeper.adapters.repositories.directory import DirectoryRepository, own_ssh_config
from watchkeeper.core.checks.values import Flip, Judged, Settled, State
from watchkeeper.core.incidents import rules
from watchkeeper.core.incidents.values import Ending, Status
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.responses import Responder
from watchkeeper.services.watch import WatchRecorder
from watchkeeper.store.writer import Store

NOW = 1_790_000_000.0
CHECK = "shop/web@app1"
SERVICE = """service: shop
hosts: [app1]
checks:
  - name: web
    command: "true"
    crit: exit_code != 0
respond:
  - to: [web]
    runbook: runbooks/web.md
    mode: auto
    at_most: 3 per hour
"""


class Journal:
    """Flips of the watch, handed out once."""

    def __init__(self) -> None:
        self.all: list[Flip] = []

    def flips(self, after: int, limit: int = 500) -> list[Flip]:
        return [flip for flip in self.all if flip.seq > after][:limit]

    def settled(self) -> dict[str, Settled]:
        return {}

    def readings(self, check: str, since: float, limit: int = 1000) -> list[Judged]:
        return []

    def latest(self) -> dict[str, Judged]:
        return {}

    def gaps(self, since: float) -> list[tuple[float, float]]:
        return []

    def newest_flip(self) -> int:
        return self.all[-1].seq if self.all else 0


def flip(seq: int, at: float, rule_hash: str) -> Flip:
    return Flip(seq, CHECK, "shop", "app1", at, State.OK, State.CRIT, "exit code 1", {}, rule_hash, "exit_code != 0")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "state", "")
    yield opened
    opened.close()


def recorder(tmp_path: Path, store: Store, journal: Journal) -> WatchRecorder:
    ops = tmp_path / "ops"
    (ops / "services").mkdir(parents=True)
    (ops / "runbooks").mkdir()
    (ops / "tools").mkdir()
    (ops / "tools/page.sh").write_text("#!/bin/sh\n")
    (ops / "tools/page.sh").chmod(0o755)
    team = "team: Harbour\ntimezone: UTC\nchannels:\n  duty: {script: tools/page.sh}\nescalation: [duty]\n"
    (ops / "watchkeeper.yaml").write_text(team)
    (ops / "hosts.yaml").write_text("hosts: {app1: {local: true}}\n")
    (ops / "services/shop.yaml").write_text(SERVICE)
    (ops / "runbooks/web.md").write_text("# Web\n\n**Fix**\n\n```bash\ntouch /srv/x\n```\n")
    holder = InventoryHolder(DirectoryRepository(ops), lambda: NOW)
    holder.refresh()
    return WatchRecorder(store, journal, holder, Responder(holder), lambda: NOW)


@pytest.mark.parametrize("ending", [Ending.FIXED, Ending.ITSELF])
def test_a_person_is_told_only_when_a_proven_fix_did_not_hold(tmp_path: Path, store: Store, ending: Ending) -> None:
    journal = Journal()
    follower = recorder(tmp_path, store, journal)
    first = rules.opened(flip(0, NOW - 600, "a"), None, None, NOW - 600)
    closed = replace(first, status=Status.CLOSED, closed_at=NOW - 500, ending=ending)
    number = store.write(lambda session: session.add_incident(closed)).id
    journal.all.append(flip(1, NOW - 1, "a"))
    assert follower.follow() == 1
    with store.read() as session:
        incident = session.incident(number)
        told = [each.message.kind for each in session.notifications(incident=number)]
        runs = session.runs(incident=number, limit=10)
        assert len(session.incidents(None, limit=10)) == 1, "the same incident, not a new one"
    recurring = ending is Ending.FIXED
    assert (incident.status, incident.reopened, incident.recurring) == (Status.OPEN, 1, recurring)
    assert (incident.escalated_at is not None, "does not hold" in (incident.escalated_why or "")) == (recurring,) * 2
    assert told.count("escalated") == int(recurring) and told.count("opened") == 1
    assert len(runs) == 1, "the response acts again, as far as it may"
    assert "came back" not in incident.why_not_acted


def test_the_ops_repo_may_bring_its_own_ssh_config(tmp_path: Path) -> None:
    assert own_ssh_config(tmp_path) is None
    (tmp_path / "ssh_config").mkdir()
    assert own_ssh_config(tmp_path) is None
    (tmp_path / "ssh_config").rmdir()
    (tmp_path / "ssh_config").write_text("Host a\n")
    assert own_ssh_config(tmp_path) == tmp_path / "ssh_config"
