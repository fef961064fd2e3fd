"""The web page as a person uses it: a real watchkeeper, a real browser, and what somebody without the link gets."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.house import PATIENCE, House

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
ATTACK = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
BROWSER = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Visitor:
    """A browser without script: one cookie jar, no redirects followed, gzip as it comes."""

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.cookies: dict[str, str] = {}
        self.received = 0

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """(status, headers, text) of one request."""
        import gzip

        line = http.client.HTTPConnection(self.host, timeout=10)
        sent = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Accept-Encoding": "gzip",
        }
        body = urlencode(form) if form is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        line.request(method, path, body, sent | (headers or {}))
        answer = line.getresponse()
        data = answer.read()
        line.close()
        self.received += len(data)
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        text = (gzip.decompress(data) if answer.headers.get("Content-Encoding") == "gzip" else data).decode()
        return answer.status, answer.headers, text

    def get(self, path: str) -> str:
        status, _, text = self.ask("GET", path)
        assert status == 200, (path, status, text[:400])
        return text

    def press(self, page: str, action: str, **more: str) -> tuple[int, http.client.HTTPMessage, str]:
        """Send the form with this action as the page holds it, with its hidden fields."""
        form = next(
            found
            for found in re.findall(r"<form[^>]*>.*?</form>", self.get(page), re.S)
            if f'action="{action}"' in found
        )
        fields = {
            name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
        }
        return self.ask("POST", action, fields | more)


class Markup(HTMLParser):
    """Collects whatever the content security policy would refuse, and addresses that are not our own."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts += 1
            if not (given.get("src") or "").startswith("/static/"):
                self.faults.append("a script of its own")
        if tag in ("style", "iframe", "object", "embed", "base", "img"):
            self.faults.append(f"<{tag}>")
        self.faults += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        for name in ("href", "src", "action", "hx-get"):
            place = given.get(name)
            if place is not None and (not place.startswith(("/", "#", "?")) or place.startswith("//")):
                self.faults.append(f"{tag} {name}={place}")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("web"))
    (house.root / "archive").mkdir()
    lines = "for i in 1 2 3 4 5 6; do date +line-%s.%N; sleep 0.7; done"
    slow = f"{lines}; echo '{ATTACK}'; touch {house.flags / 'shop'}"
    house.service("shop", fix=slow.replace("document.title='owned'", "document.title=1"), mode="propose")
    house.service("archive", fix=f"rm -rf {house.root}/archive && touch {house.flags / 'archive'}", mode="propose")
    house.service("valued", fix=f"touch {house.flags}/<name>", mode="propose")
    attacked = house.ops / "services/shop.yaml"
    attacked.write_text(
        attacked.read_text().replace(
            "service: shop\n", f"service: shop\ndescription: '{ATTACK.replace(chr(39), chr(39) * 2)}'\n"
        )
    )
    yield house
    house.stop()


@pytest.fixture(scope="module")
def url(house: House) -> str:
    house.start()
    house.until(house.all_ok, 20, "every check is OK")
    return str(house.post("/links")["link"]["url"]).partition("/enter")[0]


def invited(house: House) -> str:
    return str(house.post("/links")["link"]["url"])


@pytest.fixture(scope="module")
def visitor(house: House, url: str) -> Visitor:
    visitor = Visitor(url)
    link = urlsplit(invited(house))
    status, headers, _ = visitor.ask("GET", f"{link.path}?{link.query}")
    assert (status, headers["Location"]) == (303, "/")
    return visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        yield browser
        browser.close()


# ---- the door --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/incidents",
        "/incidents/1",
        "/runs/1",
        "/log",
        "/log.md",
        "/fragment/now",
        "/live",
        "/nothing",
        "/services/shop",
    ],
)
def test_nobody_gets_in_without_the_link(url: str, path: str) -> None:
    status, headers, text = Visitor(url).ask("GET", path)
    assert status == 403
    assert headers["Content-Security-Policy"] == POLICY
    assert "shop" not in text.replace(path, "")
    assert "wk open" in text


