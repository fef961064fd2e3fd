"""`wk demo`: the watch over a sample ops repo and its real little fleet, to look at, to break and to drill."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from watchkeeper.core.errors import NoAnswer, NotFound, Usage
from watchkeeper.faces.cli import render
from watchkeeper.faces.cli.parsers import verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any

    from watchkeeper.adapters.sample.places import Places
    from watchkeeper.faces.cli.drill import Played

DEFAULT_DIRECTORY = ".demo"
MOST_FLEETS = 9
EXAMPLES = """\
  wk demo                            start it, here; Ctrl-C ends it
  wk demo --break worker-down        in a second terminal, then look at the page
  wk demo --heal                     put right what no runbook can
  wk demo --drill all                play all scenarios, unattended, on several fleets
  wk demo --stop                     end it from another terminal

closed by a runbook:
  database-down, database-locked, worker-down, web-down, stuck-queue, disk-full, memory-limit, container-down
escalated to a person:
  recurring, bad-config, crash-loop, idle-workers, unknown-500, permission-denied, inodes, certificate,
  certificate-expired, rate-limited, host-down"""


def add_parser(commands: Any) -> None:
    """Parser of `wk demo`."""
    parser = verb(commands, "demo", "Start the watch on the sample fleet; break it, heal it, drill it.", EXAMPLES)
    parser.add_argument("--dir", default=DEFAULT_DIRECTORY, metavar="DIR", help="where it lives (default: .demo)")
    parser.add_argument(
        "--port", type=int, default=None, help="of the web page on loopback (default: 8600, or a free one)"
    )
    parser.add_argument("--no-browser-hint", action="store_true", help="do not print the one-time link to the page")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stop", action="store_true", help="end a demo that runs")
    which.add_argument("--break", dest="scenario", metavar="SCENARIO", help="break the fleet, for real")
    which.add_argument("--heal", action="store_true", help="put the fleet right")
    which.add_argument("--drill", nargs="?", const="all", metavar="SCENARIO", help="play these (a,b,c), or all")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="with --drill: play N times")
    parser.add_argument(
        "--fleets", type=int, default=None, metavar="N",
        help="with --drill: play on N fleets at the same time (default: by the cores, at most 3)",
    )  # fmt: skip


def run(arguments: Namespace) -> int:
    """Start, stop, break, heal or drill."""
    from watchkeeper.adapters.sample.places import Places

    places = Places.of(arguments.dir)
    if arguments.repeat < 1:
        raise Usage(f"--repeat {arguments.repeat} is not a number of times.", "Give 1 or more.")
    if arguments.fleets is not None and not 1 <= arguments.fleets <= MOST_FLEETS:
        raise Usage(f"--fleets {arguments.fleets} is not a number of fleets.", f"Give 1 to {MOST_FLEETS}.")
    if arguments.stop:
        return _stop(places, arguments.json)
    if arguments.scenario is not None:
        return _break(places, arguments.scenario, arguments.json)
    if arguments.heal:
        return _heal(places, arguments.json)
    if arguments.drill is not None:
        return _drill(places, arguments)
    return _foreground(places, arguments)


# ---- in the foreground -------------------------------------------------------------------------------------------


class Stopped(BaseException):
    """SIGTERM or SIGHUP came: leave through every `finally`."""


def _stop_on_signals() -> None:
    def stop(number: int, _frame: object) -> None:
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)


def _foreground(places: Places, arguments: Namespace) -> int:
    """Start both halves and stay until told to stop."""
    from watchkeeper.faces.cli import demo_watch

    with demo_watch.held(places):
        _stop_on_signals()
        try:
            demo_watch.start_fleet(places)
            process = demo_watch.start_watch(places, arguments.port)
            _greet(places, arguments)
            return _stay(places, process)
        except Stopped:
            render.note("Stopping the watch and the fleet.")
            return 0
        finally:
            _end(places)


def _stay(places: Places, process: subprocess.Popen[bytes]) -> int:
    while process.poll() is None:
        time.sleep(0.2)
    raise NoAnswer(f"The watch ended with exit code {process.returncode}.", f"Its log: {places.directory}/watch.log.")


def _end(*several: Places) -> None:
    """End watch and fleet of these demos, all at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    from watchkeeper.faces.cli import demo_watch

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with ThreadPoolExecutor(len(several)) as threads:
        list(threads.map(demo_watch.stop_both, several))


def _greet(places: Places, arguments: Namespace) -> None:
    from watchkeeper.faces.cli.demo_watch import client_of

    client = client_of(places)
    url = "" if arguments.no_browser_hint else str(client.post("/links")["link"]["url"])
    if arguments.json:
        facts = {"directory": str(places.directory), "ops": str(places.ops), "state": str(places.state), "url": url}
        render.show_json({"demo": facts | {"pid": os.getpid()}})
        sys.stdout.flush()
        return
    print(
        GREETING.format(url=url or "wk open makes a link to it", wk=_wk(), ops=_short(places.ops), dir=_dir(arguments))
    )
    sys.stdout.flush()


