"""What the caller may do, and why not. Parse, ask the table, render."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from watchkeeper.bootstrap.main import application
from watchkeeper.core.access import RULES, Rule
from watchkeeper.faces.api.accounts import actor_json
from watchkeeper.faces.api.calling import actor_of
from watchkeeper.services.access import May

router = Router()


@router.get("/me/may")
def may(request: HttpRequest, service: str = "", allowed: bool | None = None) -> dict[str, Any]:
    """Every action with the verdict for who calls. service: there; else on what is the team's. allowed: only those that are."""
    app = application()
    reach = app.access.reach(actor_of(request), service)
    acts = [may_json(each) for each in reach.may if allowed is None or each.verdict.allowed == allowed]
    return {
        "may": {
            "actor": actor_json(reach.actor),
            "service": reach.service,
            "role": reach.role,
            "services": dict(reach.services),
            "left": app.limits.left(reach.actor),
            "acts": acts,
        }
    }


@router.get("/access")
def table(request: HttpRequest) -> dict[str, Any]:
    """The whole table: what each action needs of whom."""
    actor_of(request)
    return {"rules": [rule_json(action, rule) for action, rule in RULES.items()]}


def may_json(each: May) -> dict[str, Any]:
    """One action for one caller."""
    said = each.verdict
    return {
        "action": each.action, "words": each.rule.words, "allowed": said.allowed, "needs_factor": said.needs_factor,
        "reason": said.reason, "hint": said.hint, "ask": each.ask,
    }  # fmt: skip


def rule_json(action: str, rule: Rule) -> dict[str, Any]:
    """One line of the table."""
    return {
        "action": action, "words": rule.words, "role": rule.role, "scope": rule.scope, "who": sorted(rule.who),
        "about": rule.about, "factor": rule.factor, "lowers": rule.lowers, "own": rule.own,
    }  # fmt: skip
