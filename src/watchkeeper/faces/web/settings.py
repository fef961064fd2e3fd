"""Settings: who may come in, tokens, agents, channels, the kill switch, watchkeeper's own life; and the emergency.

What stands in files of the ops repo is shown here, and changed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper import __version__
from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import assert_allowed, may
from watchkeeper.core.accounts import Account, Token, roles_line
from watchkeeper.core.actors import ROLES, Actor, RoleOn, rank
from watchkeeper.core.errors import Usage
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import marks, pages
from watchkeeper.services.accounts import Invited

TYPED = "shut everybody out"
SORTS = {"name": "name", "added": "newest first", "role": "highest role first"}


@dataclass(frozen=True, slots=True)
class Row:
    """One account as the page shows it."""

    account: Account
    roles: str
    state: str
    css: str
    limits: str


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page. q: a part of a name; sort: a key of `SORTS`."""
    app = application()
    base = pages.shared(app, "settings")
    context = _people(app, request, base["now_at"]) | _tokens(app, actor, base["now_at"]) | _own(app) | _team(app)
    context |= {"actor": actor, "admin": may(actor, "accounts"), "revokes": may(actor, "tokens.revoke")}
    return pages.render(request, "settings.html", base | context)


def _people(app: Application, request: HttpRequest, now: float) -> dict[str, Any]:
    wanted, sort = request.GET.get("q", "")[:40].strip().lower(), request.GET.get("sort", "name")
    found = [each for each in app.accounts.all() if wanted in each.name or wanted in each.email.lower()]
    if sort == "added":
        found.sort(key=lambda each: -each.added_at)
    if sort == "role":
        found.sort(key=lambda each: (-max((rank(one.role) for one in each.roles), default=-1), each.name))
    rows = [_row(app, each, now) for each in found]
    return {
        "people": [row for row in rows if row.account.kind == "person"], "q": wanted, "sort": sort, "sorts": SORTS,
        "agents": [row for row in rows if row.account.kind == "agent"], "role_names": ROLES,
    }  # fmt: skip


def _row(app: Application, account: Account, now: float) -> Row:
    counted = roles_line(app.accounts.roles(account))
    given = roles_line(account.roles)
    words = counted if counted == given else f"{counted} (given: {given}; watchkeeper.yaml lowers it)"
    if account.disabled_at is not None:
        state, css = "disabled", "unknown"
    elif account.kind == "person" and account.accepted_at is None:
        over = account.invited_until is None or account.invited_until < now
        state, css = ("invitation over" if over else "invited"), "warn" if over else ""
    else:
        state, css = "", ""
    limits = ", ".join(f"{number:g} {name.replace('_', ' ')}" for name, number in sorted(account.limits.items()))
    return Row(account, words, state, css, limits)


def _tokens(app: Application, actor: Actor, now: float) -> dict[str, Any]:
    """All for admins, else one's own."""
    listed = app.tokens.listed(actor, "*" if may(actor, "tokens.revoke") else "")
    return {
        "tokens": [each for each in listed if _holds(each, now)], "ended": sum(not _holds(each, now) for each in listed),
    }  # fmt: skip


def _holds(token: Token, now: float) -> bool:
    return token.revoked_at is None and (token.expires_at is None or token.expires_at > now)


def _own(app: Application) -> dict[str, Any]:
    """Watchkeeper's own life, from what is known already: nothing is asked for this page."""
    vitals, backup = app.own.vitals.now(), app.own.backups.state()
    return {
        "vitals": vitals, "backup": backup, "version": __version__,
        "disk": f"{marks.size(vitals.disk_free)} of {marks.size(vitals.disk_total)}", "joined": app.joined is not None,
        "webhooks": app.webhooks.all(),
        "lateness": "" if vitals.lateness_p99_s is None else format_duration(vitals.lateness_p99_s),
    }  # fmt: skip


def _team(app: Application) -> dict[str, Any]:
    on, why = app.automation.state()
    loaded = app.holder.loaded
    return {
        "channels": app.holder.current.team.channels, "automation_on": on, "automation_why": why,
        "mistakes": loaded.mistakes if loaded else (), "policy": app.holder.current.team.status_page,
    }  # fmt: skip


# ---- people -----------------------------------------------------------------------------------------------------------------


