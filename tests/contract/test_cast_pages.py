"""The standing cast against every page and form: each verdict is declared, and a new page fails until it has one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.fixtures import cast_pages as pages
from tests.fixtures.api_app import ApiApp
from tests.fixtures.cast import CAST, STRANGER, Line, Member, filled, lines, routes, staged

FORMS = {
    each.key: each
    for each in [
        *(Line("GET", path, "read") for path in ["", *pages.READ.split()]),
        *(Line(*text.split(None, 1), "open") for text in pages.OPEN.strip().splitlines()),
        *(Line(method, path, "own") for path in pages.OWN.split() for method in ("GET", "POST")),
        *lines(pages.ACTS),
    ]
}
ORDER = ("stranger", "viewer", "other", "operator", "approver", "stale", "admin")
"""Who is refused more comes before whoever ends what they must not touch."""
VISITORS = sorted((each for each in CAST if each.name in ORDER), key=lambda each: ORDER.index(each.name))
NO_PAGES = ("api/", "metrics", "health", "^")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ApiApp, dict[str, str]]]:
    with staged(tmp_path_factory.mktemp("cast")) as found:
        yield found


def test_every_page_and_form_has_a_line(stage: object) -> None:
    found = {path for method, path, _ in routes() if method == "*" and not path.startswith(NO_PAGES)}
    known = {path for _, path in FORMS} | {"account/sign-out"}
    assert sorted(found - known) == [], "a new page says in tests/fixtures/cast_pages.py who may"
    assert sorted(known - found) == [], "a line of a page that is gone"


@pytest.mark.parametrize("member", VISITORS, ids=lambda member: member.name)
def test_each_visitor_gets_what_is_declared(stage: tuple[ApiApp, dict[str, str]], member: Member) -> None:
    visitor, at_account, wrong = visiting(member), visiting(member), []
    for line in FORMS.values():
        own = line.access == "own"  # a form there may take back what this browser has shown
        path = filled(line.path) + (f"?{pages.QUERIES[line.path]}" if line.path in pages.QUERIES else "")
        answer = (at_account if own else visitor).generic(
            line.method, f"/{path}", urlencode(line.body or {}), "application/x-www-form-urlencoded"
        )
        said, expected = page_verdict(answer), line.refuses(member)
        if said != expected and (line.access not in ("open", "own") or expected):
            wrong.append(f"{line.method} /{path}: {said or 'allowed'}, not {expected or 'allowed'}: {told_by(answer)}")
        elif answer.status_code >= 500 and not path.endswith("/ask"):
            wrong.append(f"{line.method} /{path}: {told_by(answer)}")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("member", VISITORS[:2], ids=lambda member: member.name)
def test_another_method_than_the_declared_ones_does_nothing(stage: object, member: Member) -> None:
    visitor = visiting(member)
    for path in {path for _, path in FORMS}:
        for method in {"GET", "POST"} - {each for each, other in FORMS if other == path}:
            answer = visitor.generic(method, f"/{filled(path)}", "", "application/x-www-form-urlencoded")
            allowed = path.startswith("account/") or path == "invite"  # forms of signing in, which a stranger may send
            assert allowed or answer.status_code in (302, 303, 403, 404, 405), (method, path, told_by(answer))


def visiting(member: Member) -> Any:
    """A browser of this member, signed in; the second factor was shown just now, or never."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    visitor = Client(HTTP_HOST="127.0.0.1", HTTP_X_WATCHKEEPER_WAY="tcp")
    if member is not STRANGER:
        user = get_user_model().objects.get(name=member.name)
        visitor.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        shown = visitor.session
        shown["account_authentication_methods_user"] = str(user.pk)
        shown["account_authentication_methods"] = (
            [{"method": "mfa", "at": time.time(), "type": "totp"}] if member.fresh else []
        )
        shown.save()
    return visitor


def page_verdict(answer: Any) -> str:
    """As `verdict`, for a page: who is not signed in is led there, who needs his factor is led to where he shows it."""
    where = answer.headers.get("Location", "")
    if answer.status_code in (302, 303) and where.startswith("/account/sign-in"):
        return "no"
    if (
        answer.status_code in (302, 303)
        and where.startswith("/account/again")
        and not answer.request["PATH_INFO"].startswith("/account")
    ):
        return "factor"
    return "no" if answer.status_code in (401, 403) else ""


def told_by(answer: Any) -> str:
    """Status, where it leads, and its heading."""
    heading = re.search(rb"<h1[^>]*>(.*?)</h1>", answer.content, re.DOTALL)
    said = heading[1].decode()[:160] if heading else repr(answer.content[:120])
    return f"{answer.status_code} {answer.headers.get('Location', '')} {said}"
