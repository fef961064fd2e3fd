"""container: what Docker or podman says about one container.

Options: ``name`` and ``socket``. Values: ``running`` (paused and restarting do not count), ``state`` (the word of the
API, or ``missing``), ``health`` (``none`` without a health check), ``restarts``, ``exit_code``, ``out_of_memory``,
``value`` (as restarts) and, while it runs, ``uptime`` (seconds).

On a host of kind container the question goes to the Docker API that reaches that host, never into it.

On this machine its Unix socket is asked; on an SSH host the ``docker`` or ``podman`` program there, or ``curl``. Only
the state is asked for, never the container's environment. A service that cannot be asked is UNKNOWN: the user must be
in the group of the socket, or own the podman.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from watchkeeper.adapters.docker_api import DockerApi, find_socket
from watchkeeper.adapters.probes.tools import Answer, Asker, Reader, Tools, last_line, place, text_option
from watchkeeper.core.checks import Value
from watchkeeper.core.errors import NoAnswer
from watchkeeper.core.inventory.values import Check

_MISSING = re.compile(r"no such (container|object)|no container with", re.IGNORECASE)
_WORDS = {"stopped": "exited", "configured": "created", "initialized": "created"}  # podman's for the same
_DENIED = re.compile(r"permission denied", re.IGNORECASE)


def create(tools: Tools) -> Asker:
    """Used by the registry."""
    return ContainerAsker(tools)


class ContainerAsker:
    """Holds nothing between asks."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def ask(self, check: Check, now: float) -> Answer:
        name, socket = text_option(check, "name"), text_option(check, "socket")
        far, of_host = self._tools.outside(check)
        socket = socket or of_host
        if far is None:
            async with asyncio.timeout(check.timeout_s):
                found = await _ask_here(name, socket)
        else:
            found = await _ask_far(check, far, name, socket)
        if found is None:
            problem = f"{place(check)} has no container {name}."
            return Answer({"running": False, "state": "missing", "health": "none", "problem": problem})
        return Answer(values_of(found, now))

    async def close(self) -> None:
        """Nothing is kept open."""


async def _ask_here(name: str, socket: str) -> Mapping[str, Any] | None:
    answer = await DockerApi(find_socket(socket)).ask("GET", f"/containers/{quote(name, safe='')}/json")
    if answer.status == 404 and _MISSING.search(answer.message):
        return None
    document = answer.document
    if answer.status != 200 or not isinstance(document, dict):
        raise NoAnswer(f"The Docker API refused to tell about {name} ({answer.status}: {answer.message}).")
    return document


# docker first, then podman, then curl on the socket: whatever the host has. Nothing is written there.
_INSPECT = """s=$WK_SOCKET
f='{"State":{{json .State}},"RestartCount":{{json .RestartCount}}}'
if command -v docker >/dev/null 2>&1 && { [ "$s" ] || [ "$DOCKER_HOST" ] || [ -S /var/run/docker.sock ] ||
  ! command -v podman >/dev/null 2>&1; }; then
  [ -z "$s" ] || export DOCKER_HOST="unix://$s"
  exec docker container inspect --format "$f" -- "$WK_NAME"
fi
if command -v podman >/dev/null 2>&1; then
  [ -z "$s" ] || exec podman --remote --url "unix://$s" container inspect --format "$f" -- "$WK_NAME"
  exec podman container inspect --format "$f" -- "$WK_NAME"
fi
if command -v curl >/dev/null 2>&1; then
  [ "$s" ] || for s in /var/run/docker.sock /run/podman/podman.sock; do [ -S "$s" ] && break; done
  exec curl -sS --unix-socket "$s" "http://docker/containers/$WK_NAME/json"
fi
echo WK-no-program"""


async def _ask_far(check: Check, far: Reader, name: str, socket: str) -> Mapping[str, Any] | None:
    environment = {"WK_NAME": name, "WK_SOCKET": socket}
    result = await far.read(_INSPECT, deadline_s=check.timeout_s, environment=environment, limit=1_048_576)
    where, said = place(check), result.error.decode("utf-8", "replace")
    if result.timed_out or result.exit_code is None:
        raise NoAnswer(f"Asking {where} for the container {name} did not end within {check.timeout_s:g} s.")
    if b"WK-no-program" in result.output:
        raise NoAnswer(f"{where} has neither docker nor podman nor curl.", "Install one of them there.")
    document = _document(result.output)
    if isinstance(document, dict) and isinstance(document.get("State"), dict):
        return document
    if isinstance(document, dict):  # curl shows the refusal itself
        said = str(document.get("message", ""))
    if _MISSING.search(said):
        return None
    if _DENIED.search(said):
        raise NoAnswer(
            f"The user on {where} may not ask Docker about {name}.",
            "There: usermod -aG docker USER, and log in again; or `become: sudo -n` for this host.",
        )
    detail = last_line(said.encode()) or last_line(result.output) or f"exit code {result.exit_code}"
    raise NoAnswer(f"{where} cannot tell about the container {name}: {detail}.", "Is docker or podman running there?")


def _document(output: bytes) -> object:
    begin = output.find(b"{")
    try:
        return json.loads(output[begin:]) if begin >= 0 else None
    except ValueError:
        return None


def values_of(found: Mapping[str, Any], now: float) -> dict[str, Value]:
    """The values of an answer of ``inspect``, in the words of Docker's and of podman's API."""
    state = found.get("State")
    if not isinstance(state, dict):
        raise NoAnswer("The Docker API gave an answer without a state.", "Is it the socket of docker or podman?")
    word = str(state.get("Status") or "unknown")[:40]
    word = _WORDS.get(word, word)
    held = state.get("Health") or state.get("Healthcheck")
    health = str(held.get("Status") or "none")[:40] if isinstance(held, dict) else "none"
    restarts = _whole(found.get("RestartCount"))
    values: dict[str, Value] = {"running": word == "running", "state": word, "health": health}
    values |= {"restarts": restarts, "value": restarts, "exit_code": _whole(state.get("ExitCode"))}
    values["out_of_memory"] = state.get("OOMKilled") is True
    started = _seconds(state.get("StartedAt"))
    if word == "running" and started is not None:
        values["uptime"] = round(max(0.0, now - started), 1)
    return values


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _seconds(value: object) -> float | None:
    """``2026-11-21T12:43:36.077399301Z`` as epoch seconds."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z", str(value))
    return datetime.fromisoformat(match.group(1) + match.group(2).replace("Z", "+00:00")).timestamp() if match else None