GREETING = """
The watch is on over the Harbour order desk: a shop, a worker, a database, a handbook, a nightly backup.

  The page:     {url}
  The ops repo: {ops}  (checks, runbooks; edit them while it runs)

The demo gave the responses that ask to act by themselves a standing grant, as actor "drill": {wk} --ops {ops} grant list

Try next, in a second terminal:
  {wk} demo{dir} --break worker-down     kill the worker, and look at the page
  {wk} --ops {ops} status
  {wk} --ops {ops} incidents
  {wk} demo{dir} --break bad-config      no restart helps here; then: {wk} demo{dir} --heal
  {wk} demo{dir} --drill all             all scenarios, unattended

Ctrl-C ends all of it."""


def _wk() -> str:
    return "./wk" if os.access("wk", os.X_OK) and not os.path.isdir("wk") else "wk"


def _dir(arguments: Namespace) -> str:
    return "" if arguments.dir == DEFAULT_DIRECTORY else f" --dir {arguments.dir}"


def _short(path: object) -> str:
    relative = os.path.relpath(str(path))
    return str(path) if relative.startswith("..") else relative


# ---- from another terminal ---------------------------------------------------------------------------------------


def _stop(places: Places, as_json: bool) -> int:
    from watchkeeper.faces.cli.demo_watch import stop_everything

    ended = [stop_everything(each) for each in (places, *places.siblings())]
    stopped = any(ended)
    if as_json:
        render.show_json({"demo": {"directory": str(places.directory), "stopped": stopped}})
    else:
        print(f"The demo in {places.directory} is stopped." if stopped else f"No demo runs in {places.directory}.")
    return 0


def _need_fleet(places: Places) -> None:
    from watchkeeper.adapters.sample.supervision import fleet_pids

    if not fleet_pids(places):
        raise NotFound(f"No demo runs in {places.directory}.", "Start it first: wk demo. Another place: --dir DIR.")


def _break(places: Places, name: str, as_json: bool) -> int:
    from watchkeeper.adapters.sample.breaks import scenario

    chosen = scenario(name)
    _need_fleet(places)
    if why := chosen.missing():
        raise NoAnswer(f"{name} cannot be played on this machine: {why.rstrip('.')}.", "Take another: wk demo --help.")
    at = chosen.break_it(places)
    if as_json:
        from watchkeeper.core.times import utc_text

        render.show_json({"break": {"scenario": name, "expected": chosen.expected, "at": utc_text(at)}})
        return 0
    print(f"Broken: {chosen.say}.")
    if chosen.expected == "closed":
        print("A runbook answers this. Look at the page, or: wk --ops", _short(places.ops), "incidents")
    else:
        print("No runbook can put this right, so a person is told. When you have seen enough: wk demo --heal")
    return 0


def _heal(places: Places, as_json: bool) -> int:
    from watchkeeper.adapters.sample.breaks import heal

    _need_fleet(places)
    heal(places)
    if as_json:
        render.show_json({"demo": {"directory": str(places.directory), "works": True}})
    else:
        print("The fleet is put right: an order goes through. Open incidents close when their checks have proven it.")
    return 0


# ---- the drill ---------------------------------------------------------------------------------------------------


def _drill(places: Places, arguments: Namespace) -> int:
    """On the demo that runs here; or else on demos of its own, which are ended when it is over."""
    from watchkeeper.adapters.sample.breaks import SCENARIOS, scenario
    from watchkeeper.faces.cli import demo_watch
    from watchkeeper.faces.cli.drill import Fleets
    from watchkeeper.faces.cli.drill.fleets import default_fleets

    wanted = SCENARIOS if arguments.drill == "all" else arguments.drill.split(",")
    names = [scenario(name).name for name in wanted]
    if demo_watch.holder(places) is not None:
        _need_fleet(places)
        return _show(Fleets([places]).play(names, arguments.repeat), arguments.json)
    count = arguments.fleets or default_fleets(len(names) * arguments.repeat)
    several = [places, *(places.sibling(number) for number in range(2, count + 1))]

    def start(each: Places) -> None:
        demo_watch.start_fleet(each)
        demo_watch.start_watch(each, arguments.port if each is places else 0)

    with contextlib.ExitStack() as stack:
        for each in several:
            stack.enter_context(demo_watch.held(each))
        _stop_on_signals()
        try:
            render.note(f"{len(names) * arguments.repeat} to play, on {count} fleet{'s' * (count > 1)}.")
            return _show(Fleets(several, start).play(names, arguments.repeat), arguments.json)
        except Stopped:
            render.note("The drill was stopped.")
            return 130
        finally:
            _end(*several)


def _show(results: Sequence[Played], as_json: bool) -> int:
    from watchkeeper.faces.cli import drill

    if as_json:
        render.show_json(drill.as_json(results))
    else:
        print(drill.show(results))
    return 0 if all(each.as_expected or each.skipped for each in results) else 1
