"""A real watch: a P1 that nobody acknowledges reaches step 2 in time, and an acknowledgement stops the next one."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house import House

from watchkeeper.faces.cli.render import parse_time

TEAM = """team: Test
timezone: UTC
channels:
  first: {script: tools/first.sh, timeout: 10s}
  second: {script: tools/second.sh, timeout: 10s}
  third: {script: tools/third.sh, timeout: 10s}
people:
  ana: {channels: [first]}
  ben: {channels: [second]}
  chi: {channels: [third]}
oncall:
  primary: {rotation: [ana]}
escalations:
  default:
    - {after: 0s, to: [oncall:primary]}
    - {after: 10s, to: [ben]}
    - {after: 10m, to: [chi]}
defaults: {every: 1s}
"""
PAGE = '#!/bin/sh\n( printf "%s " "$(date +%s.%N)"; cat; echo ) >> "{root}/{name}.jsonl"\n'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    for name in ("first", "second", "third"):
        script = made.ops / f"tools/{name}.sh"
        script.write_text(PAGE.format(root=tmp_path, name=name))
        script.chmod(0o755)
    made.write("watchkeeper.yaml", TEAM)
    made.service("shop", more="", mode="observe")
    path = made.ops / "services/shop.yaml"
    path.write_text(path.read_text() + "tier: 1\n")
    yield made
    made.stop()


def pages(house: House, name: str) -> list[tuple[float, str]]:
    path = house.root / f"{name}.jsonl"
    found = path.read_text().splitlines() if path.exists() else []
    return [(float(line.partition(" ")[0]), line.partition(" ")[2]) for line in found if line[:1].isdigit()]


def wk(house: House, *words: str) -> dict:
    done = subprocess.run([*house.command, "--json", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_step_two_comes_in_time_after_a_crash_and_an_acknowledgement_stops_step_three(house: House) -> None:
    house.start()
    house.until(house.all_ok, 30, "all is well")
    assert wk(house, "oncall")["oncall"][0]["person"] == "ana"
    (house.flags / "shop").unlink()
    incident = house.until(lambda: house.incident("shop"), 30, "it is opened")
    assert incident["severity"] == "P1"
    climbing = house.until(lambda: house.get("/escalations")["escalations"], 10, "it climbs")
    assert (climbing[0]["step"], climbing[0]["to"]) == (2, ["ben"])
    house.kill("main")
    house.start("main")
    back = time.time()  # on a slow machine main may be back only after the time of step 2
    house.until(lambda: pages(house, "second"), 30, "step 2 is told")
    rows = house.get(f"/incidents/{incident['id']}")["incident"]["notifications"]
    planned = parse_time(climbing[0]["due_at"])
    told = next(row for row in rows if row["channels"][0] == "second")
    assert parse_time(told["created_at"]) - planned >= -0.001
    assert parse_time(told["created_at"]) - max(planned, back) <= 5.0
    house.post(f"/incidents/{incident['id']}/ack")
    (stopped,) = house.until(
        lambda: [each for each in house.get("/escalations")["escalations"] if each["paused_why"]], 20, "it is stopped"
    )
    assert (stopped["paused_why"], stopped["step"], stopped["due_at"]) == ("acknowledged", 3, None)
    assert not pages(house, "third")
    assert len(pages(house, "second")) == 1
    assert wk(house, "oncall", "who", "shop")["preview"]["policy"] == "default"
    the_other_ways(house)


def the_other_ways(house: House) -> None:
    """The command line, the page and the calendar, on the same watch: starting another one costs more than this."""
    made = wk(house, "oncall", "override", "primary", "ben", "--for", "1h", "--why", "ana is ill")["override"]
    assert (made["person"], made["schedule"], made["made_by"]) == ("ben", "primary", "local")
    told = house.until(
        lambda: [page for _, page in pages(house, "second") if "you are on call" in page], 20, "ben is told"
    )
    assert "1 incident" in told[0] or "One incident" in told[0]
    swapped = wk(house, "oncall", "swap", "primary", "ben", "ana")["overrides"]
    assert [each["person"] for each in swapped] == ["ana", "ben"]
    listed = wk(house, "oncall", "list", "primary")
    assert [each["person"] for each in listed["shifts"]][:2] == ["ana", "ben"]
    assert len(listed["overrides"]) == 3
    wk(house, "oncall", "remove", str(made["id"]))
    text = wk(house, "oncall", "export", "primary")["calendar"]["ical"]
    assert text.startswith("BEGIN:VCALENDAR\r\n") and "SUMMARY:ana on call (primary)" in text
    assert wk(house, "status")["status"]["oncall"].startswith("On call: ana until")

    address = wk(house, "oncall", "export", "primary", "--url")["calendar"]["url"]
    assert b"BEGIN:VEVENT" in urllib.request.urlopen(address).read()
    for wrong, code in (
        (address.replace("/calendar/", "/calendar/x"), 403),
        (address.replace("primary.", "other."), 404),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(wrong)
        assert refused.value.code == code
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    link = house.post("/links")["link"]["url"]
    browser.open(link)
    page = browser.open(f"{link.partition('/enter')[0]}/oncall").read().decode()
    assert "<b>ana</b>, now" in page and "Take override" in page and "Put somebody on call" in page
    assert "On call: ana" in browser.open(link.partition("/enter")[0]).read().decode()
