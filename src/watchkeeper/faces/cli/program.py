"""The command line: `watchkeeper`, short `wk`.

Only the module of the verb in use is imported, and nothing heavy at the top: a thin client has to answer at once.
Every failure leaves as one sentence on standard error and one exit code of `EXIT_CODES`; a fault of our own also
leaves a trace in a file.
"""

from __future__ import annotations

import os
import sys

from watchkeeper import __version__
from watchkeeper.core.errors import Usage, WatchkeeperError
from watchkeeper.faces.cli.parsers import Parser, closest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

EXIT_CODES = {
    "problem": 1,
    "usage": 2,
    "invalid": 2,
    "forbidden": 3,
    "second_factor": 3,
    "too_many": 3,
    "not_found": 4,
    "locked": 5,
    "outcast": 5,
    "no_answer": 6,
    "store_away": 6,
}
"""Exit code by kind of failure; 0 is fine, 130 is interrupted."""
INTERRUPTED = 130
BROKEN_PIPE = 141

VERBS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Look": (
        ("status", "status", "what is wrong now, and what waits for you"),
        ("check", "check", "ask checks now, without the watch"),
        ("availability", "availability", "up, degraded, down, maintenance, unknown"),
        ("incidents", "incidents", "list, show, acknowledge, escalate, close, note"),
        ("runs", "runs", "list, show, approve, deny, cancel, resume"),
        ("notifications", "notifications", "who was told what, and what nobody has taken yet"),
        ("changes", "changes", "what changed: files, packages, deployments, reboots"),
        ("report", "report", "a month: availability, response times, automation"),
        ("expiries", "expiries", "what runs out: certificates, secrets, disks, grants"),
        ("tasks", "tasks", "what is to be done: follow-ups of entries, incidents, shifts"),
        ("search", "search", "runbooks, documents, services, hosts, the log: where words stand"),
        ("doctor", "doctor", "is watchkeeper itself well"),
        ("whoami", "whoami", "who you are here, what you may do, whom to ask"),
        ("open", "open", "a one-time link to the web page"),
    ),
    "Act": (
        ("run", "run", "run a runbook: shows every command, asks once, proves"),
        ("runbook", "runbook", "list runbooks, show how one is understood"),
        ("grant", "grant", "let a response act by itself: add, list, revoke"),
        ("automation", "automation", "the kill switch, the report, what is set aside"),
        ("locks", "locks", "who holds what: list, take, release"),
        ("oncall", "oncall", "who is on call: show, list, override, swap, who, export"),
        ("window", "windows", "planned maintenance: list, start, add, end, extend, check"),
        ("silence", "silences", "mute alerts for a while: list, add, end, extend"),
        ("change", "change", "tell of a deployment: add"),
        ("ping", "ping", "tell a heartbeat check how a job goes, or run the job"),
        ("statuspage", "status_page", "the public page: show, list, post, publish, withdraw"),
        ("shift", "shift", "begin a shift, report in it, hand it over"),
        ("task", "task", "one task: add, done, drop, assign, due, check, log"),
        ("log", "log", "the operations log: list, show, add, export, verify"),
    ),
    "Set up": (
        ("init", "init", "make an ops repo"),
        ("lint", "lint", "every mistake in it, with file and line"),
        ("schema", "schema", "JSON Schema of its files, for editors"),
        ("mcp", "mcp", "for AI agents: the same services by the Model Context Protocol"),
        ("definitions", "definitions", "its files: list, show, write, remove"),
        ("plan", "exchange", "what a change of them would do"),
        ("export", "exchange", "all of them as one JSON object"),
        ("import", "exchange", "make such an export all definitions there are"),
        ("up", "up", "start the watch; print its systemd unit"),
        ("user", "user", "people, agents, roles: list, add, change, invite, disable, remove"),
        ("token", "token", "API tokens: list, add, revoke"),
        ("audit", "audit", "who did, or was refused, what matters to security"),
        ("emergency", "emergency", "sign everybody out, end every token and key"),
        ("webhooks", "webhooks", "programs that are told what happens: list, test, replay"),
        ("keys", "keys", "keys of pings, alerts, metrics, health: show, rotate"),
        ("backup", "backup", "copies of watchkeeper's own state: self, list, verify"),
        ("restore", "restore", "put such a copy back: self"),
        ("demo", "demo", "start the watch on the sample fleet, and break it"),
    ),
}
"""The verbs by group: name, module in this package, and what it does in a few words."""

