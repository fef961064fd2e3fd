"""From the first link to a colleague with a passkey, in a real browser on a real watchkeeper; each page looked at by axe."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures import totp
from tests.house import House

BROWSER = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PASSWORD = "correct horse battery"
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PUBLIC = """\
status_page:
  title: Harbour status
  publish: auto
  after: 0s
  components: [{name: Ordering, of: [shop]}]
"""
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    made.service("shop", mode="propose")
    with (made.ops / "watchkeeper.yaml").open("a") as file:
        file.write(PUBLIC)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        yield made
        made.close()


class Eyes:
    """One browser context of one person; whatever the console says is kept."""

    def __init__(self, browser: Any, base: str, size: dict[str, int]) -> None:
        from axe_playwright_python.sync_playwright import Axe

        self.base, self.size, self.axe = base, size, Axe()
        self.context = browser.new_context(viewport=size)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.heard: list[str] = []
        self.page.on("console", lambda message: self.heard.append(message.text))
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))

    def go(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.base + path)

    def audit(self) -> None:
        """No violation at a desk in light and on a phone in dark, and no sideways scrolling.

        Colours depend on the scheme alone and places on the width alone, so two looks see what four would.
        """
        for size, scheme in ((DESK, "light"), (PHONE, "dark")):
            self.page.set_viewport_size(size)
            self.page.emulate_media(color_scheme=scheme)
            found = self.axe.run(self.page)
            assert found.violations_count == 0, (self.page.url, size, scheme, found.generate_report())
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"], self.page.url
            self.keep(size)
        self.page.set_viewport_size(self.size)

    def keep(self, size: dict[str, int]) -> None:
        """A picture for whoever wants to look: WATCHKEEPER_SCREENSHOTS names the folder."""
        folder = os.environ.get("WATCHKEEPER_SCREENSHOTS", "")
        if folder:
            name = (
                re.sub(r"[^a-z0-9]+", "-", self.page.url.removeprefix(self.base).partition("?")[0].strip("/"))
                or "bridge"
            )
            self.page.screenshot(path=f"{folder}/{name}-{size['width']}.png", full_page=True)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def close(self) -> None:
        assert [each for each in self.heard if "ERR_NETWORK_CHANGED" not in each] == []
        self.context.close()


@pytest.mark.needs("chromium")
@pytest.mark.timeout(240)
def test_first_admin_authenticator_invitation_passkey(browser: Any, house: House) -> None:
    link = house.post("/links")["link"]["url"].replace("127.0.0.1", "localhost")
    base = link.partition("/enter")[0]
    ana = Eyes(browser, base, DESK)
    key, code, token = the_first_admin(ana, link)
    phone = signs_in_on_the_phone(browser, base, key)
    approves_what_heals_it(browser, house, phone)
    phone.page.locator("footer").get_by_role("button", name="Sign out").click()
    phone.page.wait_for_url("**/account/sign-in")
    phone.close()
    invitation = invite(house, token, code)
    the_colleague(browser, base, invitation)
    ana.go("/account")
    assert "1 browser" in ana.page.inner_text("#sessions")
    ana.close()


def the_first_admin(ana: Eyes, link: str) -> tuple[str, str, str]:
    """The key of the new admin's authenticator, a recovery code and a token of hers."""
    ana.go(link)
    ana.page.get_by_role("link", name="Make yours").click()
    ana.audit()
    ana.page.get_by_label("Your name here").fill("ana")
    ana.page.get_by_label("Password", exact=True).fill(PASSWORD)
    ana.page.get_by_label("The same again").fill(PASSWORD)
    ana.press("Make the account")
    ana.page.wait_for_url("**/account/factor")
    ana.audit()
    ana.page.get_by_role("link", name="Use an authenticator").click()
    ana.audit()
    key = str(ana.page.inner_text("#totp-key")).replace(" ", "")
    ana.page.get_by_label("The six digits").fill(totp.code(key))
    ana.press("Use this authenticator")
    ana.page.wait_for_url("**/account/recovery")
    ana.audit()
    code = str(ana.page.inner_text("#recovery-codes")).split()[0]
    ana.page.get_by_role("link", name="I have kept them").click()
    ana.page.wait_for_url("**/account#factor")
    ana.audit()
    ana.page.get_by_text("Make a token").click()
    ana.page.get_by_label("Where it is used").fill("laptop")
    ana.page.get_by_label("It may").select_option("admin")
    ana.press("Make the token")
    ana.audit()
    return key, code, str(ana.page.inner_text("#token-text")).strip()


