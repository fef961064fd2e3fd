"""docs/reference/drills.md, made from the scenarios themselves. ``python tools/reference.py`` writes it."""

from __future__ import annotations

from watchkeeper.adapters.sample.breaks import SCENARIOS
from watchkeeper.adapters.sample.breaks.scenario import Expected, Scenario

HEAD = """# The drills

Made by `python tools/reference.py` from the scenarios. Do not edit it by hand.

`wk demo --drill all` starts the sample fleet, breaks it for real, one scenario after the other, and compares what
watchkeeper made of it with what is expected. At the end of each scenario an order is placed from outside, past watchkeeper:
a closed incident counts only when that order is confirmed. `wk demo --drill NAME` plays one (`a,b` plays two),
`wk demo --break NAME` only breaks, `wk demo --heal` puts everything right again.

The scenarios are played on several fleets at the same time (`--fleets N`), each with its own directory, ports and watch. A
scenario that this machine cannot play is *skipped*, with the reason. The exit code is 1 when one that was played did
not end as expected.
"""

CLOSED = """## Closed by a runbook

The incident is closed by the checks that opened it, after the fix. Nobody has to come.
"""

ESCALATED = """## Escalated to a person

No runbook can or may put it right. The page is delivered with the diagnosis. *Orders* says whether an order goes through
until a person has come.
"""

TAIL = """## What `--json` says

One object: `{"scenarios": [...]}`, one element per play.

| field | meaning |
|---|---|
| `scenario`, `expected` | its name; `closed` or `escalated` |
| `outcome` | the same word when it ended as expected; `skipped`; otherwise what was wrong |
| `detected_s`, `diagnosed_s`, `fix_started_s`, `verified_s`, `total_s` | seconds from the break, null where it did not happen |
| `incident`, `entry` | numbers of the incident and of its entry in the log, on the fleet it was played on |
| `evidence` | steps of its runs whose output was kept |
| `works` | whether an order from outside was confirmed at the end |
| `why` | why it was skipped, else empty |

`python bench/drills.py 20` plays each scenario 20 times and prints the false closures with the bound that so many plays
allow. *False closure* means: closed, although no order went through, or although it should have been escalated.
"""


def drills_page() -> str:
    """The whole page."""
    return "\n".join((HEAD, CLOSED, _table("closed"), ESCALATED, _table("escalated"), TAIL))


def _table(expected: Expected) -> str:
    orders = expected == "escalated"
    head = f"| scenario | what is broken |{' orders |' if orders else ''} what a person does next |"
    rows = [_row(each, orders) for each in SCENARIOS.values() if each.expected == expected]
    return "\n".join((head, "|---|---|---|---|" if orders else "|---|---|---|", *rows, ""))


def _row(scenario: Scenario, orders: bool) -> str:
    goes = f" {'yes' if scenario.works else 'no'} |" if orders else ""
    return f"| `{scenario.name}` | {scenario.say} |{goes} {scenario.next_step} |"
