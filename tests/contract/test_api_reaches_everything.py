"""Everything that the command line and the pages do, the API can do: their calls and forms have routes."""

from __future__ import annotations

import ast
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import ROOT

FACES = ROOT / "src" / "watchkeeper" / "faces"
VERBS = {"get": "GET", "text": "GET", "stream": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
SESSIONS_ONLY = "of one browser: signing in, its sessions, its passkeys, how its pages look"
FORMS = {
    "/account/tokens": "POST /tokens",
    "/account/tokens/*/revoke": "POST /tokens/revoke",
    "/account/totp": "POST /me/second-factor/confirm",
    "/account/again/code": "POST /me/factor",
    "/account/**": SESSIONS_ONLY,
    "/ack/*": "POST /incidents/{number}/ack",
    "/automation": "POST /automation",
    "/automation/release": "POST /automation/quarantine/release",
    "/incidents/*/acknowledge": "POST /incidents/{number}/ack",
    "/incidents/*/tasks/*": "POST /incidents/tasks/{number}",
    "/log/new": "POST /log",
    "/oncall/overrides": "POST /oncall/{name}/overrides",
    "/public/incidents/*/post": "POST /status-page/incidents/{number}/updates",
    "/public/incidents/*/publish": "POST /status-page/incidents/{number}/publish",
    "/public/incidents/*/withdraw": "POST /status-page/incidents/{number}/withdraw",
    "/public/updates/*/discard": "POST /status-page/updates/{number}/discard",
    "/public/updates/*/publish": "POST /status-page/updates/{number}/publish",
    "/runbooks/*/grant": "POST /grants",
    "/runbooks/*/run": "POST /runs",
    "/services/*/checks/*/ask": "POST /checks/ask",
    "/settings/automation": "POST /automation",
    "/settings/channels/*/test": "POST /doctor/channels",
    "/settings/emergency": "POST /emergency",
    "/settings/people": "POST /users",
    "/settings/people/*/change": "POST /users/change",
    "/settings/people/*/disable": "POST /users/disable",
    "/settings/people/*/enable": "POST /users/enable",
    "/settings/people/*/invite": "POST /users/invite",
    "/settings/people/*/*": "POST /users/disable",
    "/settings/tokens/*/revoke": "POST /tokens/revoke",
    "/shifts/*/notes/*/over": "POST /shifts/notes/{number}/over",
    "/shifts/*/*": "POST /shifts/{same}",
    "/wall/link": "POST /wall/links",
    "/windows": "POST /windows",
}
"""Forms whose route is called otherwise; all others have the route of the same name."""


@pytest.fixture(scope="module")
def routes() -> set[str]:
    from watchkeeper.store.opening import set_up_django

    with tempfile.TemporaryDirectory() as folder:
        set_up_django(Path(folder))
    from watchkeeper.faces.api.schemas.document import document, operations

    return {f"{method} {path}" for method, path, _ in operations(document())}


def fits(route: str, pattern: str) -> bool:
    """Whether a call with ``*`` for what is filled in can be this route."""
    method, _, path = route.partition(" ")
    wanted, _, call = pattern.partition(" ")
    shape = re.sub(r"\{(path|check|key)\}", ".+", re.sub(r"\{(?!path|check|key)\w+\}", "[^/]+", path))
    return method == wanted and bool(
        re.fullmatch(shape, call.replace("*", "x"))
        or re.fullmatch(call.replace("*", "[^/]+").replace(".", r"\."), path)
    )


def calls() -> dict[str, str]:
    """Every call of the command line whose address is written down, as ``POST /runs/*/cancel``, with where it stands."""
    found: dict[str, str] = {}
    for file in sorted((FACES / "cli").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
                continue
            if node.func.attr not in VERBS or "client" not in ast.unparse(node.func.value):
                continue
            address = written(node.args[0])
            if address.startswith("/"):
                plain = re.sub(r"(?<=[^/])\*$", "", address.partition("?")[0])  # a query that is put together elsewhere
                found[f"{VERBS[node.func.attr]} {plain}"] = f"{file.name}:{node.lineno}"
    return found


def written(node: ast.expr) -> str:
    """The text of a literal, with ``*`` for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "*" for each in node.values)
    return ""


def test_every_call_of_the_command_line_has_its_route(routes: set[str]) -> None:
    asked = calls()
    assert len(asked) > 90
    lost = {call: place for call, place in asked.items() if not any(fits(route, call) for route in routes)}
    assert lost == {}


@cache
def forms() -> frozenset[str]:
    """Addresses of every form that posts."""
    found: set[str] = set()
    for file in (FACES / "web" / "templates").rglob("*.html"):
        text = re.sub(r"\{[{%].*?[%}]\}", "*", file.read_text(encoding="utf-8"))
        for form in re.findall(r'<form[^>]*method="post"[^>]*>', text):
            action = re.search(r'action="([^"]+)"', form)
            if action and action[1].startswith("/"):
                found.add(re.sub(r"\*+(\w+\*+)*", "*", action[1].partition("?")[0]))
    return frozenset(found)


def route_of(form: str) -> str:
    """The route that does the same."""
    if form in FORMS:
        return FORMS[form].replace("{same}", form.rpartition("/")[2])
    for pattern, route in FORMS.items():
        if re.fullmatch(pattern.replace("**", ".+").replace("/*", "/[^/]+"), form):
            return route.replace("{same}", form.rpartition("/")[2])
    return f"POST {form}"


def test_every_form_of_the_pages_has_its_route(routes: set[str]) -> None:
    assert len(forms()) > 60
    lost: dict[str, Any] = {}
    for form in forms():
        route = route_of(form)
        if route != SESSIONS_ONLY and route not in routes and not any(fits(each, route) for each in routes):
            lost[form] = route
    assert lost == {}
