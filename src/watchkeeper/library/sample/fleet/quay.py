"""The small machine on quay 2, reached over SSH: barrier, departure boards and weighbridge hang on it.

    python quay.py --folder quay2 --port 8807

An SSH server with a host key of its own and one authorized key, on loopback. It runs what it is sent, as its user.
What hangs on it writes one file each: how many cars passed, how many boards are lit, what the weighbridge shows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
from pathlib import Path

import asyncssh
from desk import say

BEAT_S = 1.0
CHUNK = 65_536
THINGS = {"barrier": "cars today: {beat}", "boards": "lit: 4", "weighbridge": "zero: 0.0"}


async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """One command of a session, in a process group of its own; it ends with its session."""
    command = process.command or "exec /bin/sh"
    child = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert child.stdin and child.stdout and child.stderr
    inward = asyncio.create_task(feed(process.stdin, child.stdin, child))
    try:
        await asyncio.gather(pass_on(child.stdout, process.stdout), pass_on(child.stderr, process.stderr))
        code = await child.wait()
        process.exit(code if code >= 0 else 128 - code)
    finally:
        inward.cancel()
        hang_up(child)


async def feed(
    source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter, child: asyncio.subprocess.Process
) -> None:
    """What the session sends, to the command. A session that is cut ends the command."""
    try:
        while data := await source.read(CHUNK):
            target.write(data)
            await target.drain()
        target.close()
    except ConnectionError:
        pass  # the command has ended first
    except asyncssh.Error:
        hang_up(child)


async def pass_on(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    """What the command says, to the session."""
    while data := await source.read(CHUNK):
        with contextlib.suppress(asyncssh.Error, OSError):
            target.write(data)
            await target.drain()


def hang_up(child: asyncio.subprocess.Process) -> None:
    """End a command with everything that it started."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGHUP)


async def beat(folder: Path) -> None:
    """What hangs on the machine goes on working."""
    count = 0
    while True:
        count += 1
        for name, words in THINGS.items():
            fresh = folder / f"{name}.new"
            fresh.write_text(words.format(beat=count) + "\n", encoding="ascii")
            os.replace(fresh, folder / name)
        await asyncio.sleep(BEAT_S)


async def run(folder: Path, port: int) -> None:
    await asyncssh.listen(
        "127.0.0.1", port, server_host_keys=[str(folder / "host_key")], encoding=None,
        authorized_client_keys=str(folder / "authorized_keys"), process_factory=serve,
    )  # fmt: skip
    say(f"quay 2: SSH on port {port}")
    await beat(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asyncio.run(run(Path(given.folder), given.port))


if __name__ == "__main__":
    main()
