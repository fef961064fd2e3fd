"""How live the bridge is: an incident after its flip, sight that is lost and comes back by itself, rows that wait above."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from tests.house import House
from tests.journeys.test_web import BROWSER, invited

SERVICES = ("shop", "docs", "edge")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("live"))
    for name in SERVICES:
        house.service(name, mode="observe")
    yield house
    house.stop()


WATCH = """() => {
  window.seen = {};
  new MutationObserver(() => document.querySelectorAll("#open article h3 a").forEach(each => {
    const number = each.getAttribute("href").split("/").pop();
    window.seen[number] = window.seen[number] || Date.now() / 1000;
  })).observe(document.body, {childList: true, subtree: true});
}"""


@pytest.mark.timeout(240)
@pytest.mark.needs("chromium")
def test_an_incident_is_on_the_bridge_a_second_after_its_flip_and_sight_comes_back(house: House) -> None:
    """Flip to the reader's page; then main is killed: the page says how old it is, and goes on when main is back."""
    from playwright.sync_api import expect, sync_playwright

    house.start()
    house.until(house.all_ok, 30, "every check is OK")
    port = invited(house).partition("/enter")[0].rpartition(":")[2]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(invited(house))
        expect(page.locator(".truth")).to_contain_text("are OK")
        page.evaluate(WATCH)
        late = [flip_to_page(house, page, name) for name in SERVICES]
        print("seconds from the flip to the page:", [round(each, 2) for each in late])
        assert min(late) < 1.0, late

        waiting_rows(house, page)
        sight_lost(house, page, port)
        browser.close()


def flip_to_page(house: House, page: Any, name: str) -> float:
    """Break a service; seconds between the time its flip carries and the moment its incident stands on the page."""
    house.break_(name)
    incident = house.until(lambda: house.incident(name), 15, f"{name} has an incident")
    number = str(incident["id"])
    house.until(lambda: page.evaluate("window.seen").get(number), 15, "it is on the page")
    opened = datetime.fromisoformat(incident["opened_at"]).timestamp()
    seen = float(page.evaluate("window.seen")[number])
    flipped = min(datetime.fromisoformat(each["flipped_at"]).timestamp() for each in incident["checks"])
    print(f"{name}: incident {opened - flipped:.2f} s after the flip, on the page {seen - opened:.2f} s later")
    return seen - flipped


def waiting_rows(house: House, page: Any) -> None:
    """Rows that come in above a reader who scrolled wait behind a strip."""
    for number in range(3):
        house.post("/log", type="Note", title=f"A line of before, {number}")
    page.set_viewport_size({"width": 700, "height": 260})
    row = page.locator("#side [data-row]").last
    house.until(lambda: page.locator("#side [data-row]").count() >= 3, 15, "the log stands on the page")
    row.evaluate("each => window.scrollTo(0, each.getBoundingClientRect().top + window.scrollY - 20)")
    page.wait_for_timeout(300)
    before = page.locator("#side [data-row]").first.get_attribute("data-row")
    house.post("/log", type="Note", title="One that waits")
    strip = page.locator("button.newer")
    strip.wait_for(timeout=20_000)
    assert strip.inner_text() == "1 newer"
    assert page.locator("#side [data-row]").first.get_attribute("data-row") == before, "nothing moved under the reader"
    strip.click()
    house.until(lambda: "One that waits" in page.inner_text("#side"), 15, "it is let in")
    page.set_viewport_size({"width": 1280, "height": 800})


def sight_lost(house: House, page: Any, port: str) -> None:
    """Without answers the sentence greys after 15 s and tells its age; it comes back without a hand."""
    house.kill("main")
    page.locator("body.lost").wait_for(timeout=60_000)
    assert " s old" in page.inner_text("#asof")
    began = time.monotonic()
    house.port = port
    house.start("main")
    page.wait_for_function("!document.body.classList.contains('lost')", timeout=60_000)
    assert page.locator(".age").count() == 0
    print(f"back {time.monotonic() - began:.1f} s after main was")
