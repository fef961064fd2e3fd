"""The watch's Unix socket: one JSON object per line each way.

Requests: ``{"do": "ask", "checks": [keys]}``, ``{"do": "status"}``, ``{"do": "reload"}``, ``{"do": "nodes", "nodes": [ids]}``,
``{"do": "fixed", "checks": [keys]}``, ``{"do": "changed", "checks": {key: epoch seconds}}``
``{"do": "ping", "check", "at", "status", "note", "rid", "exit_code", "duration_s", "body", "source"}`` and
``{"do": "alerts", "alerts": [...]}``.
Answers: ``{"ok": ...}`` or ``{"error": {"kind", "sentence", "hint"}}``.

`serve` is the side of the watch; `WatchClient` is the side of main and blocks. The socket file is 0600: whoever may
open it is the owner of the state directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from watchkeeper.core import errors
from watchkeeper.core.alerts import Alert
from watchkeeper.core.checks import Judged, Reading, State, Verdict
from watchkeeper.core.checks.heartbeats import RUN_ID_LENGTH, STATUSES
from watchkeeper.services.ports import Ping

log = logging.getLogger(__name__)

_LINE_LIMIT = 1_048_576
_LOOK_S = 1.0
_KINDS: dict[str, type[errors.WatchkeeperError]] = {
    kind.kind: kind
    for kind in (errors.Usage, errors.Invalid, errors.Forbidden, errors.NotFound, errors.Locked, errors.NoAnswer)
}


class Askable(Protocol):
    """What the socket offers of the watch."""

    async def ask_now(self, keys: Sequence[str]) -> list[Judged]: ...

    async def ping(self, ping: Ping) -> None: ...

    async def take_alerts(self, alerts: Sequence[Alert]) -> None: ...

    async def reload(self) -> None: ...

    async def assign(self, nodes: Sequence[str]) -> None: ...

    async def fixed(self, keys: Sequence[str]) -> None: ...

    async def changed(self, checks: Mapping[str, float]) -> None: ...

    def status(self) -> Mapping[str, object]: ...


# ---- the side of the watch ----


@contextlib.asynccontextmanager
async def serve(path: Path, watch: Askable) -> AsyncIterator[None]:
    """Answer on `path` while the context is open; a file of a dead watch is replaced, a removed one made again."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(reader, writer, watch)
        finally:
            connections.discard(task)
            writer.close()

    async def listen() -> asyncio.Server:
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            return await asyncio.start_unix_server(connected, os.fspath(path), limit=_LINE_LIMIT)
        finally:
            os.umask(before)

    async def renew() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not path.exists():
                log.warning("%s was removed; it is made again", path.name)
                servers.pop().close()
                servers.append(await listen())

    servers = [await listen()]
    renewing = asyncio.ensure_future(renew())
    try:
        yield
    finally:
        renewing.cancel()
        for server in servers:
            server.close()
        for task in list(connections):
            task.cancel()
        path.unlink(missing_ok=True)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, watch: Askable) -> None:
    while True:
        try:
            line = await reader.readline()
        except (ConnectionError, ValueError):  # ValueError: a line beyond the limit
            return
        if not line:
            return
        answer = await _answer(line, watch)
        writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        try:
            await writer.drain()
        except ConnectionError:
            return


async def _answer(line: bytes, watch: Askable) -> dict[str, object]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise errors.Usage("A request is one JSON object per line.")
        return {"ok": await _do(request, watch)}
    except errors.WatchkeeperError as error:
        return {"error": {"kind": error.kind, "sentence": error.sentence, "hint": error.hint}}
    except (ValueError, TypeError, KeyError) as error:
        return {"error": {"kind": "usage", "sentence": f"The request is not understood: {error}.", "hint": ""}}
    except Exception as error:
        log.exception("a request on the socket failed")
        sentence = f"The watch failed to answer ({type(error).__name__}); see its log."
        return {"error": {"kind": "no_answer", "sentence": sentence, "hint": ""}}


async def _do(request: Mapping[str, Any], watch: Askable) -> object:
    match request.get("do"):
        case "ask":
            checks = request.get("checks", [])
            if not isinstance(checks, list) or not all(isinstance(key, str) for key in checks):
                raise errors.Usage("checks is a list of check keys.")
            return [pack(judged) for judged in await watch.ask_now(checks)]
        case "status":
            return dict(watch.status())
        case "ping":
            await watch.ping(_ping(request))
            return True
        case "alerts":
            alerts = request["alerts"]
            if not isinstance(alerts, list):
                raise errors.Usage("alerts is a list.")
            await watch.take_alerts([Alert(**each) for each in alerts])
            return True
        case "reload":
            await watch.reload()
            return True
        case "fixed":
            checks = request.get("checks", [])
            if not isinstance(checks, list) or not all(isinstance(key, str) for key in checks):
                raise errors.Usage("checks is a list of check keys.")
            await watch.fixed(checks)
            return True
        case "changed":
            changed = request.get("checks", {})
            if not isinstance(changed, dict):
                raise errors.Usage("checks is a map from check keys to times.")
            await watch.changed({str(key): float(at) for key, at in changed.items()})
            return True
        case "nodes":
            nodes = request.get("nodes", [])
            if not isinstance(nodes, list) or not nodes or not all(isinstance(node, str) for node in nodes):
                raise errors.Usage("nodes is a list of node ids.")
            await watch.assign(nodes)
            return True
        case other:
            known = "It knows ask, status, ping, alerts, reload, nodes."
            raise errors.Usage(f"The watch does not know the request {other!r}.", known)


