"""`wk up`: keeps the two programs running. Standard library and the state lock only; stays small.

A program that ends is started again: at once the first time, then with growing pauses up to ten seconds, so a program
that cannot start does not burn the machine. One that has answered and then answers nobody for two minutes is killed and
started again. SIGTERM or SIGINT ends both, TERM first. A service manager is told when both answer, and that we go round.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from watchkeeper.bootstrap.state import lock_state
from watchkeeper.core.errors import Locked, WatchkeeperError
from watchkeeper.programs.following import VARIABLE
from watchkeeper.programs.readiness import ServiceManager, answers

PROGRAMS = ("watch", "main")
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 30.0
GRACE_S = 8.0
LOOK_S = 10.0
"""How often a program that has answered is asked again; before that it is asked at every round."""
FROZEN_S = 120.0
REFUSED = 5
WRONG = 2


class Program:
    """One program with its restarts."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.name = name
        self.command = [sys.executable, "-m", f"watchkeeper.programs.{name}", *arguments]
        self.child: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.starts = 0
        self.started = 0.0
        self.due = 0.0
        self.answered: float | None = None
        self.asked = 0.0

    def start(self) -> None:
        """Start it now."""
        self.child = subprocess.Popen(self.command, env=os.environ | {VARIABLE: str(os.getpid())})
        self.starts += 1
        self.started = time.monotonic()
        self.answered = None

    def ask(self, state: Path) -> bool:
        """Whether it has answered lately; asks it when that is due."""
        now = time.monotonic()
        if self.child is not None and (self.answered is None or now - self.asked >= LOOK_S):
            self.asked = now
            if answers(state, self.name):
                self.answered = time.monotonic()
        return self.answered is not None

    def replace_frozen(self) -> None:
        """Kill it when it answered once and then nobody for too long; `look` finds it ended and starts it again."""
        if self.child is not None and self.answered is not None and time.monotonic() - self.answered > FROZEN_S:
            _say(f"{self.name} has answered nobody for {FROZEN_S:g} s; it is killed", self.command)
            self.child.kill()

    def look(self) -> int | None:
        """Its exit code when it has ended just now; the next start is put on the clock."""
        if self.child is None or (code := self.child.poll()) is None:
            return None
        self.child = None
        steady = time.monotonic() - self.started > STEADY_S
        self.failures = 1 if steady else self.failures + 1
        self.due = time.monotonic() + PAUSES_S[min(self.failures - 1, len(PAUSES_S) - 1)]
        return code


def main(arguments: list[str]) -> int:
    """Run until told to stop; returns the exit code of `wk up`.

    Of two starts at once the lock lets one go on; without it each could win one program and end for the other.
    """
    state = Path(arguments[arguments.index("--state") + 1])
    manager = ServiceManager()
    try:
        lock_state(state, "up.lock")
    except WatchkeeperError as error:
        _say(str(error), arguments)
        return REFUSED if isinstance(error, Locked) else WRONG
    programs = [Program(name, arguments) for name in PROGRAMS]
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    for program in programs:
        program.start()
    code, ready = 0, False
    while not stopping:
        ready = _care(manager, programs, state, ready)
        time.sleep(0.1)
        for program in programs:
            ended = program.look()
            if ended is not None:
                _say(f"{program.name} ended with {_word(ended)}", arguments)
                if ended in (REFUSED, WRONG) and program.starts == 1:
                    code = ended
                    stopping.append(0)
            elif program.child is None and time.monotonic() >= program.due:
                _say(f"{program.name} is started again", arguments)
                program.start()
    manager.tell("STOPPING=1")
    _stop(programs)
    return code


def _care(manager: ServiceManager, programs: list[Program], state: Path, ready: bool) -> bool:
    """Ask the programs and tell the service manager; True once both have answered."""
    manager.pet()
    answered = [program.ask(state) for program in programs]  # each of them, also behind one that does not answer
    all_answer = all(answered)
    for program in programs:
        program.replace_frozen()
    if all_answer and not ready:
        manager.tell("READY=1", "STATUS=watching")
    elif not ready and all(program.child is not None for program in programs):
        manager.tell("EXTEND_TIMEOUT_USEC=30000000")  # a schema change may take its time; ending programs may not
    return ready or all_answer


def _say(sentence: str, arguments: list[str]) -> None:
    """One line on standard error, as JSON where the programs log so; the logging of Python would double our size."""
    form = os.environ.get("WATCHKEEPER_LOG_FORMAT", "")
    if "--log-format" in arguments[:-1]:
        form = arguments[arguments.index("--log-format") + 1]
    if form.lower() == "json":
        import json

        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        told = {"at": at, "level": "warning", "program": "supervisor", "logger": "watchkeeper", "message": sentence}
        print(json.dumps(told), file=sys.stderr, flush=True)
    else:
        print(f"wk up: {sentence}", file=sys.stderr, flush=True)


def _word(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _stop(programs: list[Program]) -> None:
    """End main first, so that the watch sees to the end."""
    for program in reversed(programs):
        if program.child is None:
            continue
        program.child.terminate()
        try:
            program.child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            program.child.kill()
            program.child.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
