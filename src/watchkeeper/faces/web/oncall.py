"""On call: who has the watch now and in the next two weeks, what is on its way up, and overrides as a form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Forbidden, Usage
from watchkeeper.core.escalations import Ladder, Policy
from watchkeeper.core.incidents.values import Incident
from watchkeeper.core.oncall.coverage import Gap
from watchkeeper.core.oncall.values import Override, Shift
from watchkeeper.core.times import format_duration, parse_duration
from watchkeeper.faces.web import marks, pages
from watchkeeper.services.oncall import OnCallNow

REASONS = {"holiday": "covers a holiday", "override": "override"}


@dataclass(frozen=True, slots=True)
class Board:
    """One schedule: now, and its shifts of the next 14 days."""

    now: OnCallNow
    shifts: tuple[Shift, ...]
    gaps: tuple[Gap, ...]
    zone: tzinfo

    @property
    def rows(self) -> list[tuple[Shift, str, str, str]]:
        """(shift, class of its rule, its day, why it is not the rotation's). The rule is lit where a policy asks in vain."""
        return [
            (each, "crit" if self._asked(each) else "", _day(each.since, self.zone), REASONS.get(each.reason, ""))
            for each in self.shifts
        ]

    def _asked(self, shift: Shift) -> bool:
        mine = (gap for gap in self.gaps if gap.schedule == shift.schedule)
        return not shift.person and any(gap.since < shift.until and gap.until > shift.since for gap in mine)


@dataclass(frozen=True, slots=True)
class Climb:
    """One incident on its way through its policy."""

    incident: Incident
    ladder: Ladder
    policy: Policy | None

    @property
    def next_step(self) -> str:
        """Which step comes next and whom it tells; "" after the last."""
        if self.policy is None or self.ladder.step >= self.policy.length:
            return ""
        targets = ", ".join(str(each) for each in self.policy.step(self.ladder.step).targets)
        return f"{self.policy.words(self.ladder.step)}: {targets}"


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    service = app.oncall
    zone = pages.zone_of(app)
    gaps = tuple(service.gaps())
    made = (*service.file_overrides(), *service.overrides())
    context = {
        "boards": [Board(each, tuple(service.shifts(each.schedule.name)), gaps, zone) for each in service.now()],
        "sentence": service.sentence(),
        "warnings": service.warnings(),
        "overrides": [(each, _day(each.since, zone)) for each in made],
        "climbs": [Climb(*each) for each in app.escalations.standing()],
        "policies": [(each, _steps(each)) for each in app.holder.current.team.telling.policies.values()],
        "people": [name for name, each in app.holder.current.team.telling.people.items() if each.channels],
    }
    return pages.render(request, "oncall.html", pages.shared(app, "oncall") | context)


def _day(at: float, zone: tzinfo) -> str:
    """``Mon 23``, short enough for the margin."""
    moment = marks.local(at, zone)
    return f"{moment:%a} {moment.day}"


def _steps(policy: Policy) -> list[tuple[str, str, bool]]:
    """(after how long, who, only in business hours) of each step."""
    return [
        (format_duration(each.after_s) if each.after_s else "at once", ", ".join(map(str, each.targets)), each.business)
        for each in policy.steps
    ]


def overrides(request: HttpRequest) -> HttpResponse:
    """POST: make one."""
    return make(request) if request.method == "POST" else HttpResponseNotAllowed(["POST"])


@pages.act
def make(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST schedule, person, since ("" is now), lasts and why."""
    lasts_s = parse_duration(request.POST.get("lasts", ""))
    if not lasts_s:
        raise Usage(f"{request.POST.get('lasts', '')[:20]!r} is no length.", "Write 8h, 2d or 1h30m.")
    _made(application(), request, actor, lasts_s)
    return pages.go("/oncall#overrides")


def _made(app: Application, request: HttpRequest, actor: Actor, lasts_s: float) -> Override:
    return app.oncall.override(
        actor, request.POST.get("schedule", ""), request.POST.get("person", ""), request.POST.get("since", "")[:40],
        lasts_s=lasts_s, why=request.POST.get("why", "")[:200],
    )  # fmt: skip


@pages.act
def remove(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: take one back."""
    application().oncall.remove(actor, number)
    return pages.go("/oncall#overrides")


def calendar(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """A calendar file for whoever holds the key, such as a calendar program. ``all`` is every schedule."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    app = application()
    try:
        app.keys.subject_of("calendar", key)
    except Forbidden as error:
        return HttpResponse(f"{error}\n", status=403, content_type="text/plain; charset=utf-8")
    known = app.holder.current.team.telling.schedules
    if name != "all" and name not in known:
        return HttpResponse("There is no such schedule.\n", status=404, content_type="text/plain; charset=utf-8")
    answer = HttpResponse(
        app.oncall.calendar("" if name == "all" else name), content_type="text/calendar; charset=utf-8"
    )
    answer["Referrer-Policy"] = "no-referrer"
    return answer