def test_nobody_acts_without_the_link_or_from_elsewhere(url: str, visitor: Visitor, house: House) -> None:
    assert Visitor(url).ask("POST", "/automation", {"on": "0"})[0] == 403
    assert visitor.ask("POST", "/automation", {"on": "0"})[0] == 403, "no token"
    visitor.get("/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', visitor.get("/"))
    assert token
    form = {"on": "0", "csrfmiddlewaretoken": token[1]}
    assert visitor.ask("POST", "/automation", form, {"Origin": "http://evil.example"})[0] == 403
    assert Visitor(url).ask("GET", "/automation")[0] == 403
    assert house.get("/automation")["automation"]["on"] is True
    assert visitor.press("/", "/automation", reason="a quiet night")[0] == 303
    assert house.get("/automation")["automation"] == {"on": False, "why": "a quiet night"}
    assert "a quiet night" in visitor.get("/")
    assert visitor.press("/", "/automation")[0] == 303


def test_a_foreign_host_name_is_refused(visitor: Visitor) -> None:
    for path in ("/", "/live", "/api/v1/status"):
        assert visitor.ask("GET", path, headers={"Host": "rebound.example:80"})[0] == 400


def test_the_link_opens_once(house: House, url: str) -> None:
    link = urlsplit(invited(house))
    place = f"{link.path}?{link.query}"
    first, second = Visitor(url), Visitor(url)
    assert first.ask("HEAD", place)[0] == 405
    _, headers, _ = first.ask("GET", place)
    cookie = next(each for each in headers.get_all("Set-Cookie") or [] if re.match(r"watchkeeper-[0-9a-f]{8}=", each))
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert first.ask("GET", "/")[0] == 200
    assert second.ask("GET", place)[0] == 403
    assert second.ask("GET", "/enter?key=")[0] == 403


def test_no_link_leads_away(url: str) -> None:
    for path in ("//evil.example/", "/%5Cevil.example", "/\\evil.example"):
        assert 'href="//' not in (text := Visitor(url).ask("GET", path)[2]) and 'href="/\\' not in text


def test_what_every_page_carries(visitor: Visitor) -> None:
    for path in ("/", "/incidents", "/runs", "/runbooks", "/runbooks/runbooks/shop.md", "/services/shop", "/log",
                 "/automation", "/automation?days=90"):  # fmt: skip
        status, headers, text = visitor.ask("GET", path)
        assert status == 200, path
        assert headers["Content-Security-Policy"] == POLICY
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        checked = Markup()
        checked.feed(text)
        assert checked.faults == [], path
        assert checked.scripts == 3, path
    assert visitor.ask("GET", "/nothing")[0] == 404


def test_the_first_page_is_light(visitor: Visitor) -> None:
    visitor.received = 0
    text = visitor.get("/")
    for place in sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))):
        status, headers, _ = visitor.ask("GET", place)
        assert (status, "immutable" in headers["Cache-Control"]) == (200, True)
    assert visitor.received <= 60_000


# ---- the browser -----------------------------------------------------------------------------------------------------------


def watched(browser: Any, house: House, **options: Any) -> tuple[Any, list[str]]:
    """A page of a fresh browser that has opened a link, and the messages of its console."""
    page = browser.new_context(**options).new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url) if "//127.0.0.1:" not in request.url else None)
    page.goto(invited(house))
    return page, heard


def of_the_page(heard: list[str]) -> list[str]:
    """What the page itself had to say. Chromium drops every request when a lab test beside it plugs a network in or out."""
    if not any("ERR_NETWORK_CHANGED" in each for each in heard):
        return heard
    dropped = ("ERR_NETWORK_CHANGED", "htmx:afterRequest", "htmx:sendError")
    return [each for each in heard if not any(word in each for word in dropped)]


