"""The second factor of a browser and one's own account: each flow, and what an attacker would try."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from urllib.parse import unquote

import pytest
from tests.fixtures import totp
from tests.fixtures.pages import Markup, Pages
from tests.fixtures.signing_in import (
    PASSWORD,
    Browser,
    acts,
    authenticator,
    forget,
    make_older,
    person,
    recovery_codes,
    signing_in,
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with signing_in(tmp_path_factory.mktemp("signing")) as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_has_tried(pages: Pages) -> Iterator[None]:
    yield
    forget(pages)


# ---- the second factor ------------------------------------------------


def test_an_authenticator_is_set_up_and_its_code_counts_once(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages)
    browser.sign_in("ana")
    assert 'role="img"' in browser.get("/account/totp")
    key = str(re.search(r'id="totp-key">([^<]+)<', browser.get("/account/totp"))[1]).replace(" ", "")  # type: ignore[index]
    page = browser.get("/account/totp")
    key = str(re.search(r'id="totp-key">([^<]+)<', page)[1]).replace(" ", "")  # type: ignore[index]
    token = str(re.search(r'csrfmiddlewaretoken" value="([^"]+)', page)[1])  # type: ignore[index]
    used = totp.code(key)
    wrong = browser.client.post("/account/totp", {"code": "0" + used[:5], "csrfmiddlewaretoken": token})
    assert wrong.status_code == 200
    answer = browser.client.post("/account/totp", {"code": used, "csrfmiddlewaretoken": token})
    assert answer["Location"] == "/account/recovery"
    codes = re.findall(r"^\d{8}$", unescape(browser.get("/account/recovery")), re.M) or re.findall(
        r"\b\d{8}\b", browser.get("/account/recovery")
    )
    assert key not in browser.get("/account")
    assert not re.findall(r"\b\d{8}\b", Markup(browser.get("/account/recovery")).text)
    browser.press("/account", "/account/sign-out")
    assert browser.sign_in("ana")["Location"] == "/account/factor/code"
    assert browser.where("/account") == "/account/sign-in?next=%2Faccount"
    browser.show(used, 200)
    after = totp.code(key, time.time() + 30)
    assert browser.show(after)["Location"] == "/"
    other = Browser(pages)
    other.sign_in("ana")
    other.show(after, 200)
    other.show(f"{codes[0][:4]}-{codes[0][4:]}" if codes else "", 302)
    assert {("factor.add", "ana", "done"), ("factor.show", "ana", "refused")} <= set(acts(pages))


def test_a_recovery_code_works_once(pages: Pages) -> None:
    user = person(pages, "ana")
    authenticator(user)
    one = recovery_codes(user)[0]
    first, second = Browser(pages), Browser(pages)
    first.sign_in("ana")
    second.sign_in("ana")
    assert first.show(one)["Location"] == "/"
    second.show(one, 200)
    assert len(recovery_codes(user)) == 9


def test_codes_are_guessed_five_times_at_most(pages: Pages) -> None:
    key = authenticator(person(pages, "ana"))
    for turn in range(5):
        browser = Browser(pages, address=f"192.0.2.{turn + 1}")
        browser.sign_in("ana")
        browser.show("00000" + str(turn), 200)
    browser = Browser(pages, address="192.0.2.9")
    browser.sign_in("ana")
    answer = browser.show(totp.code(key), 429)
    assert re.search(r"The next one is taken at \d\d:\d\d:\d\d UTC\.", answer.content.decode())


def test_the_password_alone_opens_no_page_of_who_has_a_factor(pages: Pages) -> None:
    authenticator(person(pages, "ana"))
    browser = Browser(pages)
    browser.sign_in("ana")
    for path in ("/", "/account", "/account/totp", "/account/totp/remove", "/account/again/code", "/account/recovery"):
        assert browser.where(path).startswith("/account/sign-in?next=")
    assert browser.client.get("/fragment/now", headers={"hx-request": "true"}).status_code == 403


def test_factors_are_changed_by_who_showed_one_of_late(pages: Pages) -> None:
    user = person(pages, "ana")
    key = authenticator(user)
    browser = Browser(pages)
    browser.sign_in("ana")
    browser.show(totp.code(key))
    make_older(browser, 901)
    for path in ("/account/totp/remove", "/account/recovery", "/account/recovery/new"):
        assert browser.where(path).startswith("/account/again/code?next=")
    assert browser.where("/account/again/password?next=/log") == "/account/again/code?next=%2Flog"
    code = totp.code(key, time.time() + 30)
    place = browser.press("/account/again/code?next=/account/totp/remove", "/account/again/code", code=code)["Location"]
    assert place == "/account/totp/remove"
    browser.press("/account/totp/remove", "/account/totp/remove")
    assert "You have no second factor" in browser.get("/account")
    assert ("factor.remove", "ana", "done") in acts(pages)
    assert not pages.app.holder.loaded.errors


def test_who_has_no_factor_gives_the_password_again_after_a_while(pages: Pages) -> None:
    person(pages, "ana")
    browser = Browser(pages)
    browser.sign_in("ana")
    make_older(browser, 901)
    assert browser.where("/account/totp").startswith("/account/again/password?next=")
    browser.press("/account/again/password?next=/account/totp", "/account/again/password", 200, password="wrong")
    goes = browser.press("/account/again/password?next=/account/totp", "/account/again/password", password=PASSWORD)
    assert goes["Location"] == "/account/totp"
    assert browser.get("/account/totp")


def test_a_first_password_is_set_by_who_came_by_a_token(pages: Pages) -> None:
    from watchkeeper.core.actors import Actor

    user = person(pages, "ana")
    user.set_unusable_password()
    user.save()
    browser = Browser(pages)
    browser.client.get(f"/enter?key={pages.app.door.make_link(Actor('person', 'ana', 'admin'))}")
    assert 'href="/account/password/set"' in browser.get("/account")
    key = authenticator(user)
    assert browser.where("/account/password/set") == "/account/again?next=%2Faccount%2Fpassword%2Fset"
    browser.press("/account/again/code", "/account/again/code", code=totp.code(key))
    browser.press("/account/password/set", "/account/password/set", password1=PASSWORD, password2=PASSWORD)
    other = Browser(pages)
    assert other.sign_in("ana")["Location"] == "/account/factor/code"


def test_freshness_lasts_fifteen_minutes_of_this_session(pages: Pages) -> None:
    from watchkeeper.core.accounts import FRESH_S

    key = authenticator(person(pages, "ana"))
    browser = Browser(pages)
    browser.sign_in("ana")
    browser.show(totp.code(key))
    seen = pages.app.door.visiting_by_cookie(browser.session())
    assert seen.actor.fresh
    make_older(browser, FRESH_S - 5)
    assert pages.app.door.visiting_by_cookie(browser.session()).actor.fresh
    make_older(browser, 6)
    assert not pages.app.door.visiting_by_cookie(browser.session()).actor.fresh


def test_approving_asks_for_the_factor_and_comes_back_to_the_button(pages: Pages) -> None:
    """Nothing runs by showing the factor: the button is pressed once more, with the bytes that it shows then."""
    user = person(pages, "ana")
    pages.app.engine.start()
    incident = pages.incident("shop/web")
    run = next(each for each in pages.settle_runs() if each.incident == incident.id)
    here, action = f"/incidents/{incident.id}", f"/runs/{run.id}/approve"
    browser = Browser(pages)
    browser.sign_in("ana")

    def press(status: int = 303) -> str:
        form = next(
            each
            for each in re.findall(r"<form[^>]*>.*?</form>", browser.get(here), re.S)
            if f'action="{action}"' in each
        )
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
        answer = browser.client.post(action, hidden, headers={"referer": f"http://127.0.0.1:8600{here}"})
        assert answer.status_code == status, Markup(answer.content.decode()).text
        return str(answer["Location"])

    asked = press()
    step = re.search(r"approve-\d+-(\d+)", browser.get(here))
    back = f"{here}#approve-{run.id}-{step[1]}"  # type: ignore[index]
    assert unquote(asked) == f"/account/again?next={back}"
    assert browser.where(asked) == "/account/factor"
    assert "comes back" in browser.get("/account/factor") or "come back to it" in browser.get("/account/factor")
    key = authenticator(user)
    code_page = browser.where(press())
    assert unquote(code_page) == f"/account/again/code?next={back}"
    assert browser.press(code_page, "/account/again/code", code=totp.code(key))["Location"] == back
    assert not (pages.root / "fixed").exists()
    assert press().startswith("/incidents/")
    pages.settle_runs()
    assert (pages.root / "fixed").exists()


def test_a_button_of_another_site_brings_nobody_there(pages: Pages) -> None:
    """The page one comes back to is one of ours, whatever the request says of where it was."""
    from django.test import RequestFactory

    from watchkeeper.faces.web.viewer import asked_at

    for said in (
        "https://evil.example/x",
        "http://127.0.0.1:8600@evil.example/",
        "http://127.0.0.1:8600//evil.example",
        "nonsense",
    ):
        request = RequestFactory(HTTP_HOST="127.0.0.1:8600").post("/runs/1/approve", {"step": "0"}, HTTP_REFERER=said)
        assert asked_at(request) == "/#approve-1-0"
    request = RequestFactory(HTTP_HOST="127.0.0.1:8600").post(
        "/grants", HTTP_REFERER="http://127.0.0.1:8600/automation?x=1"
    )
    assert asked_at(request) == "/automation?x=1"


def test_a_link_of_a_token_signs_in_without_a_factor(pages: Pages) -> None:
    from watchkeeper.core.actors import Actor

    authenticator(person(pages, "ana"))
    browser = Browser(pages)
    key = pages.app.door.make_link(Actor("person", "ana", "admin"))
    assert browser.client.get(f"/enter?key={key}").status_code == 303
    assert browser.in_as() == "ana"
    assert not pages.app.door.visiting_by_cookie(browser.session()).actor.fresh
    assert browser.where("/account/totp/remove").startswith("/account/again/code")


def test_another_persons_records_count_for_nobody(pages: Pages) -> None:
    """Ana signs in with her factor where Ben signs in next: he is not fresh by that."""
    key = authenticator(person(pages, "ana"))
    person(pages, "ben", "approver")
    browser = Browser(pages)
    browser.sign_in("ana")
    browser.show(totp.code(key))
    browser.press("/account", "/account/sign-out")
    browser.sign_in("ben")
    assert not pages.app.door.visiting_by_cookie(browser.session()).actor.fresh


# ---- one's own account ------------------------------------------------


def test_sessions_are_listed_and_ended(pages: Pages) -> None:
    person(pages, "ana")
    agents = (
        "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        "<script>alert(1)</script>",
        "Mozilla/5.0 (iPhone) Safari/605",
    )
    here, second, third = (Browser(pages, agent=agent, address=f"192.0.2.{i}") for i, agent in enumerate(agents, 1))
    for each in (here, second, third):
        each.sign_in("ana")
    text = here.get("/account")
    assert "Firefox on Linux" in text
    assert "Safari on iPhone" in text
    assert "&lt;script&gt;" in text
    assert "192.0.2.3" in text
    numbers = [int(each) for each in re.findall(r"/account/sessions/(\d+)/end", text)]
    assert len(numbers) == 3
    here.press("/account", f"/account/sessions/{numbers[1]}/end", 303)
    assert sorted([second.in_as(), third.in_as()]) == ["", "ana"]
    here.press("/account", "/account/sessions/others/end", 303)
    assert (second.in_as(), third.in_as()) == ("", "")
    assert here.in_as() == "ana"
    assert ("session.end", "ana", "done") in acts(pages)


def test_nobody_ends_the_sessions_or_tokens_of_somebody_else(pages: Pages) -> None:
    from allauth.usersessions.models import UserSession

    person(pages, "ana")
    person(pages, "ben", "viewer")
    ana, ben = Browser(pages), Browser(pages)
    ana.sign_in("ana")
    ben.sign_in("ben")
    made = ana.press("/account", "/account/tokens", 200, label="the old laptop", scope="read", services="*", days="30")
    assert re.search(r"wk_\w{49}", made.content.decode())
    number = pages.app.tokens.listed(pages.app.door.visiting_by_cookie(ana.session()).actor)[0].id
    hers = UserSession.objects.get(user__name="ana").pk
    csrf = str(re.search(r'csrfmiddlewaretoken" value="([^"]+)', ben.get("/account"))[1])  # type: ignore[index]
    for path in (f"/account/sessions/{hers}/end", f"/account/tokens/{number}/revoke"):
        assert ben.client.post(path, {"csrfmiddlewaretoken": csrf}).status_code == 404
    assert ana.in_as() == "ana"
    assert "the old laptop" in ana.get("/account")
    ana.press("/account", f"/account/tokens/{number}/revoke", 303)
    assert "the old laptop" not in ana.get("/account")


def test_a_new_password_signs_every_other_browser_out(pages: Pages) -> None:
    person(pages, "ana")
    here, other = Browser(pages), Browser(pages)
    here.sign_in("ana")
    other.sign_in("ana")
    fields = {"oldpassword": PASSWORD, "password1": "a wholly other one", "password2": "a wholly other one"}
    here.press("/account/password", "/account/password", 200, **(fields | {"oldpassword": "wrong"}))
    here.press("/account/password", "/account/password", **fields)
    assert here.in_as() == "ana"
    assert other.in_as() == ""
    assert ("password.change", "ana", "done") in acts(pages)


def test_pages_look_as_their_viewer_likes_and_nobody_elses_do(pages: Pages) -> None:
    person(pages, "ana")
    person(pages, "ben", "viewer")
    ana, ben = Browser(pages), Browser(pages)
    ana.sign_in("ana")
    ben.sign_in("ben")
    ana.press("/account", "/account/preferences", 303, theme="dark", time_zone="Asia/Tokyo")
    for path in ("/", "/incidents"):
        mine, his = ana.get(path), ben.get(path)
        assert 'data-theme="dark"' in mine
        assert 'data-theme="dark"' not in his
        assert "JST" in mine
        assert "JST" not in his
        assert re.search(r'href="/account">ana<', mine)
        assert re.search(r'href="/account">ben<', his)
    ana.press("/account", "/account/preferences", 400, theme="pink", time_zone="")
    ana.press("/account", "/account/preferences", 400, theme="", time_zone="../etc/passwd")
