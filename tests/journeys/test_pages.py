"""Every page of the map in a real browser, on a real watchkeeper with something to show; and how live the bridge is.

WATCHKEEPER_SCREENSHOTS=DIR keeps a picture of each page, in light and dark, on a phone and a desk.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from tests.house import House
from tests.journeys.test_web import BROWSER, Visitor, invited, of_the_page

SCREENSHOTS = os.environ.get("WATCHKEEPER_SCREENSHOTS", "")
AUDITED = ((390, "light"), (1440, "dark"))
"""axe takes longest: colours depend on the scheme and places on the width, so each of both is audited once."""
LOOKS = ((320, "light"), (390, "light"), (390, "dark"), (1440, "light"), (1440, "dark"), (1920, "dark"))
PICTURED = (390, 1440)
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
EXAMPLES = {
    "name": "shop", "check": "flag", "number": "1", "index": "0", "path": "runbooks/shop.md", "part": "top", "key": "x",
    "month": "2026-01", "days": "90", "pk": "1", "task": "1", "blocker": "1",
}  # fmt: skip
"""A value for each part of an address; where another one is meant: `PLACES`."""
PLACES = {
    "runbooks/<path:name>": "/runbooks/runbooks/shop.md", "runbooks/<path:name>/plan": "/runbooks/runbooks/shop.md/plan",
    "hosts/<str:name>": "/hosts/app1", "documents/<path:path>": "/documents/docs/harbour.md",
}  # fmt: skip
NOT_THERE = ("ack/", "calendar/", "enter", "wall/enter", "static/", "status", "shifts/evidence", "notifications/<int:number>",
             "log/<int:number>/attachments")  # fmt: skip
"""What this house has no example of, or what is not for a signed-in reader."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One incident whose step waits, a run, a window, entries, a task, a shift, and services in groups."""
    house = House(tmp_path_factory.mktemp("pages"))
    house.service("shop", mode="propose", more="", fix=f"echo mended; touch {house.flags}/shop")
    for name in ("worker", "docs-search-of-the-whole-harbour-with-a-long-name", "edge"):
        house.service(name, mode="propose")
        place = house.ops / f"services/{name}.yaml"
        place.write_text(place.read_text().replace("hosts:", "labels: {group: Order desk}\nhosts:", 1))
    (house.ops / "docs").mkdir()
    house.write(
        "docs/harbour.md", "# Harbour\n\nHow it works, with `a_rather_long_word_of_code_that_does_not_break`.\n"
    )
    team = (house.ops / "watchkeeper.yaml").read_text()
    house.write("watchkeeper.yaml", team + "people:\n  ana: {role: approver, channels: [duty]}\n")
    yield house
    house.stop()


@pytest.fixture(scope="module")
def url(house: House) -> str:
    house.start()
    house.until(house.all_ok, 30, "every check is OK")
    house.break_("shop")
    house.until(lambda: house.get("/status")["status"]["waiting"], 30, "its step waits")
    house.post("/windows", targets=["edge"], why="new disks", lasts_s=7200.0)
    reason = [{"heading": "Reason", "text": "The queue grew to 40."}]
    house.post("/log", type="Configuration", title="Raised the worker count to 4", sections=reason)
    house.post("/tasks", text="look at the queue again")
    house.post("/shifts")
    return str(house.post("/links")["link"]["url"]).partition("/enter")[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        yield browser
        browser.close()


ROUTES = """
import django, json
django.setup()
from watchkeeper.faces.web.urls import urlpatterns
print(json.dumps([str(each.pattern) for each in urlpatterns]))
"""


def addresses(house: House) -> list[str]:
    """One address for each route of the pages, but for those of NOT_THERE. Asked of a process of its own: Django's own."""
    own = os.environ | {"WATCHKEEPER_STATE": str(house.root / "urls"), "DJANGO_SETTINGS_MODULE": "watchkeeper.settings"}
    told = subprocess.run([sys.executable, "-c", ROUTES], env=own, capture_output=True, text=True, check=True)
    found = []
    for route in json.loads(told.stdout):
        if route.startswith("^") or route.startswith(NOT_THERE):
            continue
        made = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: EXAMPLES[match[1]], route)
        found.append(PLACES.get(route, f"/{made}"))
    return found


def pages_of(visitor: Visitor, house: House) -> list[str]:
    """Those that answer with a whole page; that nothing fails is asserted."""
    found, missing = [], []
    for place in addresses(house):
        status, headers, text = visitor.ask("GET", place)
        assert status < 500, (place, status)
        if status == 404:
            missing.append(place)
        if status == 200 and headers["Content-Type"].startswith("text/html") and "<html" in text[:200]:
            found.append(place)
    assert len(found) > 25, found
    print(f"{len(found)} pages; nothing there: {missing}")
    return found


@pytest.mark.timeout(420)
@pytest.mark.needs("chromium")
def test_every_page_in_light_and_dark_from_a_small_phone_to_a_wall_screen(browser: Any, house: House, url: str) -> None:
    """axe finds nothing, the console is quiet, nothing is asked of others, and nothing is wider than the screen."""
    visitor = Visitor(url)
    visitor.ask("GET", f"/enter{invited(house).partition('/enter')[2]}")
    places = pages_of(visitor, house)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, faults = context.new_page(), list[str]()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if not request.url.startswith(url) else None)
    page.goto(invited(house))
    began = time.monotonic()
    for place in places:
        page.goto(url + place, wait_until="load")
        page.evaluate(AXE.read_text())
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 1080 if width == 1920 else 900})
            page.emulate_media(color_scheme=scheme)
            wide = page.evaluate(WIDER)
            if wide:
                faults.append(f"{place} at {width}: wider than the screen: {wide}")
            if (width, scheme) in AUDITED:
                faults += [f"{place} at {width} {scheme}: {each}" for each in page.evaluate(AUDIT)]
            if SCREENSHOTS and width in PICTURED:
                keep(page, place, width, scheme)
        faults += [f"{place}: {each}" for each in of_the_page(heard)]
        heard.clear()
    print(f"{len(places)} pages in {time.monotonic() - began:.0f} s")
    context.close()
    assert faults == [], "\n".join(faults)


AUDIT = """async () => (await axe.run()).violations.map(each => each.id + ": " + each.nodes.slice(0, 3).map(
  node => node.html.slice(0, 160) + " " + node.failureSummary.slice(0, 200)).join(" | "))"""
WIDER = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) { return ""; }
  return [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > room + 1)
    .slice(0, 6).map(each => each.tagName + "." + each.className + " " + each.textContent.trim().slice(0, 40)).join("; ");
}"""


def keep(page: Any, place: str, width: int, scheme: str) -> None:
    """A picture of what is on the screen."""
    name = re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-") or "bridge"
    folder = Path(SCREENSHOTS) / name
    folder.mkdir(parents=True, exist_ok=True)
    place = str(folder / f"{width}-{scheme}.jpg")
    page.screenshot(path=place, type="jpeg", quality=70, caret="initial", full_page=True)
