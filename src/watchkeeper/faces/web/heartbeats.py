"""Jobs of a service: their last pings, how long their runs take, when the next one is expected."""

from __future__ import annotations

from typing import Any

from watchkeeper.bootstrap.main import Application
from watchkeeper.core.checks.heartbeats import Ping
from watchkeeper.core.checks.values import Value
from watchkeeper.services.heartbeats import Heartbeat

SHOWN = 8
WORDS = {"success": "ended well", "start": "started", "fail": "failed", "log": "told"}


def jobs(app: Application, service: str) -> list[dict[str, Any]]:
    """One entry per heartbeat check of the service, in the order of its file."""
    checks = app.holder.current.services[service].checks if service in app.holder.current.services else ()
    return [_job(app.heartbeats.one(each.key, SHOWN)) for each in checks if each.probe.kind == "heartbeat"]


def _job(found: Heartbeat) -> dict[str, Any]:
    values = found.values
    return {
        "check": found.check,
        "schedule": found.schedule.words,
        "expected": _seconds(values.get("expected_at")),
        "due": _seconds(values.get("due_at")),
        "usual": values.get("usual") or None,
        "duration": values.get("duration") or None,
        "running_s": values.get("running_s") if values.get("running") else None,
        "pings": [_ping(ping, took_s) for ping, took_s in found.pings],
        "printed": next((ping for ping, _took in found.pings if ping.body), None),
    }


def _ping(ping: Ping, took_s: float | None) -> dict[str, Any]:
    code = f" ({ping.exit_code})" if ping.exit_code else ""
    return {
        "at": ping.at, "word": WORDS[ping.status] + code, "took_s": took_s, "rid": ping.rid, "note": ping.note,
        "bad": ping.status == "fail", "source": ping.source,
    }  # fmt: skip


def _seconds(text: Value) -> float | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None
