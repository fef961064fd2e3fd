"""The answers of one host, by question, to its facts."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.core.discovery.apache import read_apache
from watchkeeper.core.discovery.caddy import read_caddy
from watchkeeper.core.discovery.certificates import read_answers, read_certificate_files, read_shown
from watchkeeper.core.discovery.containers import read_compose, read_containers, read_supervisor
from watchkeeper.core.discovery.cron import counted, read_cron
from watchkeeper.core.discovery.findings import Facts
from watchkeeper.core.discovery.machine import read_disks, read_logs, read_packages, read_system
from watchkeeper.core.discovery.nginx import read_nginx
from watchkeeper.core.discovery.processes import read_connections, read_listeners, read_processes
from watchkeeper.core.discovery.stores import read_databases, read_files, read_settings
from watchkeeper.core.discovery.systemd import read_units


def read_facts(answers: Mapping[str, bytes], unanswered: tuple[str, ...] = ()) -> Facts:
    """Everything that the answers say. A question without an answer leaves its part empty; nothing here raises."""

    def said(name: str) -> bytes:
        return answers.get(name, b"")

    system = read_system(said("system"))
    units, timers = read_units(said("units"))
    processes = read_processes(said("processes"))
    listeners = read_listeners(said("listeners"))
    certificates, unread = read_certificate_files(said("certificates"))
    open_files, sqlite = read_files(said("files"))
    settings, closed = read_settings(said("environments"))
    folders, files = read_logs(said("logs"))
    names = frozenset(timer.name.removesuffix(".timer") for timer in timers)
    owners = {one.port: one.pids for one in listeners if one.protocol == "tcp" and one.pids}
    links = {
        (pid, owner) for pid, port, _ in read_connections(said("connections")) for owner in owners.get(port, ())[:1]
    }
    return Facts(
        system=system,
        disks=read_disks(said("disks")),
        units=units,
        timers=timers,
        processes=tuple(processes.values()),
        listeners=listeners,
        links=tuple(sorted(links)),
        cron=counted(read_cron(said("cron")), names, systemd=bool(units)),
        containers=read_containers(said("containers")),
        compose=read_compose(said("compose")),
        programs=read_supervisor(said("supervisor")),
        sites=(*read_nginx(said("nginx")), *read_apache(said("apache")), *read_caddy(said("caddy"))),
        certificates=certificates,
        shown=read_shown(said("shown")),
        answers=read_answers(said("doors")),
        databases=read_databases(said("databases")),
        open_files=open_files,
        sqlite=sqlite,
        settings=settings,
        log_files=files,
        log_folders=folders,
        packages=read_packages(said("packages")),
        unread=tuple(dict.fromkeys((*unread, *closed))),
        unanswered=unanswered,
    )
