"""One's own account: name, roles, password, second factor, sessions, tokens, and how the pages look."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import SCOPES
from watchkeeper.core.accounts import Token, roles_line
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.faces.web import pages, sign_in
from watchkeeper.identity import factors, signing_in, trail
from watchkeeper.services.tokens import is_live

THEMES = (("", "as the device says"), ("light", "light"), ("dark", "dark"))
LASTS_D = (7, 30, 90, 365)
SCOPE_WORDS = {
    "read": "read", "act": "also write and start", "approve": "also approve and grant", "admin": "all that I may",
}  # fmt: skip


@pages.page
def mine(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    if not request.user.is_authenticated:
        return pages.go("/account/first") if not app.accounts.any_person() else pages.go("/")
    request.session.pop(sign_in.LATER, None)
    return pages.render(request, "account/mine.html", _whole(request, app, actor))


def _whole(request: HttpRequest, app: Application, actor: Actor, **more: Any) -> dict[str, Any]:
    from allauth.mfa.models import Authenticator

    account = app.accounts.get(actor.name)
    now, rows = app.clock(), list(Authenticator.objects.filter(user_id=account.id).order_by("id"))
    tokens = [each for each in app.tokens.listed(actor) if is_live(each, now)]
    return pages.shared(app, "account") | {
        "actor": actor,
        "account": account,
        "roles": roles_line(app.accounts.roles(account)),
        "written": app.holder.current.team.people.get(actor.name),
        "has_password": request.user.has_usable_password(),
        "totp": next((each for each in rows if each.type == "totp"), None),
        "passkeys": [
            {"id": each.pk, "name": each.data.get("name", "Passkey"), "at": each.created_at.timestamp(),
             "used": each.last_used_at.timestamp() if each.last_used_at else None}
            for each in rows if each.type == "webauthn"
        ],
        "recovery": _codes_left(rows),
        "fresh_until": max(0.0, factors.fresh_until(request)) if factors.fresh_until(request) > now else 0.0,
        "passkey_refusal": signing_in.passkey_refusal(request),
        "sessions": _sessions(request),
        "tokens": tokens,
        "scopes": [(each, SCOPE_WORDS[each]) for each in SCOPES],
        "lasts": LASTS_D,
        "themes": THEMES,
        "zones": sorted(available_timezones()),
    } | more  # fmt: skip


def _codes_left(rows: list[Any]) -> int | None:
    """How many recovery codes are not used yet; None without any."""
    found = next((each for each in rows if each.type == "recovery_codes"), None)
    return None if found is None else len(found.wrap().get_unused_codes())


def _sessions(request: HttpRequest) -> list[dict[str, Any]]:
    """Where this person is signed in, this browser first, then the one seen last."""
    from allauth.usersessions.models import UserSession

    key = request.session.session_key
    found = [
        {"id": each.pk, "here": each.session_key == key, "ip": each.ip, "browser": browser_name(each.user_agent),
         "since": each.created_at.timestamp(), "seen": each.last_seen_at.timestamp()}
        for each in UserSession.objects.purge_and_list(request.user)
    ]  # fmt: skip
    return sorted(found, key=lambda each: (not each["here"], -each["seen"]))


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip


def browser_name(agent: str) -> str:
    """``Firefox on Linux``, from what a browser says of itself; it may say anything."""
    browser = next((name for word, name in _BROWSERS if word in agent), "")
    system = next((name for word, name in _SYSTEMS if word in agent), "")
    if not browser:
        return agent.strip()[:60] or "a browser that says nothing of itself"
    return f"{browser} on {system}" if system else browser


# ---- acts ------------------------------------------------------------------------------------------------------------------


@pages.act
def preferences(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST theme, time_zone ("" for the team's), single_keys."""
    theme, zone = str(request.POST.get("theme", "")), str(request.POST.get("time_zone", "")).strip()
    if theme not in dict(THEMES):
        raise Usage(f"{theme[:20]!r} is no theme.", "There are: light, dark.")
    if zone and zone not in available_timezones():
        raise Usage(f"{zone[:60]!r} is no time zone.", "Write it as in Europe/Berlin, or leave it empty.")
    application().accounts.prefer(actor, zone, theme, request.POST.get("single_keys") == "on")
    return pages.go("/account#looks")


@pages.act
def end_session(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """Sign one browser of one's own out."""
    from allauth.usersessions.models import UserSession

    found = UserSession.objects.filter(user_id=request.user.pk, pk=number).first()
    if found is None:
        raise NotFound("This browser is signed out already.", "See those that are left: your account.")
    here = found.session_key == request.session.session_key
    trail.tell("session.end", request, actor.name, resource=f"session {number}", detail=browser_name(found.user_agent))
    if here:
        from django.contrib.auth import logout

        found.delete()
        logout(request)
        return pages.go("/account/sign-in")
    found.end()
    return pages.go("/account#sessions")


@pages.act
def end_other_sessions(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Sign every other browser of one's own out."""
    from watchkeeper.identity import visits

    ended = visits.end_of_person(request.user, but=str(request.session.session_key))
    trail.tell("session.end", request, actor.name, resource="all others", detail=f"{ended} ended")
    return pages.go("/account#sessions")


@pages.act
def add_token(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST label, scope, services, days: the answer shows the token, this once."""
    days = str(request.POST.get("days", "90"))
    if not days.isdigit() or int(days) not in LASTS_D:
        raise Usage("The token needs one of the times that are offered.", "Go back and choose one.")
    app = application()
    made = app.tokens.add(
        str(request.POST.get("label", "")), actor, scope=str(request.POST.get("scope", "read")),
        services=str(request.POST.get("services", "*")).strip() or "*", lasts_s=int(days) * 86_400.0,
    )  # fmt: skip
    return pages.render(request, "account/mine.html", _whole(request, app, actor, made=made))


@pages.act
def revoke_token(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """End one's own token."""
    app = application()
    if not any(each.id == number for each in _own_tokens(app, actor)):
        raise NotFound(f"You have no token {number}.", "See those you have: your account.")
    app.tokens.revoke(number, actor)
    return pages.go("/account#tokens")


def _own_tokens(app: Application, actor: Actor) -> list[Token]:
    return app.tokens.listed(actor)


# ---- the second factor -----------------------------------------------------------------------------------------------------


@pages.page
def offer(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Offer to set up a second factor: after the first password, and to whoever is asked for one and has none."""
    if not request.user.is_authenticated:
        return pages.go("/account")
    later = signing_in.own(str(request.session.get(sign_in.LATER, "")), "")
    context = pages.shared(application(), "account") | {
        "actor": actor,
        "later": later,
        "has_factor": factors.has_factor(request.user.pk),
        "passkey_refusal": signing_in.passkey_refusal(request),
    }
    return pages.render(request, "account/factor.html", context)


def to_factors(request: HttpRequest, **named: Any) -> HttpResponse:
    """Where allauth wants to go after a change of factors: to the account, or on to what one was about to do."""
    return pages.go("/account#factor")
