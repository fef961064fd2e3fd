"""The pages of signing in: allauth's views under our addresses, the first account, invitations, too many tries.

allauth's views are imported when somebody opens one: a main where nobody signs in holds neither them nor their
cryptography in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_post_parameters

from watchkeeper.bootstrap.main import application
from watchkeeper.core.actors import LOCAL, RoleOn
from watchkeeper.core.errors import Forbidden, NotFound, WatchkeeperError
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.viewer import looking
from watchkeeper.identity import factors, passwords, signing_in, visits

View = Callable[..., HttpResponse]
LATER = "watchkeeper.later"
"""Where somebody wanted to go before he was led to set up a second factor; kept in his session."""


def of_allauth(name: str, signed_in: bool = False, passkey: bool = False) -> View:
    """The view of allauth with this dotted name. passkey: refused where a browser could not use one."""

    def view(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponse:
        if signed_in and not request.user.is_authenticated:
            return _ask_in(request)
        refusal = signing_in.passkey_refusal(request) if passkey else ""
        if refusal:
            return pages.told(request, Forbidden(refusal)) if signed_in else _closed(request, refusal)
        vars(request)["around"] = True
        try:
            with looking(request):
                answer: HttpResponse = import_string(name)(request, *arguments, **named)
                return _finished(request, answer)
        except Http404:
            return pages.told(request, NotFound(f"There is no page {request.path[:200]}.", "Go on from your account."))
        except PermissionDenied:
            return pages.told(request, Forbidden("That is not for you.", "Go on from your account."))

    view.__doc__ = f"`{name}`."
    return sensitive_post_parameters()(view)


def _finished(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """A form that was refused for too many tries says so by its status; a refused passkey goes back to where it was."""
    form = (getattr(answer, "context_data", None) or {}).get("form")
    errors = form.errors.as_data() if form is not None and form.is_bound else {}
    if any(each.code == "too_many_login_attempts" for found in errors.values() for each in found):
        answer.status_code = 429
    render = getattr(answer, "render", None)
    if render is not None:
        render()
    by_passkey = request.method == "POST" and request.path.endswith("/passkey") and answer.status_code == 302
    if by_passkey and answer["Location"] == settings.LOGIN_URL:
        back = request.path if request.user.is_authenticated else settings.LOGIN_URL
        wanted = signing_in.own(str(request.POST.get("next", "")), "")
        answer["Location"] = f"{back}?{urlencode({'passkey': 'refused'} | ({'next': wanted} if wanted else {}))}"
    return answer


def around(request: HttpRequest) -> dict[str, Any]:
    """Template context of allauth's pages: what every page of ours shares. Other pages bring it themselves."""
    if not vars(request).get("around"):
        return {}
    context: dict[str, Any] = {
        "next": signing_in.own(str(request.POST.get("next") or request.GET.get("next") or ""), ""),
        "passkey_refusal": signing_in.passkey_refusal(request),
        "passkey_refused": request.GET.get("passkey") == "refused",
    }
    if request.user.is_authenticated:
        later = signing_in.own(str(request.session.get(LATER, "")), "")
        context |= pages.shared(application(), "account") | {"later": later}
    return context


def _ask_in(request: HttpRequest) -> HttpResponse:
    """A stranger at a page for people: to the sign-in, or to the first account."""
    try:
        pages.actor_of(request)
    except Forbidden as error:
        return pages.door(request, error)
    return pages.go("/account/first")


def _closed(request: HttpRequest, sentence: str, hint: str = "") -> HttpResponse:
    return pages.door(request, Forbidden(sentence, hint), "/account/sign-in")


def sign_in(request: HttpRequest) -> HttpResponse:
    """allauth's, once somebody has an account; before that the way in is the link of `wk open`."""
    if not application().accounts.any_person():
        return _ask_in(request)
    return _sign_in(request)


_sign_in = of_allauth("allauth.account.views.login")
_passkey = of_allauth("allauth.mfa.webauthn.views.login_webauthn", passkey=True)


