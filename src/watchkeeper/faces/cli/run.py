"""`wk run`: a person starts a runbook. Shows every command, asks once, follows it to its end."""

from __future__ import annotations

import time

from watchkeeper.core.errors import Forbidden, Usage
from watchkeeper.faces.cli import plans, render
from watchkeeper.faces.cli.parsers import verb
from watchkeeper.faces.cli.places import client_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from watchkeeper.faces.cli.client import Client

EXAMPLES = """\
  wk run runbooks/web-down.md --service shop --dry-run    what would run, where
  wk run runbooks/web-down.md --service shop              asks once, then follows it
  wk run runbooks/purge.md --service shop --param age=24h
exit code: 0 proven, or nothing was changed; 1 not verified, failed, or it waits for a decision"""
LOOK_EVERY_S = 0.3
START_WITHIN_S = 15.0


def add_parser(commands: Any) -> None:
    """Parser of `wk run`."""
    parser = verb(commands, "run", "Run a runbook: shows every command, host and risk, asks once, proves.", EXAMPLES)
    parser.add_argument("runbook", metavar="RUNBOOK", help="path in the ops repo, as runbooks/web-down.md")
    parser.add_argument("--service", default="", metavar="S", help="for which service (its hosts and its proof)")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a value; may be repeated")
    parser.add_argument("--step", action="append", default=[], metavar="ID", help="only this step; may be repeated")
    parser.add_argument("--on", action="append", default=[], metavar="HOST", help="only on this host; may be repeated")
    parser.add_argument("--failed-of", type=int, metavar="N", help="only on the hosts where run N did not get through")
    parser.add_argument("--dry-run", action="store_true", help="only show what would run")
    parser.add_argument("--yes", action="store_true", help="do not ask (for what you have read before)")
    parser.add_argument("--no-wait", action="store_true", help="do not follow it")


def run(arguments: Namespace) -> int:
    """Plan, show, ask, start, follow."""
    request = {
        "runbook": arguments.runbook,
        "service": arguments.service,
        "params": parameters(arguments.param),
        **({"steps": arguments.step} if arguments.step else {}),
        **({"hosts": arguments.on} if arguments.on else {}),
        **({"failed_of": arguments.failed_of} if arguments.failed_of is not None else {}),
    }
    client = client_of(arguments)
    planned = client.post("/runs", {**request, "dry_run": True})["run"]
    if arguments.dry_run:
        render.show_json({"run": planned}) if arguments.json else print(plans.plan_text(planned))
        return 0
    refuse_missing(planned)
    if not arguments.yes:
        render.note(plans.plan_text({**planned, "blast_radius": None}))  # the question says what it touches
    ask = question(plans.planned_steps(planned), plans.touches_line(planned))
    if not render.confirm(ask, arguments.yes):
        raise Forbidden("Nothing was started: you did not say yes.")
    seen = {"digest": planned["plan"]["digest"], "pins": (planned.get("pins") or {}).get("digest", "")}
    started = client.post("/runs", {**request, "dry_run": False, **seen})["run"]
    final = started if arguments.no_wait else follow(client, started["id"], quiet=arguments.json)
    return finish(final, arguments)


def parameters(words: list[str]) -> dict[str, str]:
    """``["age=24h"]`` as a mapping. Raises `Usage`."""
    values = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise Usage(f"--param {word} is not NAME=VALUE.", "Example: --param age=24h")
        if name in values:
            raise Usage(f"--param {name} is given twice.", "Give each value once.")
        values[name] = value
    return values


def refuse_missing(planned: dict[str, Any]) -> None:
    """Unfilled placeholders never run: say all of them before asking. One of a menu may stay open."""
    needy = [step for step in plans.planned_steps(planned) if not step.get("alternatives") and not step.get("manual")]
    missing = sorted({name for step in needy for name in step.get("missing") or ()})
    if missing:
        words = " ".join(f"--param {name}=..." for name in missing)
        raise Usage(
            f"{planned['plan']['runbook']} needs a value for {', '.join(missing)}. Nothing was started.", f"Add {words}"
        )


