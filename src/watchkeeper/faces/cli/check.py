"""`wk check`: ask now, from this process; needs neither a daemon nor a store."""

from __future__ import annotations

from watchkeeper.core.errors import Invalid, NotFound
from watchkeeper.core.times import utc_text
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import closest, verb
from watchkeeper.faces.cli.places import ops_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.core.checks.values import Judged
    from watchkeeper.core.inventory.values import Check, Inventory

EXAMPLES = """\
  wk check                     every check, once
  wk check shop                those of one service
  wk check shop/web            one
exit code: 0; 1 while one is CRIT; 6 when none could be asked
One reading is judged alone: 'for 2 of 3' needs the running watch."""


def add_parser(commands: Any) -> None:
    """Parser of `wk check`."""
    parser = verb(commands, "check", "Ask checks now: what was measured, beside its rule.", EXAMPLES)
    parser.add_argument("names", metavar="SERVICE[/CHECK]", nargs="*", help="which (default: all)")


def run(arguments: Namespace) -> int:
    """Ask, print, and say by the exit code how it is."""
    from pathlib import Path

    from watchkeeper.bootstrap.once import ask_now, load_ops

    ops = Path(ops_of(arguments))
    loaded, _ = load_ops(ops)
    if loaded.inventory is None:
        count = render.count(len(loaded.errors), "error")
        first = loaded.errors[0]
        raise Invalid(
            f"The ops repo has {count}, the first in {first.file}:{first.line}.", "'wk lint' shows all of them."
        )
    keys = chosen(loaded.inventory, arguments.names)
    judged = ask_now(ops, loaded.inventory, keys) if keys else []
    if arguments.json:
        render.show_json({"checks": [as_data(one) for one in judged]})
    else:
        print(page(judged, loaded.inventory))
    return exit_code(judged)


def chosen(inventory: Inventory, names: list[str]) -> list[str]:
    """The keys of the checks that these names mean: a service, ``service/check`` (on all hosts), or a whole key."""
    checks = inventory.checks
    if not names:
        return list(checks)
    keys: dict[str, None] = {}
    for name in names:
        found = [key for key, check in checks.items() if meant(name, key, check)]
        if not found and name not in inventory.services:
            known = [*inventory.services, *checks]
            guess = closest(name, known)
            hint = f"Did you mean '{guess}'?" if guess else f"There are: {', '.join(inventory.services) or 'none yet'}."
            raise NotFound(f"There is no service or check '{name}'.", hint)
        keys.update(dict.fromkeys(found))
    return list(keys)


def meant(name: str, key: str, check: Check) -> bool:
    """Whether `name` means this check."""
    return name in (key, check.service, f"{check.service}/{check.name}")


def as_data(judged: Judged) -> dict[str, Any]:
    """One asked check, in the words of the API."""
    reading = judged.reading
    return {
        "check": reading.check,
        "state": judged.verdict.state.value,
        "reason": judged.verdict.reason,
        "at": utc_text(reading.at),
        "latency_s": round(reading.latency_s, 6),
        "values": dict(reading.values),
        "error": reading.error,
    }


def page(judged: list[Judged], inventory: Inventory) -> str:
    """A table, the worst first, then one closing sentence."""
    if not judged:
        return "No check is defined yet, so nothing was asked. Add one to services/NAME.yaml."
    ordered = sorted(judged, key=lambda one: (-one.verdict.state.rank, one.reading.check))
    rows = [
        (one.verdict.state.value, one.reading.check, took(one), f"{one.verdict.reason}{rule(one, inventory)}")
        for one in ordered
    ]
    bad = [one for one in ordered if one.verdict.state.value != "OK"]
    asked = render.count(len(judged), "check")
    closing = f"{len(bad)} of {asked} {'is' if len(bad) == 1 else 'are'} not OK." if bad else render.all_ok(len(judged))
    return f"{render.table(rows, state_column=0)}\n\n{closing}"


def took(judged: Judged) -> str:
    """How long the answer took."""
    from watchkeeper.core.times import format_duration

    return format_duration(judged.reading.latency_s)


def rule(judged: Judged, inventory: Inventory) -> str:
    """The window that a single reading cannot fill, said so that nobody takes it for a settled state."""
    check = inventory.checks[judged.reading.check]
    for word, found in (("CRIT", check.crit), ("WARN", check.warn)):
        if found is not None and judged.verdict.state.value == word and found.hold_s:
            from watchkeeper.core.times import format_duration

            return f" (settles after {format_duration(found.hold_s)})"
        if found is not None and judged.verdict.state.value == word and found.window > 1:
            return f" (settles at {found.hits} of {found.window})"
    return ""


def exit_code(judged: list[Judged]) -> int:
    """1 while one is CRIT; 6 when there were checks and none could be asked; else 0."""
    states = {one.verdict.state.value for one in judged}
    if "CRIT" in states:
        return 1
    return 6 if states == {"UNKNOWN"} else 0
