"""The machine itself as a service: disks, memory, load, failed units, cron and its jobs, logs."""

from __future__ import annotations

from watchkeeper.core.discovery import stock
from watchkeeper.core.discovery.drafts import MOST_SUGGESTIONS, CheckDraft, Draft, Found, ServiceDraft, heartbeat, slug
from watchkeeper.core.discovery.findings import CronJob, Facts
from watchkeeper.core.discovery.yaml_text import flow, scalar

LOG_BUDGET_KB = 1_000_000


def add_machine(made: Draft, facts: Facts, now: float) -> ServiceDraft:
    """The draft of the machine; it takes what belongs to no service."""
    machine = made.service(made.host)
    machine.description = " ".join(part for part in (facts.system.release, facts.system.kernel) if part)
    machine.origin = "the machine itself"
    made.note(
        Found("system", "system", facts.system.release or "unknown system", "/etc/os-release", facts.system.kernel)
    )
    _disks(machine, made, facts)
    machine.add(CheckDraft("system", "memory", (("memory", "true"),), "/proc/meminfo"))
    machine.add(CheckDraft("system", "load", (("load", "true"),), "/proc/loadavg"))
    if facts.units:
        lines = (("systemd", flow({"failed": True})), ("every", "60s"))
        machine.add(
            CheckDraft("system", "failed-units", lines, "systemctl --failed: any unit, also those of the distribution")
        )
    _cron(machine, made, facts)
    _logs(machine, made, facts)
    for path in facts.unread:
        made.note(
            Found(f"unread:{path}", "unreadable file", path, path, "not allowed to read it; nothing is known of it")
        )
    return machine


def _disks(machine: ServiceDraft, made: Draft, facts: Facts) -> None:
    responses = []
    for disk in facts.disks:
        name = slug("root" if disk.path == "/" else disk.path.strip("/").replace("/", "-"), 40)
        size = f"{disk.kilobytes / 1e6:.1f} GB {disk.kind}, {disk.free:.0f} % free"
        key = made.note(
            Found(f"disk:{disk.path}", "disk", disk.path, "df -PTk", size, machine.name, disk.free < 10)
        ).key
        lines = (("disk", scalar(disk.path)), ("every", "60s"))
        responses.append(machine.add(CheckDraft(key, f"disk-{name}", lines, f"df: {disk.path}, {size}")))
        if disk.inodes_free is not None:
            lines = (("inodes", scalar(disk.path)), ("every", "60s"))
            machine.add(CheckDraft(key, f"inodes-{name}", lines, f"df -i: {disk.path}, {disk.inodes_free:.0f} % free"))
    machine.respond = tuple(responses)


def _cron(machine: ServiceDraft, made: Draft, facts: Facts) -> None:
    jobs = [job for job in facts.cron if not stock.is_stock_cron(job.file, job.command)]
    if not jobs:
        return
    daemon = next(
        (u for u in facts.units if u.name in ("cron.service", "crond.service") and u.active == "active"), None
    )
    if daemon is not None:
        asked = flow({"unit": daemon.name, "enabled": True})
        machine.add(CheckDraft("system", "cron", (("systemd", asked),), f"{len(jobs)} jobs depend on {daemon.name}"))
    elif any(each.name in ("cron", "crond") for each in facts.processes):
        name = next(each.name for each in facts.processes if each.name in ("cron", "crond"))
        machine.add(CheckDraft("system", "cron", (("process", name),), f"{len(jobs)} jobs depend on it"))
    else:
        machine.notes.append(f"{len(jobs)} cron jobs are there, but no cron runs.")
    for job in jobs[:MOST_SUGGESTIONS]:
        _job(job, machine, made)
    for job in jobs[MOST_SUGGESTIONS:]:
        made.note(_found(job, ""))
    if len(jobs) > MOST_SUGGESTIONS:
        machine.notes.append(f"{len(jobs) - MOST_SUGGESTIONS} more cron jobs are listed in discovered/.")


def _job(job: CronJob, machine: ServiceDraft, made: Draft) -> None:
    found = made.note(_found(job, machine.name))
    name = slug(job.program, 50)
    taken = {each.name for each in machine.checks}
    free, at = name, 2
    while free in taken:
        free, at = f"{name}-{at}", at + 1
    if job.schedule != "@reboot":
        origin = f"{found.where}: {found.note}: {job.program}; needs 'wk ping {machine.name}/{free}' in the job"
        machine.add(heartbeat(found.key, free, job.schedule, origin))


def _found(job: CronJob, service: str) -> Found:
    where = f"{job.file}:{job.line}" if job.line else job.file
    schedule = job.schedule if job.line else f"{job.file.split('/')[-2].removeprefix('cron.')}, about {job.schedule}"
    key = f"cron:{job.file}:{job.schedule}:{job.program}"
    return Found(key, "cron job", job.program, where, f"{schedule} as {job.user}", service)


def _logs(machine: ServiceDraft, made: Draft, facts: Facts) -> None:
    for folder in facts.log_folders:
        if folder.path == "/var/log":
            key = made.note(Found("log:/var/log", "log folder", "/var/log", "du -skx /var/log",
                                  f"{folder.kilobytes / 1000:.0f} MB", machine.name)).key  # fmt: skip
            if facts.system.root:
                lines = (("folder", flow({"path": "/var/log", "budget": budget(folder.kilobytes)})), ("every", "10m"))
                origin = f"du: {folder.kilobytes / 1000:.0f} MB today; the budget is a guess of ours"
                machine.add(CheckDraft(key, "logs", lines, origin))
        else:
            made.note(Found(f"log:{folder.path}", "log folder", folder.path, f"du -skx {folder.path}",
                            f"{folder.kilobytes / 1000:.1f} MB"))  # fmt: skip


def budget(kilobytes: int) -> str:
    """A round size well above what is there now, at least 1 GB."""
    wanted = max(kilobytes * 4, LOG_BUDGET_KB)
    for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000):
        if size * 1_000_000 >= wanted:
            return f"{size}GB"
    return "10000GB"
