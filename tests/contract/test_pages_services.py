"""Services, checks and hosts on their pages: states, charts of every range, what depends on what, and where to go on."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

import pytest
from tests.fixtures.pages import Markup, Pages

from watchkeeper.core.actors import LOCAL
from watchkeeper.core.changes.values import Change
from watchkeeper.core.checks.values import State
from watchkeeper.services.windows.acts import Wish

SHOP = """\
service: shop
description: Order desk of the harbour
hosts: [app1]
depends_on: [db]
owner: ops
availability: {target: 99.9%}
checks:
  - name: web
    http: http://127.0.0.1:1/
    from: host
    every: 10s
    ok: status == 200 and latency < 800ms
    crit: {when: status != 200, for: 2 of 3}
  - name: flag
    command: 'true'
    from: host
    every: 10s
    crit: exit_code != 0
respond:
  - to: [flag]
    runbook: runbooks/shop.md
"""
RANGES = ("hour", "day", "week", "month", "quarter", "year")


def plain(name: str, needs: str = "[]", host: str = "app1") -> str:
    return (
        f"service: {name}\nhosts: [{host}]\ndepends_on: {needs}\n"
        f"checks:\n  - name: up\n    command: 'true'\n    from: host\n    every: 10s\n    crit: exit_code != 0\n"
    )


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    files = {
        "services/shop.yaml": SHOP, "services/db.yaml": plain("db", "[disk]"), "services/disk.yaml": plain("disk", host="app2"),
        "services/mail.yaml": plain("mail", "[shop]"), "runbooks/shop.md": "# Shop\n\n**Diagnosis**\n\n```bash\nls /\n```\n",
    }  # fmt: skip
    hosts = "hosts:\n  app1: {local: true, labels: {rack: b2}}\n  app2: {local: true}\n"
    pages = Pages(tmp_path_factory.mktemp("pages"), files, hosts=hosts)
    now = time.time()
    for number in range(380):
        at, bad = now - 3700 + 10 * number, 180 < number < 190
        if 250 < number < 290:
            continue
        values = {"status": 500 if bad else 200}
        latency = 0.1 + 0.05 * math.sin(number / 9) + (0.3 if number % 23 == 0 else 0)
        pages.read(
            "shop/web", State.CRIT if bad else State.OK, at, values, "status 500" if bad else "status 200", latency
        )
        pages.read("db/up", State.OK, at, {"exit_code": 0})
    gone = {"unreachable": "app2"}
    pages.read("disk/up", State.UNKNOWN, now, gone, error="app2 did not answer within 5 s")
    change = Change(0, now - 1000, "deployment", "shop 2.14 deployed", "ana", "shop", "app1")
    pages.app.store.write(lambda session: session.add_change(change))
    wish = Wish("window", ("shop",), "a new disk", None, None, 3600.0, False)
    pages.app.windows.add(wish, LOCAL)
    yield pages
    pages.close()


def drawings(page: str) -> list[str]:
    return re.findall(r'<svg class="(?:wide|narrow)".*?</svg>', page, re.S)


def test_the_service_page_says_all_there_is(pages: Pages) -> None:
    page = pages.get("/services/shop")
    text = Markup(page).text
    for said in ("Order desk of the harbour", "Promised: 99.9 % available", "Error budget", "spent", "shop 2.14 deployed",
                 "a new disk", "its plan"):  # fmt: skip
        assert said in text, said
    for link in (
        "/hosts/app1",
        "/services/db",
        "/services/mail",
        "/services/shop/checks/web",
        "/runbooks/runbooks/shop.md",
    ):
        assert f'href="{link}' in page, link
    assert "What shop needs, left of it" in page and 'aria-label="mail: ' in page


@pytest.mark.parametrize("span", RANGES)
def test_each_range_is_drawn_small_and_has_its_words(pages: Pages, span: str) -> None:
    page = pages.get(f"/services/shop/checks/web?range={span}")
    drawn = drawings(page)
    assert [each.split('"')[1] for each in drawn] == ["wide", "narrow"]
    assert all(len(each.encode()) <= 4096 for each in drawn), [len(each) for each in drawn]
    for each in drawn:
        assert "<title" in each and "readings of latency" in each and 'class="line"' in each
        assert each.count('class="lim-warn"') == 1 and "800 ms" in each
    assert f'href="?range={span}#charts" aria-current="true"' in page
    assert "<table" in page and "Every slot as a table" in page


def test_the_hour_shows_flips_gaps_changes_and_the_window(pages: Pages) -> None:
    wide = drawings(pages.get("/services/shop/checks/web?range=hour"))[0]
    assert 'fill="url(#m-hatch)"' in wide, "time in which nobody saw"
    assert 'class="k-crit"' in wide and "CRIT at" in wide and "OK at" in wide
    assert 'class="chgline"' in wide and "shop 2.14 deployed" in wide
    assert 'class="zone-maint"' in wide
    assert 'class="p95"' in wide or 'class="p99"' in wide


def test_a_chart_renews_itself_at_the_pace_of_its_check(pages: Pages) -> None:
    page = pages.get("/services/shop/checks/web")
    found = re.search(r'hx-get="([^"]+)" hx-trigger="every (\d+)s"', page.partition('id="charts"')[2])
    assert found is not None and int(found[2]) == 15, "a slot of the hour lasts 60 s; its check is asked every 10 s"
    place = found[1].replace("&amp;", "&")
    assert pages.client.get(place).status_code in (200, 204)
    assert pages.client.get(place.partition("&v=")[0]).status_code == 200


def test_a_check_tells_its_rule_and_every_flip_with_what_was_measured(pages: Pages) -> None:
    text = Markup(pages.get("/services/shop/checks/web")).text
    assert "status != 200 for 2 of 3 readings" in text and "Comes back after 1 good reading" in text
    assert "was OK status 500" in text and "latency" in text and "status 500" in text
    assert pages.client.get("/services/shop/checks/nothing").status_code == 404
    assert pages.client.get("/services/nothing").status_code == 404


def test_asking_now_goes_to_the_watch(pages: Pages) -> None:
    answer = pages.press("/services/shop/checks/web", "/services/shop/checks/web/ask", 502)
    assert "watch" in answer.content.decode()


def test_a_host_that_does_not_answer_says_so_everywhere(pages: Pages) -> None:
    text = Markup(pages.get("/hosts/app2")).text
    assert "app2 cannot be reached." in text and "did not answer within 5 s" in text
    assert "app2 did not answer" in Markup(pages.get("/hosts")).text
    assert "app2" not in Markup(pages.get("/hosts?state=ok")).text.partition("Runs there")[2]
    assert "it answers" in Markup(pages.get("/hosts/app1")).text.casefold()
    assert "a new disk" not in Markup(pages.get("/hosts/app2")).text
    assert pages.client.get("/hosts/nothing").status_code == 404


def test_the_list_of_services_filters_and_sorts(pages: Pages) -> None:
    def order(place: str) -> list[str]:
        body = pages.get(place).partition("</form>")[2].partition("<footer")[0]
        return re.findall(r'<a href="/services/(\w+)">', body)

    assert sorted(order("/services")) == ["db", "disk", "mail", "shop"]
    assert order("/services?sort=name") == ["db", "disk", "mail", "shop"]
    assert order("/services?q=harbour") == ["shop"]
    assert order("/services?q=harbour+order") == ["shop"]
    assert order("/services?state=UNKNOWN&sort=name") == ["disk", "mail"]
    assert order("/services?q=nothing") == []
