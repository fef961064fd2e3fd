"""The public page of a real `wk up`: what a stranger reads while something burns, and what he never reads."""

from __future__ import annotations

import gzip
import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from tests.house import House

PAGE = """
availability: {target: 99.9%}
status_page:
  title: Harbour & sons
  publish: auto
  after: 0s
  components:
    - {name: Ordering <b>, of: [canarysvc], key: ordering}
    - {name: Archive, of: [canarysvc/flag], hidden: true}
"""
ADDRESSES = (
    "/status", "/status.json", "/status/feed.xml", "/status/rss.xml", "/status/badge.svg", "/status/badge/ordering.svg",
    "/status/badge/ordering/30.svg", "/status/badge/ordering/90.svg",
)  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("public"))
    head = (made.ops / "watchkeeper.yaml").read_text()
    made.write("watchkeeper.yaml", head.replace("team: Test", "team: Canaryteam") + PAGE)
    made.write("hosts.yaml", "hosts: {app1: {local: true, labels: {canary: canary}}}\n")
    made.service("canarysvc", mode="propose")
    made.start()
    made.until(made.all_ok, 30, "everything is OK")
    yield made
    made.stop()


def ask(house: House, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """What a stranger gets: no cookie, no token."""
    place = urlsplit(json.loads((house.state / "web.url").read_text())["url"])
    line = http.client.HTTPConnection(place.netloc, timeout=20)
    line.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def told(house: House) -> dict[str, object]:
    found = json.loads(ask(house, "/status.json")[2])["status_page"]
    assert isinstance(found, dict)
    return found


def wk(house: House, *words: str, code: int = 0) -> str:
    done = subprocess.run([*house.command, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_an_incident_from_flip_to_proof_as_the_public_reads_it(house: House) -> None:
    assert told(house)["sentence"] == "Everything works."
    (house.flags / "canarysvc").unlink()
    house.until(lambda: told(house)["incidents"], 30, "the incident is on the page")
    wk(house, "statuspage", "post", "1", "Orders are taken; <i>mail</i> is late.", "--stage", "identified")
    wk(house, "statuspage", "post", "1", "canary in a draft", "--draft")
    house.until(lambda: "mail" in str(told(house)["incidents"]), 10, "the update is on the page")
    assert "down" in wk(house, "statuspage", code=1)
    for path in ADDRESSES:
        status, headers, body = ask(house, path)
        assert status == 200 and headers["cache-control"] == "public, max-age=5", path
        assert b"canary" not in body.lower() and b"app1" not in body and b"flag" not in body, path
        assert path == "/status.json" or (b"Ordering <b>" not in body and b"<i>mail" not in body), path
        if path.endswith((".xml", ".svg")):
            ElementTree.fromstring(body.decode())
    html = ask(house, "/status")[2].decode()
    assert "Ordering &lt;b&gt;" in html and "Orders are taken; &lt;i&gt;mail&lt;/i&gt; is late." in html
    (house.flags / "canarysvc").touch()
    house.until(lambda: told(house)["past"], 60, "the proof closed it")
    past = told(house)["past"]
    assert isinstance(past, list) and past[0]["proven"] and past[0]["updates"][0]["state"] == "resolved"
    month = str(told(house)["at"])[:7]
    assert b"Ordering" in ask(house, f"/status/history/{month}")[2]


def test_kept_bytes_and_what_is_refused(house: House) -> None:
    status, headers, body = ask(house, "/status", Accept_Encoding="gzip")
    assert status == 200 and headers["content-encoding"] == "gzip" and b"Harbour &amp; sons" in gzip.decompress(body)
    badge = "/status/badge.svg"
    same = lambda: ask(house, badge, If_None_Match=ask(house, badge)[1]["etag"])  # noqa: E731
    unchanged = house.until(lambda: next((each for each in [same()] if each[0] == 304), None), 15, "it is the same")
    assert unchanged[2] == b""
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert ask(house, "/status/badge.svg")[1]["cross-origin-resource-policy"] == "cross-origin"
    head = ask(house, "/status", "HEAD")
    assert head[0] == 200 and head[2] == b"" and int(head[1]["content-length"]) > 1000
    assert ask(house, "/status", "POST")[0] == 405
    for path in (
        "/status/badge/archive.svg",
        "/status/badge/nope.svg",
        "/status/history/2199-01",
        "/status/history/2026-13",
    ):
        assert ask(house, path)[0] == 404, path
    assert ask(house, "/status/../settings")[0] in (400, 403, 404)
    assert ask(house, "/status", Host="evil.example.org")[0] == 400
    for path in ("/public", "/reports", "/settings", "/audit", "/settings/emergency"):
        assert ask(house, path)[0] in (302, 303, 403), path


def test_the_pages_of_those_who_are_in(house: House) -> None:
    link = urlsplit(house.post("/links")["link"]["url"])
    line = http.client.HTTPConnection(link.netloc, timeout=30)
    jar: dict[str, str] = {}

    def go(method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        body = urlencode(form) if form is not None else None
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{link.netloc}"}
        line.request(method, path, body, headers)
        answer = line.getresponse()
        for each in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = each.partition(";")[0].partition("=")
            jar[name] = value
        return answer.status, answer.read().decode()

    assert go("GET", f"{link.path}?{link.query}")[0] in (200, 302, 303)
    for path, words in (
        ("/public", "Over"), ("/reports", "Error budget"), ("/reports?form=csv", "canarysvc"), ("/settings", "Own life"),
        ("/reports?sort=left", "canarysvc"), ("/audit?act=status_page", "status_page.post"), ("/audit?form=csv", "actor"),
        ("/audit?form=json", '"events"'), ("/settings/emergency", "shut everybody out"),
    ):  # fmt: skip
        status, text = go("GET", path)
        assert status == 200 and words in text, (path, status, text[:500])
    key = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', go("GET", "/settings")[1])
    assert key is not None
    token = {"csrfmiddlewaretoken": key[1]}
    assert go("POST", "/settings/automation", token | {"on": "0", "reason": "a test"})[0] == 303
    assert go("POST", "/settings/automation", token | {"on": "1"})[0] == 400  # not sure
    assert go("POST", "/settings/automation", token | {"on": "1", "sure": "1"})[0] == 303
    status, text = go("POST", "/settings/emergency", token | {"why": "x", "typed": "shut everybody"})
    assert status == 400 and "Nothing was done" in text
    status, text = go("POST", "/settings/channels/duty/test", token)
    assert status == 200 and "duty" in text
    assert go("POST", "/public/incidents/1/withdraw", token | {"why": "canary"})[0] == 303
    house.until(lambda: not told(house)["past"], 10, "it is off the page")
    assert "Taken off the page" in go("GET", "/public")[1]
    line.close()
    report = json.loads(wk(house, "report", "--json"))["report"]
    assert report["services"][0]["target"] == 0.999 and report["incidents"]["opened"] == 1
    assert wk(house, "report", "--markdown").startswith("# Report of ")


def test_no_trace_was_written(house: House) -> None:
    assert "Traceback" not in (Path(house.root) / "main.log").read_text()
