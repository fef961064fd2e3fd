"""Why watchkeeper does not act by itself, each cause as one word with its short name for people."""

from __future__ import annotations

from typing import Final

CAUSES: Final = {
    "observe": "the file asks to observe only",
    "mode": "the file asks before it changes anything",
    "no_grant": "nobody has granted it",
    "revoked": "its grant was revoked",
    "expired": "its grant has expired",
    "changed": "its runbook was changed after the grant",
    "hosts": "its grant does not cover every host",
    "stale": "proven too long ago",
    "automation_off": "the kill switch is off",
    "acknowledged": "a person has acknowledged the incident",
    "window": "planned maintenance",
    "deploy_lock": "a deployment",
    "parent": "what it needs is failing as well",
    "budget": "its budget is used up",
    "quarantine": "set aside after two failed verifications",
    "crash_loop": "mended and failing again, over and over",
    "rate_limit": "somebody asked for patience (429)",
    "busy_host": "another run is changing the host",
    "placeholder": "a value is missing",
    "manual": "a step is for a person",
    "alternatives": "a person picks one of several ways",
    "approve": "the runbook asks for an approval",
    "destroy": "a step destroys, and the grant does not name that",
    "interrupted": "a step may have partly run",
    "unreachable": "the host cannot be reached",
    "no_runbook": "no runbook answers it",
    "tried": "every runbook was tried",
    "condition": "a condition cannot be judged",
    "captured": "a value is known only now",
    "invalid": "the runbook cannot be run",
}
"""Every cause with its short name for people."""

GRANTABLE: Final = frozenset(["mode", "no_grant", "revoked", "expired", "changed", "hosts", "stale"])
"""Causes that go away when a person grants (and the file asks for auto); every other one stands against acting itself."""
