"""Documents become entries of the log, once and for ever; and the log's own document is kept current. Real store, real git."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.contract.test_store import fresh_database, server  # noqa: F401
from tests.fixtures.empty_store import open_store

from watchkeeper.adapters.repositories.directory import DirectoryRepository
from watchkeeper.adapters.repositories.log_document import DirectoryLogDocument
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, Invalid, Usage
from watchkeeper.core.log.documents.drafting import rebuilt
from watchkeeper.core.log.values import Draft
from watchkeeper.services.inventory import InventoryHolder
from watchkeeper.services.log.document import LogDocument
from watchkeeper.services.log.importing import Importer, Wish

ANA = Actor("person", "ana", "operator")
LOG = """# Log

## 2026-01-03

### 10:00 UTC - Third ✅

**Severity**: MAJOR
**Operator**: ben

Text → here.

## 2026-01-02

### 09:00 UTC - Second

Twice.

### 08:00 UTC - First

Once.
"""
FREE = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
"""Bytes that Windows-1252 leaves free."""
SECRET = "correct-horse-battery"
NOW = 1_800_000_000.0
"""When documents are imported: 2027-01-15."""


class House:
    """A store, an inventory and what imports into it."""

    def __init__(self, tmp_path: Path, yaml: str = "", url: str = "") -> None:
        self.ops, self.state, self.url = tmp_path / "ops", tmp_path / "state", url
        self.ops.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        (self.ops / "watchkeeper.yaml").write_text(f"team: Harbour\ntimezone: Africa/Johannesburg\n{yaml}")
        self.open()

    def open(self) -> None:
        self.store = open_store(self.state, self.url)
        self.holder = InventoryHolder(DirectoryRepository(self.ops), lambda: 0.0)
        assert self.holder.current.team.name == "Harbour"
        self.importer = Importer(self.store, self.holder, lambda: [SECRET], lambda: NOW)
        self.port = DirectoryLogDocument(self.ops)
        self.document = LogDocument(self.store, self.holder, self.port, lambda: "")

    def take(self, text: str | bytes, **more):
        data = text.encode() if isinstance(text, str) else text
        return self.importer.take(ANA, data, Wish(**({"source": "OPERATIONS_LOG.md"} | more)))

    def entries(self):
        with self.store.read() as session:
            return session.entries(1000)[::-1]

    def file(self) -> str:
        return (self.ops / "OPERATIONS_LOG.md").read_bytes().decode()

    def append(self, title: str, at: float = 1_767_600_000.0):
        return self.store.write(lambda session: session.append_entry(Draft(at, "Note", title, "ana")))

    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", "-C", str(self.ops), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path):
    made = House(
        tmp_path, url=fresh_database(request.getfixturevalue("server")) if request.param == "postgresql" else ""
    )
    yield made
    made.store.close()


def test_entries_arrive_in_order_of_time_with_all_they_said(house: House) -> None:
    done = house.take(LOG)
    assert (done.found, len(done.numbers), done.left) == (3, 3, 0)
    entries = house.entries()
    assert [each.draft.title for each in entries] == ["First", "Second", "Third"]
    third = entries[2].draft
    assert (third.severity, third.words["severity"], third.actor, third.at) == ("High", "MAJOR", "ben", 1_767_434_400.0)
    assert third.facts["zone"] == "UTC" and third.facts["source_line"] == 5 and third.facts["imported_by"] == "ana"
    assert (
        "".join(rebuilt(each.draft) or "" for each in entries[::-1]).split()
        == "\n".join(line for line in LOG.splitlines() if not line.startswith(("# ", "## "))).split()
    )
    assert house.store.verify_log().ok


def test_a_second_import_and_a_moved_or_damaged_copy_add_nothing(house: House) -> None:
    house.take(LOG)
    damaged = LOG.encode().decode("mac_roman").encode()
    twice = LOG
    for _ in range(2):
        twice = "".join(chr(byte) if byte in FREE else bytes([byte]).decode("cp1252") for byte in twice.encode())
    latin = LOG.encode().decode("latin-1").encode()
    for copy in (
        LOG,
        twice,
        latin,
        LOG.replace("\n", "\r\n"),
        "\ufeff" + LOG,
        damaged,
        LOG.replace("## 2026-01-02", "## 2026/1/2"),
    ):
        for source in ("OPERATIONS_LOG.md", "moved.md"):
            done = house.take(copy, source=source)
            assert (done.numbers, done.same, done.differences) == ((), 3, ()), copy
    assert len(house.entries()) == 3 and house.importer.look(ANA, latin, Wish("x")).damage == "Latin-1"
    assert house.importer.look(ANA, damaged, Wish("x")).damage == "Mac Roman"
    assert house.importer.look(ANA, damaged, Wish("x", repair=True)).repaired


def test_a_later_copy_adds_what_is_new_and_shows_what_differs(house: House) -> None:
    house.take(LOG)
    later = (
        LOG.replace("Twice.", "Twice, or three times.")
        .replace("- First", "- The first one")
        .replace("# Log\n", "# Log\n\n## 2026-01-04\n\n### 07:00 SAST - Fourth\n\nNew.\n")
    )
    done = house.take(later)
    assert [each.title for each in done.new] == ["Fourth"] and len(done.numbers) == 1
    assert {each.entry for each in done.differences} == {1, 2}
    assert any("+Twice, or three times." in each.diff for each in done.differences)
    assert house.take(later).numbers == ()
    updated = house.take(later, update=True)
    assert {each.draft.corrects for each in house.entries() if each.number in updated.numbers} == {1, 2}
    again = house.take(later, update=True)
    assert (again.numbers, again.differences, again.same) == ((), (), 4)
    assert house.take(LOG).numbers == ()


def test_the_same_entry_twice_counts_once_and_two_of_a_day_count_twice(house: House) -> None:
    done = house.take(
        "# l\n\n## 2026-01-02 10:00 UTC - x\na\n\n## 2026-01-02 10:00 UTC - x\na\n\n# m\n- 2026-01-05 y\n- 2026-01-05 y\n"
    )
    assert len(done.numbers) == 3 and any("counts once" in each.sentence for each in done.doubts)
    assert house.take("# l\n\n# m\n- 2026-01-05 y\n- 2026-01-05 y\n- 2026-01-05 y\n").found == 3
    assert len(house.entries()) == 4


def test_known_secrets_are_refused_by_line_unless_redacted(house: House) -> None:
    text = LOG.replace("Once.", f"The word is {SECRET}.")
    with pytest.raises(Invalid, match="line 20"):
        house.take(text)
    assert house.entries() == []
    house.take(text, redact=True)
    assert all(SECRET not in str(each.draft) for each in house.entries())


def test_who_may_not_and_what_cannot(house: House) -> None:
    with pytest.raises(Forbidden):
        house.importer.take(Actor("person", "eve", "viewer"), LOG.encode(), Wish("x"))
    with pytest.raises(Usage, match="no time zone"):
        house.take(LOG, zone="Mars/Olympus")


def test_the_words_of_the_team_for_zones(tmp_path: Path) -> None:
    house = House(tmp_path, "log:\n  zones: {CST: Asia/Shanghai}\n")
    house.take("## 2026-01-02 10:00 CST - a\n\n## 2026-01-02 10:00 IST - b\n")
    at = {each.draft.title: (each.draft.at, each.draft.facts["zone_from"]) for each in house.entries()}
    assert at == {"a": (1_767_319_200.0, "declared"), "b": (1_767_340_800.0, "unsure")}
    house.store.close()


KILLED = """
import os, sys, threading, time
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.contract.test_log_documents import ANA, House, Wish
house = House(Path({tmp!r}))
print("ready", flush=True)
house.take(Path({file!r}).read_text())
print("done", flush=True)
"""


def test_killed_in_the_middle_nothing_is_there_twice_and_it_goes_on(tmp_path: Path) -> None:
    text = "# l\n" + "".join(
        f"\n## 2026-01-{1 + n % 28:02} {n % 24:02}:{n % 60:02} UTC - entry {n}\n\ntext {n}\n" for n in range(1200)
    )
    file = tmp_path / "log.md"
    file.write_text(text)
    code = KILLED.format(root=str(Path(__file__).parents[2]), tmp=str(tmp_path), file=str(file))
    counts = []
    for delay in (0.3, 0.5):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ)
        assert process.stdout and process.stdout.readline() == b"ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        house = House(tmp_path)
        counts.append(len(titles(house)))
        house.store.close()
    house = House(tmp_path)
    while house.take(text).numbers:
        pass
    found = titles(house)
    assert sorted(found) == sorted(f"entry {n}" for n in range(1200))
    assert house.store.verify_log().ok and counts == sorted(counts)
    house.store.close()


def titles(house: House) -> list[str]:
    with house.store.read() as session:
        return [each.draft.title for each in session.entries(5000)]


@pytest.fixture
def kept(tmp_path: Path):
    made = House(tmp_path, "log:\n  file: OPERATIONS_LOG.md\n")
    made.git("init", "-q")
    (made.ops / "OPERATIONS_LOG.md").write_bytes(LOG.replace("\n", "\r\n").encode().removesuffix(b"\r\n"))
    made.git("add", "-A")
    made.git("commit", "-qm", "one")
    made.take(made.file())
    yield made
    made.store.close()


def untouched(before: str, after: str) -> bool:
    """Every line of before is in after, in order."""
    lines = iter(after.splitlines(keepends=True))
    return all(line in lines for line in before.splitlines(keepends=True))


def test_new_entries_stand_at_the_top_and_are_committed(kept: House) -> None:
    before = kept.file()
    kept.document.beat()
    assert kept.file() == before, "what came from the document is not written into it again"
    entry = kept.append("Raised the worker count")
    kept.document.beat()
    after = kept.file()
    assert untouched(before, after) and after.count("Raised the worker count") == 1
    assert after.index("## 2026-01-05\r\n") < after.index("## 2026-01-03\r\n") and entry.hash in after
    assert "\n" not in after.replace("\r\n", "") and not after.endswith("\n")
    assert kept.git("log", "--format=%an %s").splitlines() == ["watchkeeper Operations log up to entry 4", "ana one"]
    assert kept.git("status", "--porcelain") == ""
    kept.document.beat()
    assert kept.file() == after
    assert kept.take(after).own == 1 and len(kept.entries()) == 4


def test_it_is_never_committed_over_the_work_of_people(kept: House) -> None:
    (kept.ops / "watchkeeper.yaml").write_text((kept.ops / "watchkeeper.yaml").read_text() + "# edited\n")
    kept.append("one")
    kept.document.beat()
    assert "one" in kept.file() and "not committed" in kept.document.findings()[0].sentence
    assert kept.document.warnings() == ()
    kept.git("commit", "-qm", "two", "watchkeeper.yaml")
    kept.document.beat()
    assert kept.git("log", "--format=%an", "-n1") == "watchkeeper\n" and kept.git("status", "--porcelain") == ""
    (kept.ops / "OPERATIONS_LOG.md").write_bytes(kept.file().replace("Once.", "Once!").encode())
    kept.append("two")
    kept.document.beat()
    assert "two" in kept.file() and "Once!" in kept.file()
    assert kept.git("log", "--format=%s", "-n1") == "Operations log up to entry 4\n", "their edit is theirs to commit"


@pytest.mark.parametrize("crash", ["keep", "replace", "after", "commit"])
def test_a_crash_at_any_point_leaves_nothing_twice(kept: House, crash: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException):
        pass

    def stopping(act, before: bool):
        def stopped(*words):
            if not before:
                act(*words)
            raise Stop

        return stopped

    kept.append("one")
    place = {"keep": (kept.document, "_keep", False), "replace": (kept.port, "replace", True),
             "after": (kept.port, "replace", False), "commit": (kept.port, "commit", False)}[crash]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(place[0], place[1], stopping(getattr(place[0], place[1]), place[2]))
        with pytest.raises(Stop):
            kept.document.beat()
    kept.store.close()
    kept.open()
    kept.append("two")
    for _ in range(3):
        kept.document.beat()
    assert (kept.file().count("- one"), kept.file().count("- two")) == (1, 1)
    assert kept.git("status", "--porcelain") == "" and kept.document.warnings() == ()


def test_a_new_document_and_one_that_takes_no_entries(tmp_path: Path) -> None:
    house = House(tmp_path, "log:\n  file: OPERATIONS_LOG.md\n")
    house.append("one")
    house.append("two", 1_767_700_000.0)
    house.document.beat()
    assert house.file().startswith("# Operations Log - Harbour\n\n## 2026-01-06\n")
    (house.ops / "OPERATIONS_LOG.md").write_text("2026-01-01 10:00 - a\n2026-01-02 10:00 - b\n")
    house.append("three")
    house.document.beat()
    assert house.file().count("\n") == 2 and "lines or rows" in house.document.warnings()[0]
    (house.ops / "OPERATIONS_LOG.md").unlink()
    house.append("four")
    house.document.beat()
    assert house.document.warnings() == () and all(
        f"- {word}" in house.file() for word in ("one", "two", "three", "four")
    )
    house.store.close()


def test_links_out_of_the_repo_are_refused_and_a_detached_head_is_left_alone(kept: House, tmp_path: Path) -> None:
    kept.git("checkout", "-q", "--detach")
    kept.append("one")
    kept.document.beat()
    assert "one" in kept.file() and "no branch" in kept.document.findings()[0].sentence
    assert kept.git("log", "--format=%an") == "ana\n"
    outside = tmp_path / "outside.md"
    outside.write_text("mine\n")
    (kept.ops / "OPERATIONS_LOG.md").unlink()
    (kept.ops / "OPERATIONS_LOG.md").symlink_to(outside)
    kept.append("two")
    kept.document.beat()
    assert outside.read_text() == "mine\n" and "out of the ops repo" in kept.document.warnings()[0]


def test_a_file_that_changed_meanwhile_is_not_replaced(kept: House) -> None:
    before = kept.port.read("OPERATIONS_LOG.md")
    (kept.ops / "OPERATIONS_LOG.md").write_text("theirs\n")
    assert not kept.port.replace("OPERATIONS_LOG.md", before, b"ours\n")
    assert kept.file() == "theirs\n" and not list(kept.ops.glob(".*.new"))


def test_what_young_entries_ask_for_becomes_tasks_and_what_old_ones_asked_for_does_not(tmp_path: Path) -> None:
    house = House(tmp_path)
    text = """# Log

## 2027-01-10

### 09:00 UTC - Moved the shop

**Type**: Migration
**Follow-up Actions**:
- [ ] Delete the old directory

## 2026-02-01

### 09:00 UTC - Moved the mail

**Type**: Migration
**Follow-up Actions**:
- [ ] Delete the old mailboxes
"""
    house.take(text)
    house.take(text)
    with house.store.read() as session:
        assert [task.text for task in session.tasks_of_entry(2)] == ["Delete the old directory"]
        assert session.tasks_of_entry(1) == []
