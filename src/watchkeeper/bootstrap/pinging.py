"""A ping from the command line while main is away: straight to the watch, through its socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from watchkeeper.adapters.watch_socket import WatchClient
from watchkeeper.core.checks.heartbeats import Ping, status_of_exit


def ping_watch(state: Path, now: float, body: dict[str, Any]) -> None:
    """Hand it over; returns when it is durable. Raises `NoAnswer` when the watch does not run, `NotFound`."""
    code = body.get("exit_code")
    status = status_of_exit(code) if code is not None else body.get("status", "success")
    WatchClient(state / "watch.sock").ping(
        Ping(
            body["check"], now, status, body.get("note", ""), body.get("rid", ""), code, body.get("duration_s"),
            body.get("body", ""), "wk ping, while main was away",
        )
    )  # fmt: skip