def _ping(request: Mapping[str, Any]) -> Ping:
    status, code, took = request["status"], request.get("exit_code"), request.get("duration_s")
    if status not in STATUSES:
        raise errors.Usage(f"A ping is success, start, fail or log, not {status!r}.")
    return Ping(
        str(request["check"]), float(request["at"]), status, str(request.get("note", ""))[:400],
        str(request.get("rid", ""))[:RUN_ID_LENGTH], None if code is None else int(code),
        None if took is None else float(took), str(request.get("body", "")), str(request.get("source", ""))[:100],
    )  # fmt: skip


def pack(judged: Judged) -> dict[str, object]:
    """A judged reading as JSON; bodies of answers stay in the watch."""
    reading, verdict = judged.reading, judged.verdict
    values = {name: value for name, value in reading.values.items() if name != "body"}
    return {
        "check": reading.check, "at": reading.at, "latency_s": reading.latency_s, "values": values,
        "error": reading.error, "state": verdict.state.value, "reason": verdict.reason, "rule_hash": judged.rule_hash,
    }  # fmt: skip


def unpack(row: Mapping[str, Any]) -> Judged:
    """The opposite of `pack`."""
    reading = Reading(row["check"], row["at"], row["latency_s"], row["values"], row["error"])
    return Judged(reading, Verdict(State(row["state"]), row["reason"]), row["rule_hash"])


# ---- the side of main ----


class WatchClient:
    """Implements `WatchPort`. Opens one connection per call, so that a restarted watch is found again at once.

    ask_s: the longest an ask may take; other requests are bounded by `short_s`.
    """

    def __init__(self, path: Path, *, ask_s: float = 90.0, short_s: float = 5.0) -> None:
        self._path, self._ask_s, self._short_s = path, ask_s, short_s

    def ask(self, checks: Sequence[str]) -> list[Judged]:
        """Ask these checks now (all when empty), judge, write; the judged readings in that order."""
        rows = self._request({"do": "ask", "checks": list(checks)}, self._ask_s)
        return [unpack(row) for row in rows]

    def status(self) -> dict[str, object]:
        """pid, started_at, revision, checks, lateness_p50_s, lateness_p99_s, lateness_max_s, overload, fault, ..."""
        return dict(self._request({"do": "status"}, self._short_s))

    def ping(self, ping: Ping) -> None:
        """Hand over a heartbeat ping; returns when it is durable."""
        self._request({"do": "ping", **asdict(ping)}, self._short_s)

    def alerts(self, alerts: Sequence[Alert]) -> None:
        """Hand over alerts of other programs; returns when they are durable. Raises `Invalid` when nobody takes them."""
        self._request({"do": "alerts", "alerts": [asdict(each) for each in alerts]}, self._short_s)

    def reload(self) -> None:
        """Have the watch look at the ops repo now instead of within half a second."""
        self._request({"do": "reload"}, 30.0)

    def changed(self, checks: Mapping[str, float]) -> None:
        """Something was repaired for these checks at that time: windows of readings begin there."""
        self._request({"do": "changed", "checks": dict(checks)}, self._short_s)

    def fixed(self, checks: Sequence[str]) -> None:
        """A fix was proven by these checks: what they did before is no flapping."""
        self._request({"do": "fixed", "checks": list(checks)}, self._short_s)

    def assign(self, nodes: Sequence[str]) -> None:
        """Say which nodes there are; the watch asks what its own one owns."""
        self._request({"do": "nodes", "nodes": list(nodes)}, 30.0)

    def _request(self, request: Mapping[str, object], timeout_s: float) -> Any:
        line = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._short_s)
                connection.connect(os.fspath(self._path))
                connection.settimeout(timeout_s)
                connection.sendall(line)
                with connection.makefile("rb") as stream:
                    received = stream.readline()
        except TimeoutError as error:
            sentence = f"The watch gave no answer within {timeout_s:g} s."
            raise errors.NoAnswer(sentence, "It may be frozen; see wk doctor.") from error
        except OSError as error:
            sentence = f"The watch is not running: nothing answers on {self._path.name} ({error.strerror or error})."
            raise errors.NoAnswer(sentence, "Start it with wk up.") from error
        return self._understood(received)

    def _understood(self, received: bytes) -> Any:
        if not received.endswith(b"\n"):
            raise errors.NoAnswer("The watch ended before it answered.", "It is started again; try once more.")
        answer = json.loads(received)
        fault = answer.get("error")
        if fault is not None:
            raise _KINDS.get(fault["kind"], errors.NoAnswer)(fault["sentence"], fault["hint"])
        return answer["ok"]
