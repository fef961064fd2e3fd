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
  wk doctor                    hosts, sudo, clocks, spools, log, disk, channels, page, versions
  wk doctor --send-test        a test message on every channel, and how each ended
  wk doctor --send-test duty   on one channel
exit code: 1 while something is CRIT or a channel did not take the test message, else 0"""
PATIENCE_S = 200.0  # every channel in turn, each up to its own timeout


def add_parser(commands: Any) -> None:
    """Parser of `wk doctor`."""
    about = "Is watchkeeper itself well: hosts, sudo, clocks, spools, log, disk, channels, page, versions."
    parser = verb(commands, "doctor", about, EXAMPLES)
    parser.add_argument(
        "--send-test",
        nargs="?",
        const="",
        metavar="CHANNEL",
        help="send a clearly marked test message through the outbox to this channel, or to all",
    )


def run(arguments: Namespace) -> int:
    """Print every finding with its next step; 1 when one is CRIT."""
    if arguments.send_test is not None:
        return send_test(arguments)
    answer = client_of(arguments).get("/doctor")
    findings = answer["doctor"]
    if arguments.json:
        render.show_json(answer)
    else:
        print(page(findings))
    return int(any(finding["state"] == "CRIT" for finding in findings))


def send_test(arguments: Namespace) -> int:
    """Print how the test message ended on each channel; 1 when one did not take it."""
    client = client_of(arguments, timeout_s=PATIENCE_S)
    answer = client.post("/doctor/channels", {"channel": arguments.send_test})
    if arguments.json:
        render.show_json(answer)
    else:
        for each in answer["tests"]:
            print(f"{each['sentence']} ({each['duration_s']:.1f} s)")
        if any(each["ok"] is False for each in answer["tests"]):
            print("Mend the channel in watchkeeper.yaml, then send another: wk doctor --send-test")
    return int(not all(each["ok"] for each in answer["tests"]))


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
