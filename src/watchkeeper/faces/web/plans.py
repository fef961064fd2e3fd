"""Before anything runs: the plan of a runbook as it would be sent, starting exactly that, and granting it for longer.

A form is bound to the hash of the plan it shows. What has changed since is not started: both texts are shown instead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.access import assert_allowed, verdict_on
from watchkeeper.core.actors import Actor
from watchkeeper.core.approvals import pins_digest
from watchkeeper.core.errors import NotFound, Usage
from watchkeeper.core.inventory.values import Response
from watchkeeper.core.runs.blast_radius import line
from watchkeeper.core.runs.modes import DEFAULT_GRANT_DAYS
from watchkeeper.core.runs.values import Grant, Run, RunStep
from watchkeeper.faces.web import pages
from watchkeeper.services.access import on_plan, on_response

PARAM = "param."
MOST_VALUE, MOST_VALUES = 4096, 60
_KEPT, LONGEST = 200, 20_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to run. only: ids of steps, hosts: names; empty means all."""

    runbook: str
    service: str
    params: Mapping[str, str]
    only: tuple[str, ...]
    hosts: tuple[str, ...]

    @property
    def query(self) -> str:
        """The same as an address."""
        pairs = [("service", self.service)] if self.service else []
        pairs += [(PARAM + name, value) for name, value in self.params.items()]
        pairs += [("only", each) for each in self.only] + [("on", each) for each in self.hosts]
        return urlencode(pairs)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The same as hidden fields of a form."""
        found = [("service", self.service), *((PARAM + name, value) for name, value in self.params.items())]
        return [*found, *(("only", each) for each in self.only), *(("on", each) for each in self.hosts)]


def wish_of(name: str, asked: QueryDict) -> Wish:
    """The wish that an address or a form carries; an empty value is none."""
    given = {
        key[len(PARAM) :]: str(value)[:MOST_VALUE]
        for key, value in list(asked.items())[:MOST_VALUES]
        if key.startswith(PARAM) and str(value)
    }
    only = tuple(each[:200] for each in asked.getlist("only")[:MOST_VALUES] if each)
    hosts = tuple(each[:200] for each in asked.getlist("on")[:MOST_VALUES] if each)
    return Wish(name, asked.get("service", "")[:200], given, only, hosts)


class _Shown:
    """The newest plans that were shown, to say what changed; without it a changed plan is refused all the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, str] = OrderedDict()

    def keep(self, digest: str, text: str) -> None:
        with self._lock:
            self._kept[digest] = text[:LONGEST]
            self._kept.move_to_end(digest)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def get(self, digest: str) -> str:
        with self._lock:
            return self._kept.get(digest, "")


_shown = _Shown()


