"""The bridge, the wall and what all pages share, through Django's own handler over a real application."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.pages import Markup, Pages

from watchkeeper.core.checks.values import State
from watchkeeper.faces.web import files, service_rows

TEAM = "team: Harbour\ntimezone: Europe/Berlin\ndefaults: {every: 10s}\n"
SHEET, SCRIPTS, FIRST = 9_000, 25_000, 60_000


def service(name: str, more: str = "") -> str:
    check = "  - {name: flag, command: test -e /, from: host, recover: 2 in a row}"
    return f"service: {name}\nhosts: [app1]\n{more}checks:\n{check}\n"


def ops(count: int = 0) -> dict[str, str]:
    files = {
        "services/shop.yaml": service("shop", "labels: {group: Order desk}\nowner: ana\n"),
        "services/worker.yaml": service("worker", "labels: {group: Order desk}\n"),
        "services/docs.yaml": service("docs", "owner: writers\n"),
        "services/edge.yaml": service("edge", "description: <b>the door & all</b>\n"),
        "runbooks/shop.md": "# shop\n\n**Solution:**\n\n```bash\ntrue\n```\n",
    }
    for number in range(count):
        files[f"services/many-{number:03}.yaml"] = service(
            f"many-{number:03}", f"labels: {{group: G{number % 20:02}}}\n"
        )
    return files


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    opened = Pages(tmp_path, ops(), TEAM)
    for key in opened.app.holder.current.checks:
        opened.read(key, State.OK)
    yield opened
    opened.close()


def rows(text: str) -> list[str]:
    return re.findall(r'<div class="svc [^"]*"><a href="/services/([^"]+)"', text)


def titles(text: str) -> list[str]:
    return re.findall(r'<div class="group"><h3>([^<]*)</h3>', text)


def test_services_stand_in_groups_the_worst_first_and_those_without_last(pages: Pages) -> None:
    text = pages.get("/")
    assert titles(text) == ["Order desk", "writers", "Without a group"]
    assert rows(text) == ["shop", "worker", "docs", "edge"]
    pages.incident("docs/flag")
    text = pages.get("/")
    assert titles(text) == ["writers", "Order desk", "Without a group"]
    assert rows(text)[0] == "docs"
    assert "4, with 4 checks" in Markup(text).text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("?q=order", ["shop", "worker"]), ("?q=SHOP+ana", ["shop"]), ("?q=app1", ["docs", "shop", "worker", "edge"]),
        ("?q=crit", ["docs"]), ("?q=group%3Dorder", ["shop", "worker"]), ("?q=nobody-has-this", []),
        ("?sort=name", ["docs", "edge", "shop", "worker"]), ("?sort=nonsense", None), ("?sort=share", None),
    ],
)  # fmt: skip
def test_the_filter_needs_no_script(pages: Pages, asked: str, found: list[str] | None) -> None:
    pages.incident("docs/flag")
    text = pages.get(f"/{asked}")
    shown = rows(text)
    if found is None:
        assert sorted(shown) == ["docs", "edge", "shop", "worker"]
    elif asked == "?sort=name":
        assert sorted(shown) == found
    else:
        assert shown == found
    part = re.search(r'hx-get="(/fragment/services[^"]*)"', text)
    assert part
    renewed = pages.get(part[1].replace("&amp;", "&").replace("?v=", "?v=x"))
    assert rows(renewed) == shown, "what renews itself asks for the same"
    assert Markup(text).faults == []


def test_what_people_write_is_text(pages: Pages) -> None:
    text = pages.get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in text and "&lt;script&gt;" in text
    assert Markup(text).faults == []


def test_many_services_fold_and_the_page_stays_small(tmp_path: Path) -> None:
    opened = Pages(tmp_path, ops(220), TEAM)
    try:
        for key in opened.app.holder.current.checks:
            opened.read(key, State.OK)
        text = opened.get("/")
        assert text.count('<details class="fold"') == len(titles(text)) == 23
        assert len(rows(text)) == 224, "they are still there, for the reader and for the search of the browser"
        opened.incident("many-005/flag")
        text = opened.get("/")
        lit = re.sub(r'<details class="fold".*?</details>', "", text, flags=re.S)
        assert rows(lit) == ["many-005"]
        assert titles(text)[0] == "G05"
        assert "10 services OK, 10 checks" in Markup(text).text
        assert opened.get("/?q=many-00").count('<details class="fold"') == 0, "what was asked for is shown"
        answer = opened.client.get("/", headers={"Accept-Encoding": "gzip"})
        assert answer["Content-Encoding"] == "gzip" and len(answer.content) <= 150_000
    finally:
        opened.close()


def test_windows_in_force_and_the_next_one_stand_on_the_bridge(pages: Pages) -> None:
    assert "Nothing is muted" in Markup(pages.get("/")).text
    pages.press("/windows", "/windows", kind="window", targets="worker", lasts="2h", why="new disks")
    text = pages.get("/")
    assert "new disks" in text and "MAINTENANCE" in text
    assert re.search(r'<div class="svc maint lit"><a href="/services/worker"', text)


# ---- one page for all, and what is each viewer's own ---------------------------------------------------------------------


def test_each_viewer_has_his_own_form_token_and_nobody_sees_another_ones(pages: Pages) -> None:
    from django.test import Client

    other = Client(HTTP_HOST="127.0.0.1")
    other.get(f"/enter?key={pages.app.door.make_link()}")
    mine, his = pages.get("/"), other.get("/").content.decode()
    token = r'name="csrfmiddlewaretoken" value="([^"]+)"'
    assert re.findall(token, mine) and set(re.findall(token, mine)).isdisjoint(re.findall(token, his))
    assert "blank-" not in mine and "blank-" not in his


def test_a_part_says_nothing_while_nothing_changed(pages: Pages) -> None:
    text = pages.get("/")
    for place in re.findall(r'hx-get="([^"]+)"', text):
        answer = pages.client.get(place.replace("&amp;", "&"))
        assert answer.status_code == 204, place
        assert re.fullmatch(r"\d\d:\d\d:\d\d", answer["X-Watchkeeper-Now"])


# ---- the wall ---------------------------------------------------------------------------------------------------------------


def screen(pages: Pages) -> Any:
    """A browser that followed the link for a wall."""
    from django.test import Client

    from watchkeeper.core.actors import LOCAL

    client = Client(HTTP_HOST="127.0.0.1")
    answer = client.get(f"/wall/enter?key={pages.app.walls.make_link(LOCAL)}")
    assert (answer.status_code, answer["Location"]) == (303, "/wall")
    return client


def test_a_wall_sees_the_wall_and_nothing_else(pages: Pages) -> None:
    pages.incident("docs/flag")
    wall = screen(pages)
    text = wall.get("/wall").content.decode()
    assert 'data-view="wall"' in text and "docs" in text
    seen = Markup(text)
    assert seen.faults == []
    assert "<a " not in text and "<form" not in text and "<button" not in text
    for place in ("/", "/incidents", "/incidents/1", "/log", "/fragment/now", "/services/docs", "/keys", "/automation"):
        assert wall.get(place).status_code in (303, 403), place
    assert wall.post("/automation", {"on": "0"}).status_code == 403
    assert wall.get("/api/v1/status").status_code in (401, 403)
    assert wall.get("/wall/fragment").status_code == 200
    assert pages.get("/wall") == pages.get("/wall"), "and who may see all may see the wall"


def test_the_link_for_a_wall_opens_once_and_only_an_admin_makes_one(pages: Pages) -> None:
    from django.test import Client

    from watchkeeper.core.actors import LOCAL, Actor
    from watchkeeper.core.errors import Forbidden

    key = pages.app.walls.make_link(LOCAL)
    assert Client(HTTP_HOST="127.0.0.1").head(f"/wall/enter?key={key}").status_code == 405
    assert Client(HTTP_HOST="127.0.0.1").get(f"/wall/enter?key={key}").status_code == 303
    for wrong in (key, "", "x" * 500):
        assert Client(HTTP_HOST="127.0.0.1").get(f"/wall/enter?key={wrong}").status_code == 403
    assert Client(HTTP_HOST="127.0.0.1").get("/wall").status_code in (303, 403)
    for actor in (Actor("person", "eve", "approver"), Actor("agent", "bot")):
        with pytest.raises(Forbidden):
            pages.app.walls.make_link(actor)
    stale = pages.app.walls.make_link(LOCAL)
    pages.app.walls._clock = lambda: time.time() + 601
    assert Client(HTTP_HOST="127.0.0.1").get(f"/wall/enter?key={stale}").status_code == 403


def test_a_wall_tells_a_count_where_tiles_would_not_fit(tmp_path: Path) -> None:
    opened = Pages(tmp_path, ops(60), TEAM)
    try:
        for key in opened.app.holder.current.checks:
            opened.read(key, State.OK)
        assert "64 services OK" in Markup(opened.get("/wall")).text
        for number in range(12):
            opened.incident(f"many-{number:03}/flag")
        text = opened.get("/wall")
        assert len(re.findall(r'class="tile crit lit"><b>many-', text)) == 8 and "<b>4 more</b>" in text
    finally:
        opened.close()


# ---- keys, weight ------------------------------------------------------------------------------------------------------------


def test_keys_are_listed_and_each_leads_to_a_page(pages: Pages) -> None:
    text = pages.get("/keys")
    script = (Path(files.__file__).parent / "static/keys.js").read_text()
    for key, place in re.findall(r"<kbd>g (.)</kbd></td><td><a href=\"([^\"]+)\"", text):
        assert f'{key}: "{place}"' in script
        pages.get(place)
    assert 'data-keys="True"' in text


def test_sheet_scripts_and_first_page_keep_their_weight(pages: Pages) -> None:
    kept = {name: len(gzip.compress(asset.data, 9)) for name, asset in files._assets().items()}
    assert kept["watchkeeper.css"] <= SHEET, kept
    text = pages.get("/")
    used = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    by_address = {asset.address: (name, len(asset.packed)) for name, asset in files._assets().items()}
    assert sum(size for name, size in (by_address[each] for each in used) if name.endswith(".js")) <= SCRIPTS
    page = pages.client.get("/", headers={"Accept-Encoding": "gzip"})
    assert sum(by_address[each][1] for each in used) + len(page.content) <= FIRST


def test_rows_are_written_once_until_something_of_them_changes() -> None:
    from zoneinfo import ZoneInfo

    from watchkeeper.core.inventory.values import Service
    from watchkeeper.core.status import ServiceState
    from watchkeeper.faces.web.draw import Drawing

    zone, trace = ZoneInfo("UTC"), Drawing((("ok", "M0 21h270v3h-270z"),), "a<b", (), "100 %")
    one = service_rows.Row(ServiceState(Service("x<y"), State.OK, "1 check", None, ()), trace)
    first = service_rows.written([one], zone, 0.0)[0]
    assert service_rows.written([one], zone, 5.0)[0] is first
    assert "x&lt;y" in first and "a&lt;b" in first and 'href="/services/x%3Cy"' in first
    bad = service_rows.Row(ServiceState(Service("x<y"), State.CRIT, "<script>", None, ()), trace)
    assert "<script>" not in service_rows.written([bad], zone, 5.0)[0]