def signs_in_on_the_phone(browser: Any, base: str, key: str) -> Eyes:
    """Her phone, with the second factor just shown."""
    phone = Eyes(browser, base, PHONE)
    phone.go("/incidents")
    phone.page.wait_for_url("**/account/sign-in?next=*")
    phone.audit()
    phone.page.get_by_label("Name").fill("ana")
    phone.page.get_by_label("Password").fill(PASSWORD)
    phone.press("Sign in")
    phone.page.wait_for_url("**/account/factor/code")
    phone.audit()
    phone.page.get_by_label("Code from your authenticator").fill(totp.code(key, time.time() + 30))
    phone.press("Go on")
    phone.page.wait_for_url("**/incidents")
    assert "Signed in as ana" in phone.page.inner_text("footer")
    return phone


def approves_what_heals_it(browser: Any, house: House, phone: Eyes) -> None:
    """It breaks, the public reads so, she presses one button on the phone, and the proof is read by everybody."""
    stranger = Eyes(browser, phone.base, DESK)
    house.break_("shop")
    phone.go("/")
    phone.page.get_by_role("link", name=re.compile("^Read and decide")).first.click(timeout=60_000)
    phone.audit()
    house.until(lambda: reads(stranger, "Ordering is down"), 20, "the public reads that it is down")
    stranger.audit()
    phone.page.get_by_role("button", name=re.compile(r"^Approve these \d+ bytes on app1")).first.click()
    house.closed("shop", 30)
    phone.page.get_by_text("fixed and proven").first.wait_for(timeout=60_000)
    phone.audit()

    house.until(lambda: reads(stranger, "over, proven"), 20, "the public reads that it is over")
    stranger.close()


def reads(stranger: Eyes, words: str) -> bool:
    """Whether somebody without an account reads this on the public page now."""
    stranger.go("/status")
    return words in stranger.page.inner_text("body")


def invite(house: House, token: str, code: str) -> str:
    """The address of an invitation, made by the admin's command line; a recovery code is her second factor there."""
    done = subprocess.run(
        [*house.command, "user", "add", "ben", "--role", "operator"], capture_output=True, text=True, timeout=60,
        env=os.environ | {"WATCHKEEPER_TOKEN": token, "WATCHKEEPER_CODE": code}, check=False,
    )  # fmt: skip
    found = re.search(r"/invite\?key=[\w-]+", done.stdout + done.stderr)
    assert found, (done.stdout, done.stderr)
    return found[0]


def the_colleague(browser: Any, base: str, invitation: str) -> None:
    ben = Eyes(browser, base, DESK)
    line = ben.context.new_cdp_session(ben.page)
    line.send("WebAuthn.enable")
    line.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    ben.go(invitation)
    ben.audit()
    ben.page.get_by_label("Password", exact=True).fill(PASSWORD)
    ben.page.get_by_label("The same again").fill(PASSWORD)
    ben.press("Choose this password")
    ben.page.wait_for_url("**/account/factor")
    ben.page.get_by_role("link", name="Use a passkey").click()
    ben.audit()
    ben.page.get_by_label("What you call it").fill("laptop")
    ben.press("Add the passkey")
    ben.page.wait_for_url("**/account/recovery")
    ben.go("/account")
    assert "laptop, added" in ben.page.inner_text("#factor")
    ben.press("Sign out")
    ben.page.wait_for_url("**/account/sign-in")
    ben.press("Use a passkey")
    ben.page.wait_for_url(base + "/")
    assert "Signed in as ben" in ben.page.inner_text("footer")
    ben.go("/account/again?next=/account%23looks")
    ben.audit()
    ben.press("Use a passkey")
    ben.page.wait_for_url("**/account*")
    ben.close()