GLOBAL_HELP = """\
Flags, before or after the verb:
  --ops DIR    the ops repo; else $WATCHKEEPER_OPS, else . or ./ops if it holds watchkeeper.yaml
  --state DIR  where watchkeeper keeps its own data; else $WATCHKEEPER_STATE, else OPS/.watchkeeper
  --json       one JSON object on standard output, messages on standard error
  --version    print the version

Exit codes:
  0 fine                      3 not allowed             6 no answer from a host or service
  1 found a problem           4 not found               130 interrupted
  2 wrong usage or files      5 locked or running"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: of this process) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _plain_output()
    try:
        code = dispatch(arguments)
        sys.stdout.flush()
        return code
    except WatchkeeperError as error:
        tell(error)
        return EXIT_CODES.get(error.kind, 1)
    except BrokenPipeError:
        _forget_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as fault:
        from watchkeeper.faces.cli.faults import record

        print(record(fault, arguments), file=sys.stderr)
        return EXIT_CODES["problem"]


def dispatch(arguments: list[str]) -> int:
    """Find the verb, import its module alone, parse, run. Raises what goes wrong; `main` turns it into words."""
    leading, verb, rest = split_verb(arguments)
    top = Parser(prog="wk", add_help=False)
    top.add_argument("--version", action="store_true")
    top.add_argument("-h", "--help", action="store_true")
    before = top.parse(leading)
    if before.version or verb in ("version", "--version"):
        print(f"watchkeeper {__version__}")
        return 0
    if verb is None or (verb == "help" and not rest):
        print(overview())
        return 0 if before.help or verb else EXIT_CODES["usage"]
    if verb == "help" or before.help:
        verb, rest = (rest[0] if verb == "help" else verb), ["--help"]
    module, parser = parser_of(verb)
    parsed = parser.parse([verb, *with_default_action(module, rest)], before)
    return int(module.run(parsed))


def split_verb(arguments: list[str]) -> tuple[list[str], str | None, list[str]]:
    """(flags before the verb, the verb or None, what follows it)."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in ("--ops", "--state") else 1
    if position >= len(arguments):
        return arguments, None, []
    return arguments[:position], arguments[position], arguments[position + 1 :]


def with_default_action(module: ModuleType, rest: list[str]) -> list[str]:
    """`wk incidents` means `wk incidents list`: put the module's DEFAULT_ACTION where no action is named."""
    action = getattr(module, "DEFAULT_ACTION", "")
    position = 0
    while position < len(rest) and rest[position].partition("=")[0] in ("--ops", "--state", "--json"):
        position += 2 if rest[position] in ("--ops", "--state") else 1
    first = rest[position] if position < len(rest) else "-"
    if not action or not first.startswith("-") or first in ("-h", "--help"):
        return rest
    return [action, *rest]


def parser_of(verb: str) -> tuple[ModuleType, Parser]:
    """The module of a verb and a parser that knows this verb alone."""
    from importlib import import_module

    names = {name: module for group in VERBS.values() for name, module, _ in group}
    if verb not in names:
        guess = closest(verb, names)
        raise Usage(
            f"There is no command '{verb}'.",
            f"Did you mean 'wk {guess}'?" if guess else "'wk help' lists the commands.",
        )
    try:
        module = import_module(f"watchkeeper.faces.cli.{names[verb]}")
    except ModuleNotFoundError as missing:
        if missing.name != f"watchkeeper.faces.cli.{names[verb]}":
            raise
        raise Usage(
            f"'wk {verb}' is not part of this version ({__version__}).", "'wk help' lists the commands."
        ) from None
    parser = Parser(prog="wk")
    module.add_parser(parser.add_subparsers(dest="verb", required=True, prog="wk"))
    return module, parser


def overview() -> str:
    """The help of `wk` itself: verbs in groups, flags, exit codes."""
    lines = [
        "watchkeeper stands the watch over your services: it runs the checks, opens the incident,",
        "does what your runbook says, proves that it worked, and writes the operations log.",
        "",
        "Usage: wk [--ops DIR] [--json] COMMAND ...",
    ]
    for group, verbs in VERBS.items():
        lines += ["", f"{group}:", *(f"  {name:<13} {text}" for name, _, text in verbs)]
    lines += ["", GLOBAL_HELP, "", "Start with: wk demo. Help of one command: wk COMMAND --help."]
    return "\n".join(lines)


def tell(error: WatchkeeperError) -> None:
    """The sentence and the next step of a failure, on standard error, without terminal escapes from elsewhere."""
    from watchkeeper.faces.cli.render import clean

    print(clean(f"wk: {error.sentence}"), file=sys.stderr)
    if error.hint:
        print(clean(f"    {error.hint}"), file=sys.stderr)


def _plain_output() -> None:
    """Characters that the terminal cannot show are replaced, never a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _forget_output() -> None:
    """The reader went away (`| head`): nothing more is written, also not at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass


if __name__ == "__main__":
    sys.exit(main())
