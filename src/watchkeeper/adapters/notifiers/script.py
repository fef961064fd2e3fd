"""Channel kind `script`: an executable of the ops repo that gets the message as JSON on standard input.

The message is never in argv, where every user of the machine could read it. Exit 0 means accepted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import IO

from watchkeeper.adapters.notifiers.body import json_body
from watchkeeper.core.notifications import Message
from watchkeeper.services.ports.notifiers import DeliveryError

ERROR_BYTES = 4096
GRACE_S = 1.0
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


def deliver(
    target: str, message: Message, *, timeout_s: float, key: str = "", directory: str = ".",
    options: Mapping[str, object] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Run the script; at the deadline its whole process group is ended. Raises `DeliveryError`.

    The environment is small on purpose: secrets of watchkeeper's own environment do not travel along.
    """
    del key, options
    path = os.path.join(directory, target)
    name = os.path.basename(target)
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment["WATCHKEEPER_KEY"] = message.key
    with tempfile.TemporaryFile() as body, tempfile.TemporaryFile() as errors:
        body.write(json_body(message) + b"\n")
        body.seek(0)
        try:
            process = subprocess.Popen(
                [path], stdin=body, stdout=errors, stderr=errors, cwd=directory, env=environment, start_new_session=True
            )
        except OSError as error:
            hint = " Make it executable: chmod +x." if isinstance(error, PermissionError) else ""
            raise DeliveryError(f"The script {target} could not be started: {error.strerror}.{hint}") from None
        _wait(process, name, timeout_s)
        if process.returncode:
            raise DeliveryError(f"The script {name} ended with {_ending(process.returncode)}: {_last_line(errors)}")


def _wait(process: subprocess.Popen[bytes], name: str, timeout_s: float) -> None:
    """Wait for the script; afterwards nothing of its process group is left, in whatever way this ends."""
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        _signal(process.pid, signal.SIGTERM)
        _settle(process, GRACE_S)
        raise DeliveryError(f"The script {name} did not end within {timeout_s:g} s and was stopped.") from None
    finally:
        _signal(process.pid, signal.SIGKILL)
        _settle(process, GRACE_S)


def _settle(process: subprocess.Popen[bytes], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass


def _ending(code: int) -> str:
    return f"exit {code}" if code > 0 else f"signal {-code}"


def _last_line(errors: IO[bytes]) -> str:
    """The last line that it said, bounded and printable; scripts say on both streams what went wrong."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(size - ERROR_BYTES, 0))
    lines = [line.strip() for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1] if lines else "it said nothing"
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
