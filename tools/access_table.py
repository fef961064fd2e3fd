"""Writes docs/reference/roles.md from the table of what one may do. A test fails while the page is older."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.core.access import ALL, PEOPLE, PERSON, RULES, Rule
from watchkeeper.core.actors import ROLES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "roles.md"
HEAD = """\
# Roles and actions

Made from the code (`core/access.py`) by `python tools/access_table.py`. What it means for a team:
[who may do what](../how-to/who-may-do-what.md). `wk whoami` says it for you, `GET /api/v1/access` gives this table as JSON.

One may do something when all of these hold: a role that is high enough where it is asked for, the right kind of actor, a
token whose scope and services reach that far, and, where it says so, a second factor shown in the last 15 minutes. Each role
may do what the one before may: {roles}.

Where the role is asked for: on *the service* that it is about (of a run also whatever runs on each other host it acts on); on
*everything*, for what is the team's; on *any* service, for what everybody does for himself and for what only takes away.
"""
COLUMNS = "| action | one may | asked for on | who | token | second factor |"
WHERE = {"service": "the service", "team": "everything", "any": "any"}


def page() -> str:
    """The whole page."""
    lines = [HEAD.format(roles=", ".join(ROLES))]
    for role in ROLES:
        rules = {action: rule for action, rule in RULES.items() if rule.role == role}
        lines += [f"## {role}", "", COLUMNS, "|---|---|---|---|---|---|"]
        lines += [_line(action, rule) for action, rule in rules.items()]
        lines.append("")
    return "\n".join(lines)


def _line(action: str, rule: Rule) -> str:
    words = rule.words + (" (only takes away)" if rule.lowers else "") + (" (your own)" if rule.own else "")
    return (
        f"| `{action}` | {words} | {WHERE[rule.about]} | {_who(rule)} | {rule.scope} | {'yes' if rule.factor else ''} |"
    )


def _who(rule: Rule) -> str:
    named = {ALL: "people, agents", PEOPLE: "people", PERSON: "people, not the drill"}
    return named.get(rule.who, ", ".join(sorted(rule.who)))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
