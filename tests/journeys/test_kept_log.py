"""A log over its life: old entries move into the ops repo, some are held, one is purged, others prove it, it moves house."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.core.log.values import Draft
from watchkeeper.store.writer import Store

OLD = 1_577_900_000.0  # 2020-01-01
SECRET = "hunter-two-and-a-half"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.service("shop")
    store = Store.open(house.state)
    severities = ("Low", "Medium", "High", "Critical")
    drafts = [
        Draft(OLD + n * 60, "Maintenance", f"old {n}", "ana", severities[n % 4], sections=(("Change", f"text {n}"),))
        for n in range(1, 13)
    ]
    drafts.append(
        Draft(OLD + 900, "Maintenance", "a mistake", "ana", "Low", sections=(("Change", f"It was {SECRET}."),))
    )
    store.write(lambda session: [session.append_entry(each) for each in drafts])
    store.close()
    house.start("main")
    yield house
    house.stop()


def wk(house: House, *words: str, code: int = 0) -> str:
    done = subprocess.run([*house.command, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def everything_holds(house: House) -> dict:
    found = json.loads(wk(house, "log", "verify", "--json"))["verification"]
    assert found["ok"], found
    return found


def test_entries_are_archived_held_purged_and_proven_elsewhere(house: House) -> None:
    held = json.loads(wk(house, "log", "hold", "add", "case 12", "--entries", "4", "--json"))["hold"]["hold"]
    wk(house, "log", "hold", "add", "case 13", "--query", "text 8")
    assert "a second" not in wk(house, "log", "hold", "list")
    house.write("watchkeeper.yaml", (house.ops / "watchkeeper.yaml").read_text() + "log: {archive: monthly}\n")
    house.until(lambda: (house.ops / "docs/archive/operations-log-2020.md").exists(), 40, "the beat archives")
    found = everything_holds(house)
    assert (found["archived"], found["checked"]) == (5, 5)  # 1, 5, 9 Medium, 12, 13 Low; 4 and 8 are held
    place = house.ops / "docs/archive/operations-log-2020.jsonl"
    lines = [json.loads(line) for line in place.read_text().splitlines()]
    assert [line["number"] for line in lines] == [1, 5, 9, 12, 13]
    assert all(hashlib.sha256(line["body"].encode()).hexdigest() == line["digest"] for line in lines)
    markdown = place.with_suffix(".md").read_text()
    assert "text 12" in markdown
    assert "text 4" not in markdown

    assert "text 12" in wk(house, "log", "show", "12")
    assert "archived in docs/archive/operations-log-2020.jsonl" in wk(house, "log", "show", "12")
    wk(house, "log", "hold", "release", str(held), "--why", "closed")
    dry = json.loads(wk(house, "log", "archive", "--dry-run", "--json"))
    assert [each["entries"] for each in dry["archives"]] == ["4"]
    assert "1 entry moved" in wk(house, "log", "archive")

    assert "--yes" in wk(house, "log", "purge", "13", "--why", "held a password", code=2)
    told = wk(house, "log", "purge", "13", "--why", "held a password", "--yes")
    assert "git" in told
    assert "backups" in told
    for path in (*house.ops.rglob("*"), *house.state.rglob("*")):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert "legal hold" in wk(house, "log", "purge", "8", "--why", "no", "--yes", code=3)
    found = everything_holds(house)
    assert (found["archived"], found["purged"]) == (5, 1)
    assert "Its text was purged" in wk(house, "log", "show", "13")

    chain = house.root / "chain.jsonl"
    chain.write_text(wk(house, "log", "export", "--chain"))
    moved = House(house.root / "second")
    moved.service("shop")
    assert wk(moved, "log", "import-chain", str(chain)).startswith("All ")
    assert wk(moved, "log", "export", "--chain") == chain.read_text()
    assert everything_holds(moved)["head"] == found["head"]
    assert (moved.ops / "docs/archive/operations-log-2020.jsonl").read_bytes() == place.read_bytes()
    assert "not empty" in wk(house, "log", "import-chain", str(chain), code=3)

    anchor = f"{found['entries'] + 1} {'0' * 64}"
    assert "cut off" in wk(house, "log", "verify", "--anchor", anchor, code=1)