@pages.act
def invite(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST name, role, services, email: a new person; the answer shows the link once."""
    form = request.POST
    role = _role(form.get("role", ""), form.get("services", ""))
    made = application().accounts.add(
        form.get("name", "")[:64].strip(), actor, [role], email=form.get("email", "")[:200]
    )
    return _invited(request, made)


@pages.act
def invite_again(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST: a new link; factors=1 also takes the second factors away that he lost."""
    return _invited(request, application().accounts.invite(name, actor, request.POST.get("factors") == "1"))


def _invited(request: HttpRequest, made: Invited) -> HttpResponse:
    app = application()
    url = f"{app.public_url}/invite?key={made.key}"
    context = {"account": made.account, "url": url}
    return pages.render(request, "settings_invited.html", pages.shared(app, "settings") | context)


@pages.act
def change(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST roles: one in a line, ``operator`` or ``approver on shop``."""
    roles = [_role(*_on(line)) for line in request.POST.get("roles", "")[:2000].splitlines() if line.strip()]
    application().accounts.change(name, actor, roles)
    return pages.go("/settings#people")


def _on(line: str) -> tuple[str, str]:
    role, _, services = line.strip().partition(" on ")
    return role.strip(), services.strip()


def _role(role: str, services: str) -> RoleOn:
    if role not in ROLES:
        raise Usage(f"{role[:20]!r} is no role.", f"There are: {', '.join(ROLES)}.")
    return RoleOn(role, services.strip() or "*")


@pages.act
def disable(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST: nothing opens for him any more; `enable` takes it back."""
    application().accounts.disable(name, actor)
    return pages.go("/settings#people")


@pages.act
def enable(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST: he may come again."""
    application().accounts.enable(name, actor)
    return pages.go("/settings#people")


@pages.act
def revoke(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST sure=1: a token ends, for ever."""
    _assert_sure(request, f"Token {number} ends for ever")
    application().tokens.revoke(number, actor)
    return pages.go("/settings#tokens")


def _assert_sure(request: HttpRequest, what: str) -> None:
    if request.POST.get("sure") != "1":
        raise Usage(
            f"{what}, and the form does not say that you are sure. Nothing was done.", "Tick the box beside it."
        )


# ---- channels and automation ---------------------------------------------------------------------------------------------


@pages.act
def test_channel(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST: a marked message goes there; the answer says what became of it."""
    app = application()
    found = app.channel_tests.send(actor, name)
    return pages.render(request, "settings_tested.html", pages.shared(app, "settings") | {"outcomes": found})


@pages.act
def automation(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST on=1 or on=0, reason. Off is at once; on asks whether one is sure."""
    wanted = request.POST.get("on", "")
    if wanted not in ("0", "1"):
        raise Usage("The form does not say whether automation shall be on or off.", "Use the buttons of the page.")
    if wanted == "1":
        _assert_sure(request, "What is granted acts by itself again")
    application().automation.switch(wanted == "1", actor, request.POST.get("reason", "")[:500])
    return pages.go("/settings#automation")


# ---- the emergency ------------------------------------------------------------------------------------------------------


def emergency(request: HttpRequest) -> HttpResponse:
    """GET: what it does, and what to type; POST: do it."""
    return _act_in_emergency(request) if request.method == "POST" else _before_emergency(request)


@pages.page
def _before_emergency(request: HttpRequest, actor: Actor) -> HttpResponse:
    app = application()
    assert_allowed(actor, "emergency")
    tokens = sum(_holds(each, app.clock()) for each in app.tokens.listed(actor, "*"))
    context = {"typed": TYPED, "secrets": sorted(app.holder.current.secrets), "tokens": tokens, "actor": actor}
    return pages.render(request, "settings_emergency.html", pages.shared(app, "settings") | context)


@pages.act
def _act_in_emergency(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The answer is the last page that this browser sees before it has to sign in again."""
    form = request.POST
    if " ".join(form.get("typed", "").split()).lower() != TYPED:
        raise Usage(f"To shut everybody out type: {TYPED}. Nothing was done.", "Go back and type it, word for word.")
    app = application()
    context = pages.shared(app, "settings")
    told = app.emergency.act(actor, form.get("why", ""), form.get("automation_off") == "1")
    return pages.render(request, "settings_emergency_done.html", context | {"told": told})
