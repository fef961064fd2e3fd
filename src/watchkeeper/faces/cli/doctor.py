"""`wk doctor`: is watchkeeper itself well."""

from __future__ import annotations

from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

EXAMPLES = """\
  wk doctor                    hosts, sudo, triggers, disk, channels
exit code: 1 while something is CRIT, else 0"""


def add_parser(commands: Any) -> None:
    """Parser of `wk doctor`."""
    verb(commands, "doctor", "Is watchkeeper itself well: hosts reachable, sudo, triggers, disk, channels.", EXAMPLES)


def run(arguments: Namespace) -> int:
    """Print every finding with its next step; 1 when one is CRIT."""
    answer = client_of(arguments).get("/doctor")
    findings = answer["doctor"]
    if arguments.json:
        render.show_json(answer)
    else:
        print(page(findings))
    return int(any(finding["state"] == "CRIT" for finding in findings))


def page(findings: list[dict[str, Any]]) -> str:
    """The worst first, then one closing sentence."""
    ordered = sorted(findings, key=lambda finding: render.STATE_ORDER.get(finding["state"], 2))
    rows = [(one["state"], one["name"], f"{one['sentence']} {one.get('next') or ''}".strip()) for one in ordered]
    bad = [one for one in ordered if one["state"] != "OK"]
    if not rows:
        return "The doctor looked at nothing. That is a fault of watchkeeper."
    closing = (
        f"{render.count(len(bad), 'finding')} of {len(rows)} {'needs' if len(bad) == 1 else 'need'} you."
        if bad
        else f"All {len(rows)} are well."
    )
    return render.table(rows, state_column=0) + "\n\n" + closing
