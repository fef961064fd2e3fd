"""A configuration file is edited, the service breaks: the message that wakes people names the file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.stop()


def test_the_message_of_an_opening_names_the_first_suspect(house: House) -> None:
    config = house.root / "shop.env"
    config.write_text("LIMIT=10\n")
    house.service("shop", mode="propose", more="")
    text = (house.ops / "services/shop.yaml").read_text()
    house.write("services/shop.yaml", text.replace("hosts: [app1]\n", f"hosts: [app1]\nconfig: [{config}]\n"))
    house.start()
    house.until(house.all_ok, 30, "all checks are OK")
    house.until(lambda: "app1" not in str(house.get("/changes")["skipped"]), 20, "the host was looked at")
    told = subprocess.run([*house.command, "change", "add", "--service", "shop", "--key", "job-7", "shop 2.14.1", "--json"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    again = subprocess.run([*house.command, "change", "add", "--service", "shop", "--key", "job-7", "shop 2.14.1", "--json"],
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(told.stdout) == json.loads(again.stdout), "the same key made another change"
    assert [each["type"] for each in house.get("/log")["entries"]].count("Deployment") == 1

    config.write_text("LIMIT=0\n")
    (house.flags / "shop").unlink()
    house.until(lambda: any("First suspect" in page for page in house.pages()), 30, "a message names the suspect")
    incident = house.incident("shop")
    assert incident is not None
    first, second = incident["suspects"][:2]
    assert first["change"]["title"] in (f"{config} was edited", "shop 2.14.1")
    assert {first["change"]["kind"], second["change"]["kind"]} == {"configuration", "deployment"}
    assert any(each["kind"] == "change" and "First suspect: " in each["text"] for each in incident["timeline"])
    shown = subprocess.run(
        [*house.command, "changes", "--service", "shop", "--since", "1h"], capture_output=True, text=True
    )
    assert shown.returncode == 0 and str(config)[:60] in shown.stdout and "shop 2.14.1" in shown.stdout