def question(steps: list[dict[str, Any]], touches: str = "") -> str:
    """The one question: how many commands, which of them change, on which hosts, and what they touch."""
    back = sum(step["phase"] == "rollback" for step in steps)
    steps = [step for step in steps if step["phase"] != "rollback"] or steps
    hosts = sorted({step["host"] or "this host" for step in steps})
    risky = [step for step in steps if step["risk"] != "read"]
    destroys = sum(step["risk"] == "destroy" for step in steps)
    harm = (
        f"{len(risky)} of them {'changes' if len(risky) == 1 else 'change'} something"
        if risky
        else "all of them only read"
    )
    harm += f", {destroys} {'destroys' if destroys == 1 else 'destroy'}" if destroys else ""
    if back > 0:
        harm += f"; {render.count(back, 'more command')} only if it has to be undone"
    said = f"\n{touches}" if touches else ""
    return f"{said}\nRun these {render.count(len(steps), 'command')} on {', '.join(hosts)}? {harm.capitalize()}. [y/N]"


def follow(client: Client, number: int, quiet: bool = False) -> dict[str, Any]:
    """Show a run as it goes, until it ends or waits for somebody. Ctrl-C leaves it running."""
    shown: dict[int, Shown] = {}
    begun = time.monotonic()
    try:
        while True:
            current: dict[str, Any] = client.get(f"/runs/{number}")["run"]
            for step in [] if quiet else current.get("steps") or []:
                if step["state"] not in ("planned", "waits"):
                    shown.setdefault(step["index"], Shown(client, number)).update(step)
            if current["state"] in plans.ENDED or current["state"] == "parked":
                return current
            if client.local and current["state"] == "verifying":
                return current
            if current["state"] == "ready" and time.monotonic() - begun > START_WITHIN_S:
                return current
            time.sleep(LOOK_EVERY_S)
    except KeyboardInterrupt:
        stays = "is taken up again by 'wk up'" if client.local else "goes on"
        render.note(f"\nRun {number} {stays}. 'wk runs show {number}' shows it, 'wk runs cancel {number}' ends it.")
        raise


class Shown:
    """What was printed of one step: its head at first sight, then whole lines of output, then how it ended."""

    def __init__(self, client: Client, number: int) -> None:
        self._client = client
        self._number = number
        self._attempt: int | None = None
        self._offset = 0
        self._rest = b""
        self._over = False

    def update(self, step: dict[str, Any]) -> None:
        """Print what is new. A new attempt begins again."""
        if step.get("attempt", 0) != self._attempt:
            self._attempt, self._offset, self._rest, self._over = step.get("attempt", 0), 0, b"", False
            print(plans.step_head(step["plan"]), flush=True)
        if self._over:
            return
        ended = step["state"] != "running"
        if step.get("started_at"):
            self._output(step["index"], ended)
        if ended:
            print(f"  -> {plans.step_result(step)}", flush=True)
            self._over = True

    def _output(self, index: int, ended: bool) -> None:
        """Print the output from where we are; a line that is not whole yet waits for its end."""
        while True:
            path = f"/runs/{self._number}/steps/{index}/output?offset={self._offset}"
            headers, chunk = self._client.raw("GET", path)
            self._offset = int(headers.get("x-next-offset", self._offset + len(chunk)))
            lines, newline, rest = (self._rest + chunk).rpartition(b"\n")
            self._rest = rest
            if newline:
                print(render.block(lines.decode("utf-8", "replace")), flush=True)
            if not chunk or not ended:
                break
        if ended and self._rest:
            print(render.block(self._rest.decode("utf-8", "replace")), flush=True)


def finish(final: dict[str, Any], arguments: Namespace) -> int:
    """The last words and the exit code of a started run."""
    if arguments.json:
        render.show_json({"run": final})
    elif final["state"] in plans.ENDED:
        print(plans.ending(final))
    elif final["state"] == "parked":
        why = render.line(final.get("parked_why") or "it waits for a decision")
        print(f"Run {final['id']} waits: {why}")
        for one in final.get("approvals") or []:
            if not one.get("decided"):
                print(f"  wk runs approve {final['id']} --step {one['step']}")
    elif arguments.no_wait:
        print(f"Run {final['id']} is started. 'wk runs show {final['id']}' shows it.")
    elif final["state"] == "verifying":
        print(f"Run {final['id']} is not proven: the watch does not run. 'wk up' asks the checks.")
    else:
        print(f"Run {final['id']} is kept but nobody takes it up: the watch does not run. Start it with 'wk up'.")
    return 0 if arguments.no_wait or plans.ended_well(final) else 1
