"""Windows and silences: what is muted now, what comes next, what was; and the forms to begin and to end one."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.recurrence import Plan, local_time
from watchkeeper.core.times import parse_duration
from watchkeeper.core.windows import Item, Kind, Window, covered_checks, scope_words
from watchkeeper.faces.web import marks, pages
from watchkeeper.services.windows.acts import Wish
from watchkeeper.services.windows.carrying_out import scope_of


@dataclass(frozen=True, slots=True)
class Row:
    """One window or silence as the page shows it. day: of its beginning. items: lines of its checklists, from 1."""

    window: Window
    scope: str
    day: str
    items: tuple[tuple[int, Item], ...]
    watch_until: float | None

    @property
    def open(self) -> bool:
        """Whether something can still be done about its checklists."""
        return self.window.ended_at is None or self.watch_until is not None

    @property
    def name(self) -> str:
        """``Window 3``."""
        return f"{self.window.kind.capitalize()} {self.window.id}"


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One that recurs. number: of one made by command, which a form can end; None for one in a file."""

    plan: Plan
    scope: str
    following: float | None
    number: int | None


@pages.page
def whole(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The page."""
    app = application()
    base = pages.shared(app, "windows")
    board = app.windows.board(limit=30)
    context = {
        "holding": [_row(each, base) for each in board.now],
        "next": [_row(each, base) for each in board.next],
        "past": [_row(each, base) for each in board.past],
        "plans": [_plan(plan, following[0] if following else None) for plan, following in board.plans],
        "wanted": request.GET.get("cover", "")[:200],
    }
    return pages.render(request, "windows.html", base | context)


def _row(window: Window, base: dict[str, object]) -> Row:
    zone = base["zone"]
    moment = marks.local(window.starts_at, zone)  # type: ignore[arg-type]
    watching = window.ended_at is not None and window.watched_at is None and window.begun_at is not None
    until = (window.ended_at or 0.0) + window.watch_s if watching else None
    return Row(
        window, scope_of(window), f"{moment:%a} {moment.day} {moment:%b}", tuple(enumerate(window.items, 1)), until
    )


def _plan(plan: Plan, following: float | None) -> PlanRow:
    number = int(plan.key[5:]) if plan.key.startswith("plan:") else None
    return PlanRow(plan, scope_words(plan.targets), following, number)


# ---- what people do --------------------------------------------------------------------------------------------------------


def index(request: HttpRequest) -> HttpResponse:
    """GET: the page; POST: begin or plan one."""
    return add(request) if request.method == "POST" else whole(request)


@pages.act
def add(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST kind, targets, lasts, why; starts and until_green where given."""
    app, form = application(), request.POST
    kind = form.get("kind", "")
    if kind not in ("window", "silence"):
        raise Usage("The form does not say whether it is a window or a silence.", "Use the form of this page.")
    zone = app.holder.current.team.timezone
    starts = form.get("starts", "").strip()[:40]
    lines = (form.get("before", "")[:2000]).splitlines()
    wish = Wish(
        _kind(kind), tuple(form.get("targets", "")[:2000].split()), form.get("why", "")[:300],
        local_time(starts, zone) if starts else None, None, _length(form.get("lasts", "")), form.get("until_green") == "1",
        before=tuple(each for each in lines if each.strip()),
    )  # fmt: skip
    made = app.windows.add(wish, actor)
    return pages.go(f"/windows#w{made.id}")


def _kind(text: str) -> Kind:
    return "silence" if text == "silence" else "window"


def _length(text: str) -> float | None:
    """Seconds of the length field; None when it is empty, which the service refuses with its own sentence."""
    found = parse_duration(text[:40]) if text.strip() else None
    if text.strip() and found is None:
        raise Usage(f"'{text[:20]}' is no length.", "Write 30m, 2h or 1h30m.")
    return found


@pages.act
def end(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST, with a reason if there is one."""
    application().windows.end(number, actor, request.POST.get("why", "")[:300])
    return pages.go("/windows")


@pages.act
def extend(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST lasts: so much longer."""
    application().windows.extend(number, actor, _length(request.POST.get("lasts", "")))
    return pages.go(f"/windows#w{number}")


@pages.act
def tick(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST position and done."""
    position = request.POST.get("position", "")
    application().windows.tick(
        number, actor, int(position) if position.isdigit() else 0, request.POST.get("done") == "1"
    )
    return pages.go(f"/windows#w{number}")


@pages.act
def check(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: ask the checks of its checklist now."""
    application().windows.look(number, actor)
    return pages.go(f"/windows#w{number}")


@pages.act
def end_plan(request: HttpRequest, actor: Actor, number: int) -> HttpResponse:
    """POST: a recurring one takes place no more."""
    application().windows.end_plan(number, actor)
    return pages.go("/windows#recurring")


def until_of(app: Application, holding: tuple[Window, ...]) -> dict[str, float]:
    """Until when each service is under maintenance as a whole, by name; for the rows of the bridge."""
    inventory = app.holder.current
    found: dict[str, float] = {}
    for window in holding:
        covered = set(covered_checks(window.targets, inventory)) if window.kind == "window" else set()
        for name, service in inventory.services.items() if covered else ():
            if service.checks and all(check.key in covered for check in service.checks):
                found[name] = max(found.get(name, 0.0), window.ends_at)
    return found
