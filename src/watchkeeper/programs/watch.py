"""The watch process: ``python -m watchkeeper.programs.watch --ops DIR --state DIR``.

Asks, judges and writes readings.db; answers on ``watch.sock``. One per state directory: a second one ends with exit
code 5. SIGTERM and SIGINT write what was measured and end with 0. Everything it has to say goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
from pathlib import Path

from watchkeeper.core.errors import Locked, WatchkeeperError
from watchkeeper.programs import logs
from watchkeeper.programs.following import follow_supervisor

EXIT_WRONG, EXIT_LOCKED, EXIT_BUG = 2, 5, 70
_FILES = 8192

log = logging.getLogger("watchkeeper.watch")


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="watchkeeper.programs.watch", description="The watch over one ops repo.")
    parser.add_argument("--ops", type=Path, required=True, help="the ops repo")
    parser.add_argument("--state", type=Path, required=True, help="the state directory")
    logs.add_arguments(parser)
    chosen, _others = parser.parse_known_args(arguments)  # the supervisor hands both programs the same arguments
    logs.set_up("watch", chosen.log_level, chosen.log_format)
    follow_supervisor()
    from watchkeeper.bootstrap.state import assert_usable, lock_state

    try:
        lock_state(chosen.state, "watch.lock")
        assert_usable(chosen.state)
        _allow_many_files()
        return _run(chosen.ops.resolve(), chosen.state.resolve())
    except Locked as error:
        print(error, file=sys.stderr)
        return EXIT_LOCKED
    except WatchkeeperError as error:
        print(error, file=sys.stderr)
        return EXIT_WRONG


def _run(ops: Path, state: Path) -> int:
    import uvloop

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_watch(ops, state))
    except WatchkeeperError:
        raise
    except Exception:
        log.exception("the watch ended by a mistake of its own; it is started again")
        return EXIT_BUG
    return 0


async def _watch(ops: Path, state: Path) -> None:
    from watchkeeper.adapters.watch_socket import serve
    from watchkeeper.bootstrap.watch import build_watch

    built = build_watch(ops, state)
    logs.hide_by(built.hidden.redact_now)
    running = asyncio.ensure_future(built.watch.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    log.info("watch %d over %s, state in %s", os.getpid(), ops, state)
    async with serve(state / "watch.sock", built.watch), built.listener.serving():
        with contextlib.suppress(asyncio.CancelledError):
            await running
    await built.close()
    log.info("watch %d ended", os.getpid())


def _allow_many_files() -> None:
    """Each open probe is a file handle: take what the system grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a probe's thread that hangs in a dead network mount must not keep the process
