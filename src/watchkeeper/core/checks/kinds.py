"""The probe kinds: what each measures, in what unit, and how a check without any rule is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Quantity = Literal["number", "duration", "percent", "bytes", "days", "text", "truth", "any"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured name. quantity: its unit. meaning: one line for people."""

    quantity: Quantity
    meaning: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One probe kind. where: asked from there unless `from` says else.

    ok, warn, crit: the rules of a check that has none. main: the name to show when there is room for one.
    """

    summary: str
    where: Literal["host", "here"]
    values: Mapping[str, Measure]
    ok: str = ""
    warn: str = ""
    crit: str = ""
    main: str = field(default="latency")


_LATENCY = Measure("duration", "how long the answer took")
_CONNECTED = Measure("truth", "whether a connection came about")

KINDS: Mapping[str, Kind] = {
    "http": Kind(
        "Asks a URL.",
        "here",
        {
            "status": Measure("number", "HTTP status; 0 when there was no answer"),
            "latency": _LATENCY,
            "size": Measure("bytes", "bytes of the body that were read, at most 65536"),
            "body": Measure("text", "the body, its first 65536 bytes"),
            "location": Measure("text", "where it redirects to"),
            "connected": _CONNECTED,
        },
        crit="status == 0 or status >= 400",
        main="status",
    ),
    "tcp": Kind(
        "Opens a connection and closes it.",
        "here",
        {"connected": _CONNECTED, "latency": _LATENCY},
        crit="not connected",
        main="connected",
    ),
    "tls": Kind(
        "Looks at the certificate that a server shows.",
        "here",
        {
            "days": Measure("days", "until the certificate ends, negative when it has ended"),
            "trusted": Measure("truth", "whether chain, name and dates hold"),
            "connected": _CONNECTED,
            "latency": _LATENCY,
        },
        warn="days < 14",
        crit="not trusted or days < 7",
        main="days",
    ),
    "command": Kind(
        "Runs a read command.",
        "host",
        {
            "exit_code": Measure("number", "exit code; 124 when it was ended at the deadline"),
            "value": Measure("any", "the last number in the last line of the output"),
            "output": Measure("text", "the first 400 characters of the output"),
            "timed_out": Measure("truth", "whether it was ended at the deadline"),
            "latency": _LATENCY,
        },
        crit="exit_code != 0",
        main="exit_code",
    ),
    "process": Kind(
        "Counts running processes.",
        "host",
        {
            "count": Measure("number", "processes that run; stopped ones and zombies do not count"),
            "stopped": Measure("number", "processes frozen by a signal or a debugger"),
        },
        crit="count < 1",
        main="count",
    ),
    "disk": Kind(
        "Measures the file system that holds a path.",
        "host",
        {
            "free": Measure("percent", "free for normal users"),
            "used": Measure("percent", "not free"),
            "free_bytes": Measure("bytes", "free for normal users"),
            "used_bytes": Measure("bytes", "not free"),
            "size": Measure("bytes", "size of the file system"),
            "inodes_free": Measure("percent", "free inodes; on local hosts only"),
        },
        warn="free < 20%",
        crit="free < 10%",
        main="free",
    ),
    "folder": Kind(
        "Measures the bytes in a folder against a budget.",
        "host",
        {
            "bytes": Measure("bytes", "bytes of all files below it"),
            "used": Measure("percent", "of the budget"),
            "free": Measure("percent", "of the budget that is left"),
            "files": Measure("number", "files below it; on local hosts only"),
        },
        warn="used > 80%",
        crit="used > 95%",
        main="used",
    ),
    "memory": Kind(
        "Measures the memory of the host.",
        "host",
        {
            "free": Measure("percent", "available to programs, caches counted as available"),
            "used": Measure("percent", "not available"),
            "free_bytes": Measure("bytes", "available to programs"),
            "swap_used": Measure("percent", "of the swap space"),
        },
        warn="free < 10%",
        crit="free < 5%",
        main="free",
    ),
    "cpu": Kind(
        "Measures how busy the host is.",
        "host",
        {
            "used": Measure("percent", "of all cores, since the reading before"),
            "load": Measure("number", "load average of one minute, per core"),
            "steal": Measure("percent", "taken by the hypervisor"),
        },
        warn="used > 90% for 5 of 5",
        main="used",
    ),
    "sql": Kind(
        "Asks a database one question.",
        "here",
        {
            "value": Measure("any", "first column of the first row"),
            "rows": Measure("number", "rows of the answer"),
            "latency": _LATENCY,
        },
        main="value",
    ),
    "heartbeat": Kind(
        "Waits for a job to report by `wk ping`.",
        "here",
        {
            "age": Measure("duration", "since the last success"),
            "late": Measure("truth", "whether the job should have reported by now, grace included"),
            "late_s": Measure("duration", "by how much it is late"),
            "failed": Measure("truth", "whether the last run that ended reported a failure"),
            "status": Measure("text", 'the last ping: "success", "start", "fail" or "never"'),
        },
        crit="late or failed",
        main="age",
    ),
}
"""All kinds by name. sql and folder without a budget have no default: they need a rule."""