@pages.page
def plan(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """The dry run: nothing is sent, nothing stored."""
    app, wish = application(), wish_of(name, request.GET)
    return pages.render(request, "plan.html", _whole(app, wish, actor))


def _whole(app: Application, wish: Wish, actor: Actor) -> dict[str, Any]:
    file, runbook, services = app.runbooks.get(wish.runbook)
    drawn = app.runs.plan(file.path, wish.service, wish.params, wish.only, actor, wish.hosts)
    bound = bound_of(drawn)
    _shown.keep(bound, text_of(drawn))
    forward = [step for step in drawn.steps if step.plan.phase != "rollback"] or list(drawn.steps)
    said = verdict_on(actor, "runs.start", on_plan(app.holder.current, drawn.plan))
    needed = sorted({name for step in drawn.steps for name in step.plan.missing if not step.plan.alternatives})
    return pages.shared(app, "runbooks") | {
        "actor": actor, "file": file, "runbook": runbook, "wish": wish, "run": drawn, "bound": bound,
        "steps": forward, "back": [step for step in drawn.steps if step not in forward],
        "hosts": sorted({step.plan.host for step in drawn.steps}), "touches": line(drawn.blast_radius),
        "needed": needed, "services": services_of(app, services), "values": values_of(drawn),
        "destroys": destroyed_hosts(drawn), "said": said, "changing": sum(s.plan.risk != "read" for s in forward),
        "pins": drawn.pins, "length": sum(len(step.plan.text.encode()) for step in drawn.steps),
    }  # fmt: skip


def services_of(app: Application, first: tuple[str, ...]) -> list[str]:
    """Those that answer with it first, then all others."""
    return [*first, *sorted(name for name in app.holder.current.services if name not in first)]


def values_of(run: Run) -> list[tuple[str, str]]:
    """Every value that is filled in, by name."""
    found: dict[str, str] = {}
    for step in run.steps:
        found.update(step.plan.environment)
    return sorted((found | dict(run.plan.values)).items())


def destroyed_hosts(run: Run) -> list[str]:
    """Hosts on which a step of it destroys something, sorted; typed before it starts."""
    return sorted(
        {step.plan.host for step in run.steps if step.plan.risk == "destroy" and step.plan.phase != "rollback"}
    )


def bound_of(run: Run) -> str:
    """What a form is bound to: the plan, where its hosts are, what its script files hold."""
    return f"{run.plan.digest}.{pins_digest(run.pins) if run.pins else ''}"


def text_of(run: Run) -> str:
    """A plan as text: every command with its host, and what is held fast besides."""
    return "\n".join([*(_step_text(step) for step in run.steps), *_pinned(run)])


def _step_text(step: RunStep) -> str:
    values = "".join(f"\n    {name}={value}" for name, value in sorted(step.plan.environment.items()))
    return f"{step.index + 1}. {step.plan.host} ({step.plan.risk}) $ {step.plan.text.strip()}{values}"


def _pinned(run: Run) -> list[str]:
    if run.pins is None:
        return []
    places = [f"{name} is {place}" for name, place in sorted(run.pins.places.items())]
    return [*places, *(f"{each.host}: {each.path} {each.digest[:12] or each.note}" for each in run.pins.scripts)]


@pages.act
def start(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST the fields of the plan, bound, and the typed hosts where something is destroyed."""
    app, wish = application(), wish_of(name, request.POST)
    bound = request.POST.get("bound", "")[:200]
    file, _, _ = app.runbooks.get(wish.runbook)
    drawn = app.runs.plan(file.path, wish.service, wish.params, wish.only, actor, wish.hosts)
    assert_allowed(actor, "runs.start", *on_plan(app.holder.current, drawn.plan))
    if not bound:
        raise Usage("The form does not say which plan was seen. Nothing was started.", "Look at the plan first.")
    if bound != bound_of(drawn):
        return _changed(request, app, wish, _shown.get(bound), text_of(drawn))
    missing = sorted(
        {n for step in drawn.steps if not step.plan.alternatives and not step.plan.manual for n in step.plan.missing}
    )
    if missing:
        raise Usage(
            f"{file.path} needs a value for {', '.join(missing)}. Nothing was started.",
            "Fill it in on the page of the plan.",
        )
    typed, wanted = request.POST.get("host", "").split(), destroyed_hosts(drawn)
    if wanted and sorted(typed) != wanted:
        raise Usage(
            f"This destroys on {', '.join(wanted)}, and the name was not typed. Nothing was started.",
            f"Go back and type {' '.join(wanted)}.",
        )
    pins = pins_digest(drawn.pins) if drawn.pins else ""
    run = app.runs.start(
        file.path, wish.service, wish.params, wish.only, actor, drawn.plan.digest, pins, hosts=wish.hosts
    )
    return pages.go(f"/runs/{run.id}")


def _changed(request: HttpRequest, app: Application, wish: Wish, then: str, now: str) -> HttpResponse:
    """409: nothing was started, and what was seen stands beside what it would be now."""
    context = pages.shared(app, "runbooks") | {"wish": wish, "then": then, "would": now}
    return pages.render(request, "plan_changed.html", context, 409)


# ---- grants --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant and how it stands now, in words. holds: it is in force for the runbook as it is."""

    grant: Grant
    words: str
    holds: bool


def granted(app: Application, now: float, response: str = "") -> list[Granted]:
    """The grants of one response, or all of them, newest first."""
    return [_granted(app, each, now) for each in app.grants.newest() if response in ("", each.response)]


def _granted(app: Application, grant: Grant, now: float) -> Granted:
    file = app.holder.current.runbooks.get(grant.response.partition("/")[2])
    if grant.revoked_at is not None:
        return Granted(grant, f"revoked by {grant.revoked_by}", False)
    if grant.expires_at <= now:
        return Granted(grant, "run out", False)
    if file is None or file.digest != grant.runbook_digest:
        return Granted(grant, "void: the runbook has changed since", False)
    return Granted(grant, "in force", True)


def grant(request: HttpRequest, name: str) -> HttpResponse:
    """GET: what would be granted; POST: grant it."""
    return give(request, name) if request.method == "POST" else ask(request, name)


@pages.page
def ask(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """What would act by itself, where, and for how long. response: which one."""
    app = application()
    wanted = request.GET.get("response", "")[:300]
    response = _response(app, name, wanted)
    file, runbook, _ = app.runbooks.get(name)
    drawn = app.runs.plan(file.path, response.service, response.params, (), actor)
    _shown.keep(bound_of(drawn), text_of(drawn))
    base = pages.shared(app, "runbooks")
    context = {
        "actor": actor, "file": file, "runbook": runbook, "response": response, "run": drawn, "bound": bound_of(drawn),
        "hosts": sorted({step.plan.host for step in drawn.steps}), "touches": line(drawn.blast_radius),
        "days": int(DEFAULT_GRANT_DAYS), "destroying": [step for step in drawn.steps if step.plan.risk == "destroy"],
        "said": verdict_on(actor, "grants.add", on_response(app.holder.current, response.name)),
        "grants": granted(app, base["now_at"], response.name),
    }  # fmt: skip
    return pages.render(request, "grant.html", base | context)


@pages.act
def give(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    """POST response, days, bound, and destroy where that is meant."""
    app = application()
    response = _response(app, name, request.POST.get("response", "")[:300])
    assert_allowed(actor, "grants.add", *on_response(app.holder.current, response.name))
    drawn = app.runs.plan(response.runbook, response.service, response.params, (), actor)
    bound, days = request.POST.get("bound", "")[:200], request.POST.get("days", "")
    if bound != bound_of(drawn):
        return _changed(
            request, app, Wish(name, response.service, response.params, (), ()), _shown.get(bound), text_of(drawn)
        )
    if not days.isdigit() or len(days) > 3:
        raise Usage(f"'{days[:20]}' is no number of days.", "A grant lasts between 1 and 366 days.")
    app.grants.add(response.name, actor, float(days), request.POST.get("destroy") == "1")
    return pages.go(f"/runbooks/{pages.path_quoted(name)}#grants")


@pages.act
def revoke(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: take a grant back."""
    found = application().grants.revoke(number, actor)
    return pages.go(f"/runbooks/{pages.path_quoted(found.response.partition('/')[2])}#grants")


def _response(app: Application, runbook: str, wanted: str) -> Response:
    found = [each for service in app.holder.current.services.values() for each in service.respond]
    for each in found:
        if each.name == wanted and each.runbook == app.runbooks.get(runbook)[0].path:
            return each
    raise NotFound(f"No response {wanted} answers with {runbook}.", "Open the runbook: it lists its responses.")