@pytest.mark.needs("chromium")
def test_the_incident_in_a_browser(browser: Any, house: House, url: str) -> None:
    """A failing check appears by itself, its step waits, the button works, the lines come live, and the proof is told."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import expect

    page, heard = watched(browser, house, viewport={"width": 1440, "height": 900})
    expect(page.locator(".truth")).to_contain_text("are OK")
    house.break_("shop")
    expect(page.locator(".truth")).to_contain_text("waits for you", timeout=15_000)
    expect(page).to_have_title(re.compile("^P2 shop: "))
    audit(Axe(), page, url + "/")
    page.get_by_role("link", name="Read and decide").first.click()
    page.wait_for_url("**/incidents/*")
    audit(Axe(), page, page.url.partition("#")[0])
    page.get_by_role("button", name="Approve these").click()
    page.wait_for_selector("[data-stream]", timeout=8_000)
    page.evaluate(WATCH_LINES)
    lines = house.until(lambda: len(found := page.evaluate("window.lines")) >= 2 and found, 8, "lines come live")
    late = [arrived - printed for arrived, printed in lines]
    assert min(late) >= 0 and min(late) < 1.0 and max(late) < PATIENCE, late
    expect(page.locator("h1")).to_contain_text("proven by the same checks", timeout=20_000)
    assert "onerror" in page.inner_text("#run")
    audit(Axe(), page, page.url.partition("#")[0])
    assert page.title() != "owned"
    assert of_the_page(heard) == []
    page.context.close()


WATCH_LINES = """() => {
  window.lines = [];
  const place = document.querySelector("[data-stream]");
  new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => {
    for (const line of node.textContent.split("\\n")) {
      const found = /^line-([0-9.]+)$/.exec(line);
      if (found) { window.lines.push([Date.now() / 1000, parseFloat(found[1])]); }
    }
  }))).observe(place, {childList: true});
}"""


def audit(axe: Any, page: Any, place: str) -> None:
    """No violation and no sideways scrolling, at a desk and on a phone, in light and dark."""
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page)
            assert found.violations_count == 0, (place, width, scheme, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (place, width)
    page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.needs("chromium")
def test_without_script_and_what_destroys(browser: Any, house: House, url: str, visitor: Visitor) -> None:
    """Forms work without script; a note is text; a step that destroys asks for its host; a stale hash is refused."""
    page, _ = watched(browser, house, java_script_enabled=False, viewport={"width": 320, "height": 700})
    house.break_("archive")
    waiting = house.until(
        lambda: [each for each in house.get("/status")["status"]["waiting"] if "archive" in each["text"]],
        15,
        "it waits",
    )
    number, run, step = waiting[0]["incident"], waiting[0]["run"], waiting[0]["step"]
    assert waiting[0]["risk"] == "destroy"
    page.goto(f"{url}/incidents/{number}")
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Note for the timeline").fill(ATTACK)
    page.get_by_role("button", name="Add note").click()
    assert ATTACK in page.inner_text("#timeline")
    assert page.locator("#timeline img, #timeline script").count() == 0
    here, action = f"/incidents/{number}", f"/runs/{run}/approve"
    assert visitor.press(here, action, host="app2")[0] == 400
    assert visitor.press(here, action, host="app1", binds="0" * 64)[0] == 409
    assert (house.root / "archive").is_dir()
    page.get_by_label("Type app1").fill("app1")
    page.get_by_role("button", name="Approve these").click()
    house.closed("archive", 20)
    assert not (house.root / "archive").exists()
    page.goto(f"{url}/runs/{run}")
    assert "approved by local" in page.inner_text(f"#step-{run}-{step}")
    page.goto(f"{url}/log")
    assert "archive" in page.inner_text("main")
    page.context.close()


@pytest.mark.needs("chromium")
def test_a_value_is_filled_in_and_the_report_is_read(browser: Any, house: House, url: str, visitor: Visitor) -> None:
    """The field stands where the button would be; the text with the value is what the button approves; then the report."""
    from axe_playwright_python.sync_playwright import Axe

    house.break_("valued")
    run = house.until(
        lambda: next(
            (each["run"] for each in house.get("/status")["status"]["waiting"] if "<name>" in each["text"]), 0
        ),
        15,
        "it waits for a value",
    )
    place = f"/runs/{run}"
    assert "Reach" in visitor.get(place) and "/&lt;name&gt;." in visitor.get(place)
    status, _, text = visitor.press(place, f"{place}/values", **{"value-name": ATTACK})
    assert (status, "does not fit its type" in text) == (400, True)
    page, heard = watched(browser, house, viewport={"width": 1440, "height": 900})
    page.goto(url + place)
    assert page.get_by_role("button", name="Approve these").count() == 0
    audit(Axe(), page, url + place)
    page.get_by_label("Value for name").fill("valued")
    page.get_by_role("button", name="Fill it in").click()
    page.wait_for_url("**/incidents/*")
    assert f"touch {house.flags}/valued" in page.inner_text("#needs")
    page.get_by_role("button", name="Approve these").click()
    house.closed("valued", 20)
    page.goto(url + "/automation")
    assert "1: fixed and proven by this run" in page.inner_text("main")
    assert "It cannot act by itself as it is written. Step " in page.inner_text("main")
    page.get_by_text("Each time it matched").first.click()
    audit(Axe(), page, url + "/automation")
    assert of_the_page(heard) == []
    page.context.close()


def test_output_is_never_a_page(visitor: Visitor, house: House) -> None:
    runs = [run for run in house.get("/runs")["runs"] if run["plan"]["runbook"].endswith("shop.md")]
    step = next(step for step in runs[0]["steps"] if step["plan"]["phase"] == "fix") if runs else None
    if step is None:
        pytest.skip("needs the run of the browser test")
    status, headers, text = visitor.ask("GET", f"/runs/{runs[0]['id']}/steps/{step['index']}/output")
    assert (status, headers["Content-Type"], headers["X-Content-Type-Options"]) == (
        200,
        "text/plain; charset=utf-8",
        "nosniff",
    )
    assert "<script>" in text


def test_many_viewers_are_cheap(visitor: Visitor, house: House, url: str) -> None:
    """Fifty live viewers: each gets its nudge, and main stays quiet in between."""
    import contextlib
    import socket

    pid = house.programs["main"].pid
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(50):
            line = stack.enter_context(socket.create_connection(tuple(visitor.host.split(":"))))  # type: ignore[arg-type]
            line.sendall(
                f"GET /live HTTP/1.1\r\nHost: {visitor.host}\r\n"
                f"Cookie: {'; '.join(f'{name}={value}' for name, value in visitor.cookies.items())}\r\n\r\n".encode()
            )
            line.settimeout(5)
            sockets.append(line)
        for line in sockets:
            assert b"event: nudge" in heard(line, b"event: nudge")
        before, began = spent(pid), time.monotonic()
        time.sleep(3)
        used = (spent(pid) - before) / (time.monotonic() - began)
        house.post("/automation", on=True, reason="")
        house.post("/automation", on=False, reason="nudge")
        house.post("/automation", on=True, reason="")
        for line in sockets:
            assert b"event: nudge" in heard(line, b"event: nudge")
    assert used < 0.25, f"{used:.2f} of a core"


def heard(line: Any, until: bytes) -> bytes:
    data = b""
    while until not in data:
        data += line.recv(65_536)
    return data


def spent(pid: int) -> float:
    """Seconds of processor time of a process."""
    import os

    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
