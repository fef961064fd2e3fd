"""Signing in by a browser: links, invitations, names, passwords and passkeys, each tried as an attacker too."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from statistics import median
from urllib.parse import quote

import pytest
from tests.fixtures import totp
from tests.fixtures.pages import Markup, Pages
from tests.fixtures.signing_in import PASSWORD, Browser, acts, authenticator, forget, person, signing_in

from watchkeeper.core.actors import LOCAL, RoleOn


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with signing_in(tmp_path_factory.mktemp("signing")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_has_tried(pages: Pages) -> Iterator[None]:
    yield
    forget(pages)


# ---- the first account ------------------------------------------------


def test_the_first_link_makes_the_admin_and_the_local_session_ends(pages: Pages) -> None:
    owner, other = Browser(pages), Browser(pages)
    for each in (owner, other):
        each.client.get(f"/enter?key={pages.app.door.make_link()}")
    before = owner.session()
    assert "Nobody has an account here yet." in owner.get("/")
    assert other.get("/incidents")
    answer = owner.press("/account/first", "/account/first", 303, name="ana", password1=PASSWORD, password2=PASSWORD)
    assert answer["Location"] == "/account/factor"
    assert owner.session() not in ("", before)
    assert owner.in_as() == "ana"
    assert "Nobody has an account" not in owner.get("/")
    assert "Signed in as" in owner.get("/")
    assert other.where("/incidents") == "/account/sign-in?next=%2Fincidents"
    assert other.where("/account/first") == "/account/sign-in?next=%2Faccount%2Ffirst"
    assert pages.app.accounts.get("ana").roles == (RoleOn("admin"),)
    assert ("sign-in", "ana", "done") in acts(pages)


def test_another_site_signs_nobody_in(pages: Pages) -> None:
    browser = Browser(pages)
    key = pages.app.door.make_link()
    said = browser.get(f"/enter?key={key}", 403, **{"sec-fetch-site": "cross-site"})
    assert "opened by another site" in said
    assert browser.client.get(f"/enter?key={key}", headers={"sec-fetch-site": "none"}).status_code == 303


def test_a_link_from_another_site_is_followed_once_more_from_here(pages: Pages) -> None:
    """The cookie is strict: the first request comes without it, the second, from our own page, with it."""
    person(pages, "ana")
    stranger = Browser(pages)
    said = stranger.get("/incidents", 403, **{"sec-fetch-site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0;url=/incidents">' in said
    assert stranger.where("/incidents") == "/account/sign-in?next=%2Fincidents"


def test_a_stranger_makes_no_first_account(pages: Pages) -> None:
    stranger = Browser(pages)
    assert "This door is closed" in stranger.get("/account/first", 403)
    assert "wk open" in stranger.get("/account/sign-in", 403)
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', stranger.get("/", 403))
    data = {
        "name": "eve",
        "password1": PASSWORD,
        "password2": PASSWORD,
        "csrfmiddlewaretoken": token[1] if token else "",
    }
    assert stranger.client.post("/account/first", data).status_code == 403
    assert not pages.app.accounts.all()


@pytest.mark.parametrize(
    ("name", "one", "two", "said"),
    [
        ("Ana!", PASSWORD, PASSWORD, "no name for an account"),
        ("local", PASSWORD, PASSWORD, "no name for an account"),
        ("ana", "shorty", "shorty", "too short"),
        ("ana", "password1234", "password1234", "too common"),
        ("ana-banana-ana", "ana-banana-ana", "ana-banana-ana", "too similar"),
        ("ana", PASSWORD, PASSWORD + "x", "not the same"),
        ("ana", "x" * 1001, "x" * 1001, "At most 1000"),
    ],
)
def test_what_does_not_hold_is_said_beside_its_field(pages: Pages, name: str, one: str, two: str, said: str) -> None:
    owner = Browser(pages)
    owner.client.get(f"/enter?key={pages.app.door.make_link()}")
    answer = owner.press("/account/first", "/account/first", 422, name=name, password1=one, password2=two)
    text = answer.content.decode()
    assert said in Markup(text).text
    assert one == name or one not in text
    assert not pages.app.accounts.all()


def test_a_link_opens_a_session_that_nobody_could_have_planted(pages: Pages) -> None:
    victim = Browser(pages)
    victim.client.get(f"/enter?key={pages.app.door.make_link()}")
    planted = victim.session()
    victim.client.get(f"/enter?key={pages.app.door.make_link()}")
    assert victim.session() != planted
    thief = Browser(pages)
    name = next(each for each in victim.client.cookies if re.fullmatch(r"watchkeeper-[0-9a-f]{8}", each))
    thief.client.cookies[name] = planted
    assert "This door is closed" in thief.get("/", 403)


# ---- invitations ------------------------------------------------


def test_an_invitation_is_used_up_by_its_form_only(pages: Pages) -> None:
    person(pages, "ana")
    key = pages.app.accounts.add("ben", LOCAL, [RoleOn("operator")]).key
    guest = Browser(pages)
    for _ in range(3):
        assert "Welcome, ben" in guest.get(f"/account/invitation?key={key}")
    assert guest.client.head(f"/account/invitation?key={key}").status_code == 200
    guest.press(f"/account/invitation?key={key}", "/account/invitation", 422, password1="short", password2="short")
    answer = guest.press(
        f"/account/invitation?key={key}", "/account/invitation", 303, password1=PASSWORD, password2=PASSWORD
    )
    assert answer["Location"] == "/account/factor"
    assert guest.in_as() == "ben"
    late = Browser(pages)
    assert "was used already" in late.get(f"/account/invitation?key={key}", 403)
    assert "was used already" in late.get("/account/invitation?key=nonsense", 403)
    assert "ben" not in late.get(f"/account/invitation?key={key}", 403)


def test_a_new_invitation_does_not_stand_in_for_the_second_factor(pages: Pages) -> None:
    authenticator(person(pages, "ana"))
    signed_in = Browser(pages)
    key = pages.app.accounts.invite("ana", LOCAL).key
    answer = signed_in.press(
        f"/account/invitation?key={key}", "/account/invitation", 303, password1="another " + PASSWORD,
        password2="another " + PASSWORD,
    )  # fmt: skip
    assert answer["Location"] == "/account/sign-in"
    assert signed_in.in_as() == ""
    assert signed_in.sign_in("ana", "another " + PASSWORD)["Location"] == "/account/factor/code"


# ---- name and password ------------------------------------------------


def test_signing_in_changes_the_session_and_goes_where_one_wanted(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages)
    place = browser.where("/incidents?state=open")
    assert place == "/account/sign-in?next=%2Fincidents%3Fstate%3Dopen"
    answer = browser.press(place, "/account/sign-in", login="ana", password=PASSWORD)
    assert answer["Location"] == "/incidents?state=open"
    cookie = answer.cookies[next(name for name in answer.cookies if re.fullmatch(r"watchkeeper-[0-9a-f]{8}", name))]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Strict", 12 * 3600)
    assert not cookie["secure"]
    assert browser.in_as() == "ana"
    first = browser.session()
    assert browser.where("/account/sign-in?next=/log") == "/log"
    browser.press("/account", "/account/sign-out")
    assert browser.in_as() == ""
    browser.sign_in("ana")
    assert browser.session() != first


def test_cookies_are_for_tls_only_where_tls_is(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages)
    text = browser.client.get("/account/sign-in", secure=True).content.decode()
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', text)
    assert token is not None
    answer = browser.client.post(
        "/account/sign-in", {"login": "ana", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}, secure=True,
        headers={"referer": "https://127.0.0.1:8600/account/sign-in"},
    )  # fmt: skip
    assert answer.status_code == 302
    assert all(each["secure"] for each in answer.cookies.values())


@pytest.mark.parametrize(
    "place",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "/\t/evil.example", "///evil.example", "http:evil.example", "/%0d%0aSet-Cookie:x", " //evil.example", "/" + "x" * 3000],
)  # fmt: skip
def test_nobody_is_sent_to_another_host(pages: Pages, place: str) -> None:

    user = person(pages, "ana")
    browser = Browser(pages)
    said = f"/account/sign-in?next={quote(place)}"
    assert "evil" not in browser.get(said) or place.startswith("/%0d")
    form = {"login": "ana", "password": PASSWORD, "next": place}
    goes = browser.press("/account/sign-in", "/account/sign-in", **form)["Location"]
    assert goes == "/" or (place.startswith("/%0d") and goes == place)
    key = authenticator(user)
    assert "evil" not in browser.where(f"/account/again?next={quote(place)}") or place.startswith("/%0d")
    page = f"/account/again/code?next={quote(place)}"
    again = browser.press(page, "/account/again/code", code=totp.code(key), next=place)["Location"]
    assert again == "/" or (place.startswith("/%0d") and again == place)


def test_a_form_from_elsewhere_is_refused(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages)
    assert browser.client.post("/account/sign-in", {"login": "ana", "password": PASSWORD}).status_code == 403
    browser.sign_in("ana")
    for path in (
        "/account/sign-out", "/account/preferences", "/account/sessions/others/end", "/account/tokens", "/account/password",
        "/account/totp", "/account/recovery/new",
    ):  # fmt: skip
        assert browser.client.post(path, {}).status_code == 403, path
    assert browser.client.get("/account/sign-out").status_code == 200
    assert browser.in_as() == "ana"


def test_nothing_tells_whether_a_name_exists(pages: Pages) -> None:
    """The same page, the same status, the same limit; and as long to answer, since a hash is made for either."""
    from django.core.cache import cache

    person(pages, "ana")
    pages.app.accounts.add("ben", LOCAL, [RoleOn("operator")])
    pages.app.accounts.add("robot", LOCAL, [RoleOn("operator")], kind="agent")
    person(pages, "gone")
    pages.app.accounts.disable("gone", LOCAL)
    took: dict[str, list[float]] = {"ana": [], "nobody-here": [], "ben": [], "robot": [], "gone": []}
    texts: dict[str, str] = {}
    for _ in range(5):
        for name in took:
            cache.clear()
            browser = Browser(pages)
            page = browser.get("/account/sign-in")
            token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
            assert token is not None
            form = {"login": name, "password": PASSWORD if name == "gone" else "wrong", "csrfmiddlewaretoken": token[1]}
            began = time.thread_time()
            answer = browser.client.post("/account/sign-in", form)
            took[name].append(time.thread_time() - began)
            assert answer.status_code == 200
            texts[name] = re.sub(r'value="[^"]*"', "", answer.content.decode())
    assert len(set(texts.values())) == 1
    shortest, longest = min(median(each) for each in took.values()), max(median(each) for each in took.values())
    assert shortest > longest / 3, took


def test_a_name_rests_after_five_wrong_tries_also_one_that_does_not_exist(pages: Pages) -> None:
    person(pages, "ana")
    for name in ("ana", "nobody-here"):
        for turn in range(5):
            Browser(pages, address=f"192.0.2.{turn + 1}").sign_in(name, "wrong", 200)
        answer = Browser(pages, address="192.0.2.99").sign_in(name, PASSWORD, 429)
        assert re.search(r"The next one is taken at \d\d:\d\d:\d\d UTC\.", answer.content.decode())
    refused = [each.resource for each in pages.app.audit.listed(12, act="sign-in", outcome="refused")]
    assert set(refused) == {"ana", ""}  # what is no name may be a password in the wrong field


def test_an_address_rests_after_ten_wrong_tries(pages: Pages) -> None:
    person(pages, "ana")
    guesser = Browser(pages, address="198.51.100.7")
    for turn in range(10):
        guesser.sign_in(f"name{turn}", "wrong", 200)
    guesser.sign_in("ana", PASSWORD, 429)
    assert Browser(pages, address="198.51.100.8").sign_in("ana")["Location"] == "/"


def test_thirty_requests_in_a_minute_are_too_many(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages, address="198.51.100.9")
    page = browser.get("/account/sign-in")
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)
    answers = [
        browser.client.post("/account/sign-in", {"csrfmiddlewaretoken": token[1] if token else ""}) for _ in range(31)
    ]
    assert [each.status_code for each in answers] == [200] * 30 + [429]
    assert answers[-1]["Retry-After"] == "60"
    assert "within a minute" in answers[-1].content.decode()


def test_a_disabled_account_ends_at_once(pages: Pages) -> None:
    person(pages, "ana")
    person(pages, "ben", "operator")
    browser = Browser(pages)
    browser.sign_in("ben")
    assert browser.in_as() == "ben"
    pages.app.accounts.disable("ben", LOCAL)
    assert browser.where("/incidents") == "/account/sign-in?next=%2Fincidents"
    assert browser.get("/fragment/now", 403, **{"hx-request": "true"})
    browser.sign_in("ben", status=200)
    pages.app.accounts.enable("ben", LOCAL)
    browser.sign_in("ben")
    pages.app.accounts.remove("ben", LOCAL)
    assert browser.in_as() == ""


def test_pages_nobody_needs_are_not_there(pages: Pages) -> None:
    person(pages, "ana")
    stranger, browser = Browser(pages), Browser(pages)
    browser.sign_in("ana")
    for path in (
        "signup", "signup/", "email", "email/", "password/reset", "password/reset/", "confirm-email/", "login/", "login/code/",
        "inactive", "inactive/", "recovery.txt", "passkeys/1/edit", "signup/passkey/", "social/login/",
    ):  # fmt: skip
        browser.get(f"/account/{path}", 404)
        assert stranger.where(f"/account/{path}").startswith("/account/sign-in?next=")


# ---- passkeys: what is refused without a browser; with one: tests/journeys/test_sign_in.py ----


@pytest.mark.parametrize(
    ("host", "possible"), [("127.0.0.1:8600", False), ("localhost:8600", True), ("[::1]:8600", False)]
)
def test_passkeys_are_hidden_and_refused_where_no_browser_has_them(pages: Pages, host: str, possible: bool) -> None:
    person(pages, "ana")
    browser = Browser(pages, host=host)
    assert ('data-passkey="get"' in browser.get("/account/sign-in")) is possible
    asked = browser.client.get("/account/passkey", headers={"accept": "application/json"})
    assert asked.status_code == (200 if possible else 403)
    browser.sign_in("ana")
    assert ('href="/account/passkeys/add"' in browser.get("/account")) is possible
    browser.get("/account/passkeys/add", 200 if possible else 403)


def test_nonsense_instead_of_a_passkey_is_refused(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages, host="localhost:8600")
    browser.client.get("/account/passkey", headers={"accept": "application/json"})
    for nonsense in ("", "{}", "[]", "nonsense", '{"id": "x", "response": {"userHandle": "AA"}}', '{"response": null}'):
        answer = browser.press("/account/sign-in", "/account/passkey", credential=nonsense)
        assert answer["Location"] == "/account/sign-in?passkey=refused", nonsense
    assert browser.in_as() == ""
    browser.sign_in("ana")
    for nonsense in ("[]", "{}", '{"id": "x", "rawId": "x", "type": "public-key", "response": {}}'):
        browser.press("/account/passkeys/add", "/account/passkeys/add", 200, credential=nonsense)
    browser.press("/account", "/account/sign-out")
    assert "That passkey was not accepted" in browser.get("/account/sign-in?passkey=refused")


def test_challenges_are_limited_too(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages, host="localhost:8600", address="198.51.100.20")
    said = [
        browser.client.get("/account/passkey", headers={"accept": "application/json"}).status_code for _ in range(31)
    ]
    assert said == [200] * 30 + [429]