def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in by passkey. Asking for a challenge is limited too: each makes a session."""
    from allauth.core.internal import ratelimit

    limit = {"webauthn_login": "30/m/ip"}
    if ratelimit.consume(request, app="allauth.mfa", action="webauthn_login", config=limit, limit_get=True) is None:
        return too_many(request)
    return _passkey(request)


def set_password(request: HttpRequest) -> HttpResponse:
    """A first password, for who came by a link of his token; a second factor that he has is shown before."""
    user = request.user
    if user.is_authenticated and factors.has_factor(user.pk) and visits.now() >= factors.fresh_until(request):
        return pages.go(f"/account/again?{urlencode({'next': request.path})}")
    return _set_password(request)


_set_password = of_allauth("allauth.account.views.password_set", signed_in=True)


def too_many(request: HttpRequest) -> HttpResponse:
    """Too many requests of one address within a minute."""
    error = Forbidden(
        "Too many tries came from your address within a minute.", "The next one is taken in a minute at the latest."
    )
    answer = pages.door(request, error, settings.LOGIN_URL)
    answer.status_code = 429
    answer["Retry-After"] = "60"
    return answer


def again(request: HttpRequest) -> HttpResponse:
    """Show the second factor once more, then go on at ``next``; whoever has none is led to set one up."""
    if not request.user.is_authenticated:
        return _ask_in(request)
    wanted = signing_in.own(str(request.GET.get("next", "")))
    if not factors.has_factor(request.user.pk):
        request.session[LATER] = wanted
        return pages.go("/account/factor")
    from allauth.account.adapter import get_adapter

    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:
        return pages.told(request, Forbidden("You have passkeys only.", signing_in.passkey_refusal(request)))
    return pages.go(f"{methods[0]['url']}?{urlencode({'next': wanted})}")


# ---- the first account, and those who were invited ----------------------------------------------------------------------


@sensitive_post_parameters()
def first(request: HttpRequest) -> HttpResponse:
    """The first account, an admin: made by whoever came by the one-time link of this installation."""
    app = application()
    try:
        actor = pages.actor_of(request)
    except Forbidden as error:
        return pages.door(request, error)
    if actor.name != LOCAL.name or app.accounts.any_person():
        return pages.go("/account")

    def make(name: str, password: str) -> str:
        key = app.accounts.add(name, actor, [RoleOn("admin")]).key
        app.accounts.accept(key, signing_in.address_of(request))
        passwords.choose(name, password)
        return name

    return _password_page(request, "account/first.html", "", make)


@sensitive_post_parameters()
def invitation(request: HttpRequest) -> HttpResponse:
    """Choose a password by the key of an invitation. The key is used up by the form only, never by a look."""
    app, key = application(), str(request.POST.get("key") or request.GET.get("key") or "")[:200]
    try:
        account = app.accounts.invited(key)
    except WatchkeeperError as error:
        return pages.door(request, Forbidden(error.sentence, error.hint), settings.LOGIN_URL)

    def make(name: str, password: str) -> str:
        app.accounts.accept(key, signing_in.address_of(request))
        passwords.choose(account.name, password)
        return account.name

    return _password_page(request, "account/invitation.html", account.name, make, key=key)


def _password_page(
    request: HttpRequest, template: str, name: str, make: Callable[[str, str], str], **more: str
) -> HttpResponse:
    """A form with a password, twice; then its owner is signed in, and offered a second factor."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    named = name or str(request.POST.get("name", "")).strip()[:64]
    faults: dict[str, str] = {}
    if request.method == "POST":
        password = str(request.POST.get("password1", ""))
        try:
            passwords.check(named, password, str(request.POST.get("password2", "")))
            return _entered(request, make(named, password))
        except ValidationError as error:
            faults[error.code or "password1"] = " ".join(error.messages)
        except WatchkeeperError as error:
            faults["name"] = str(error)
    context = {"name": named, "faults": faults, **more}
    return pages.render(request, template, context, 422 if faults else 200)


def _entered(request: HttpRequest, name: str) -> HttpResponse:
    """Signed in by a password chosen just now; an account that has a second factor already must show it."""
    from django.contrib.auth import get_user_model

    if factors.has_factor(get_user_model().objects.get_by_natural_key(name).pk):
        return pages.go(settings.LOGIN_URL)
    visits.enter_as(request, name, password_given=True)
    return pages.go("/account/factor")
