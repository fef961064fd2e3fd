"""What is set aside and the figures of a month, as parts of the page about automation; and the form that releases."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from watchkeeper.bootstrap.main import Application, application
from watchkeeper.core.actors import Actor
from watchkeeper.core.errors import Usage
from watchkeeper.core.runs.automation_month import Month
from watchkeeper.faces.web import pages


def context(app: Application, month: str) -> dict[str, Any]:
    """What the page shows of it. month: as 2026-10, "" for the one under way; what is no month is shown as that one."""
    try:
        made = app.automation_months.make(month)
    except Usage:
        made = app.automation_months.make("")
    return {"aside": app.quarantines.listed(), "month": made, "figures": figures(made)}


def figures(made: Month) -> list[tuple[str, str]]:
    """(label, value) of a month."""
    return [
        ("Incidents", f"{made.incidents} opened, {made.closed} of them closed"),
        ("Auto-fix", f"{made.auto_fixed}{share(made.auto_fix_share)} fixed and proven, nobody had a hand in it"),
        ("With people", f"{made.person_fixed} fixed and proven with a person, {made.unproven} closed as unproven"),
        ("By themselves", f"{made.recovered} recovered without a fix"),
        ("Escalation", f"{made.escalated}{share(made.escalation_share)}"),
        ("False closure", f"{made.false_closures} of {made.proofs} proofs{share(made.false_closure_share)} did not hold"),
        ("Recurrence", f"{made.recurred}{share(made.recurrence_share)} came back"),
        ("Saved", f"{made.saved_minutes:.0f} min, known for {made.compared} of {made.auto_fixed} auto-fixes"),
    ]  # fmt: skip


def share(value: float | None) -> str:
    """`` (12 %)``; "" where there is nothing to divide by."""
    return "" if value is None else f" ({value * 100:.0f} %)"


@pages.act
def release(request: HttpRequest, actor: Actor) -> HttpResponse:
    """POST response, and a reason."""
    application().quarantines.release(
        request.POST.get("response", "")[:300], actor, request.POST.get("reason", "")[:500]
    )
    return pages.go("/automation#aside")
