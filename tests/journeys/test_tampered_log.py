"""A log that somebody touched: said on every way to it, and still readable when the store is refused."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.core.errors import NotFound


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.service("shop")
    house.start("main")
    yield house
    house.stop()


def wk(house: House, *words: str) -> tuple[int, str]:
    command = [*house.command, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_tampering_is_said_and_the_first_bad_entry_named(house: House) -> None:
    for number in (1, 2, 3):
        house.post("/log", title=f"Entry number {number}")
    with pytest.raises(NotFound):
        house.post("/log", title="Corrects nothing", corrects=99)
    house.stop()
    with sqlite3.connect(house.state / "main.db") as store:
        for (name,) in store.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            store.execute(f'drop trigger "{name}"')
        store.execute("update body set content = replace(content, 'number 2', 'number 9') where number = 2")
    code, said = wk(house, "log", "verify", "--json")
    found = json.loads(said)["verification"]
    assert code == 1
    assert found["first_bad"] == 2
    assert "not protected" in found["sentence"]
    code, said = wk(house, "log", "list")
    assert code == 2
    assert "not protected" in said
    assert "Traceback" not in said
