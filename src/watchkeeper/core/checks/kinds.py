"""The probe kinds: what each measures, in what unit, and how a check without any rule is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Quantity = Literal["number", "duration", "percent", "bytes", "days", "text", "truth", "any"]

_LIMITS: Mapping[Quantity, str] = {
    "number": "> 5", "duration": "> 2s", "percent": "> 90%", "bytes": "> 1GB", "days": "< 14",
    "text": 'contains "error"', "any": "> 50",
}  # fmt: skip
"""What follows a name in the examples of the reference, where its measure has nothing better."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A measured name. quantity: its unit. meaning: one line for people. limit: what a rule may look like, after it."""

    quantity: Quantity
    meaning: str
    limit: str = ""

    def example(self, name: str) -> str:
        """A condition on it, for the reference."""
        if self.quantity == "truth":
            return self.limit or f"not {name}"
        return f"{name} {self.limit or _LIMITS[self.quantity]}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One probe kind. where: asked from there unless `from` says else. example: as it stands in a check.

    ok, warn, crit: the rules of a check that has none. main: the name to show when there is room for one.
    hint: what the reference says more, in Markdown.
    """

    summary: str
    where: Literal["host", "here"]
    values: Mapping[str, Measure]
    ok: str = ""
    warn: str = ""
    crit: str = ""
    main: str = field(default="latency")
    example: str = ""
    hint: str = ""


_LATENCY = Measure("duration", "how long the answer took")
_CONNECTED = Measure("truth", "whether a connection came about")

KINDS: Mapping[str, Kind] = {
    "http": Kind(
        "Asks a URL.",
        "here",
        {
            "status": Measure("number", "HTTP status; 0 when there was no answer", "!= 200"),
            "latency": _LATENCY,
            "size": Measure("bytes", "bytes of the body that were read, at most 65536"),
            "body": Measure("text", "the body, its first 65536 bytes"),
            "location": Measure("text", "where it redirects to", 'contains "/login"'),
            "connected": _CONNECTED,
        },
        crit="status == 0 or status >= 400",
        main="status",
        example="http: http://127.0.0.1:8801/health",
    ),
    "tcp": Kind(
        "Opens a connection and closes it.",
        "here",
        {"connected": _CONNECTED, "latency": _LATENCY},
        crit="not connected",
        main="connected",
        example="tcp: db1.example.org:5432",
    ),
    "tls": Kind(
        "Looks at the certificate that a server shows.",
        "here",
        {
            "days": Measure("days", "until the certificate ends, negative when it has ended", "< 14"),
            "trusted": Measure("truth", "whether chain, name and dates hold"),
            "connected": _CONNECTED,
            "latency": _LATENCY,
        },
        warn="days < 14",
        crit="not trusted or days < 7",
        main="days",
        example="tls: shop.example.org:443",
    ),
    "command": Kind(
        "Runs a read command.",
        "host",
        {
            "exit_code": Measure("number", "exit code; 124 when it was ended at the deadline", "not in (0, 1)"),
            "value": Measure("any", "the last number in the last line of the output"),
            "output": Measure("text", "the first 400 characters of the output"),
            "timed_out": Measure("truth", "whether it was ended at the deadline"),
            "latency": _LATENCY,
        },
        crit="exit_code != 0",
        main="exit_code",
        example='command: "systemctl is-active shop"',
    ),
    "process": Kind(
        "Counts running processes.",
        "host",
        {
            "count": Measure("number", "processes that run; stopped ones and zombies do not count", "< 2"),
            "stopped": Measure("number", "processes frozen by a signal or a debugger", "> 0"),
            "memory": Measure("bytes", "resident memory of all of them"),
        },
        crit="count < 1",
        main="count",
        example="process: {match: shop-worker}",
    ),
    "disk": Kind(
        "Measures the file system that holds a path.",
        "host",
        {
            "free": Measure("percent", "free for normal users", "< 10%"),
            "used": Measure("percent", "not free"),
            "free_bytes": Measure("bytes", "free for normal users", "< 2GB"),
            "used_bytes": Measure("bytes", "not free"),
            "size": Measure("bytes", "size of the file system", "< 100GB"),
            "inodes_free": Measure("percent", "free inodes; on local hosts only", "< 10%"),
        },
        warn="free < 20%",
        crit="free < 10%",
        main="free",
        example="disk: /srv",
    ),
    "folder": Kind(
        "Measures the bytes in a folder against a budget.",
        "host",
        {
            "bytes": Measure("bytes", "bytes of all files below it"),
            "used": Measure("percent", "of the budget"),
            "free": Measure("percent", "of the budget that is left", "< 5%"),
            "files": Measure("number", "files below it; on local hosts only", "> 10000"),
        },
        warn="used > 80%",
        crit="used > 95%",
        main="used",
        example="folder: {path: /srv/shop/uploads, budget: 200MB}",
    ),
    "memory": Kind(
        "Measures the memory of the host.",
        "host",
        {
            "free": Measure("percent", "available to programs, caches counted as available", "< 5%"),
            "used": Measure("percent", "not available"),
            "free_bytes": Measure("bytes", "available to programs", "< 200MB"),
            "swap_used": Measure("percent", "of the swap space"),
        },
        warn="free < 10%",
        crit="free < 5%",
        main="free",
        example="memory: true",
    ),
    "cpu": Kind(
        "Measures how busy the host is.",
        "host",
        {
            "used": Measure("percent", "of all cores, since the reading before"),
            "load": Measure("number", "load average of one minute, per core", "> 2"),
            "steal": Measure("percent", "taken by the hypervisor", "> 10%"),
        },
        warn="used > 90% for 5 of 5",
        main="used",
        example="cpu: true",
    ),
    "sql": Kind(
        "Asks a database one question.",
        "here",
        {
            "value": Measure("any", "first column of the first row"),
            "rows": Measure("number", "rows of the answer", "> 0"),
            "latency": _LATENCY,
        },
        main="value",
        example='sql: {database: shop, query: "select count(*) from job"}',
    ),
    "heartbeat": Kind(
        "Waits for a job to report by `wk ping`, or by asking its URL.",
        "here",
        {
            "age": Measure("duration", "since the last success", "> 26h"),
            "late": Measure(
                "truth",
                "whether it should have reported by now, grace included, or a run did not end in its time",
                "late",
            ),
            "late_s": Measure("duration", "by how much a success is late", "> 1h"),
            "missed": Measure("number", "expected reports in a row that did not come, grace included", ">= 2"),
            "failed": Measure("truth", "whether the last run that ended reported a failure", "failed"),
            "status": Measure("text", 'the last ping: "success", "start", "fail" or "never"', '== "never"'),
            "exit_code": Measure("number", "how the last run ended; 0 before the first end", "== 137"),
            "duration": Measure("duration", "from start to success of the last run; 0 when not known", "> 2h"),
            "usual": Measure("duration", "the median of the 20 runs before; 0 below five of them", "> 2h"),
            "slowness": Measure(
                "number", "the last run, or one under way, measured in usual ones; 1 when not known", "> 3"
            ),
            "running": Measure("truth", "whether a run has begun and not ended", "running"),
            "running_s": Measure("duration", "since when the oldest such run is under way", "> 3h"),
            "unfinished": Measure("truth", "whether a run took longer than it may, and has not ended", "unfinished"),
        },
        crit="late or failed",
        main="age",
        example='heartbeat: {cron: "0 2 * * *", grace: 1h}',
        hint="`{every: 1h, grace: 5m, misses: 2, longest_run: 20m}`: two reports in a row may be left out, and a run that\n"
        "began may take 20 minutes, as long as the grace when it is not said. See [heartbeats](../how-to/heartbeats.md).",
    ),
    "alert": Kind(
        "Takes alerts of another program, such as Prometheus and its Alertmanager, by a webhook.",
        "here",
        {
            "firing": Measure("number", "alerts that fire now", "> 0"),
            "critical": Measure("number", "those of severity critical, page or error, or without one", "> 0"),
            "warning": Measure("number", "those of any other severity", "> 0"),
            "names": Measure("text", "their names", 'contains "Disk"'),
            "oldest": Measure("duration", "since when the oldest of them fires; while any does", "> 1h"),
            "silent": Measure("number", "alerts that fired when their sender fell silent, beside others", "> 0"),
        },
        crit="critical > 0",
        warn="firing > 0",
        main="firing",
        example="alert: true",
        hint="An alert is over when its sender says so, and the reason says by whose word. A sender that falls silent about\n"
        "a firing alert makes the check UNKNOWN, never OK. See [alertmanager](../how-to/alertmanager.md).",
    ),
    "inodes": Kind(
        "Counts the free inodes of the file system that holds a path: without one no file can be made.",
        "host",
        {
            "free": Measure("percent", "free for normal users", "< 10%"),
            "used": Measure("percent", "not free"),
            "free_count": Measure("number", "files that can still be made", "< 1000"),
            "total": Measure("number", "inodes of the file system", "< 100000"),
        },
        warn="free < 20%",
        crit="free < 10%",
        main="free",
        example="inodes: /srv",
        hint="A file system that counts no inodes (btrfs, vfat) is UNKNOWN.",
    ),
    "disk-io": Kind(
        "Measures how busy a disk is, between two readings.",
        "host",
        {
            "busy": Measure("percent", "of the time in which the disk had something to do"),
            "wait": Measure("duration", "from asking to getting, the mean of all requests", "> 50ms"),
            "queue": Measure("number", "requests under way, the mean"),
            "read_rate": Measure("bytes", "read per second", "> 100MB"),
            "write_rate": Measure("bytes", "written per second", "> 100MB"),
            "reads": Measure("number", "read requests per second", "> 500"),
            "writes": Measure("number", "write requests per second", "> 500"),
        },
        warn="busy > 90% for 5 of 5",
        main="busy",
        example="disk-io: sda",
        hint="`path` finds the disk of a mount point; over btrfs, zfs, NFS and overlays no single disk lies below: name it.",
    ),
    "load": Kind(
        "Reads how much work waits for the processors.",
        "host",
        {
            "per_core1": Measure("number", "the mean of one minute, per core; 1.0 is as much work as cores", "> 3"),
            "per_core5": Measure("number", "the mean of five minutes, per core", "> 2"),
            "per_core15": Measure("number", "the mean of fifteen minutes, per core", "> 1.5"),
            "load1": Measure("number", "the mean of one minute, as `uptime` shows it", "> 16"),
            "load5": Measure("number", "the mean of five minutes", "> 12"),
            "load15": Measure("number", "the mean of fifteen minutes", "> 8"),
            "cores": Measure("number", "processors of the host", "< 4"),
        },
        warn="per_core5 > 2",
        crit="per_core15 > 4",
        main="per_core5",
        example="load: true",
        hint="Linux counts processes that wait for a disk too.",
    ),
    "clock": Kind(
        "Compares the clock of the host with ours, corrected by half the round trip.",
        "host",
        {
            "offset": Measure("duration", "how far the clocks are apart, never negative", "> 1s"),
            "ahead": Measure("duration", "how far the host is ahead of us, negative when behind", "> 1s"),
            "uncertainty": Measure("duration", "how wrong the offset may be: half the round trip", "> 500ms"),
        },
        warn="offset > 1s",
        crit="offset > 30s",
        main="offset",
        example="clock: true",
        hint="On this machine the kernel is asked what its time keeper (chrony, timesyncd, ntpd) left; without one: UNKNOWN.",
    ),
    "systemd": Kind(
        "Asks systemd about one unit, or for all units that failed.",
        "host",
        {
            "active": Measure("truth", "whether the unit runs (active or reloading)"),
            "enabled": Measure("truth", "whether it is started at boot"),
            "state": Measure(
                "text", '"active", "inactive", "failed", "activating", "deactivating" or "not-found"', '== "failed"'
            ),
            "sub": Measure(
                "text", 'the finer state, such as "running", "exited" or "auto-restart"', '== "auto-restart"'
            ),
            "boot": Measure(
                "text", 'as `systemctl is-enabled` says: "enabled", "disabled", "static", "masked", ...', '!= "enabled"'
            ),
            "result": Measure(
                "text", 'how the last run ended: "success", "exit-code", "oom-kill", "timeout", ...', '!= "success"'
            ),
            "restarts": Measure("number", "times systemd restarted it by itself", "> 3"),
            "failed": Measure("number", "units of the host in state failed; with `failed: true` only", "> 0"),
            "units": Measure("text", "their names; with `failed: true` only", 'contains "backup"'),
        },
        crit="not active",
        main="active",
        example="systemd: nginx.service",
        hint="`{unit: nginx, enabled: true}` adds `warn: not enabled` to the rules of a check that has none.\n"
        "`{failed: true}` counts the failed units of the whole host; without a rule: `warn: failed > 0`.\n"
        'A oneshot job of a timer is inactive between its runs: judge it by `crit: result != "success"`.',
    ),
    "container": Kind(
        "Asks Docker or podman about one container.",
        "host",
        {
            "running": Measure("truth", "whether it runs; paused and restarting do not count"),
            "state": Measure(
                "text", '"running", "exited", "restarting", "paused", "created", "dead" or "missing"', '== "restarting"'
            ),
            "health": Measure(
                "text", 'its own health check: "healthy", "unhealthy", "starting", or "none"', '== "unhealthy"'
            ),
            "restarts": Measure("number", "times its restart policy started it again", "> 3"),
            "exit_code": Measure("number", "how its last run ended; 0 while it runs", "== 137"),
            "out_of_memory": Measure(
                "truth", "whether its last run was ended for using too much memory", "out_of_memory"
            ),
            "uptime": Measure("duration", "since it was started; while it runs only", "< 5m"),
        },
        crit='not running or health == "unhealthy"',
        main="state",
        example="container: shop-web",
        hint="See [containers](../how-to/containers.md) for the right that is needed.",
    ),
    "watchkeeper": Kind(
        "Asks another watchkeeper for its health, so that two of them watch each other.",
        "here",
        {
            "answers": Measure("truth", "whether it answers at all"),
            "well": Measure("truth", "whether it answers, and says that nothing is stuck"),
            "status": Measure("number", "HTTP status of its health; 0 when there was no answer", "!= 200"),
            "faults": Measure("number", "what it says is stuck", "> 0"),
            "latency": _LATENCY,
        },
        crit="not well for 2 of 3",
        main="well",
        example="watchkeeper: https://watch-b.example.org/health",
        hint="`peers` in watchkeeper.yaml makes these checks; see [watch the watcher](../how-to/watch-the-watcher.md).",
    ),
    "group": Kind(
        "Counts how many of several checks, services or hosts are OK, and knows a quorum.",
        "here",
        {
            "ok": Measure("number", "members that are OK", "< 3"),
            "warn": Measure("number", "members in WARN", "> 0"),
            "crit": Measure("number", "members in CRIT", "> 1"),
            "unknown": Measure("number", "members that are UNKNOWN", "> 0"),
            "total": Measure("number", "all members", "< 3"),
            "bad": Measure("number", "members that are not OK", "> 0"),
            "working": Measure("number", "members that are OK or WARN", "< 2"),
            "missing": Measure("number", "how many more must work, by `at_least`", "> 0"),
            "value": Measure("number", "as `ok`", "< 2"),
        },
        warn="bad > 0",
        crit="missing > 0",
        main="ok",
        example="group: {of: [shop/web], at_least: 1}",
        hint="A member is what its check has settled as. Too few work, but unknown ones could make up for it: UNKNOWN.\n"
        "A group is asked again as soon as a member flips. `alone: quiet` says that one member alone pages nobody.",
    ),
    "connectivity": Kind(
        "Asks several addresses at the same time; any answer of any of them will do.",
        "here",
        {
            "answering": Measure("number", "addresses that answered", "< 2"),
            "total": Measure("number", "all addresses", "< 2"),
            "latency": _LATENCY,
        },
        crit="answering < 1",
        main="answering",
        example='connectivity: {any_of: ["https://www.example.org", "uplink.example.org:53"]}',
        hint="As `connectivity:` of watchkeeper.yaml it also guards every other check: see the how-to about checks.",
    ),
}
"""All kinds by name. sql and folder without a budget have no default: they need a rule."""
