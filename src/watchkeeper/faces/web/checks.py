"""One check: how it is asked, its rule in words, its chart over any range, and every flip with what was measured."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.checks.kinds import KINDS
from watchkeeper.core.checks.values import Flip
from watchkeeper.core.conditions.quantities import show
from watchkeeper.core.errors import NotFound
from watchkeeper.core.inventory.values import Check, Rule
from watchkeeper.core.times import format_duration
from watchkeeper.faces.web import pages
from watchkeeper.faces.web.charts import ranges
from watchkeeper.faces.web.services import flapping

MOST_FLIPS = 50
EVER_S = 400 * 86_400.0


@pages.page
def one(request: HttpRequest, actor: Actor, name: str, check: str) -> HttpResponse:
    """One check. range: of its chart."""
    return pages.render(request, "check.html", _whole(application(), name, check, request) | {"actor": actor})


@pages.page
def chart(request: HttpRequest, actor: Actor, name: str, check: str) -> HttpResponse:
    """Its chart, for live views."""
    app = application()
    context = pages.shared(app) | _chart(app, _found(app, name, check), request)
    return pages.fragment(request, "parts/check_chart.html", context | {"version": context["chart_version"]})


@pages.act
def ask(request: HttpRequest, actor: Actor, name: str, check: str) -> HttpResponse:
    """POST: ask it now."""
    app = application()
    found = _found(app, name, check)
    app.ask([found.key])
    return pages.go(f"/services/{pages.quoted(name)}/checks/{pages.quoted(check)}")


def _found(app: Application, name: str, check: str) -> Check:
    found = app.holder.current.checks.get(f"{name}/{check}")
    if found is None:
        raise NotFound(f"There is no check {name}/{check} in the ops repo.", "All services are on /services.")
    return found


def _whole(app: Application, name: str, check: str, request: HttpRequest) -> dict[str, Any]:
    found = _found(app, name, check)
    base = pages.shared(app, "services")
    state = next(each for each in base["now"].services if each.service.name == name)
    settled = dict(state.checks).get(found.key)
    flips = app.series.flips(found.key, base["now_at"] - EVER_S, base["now_at"] + 60.0, MOST_FLIPS)
    incidents = [
        each for each in app.incidents.newest(limit=200) if any(held.check == found.key for held in each.checks)
    ]
    group = app.holder.current.checks.get(found.spoken_for)
    return base | _chart(app, found, request) | {
        "found": state, "settled": settled, "latest": base["now"].latest.get(found.key), "flapping": flapping(settled),
        "rules": rules_of(found), "asking": asking_of(found), "flips": [(each, measured_then(found, each)) for each in flips],
        "incidents": incidents[:10], "group": group,
        "responses": [each for each in state.service.respond if not each.to or found.name in each.to],
    }  # fmt: skip


def _chart(app: Application, check: Check, request: HttpRequest) -> dict[str, Any]:
    base = pages.shared(app)
    span = ranges.range_of(request.GET.get("range"))
    made = ranges.of_check(app, check, span, base["zone"], base["now_at"])
    return {
        "check": check, "chart": made, "span": span, "ranges": ranges.RANGES, "renew_s": ranges.renewed_s(check, span),
        "chart_version": pages.version_of(span.name, made.version if made else ""),
    }  # fmt: skip


def rules_of(check: Check) -> list[tuple[str, str, str]]:
    """(class, word, sentence) of each rule, the worst first, and what brings it back."""
    found = [
        (css, word, _sentence(rule))
        for css, word, rule in (
            ("crit", "Critical", check.crit),
            ("warn", "Warning", check.warn),
            ("ok", "OK", check.ok),
        )
        if rule is not None
    ]
    again = "1 good reading" if check.recover == 1 else f"{check.recover} good readings in a row"
    if check.recover_s:
        again += f" over {format_duration(check.recover_s)}"
    found.append(("", "Comes back", f"after {again}"))
    if check.flapping is not None:
        held = check.flapping
        falls = f"when it falls and rises {held.flips} times within {format_duration(held.within_s)}"
        found.append(("", "Flaps", f"{falls}; over after {format_duration(held.quiet_s)} of quiet"))
    return found


def _sentence(rule: Rule) -> str:
    """``status != 200, in 2 of 3 readings``."""
    if rule.hold_s:
        return f"{rule.text}, for {format_duration(rule.hold_s)} without a break"
    return rule.text if rule.window <= 1 else f"{rule.text} readings"


def asking_of(check: Check) -> str:
    """How, from where and how often it is asked."""
    place = "here, on the machine of the watch" if check.where == "here" else f"on {check.host}"
    often = f"every {format_duration(check.every_s)}, at most {format_duration(check.timeout_s)} each"
    return f"{check.probe.kind}, asked {place} {often}"


def measured_then(check: Check, flip: Flip) -> str:
    """What was measured when it flipped, each value in its unit."""
    kind = KINDS[check.probe.kind]
    said = []
    for name, value in flip.values.items():
        known = kind.values.get(name)
        said.append(f"{name} {show(value, known.quantity if known else 'any')}")
    return ", ".join(said[:6])
