"""Two watchkeepers that watch each other: one is killed, the other one pages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.house import House


@pytest.fixture
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House]]:
    both = House(tmp_path_factory.mktemp("a")), House(tmp_path_factory.mktemp("b"))
    for house in both:
        house.service("shop")
    try:
        for house in both:
            house.start()
        yield both
    finally:
        for house in both:
            house.stop()


def test_the_one_that_lives_pages_for_the_other(houses: tuple[House, House]) -> None:
    here, there = houses
    for house, other, name in ((here, there, "b"), (there, here, "a")):
        url = json.loads((other.state / "ping.url").read_text())["url"]
        team = (house.ops / "watchkeeper.yaml").read_text()
        key = other.get("/keys/health")["key"]
        house.write("watchkeeper.yaml", f"{team}peers: {{watch-{name}: {{url: {url}/health/{key}, every: 1s}}}}\n")
    here.until(lambda: state(here, "watchkeepers/watch-b") == "OK", 20, "a sees b")
    there.until(lambda: state(there, "watchkeepers/watch-a") == "OK", 20, "b sees a")
    there.kill("main")
    here.until(lambda: here.incident("watchkeepers"), 30, "a notices that main of b is gone")
    here.until(lambda: any("The other watchkeeper watch-b is not well" in page for page in here.pages()), 15, "a page")
    there.kill("watch")
    here.until(lambda: "does not answer" in reason(here), 20, "now nothing of b answers")
    there.start()
    here.until(lambda: state(here, "watchkeepers/watch-b") == "OK", 60, "b is back")
    assert "/health/" not in "".join(here.pages()), "no key leaves the house"


def state(house: House, key: str) -> str:
    return next((each["state"] for each in house.get("/checks")["checks"] if each["check"] == key), "")


def reason(house: House) -> str:
    return next(each["reason"] for each in house.get("/checks")["checks"] if each["check"] == "watchkeepers/watch-b")
