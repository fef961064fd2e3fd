"""Facts of a host to the draft of its files: one service for each unit, program, container and loose process."""

from __future__ import annotations

import re
from collections.abc import Iterable

from watchkeeper.core.discovery import stock
from watchkeeper.core.discovery.drafts import MOST_SERVICES, CheckDraft, Draft, Found, ServiceDraft, depend, heartbeat
from watchkeeper.core.discovery.findings import Container, Facts, Process, Program, Timer, Unit
from watchkeeper.core.discovery.machine_service import add_machine
from watchkeeper.core.discovery.owners import Owner, Owners, is_login_unit
from watchkeeper.core.discovery.ports import add_ports
from watchkeeper.core.discovery.saved import add_databases, add_settings
from watchkeeper.core.discovery.systemd import as_cron
from watchkeeper.core.discovery.web import add_sites
from watchkeeper.core.discovery.yaml_text import flow, scalar


def draft(facts: Facts, host: str, now: float) -> Draft:
    """Everything that was found, with the services and checks it deserves. now: epoch seconds, for certificates."""
    made = Draft(host)
    owners = Owners(facts)
    homes: dict[Owner, ServiceDraft] = {}
    for unit in _units_of_team(facts, made):
        if made.full:
            made.note(
                Found(f"unit:{unit.name}", "unit", unit.name, unit.path, f"{state_of(unit)}; one too many to watch")
            )
            continue
        homes[Owner("unit", unit.name)] = _unit(unit, facts, made)
    for program in facts.programs[: MOST_SERVICES - len(made.services)]:
        homes[Owner("program", program.name)] = _program(program, facts, made, homes)
    for container in facts.containers[: MOST_SERVICES - len(made.services)]:
        home = _container(container, made, homes)
        if home is not None:
            homes[Owner("container", container.name)] = home
    for name, processes in sorted(owners.loose().items())[: MOST_SERVICES - len(made.services)]:
        homes[Owner("process", name)] = _loose(name, processes, made)
    _timers(facts, made, homes)
    for owner, home in homes.items():
        home.pids = owners.pids(owner)
    _open_logs(facts, owners, homes)
    machine = add_machine(made, facts, now)
    add_ports(made, facts, owners, homes, machine)
    add_sites(made, facts, owners, homes, machine, now)
    add_databases(made, facts, owners, homes)
    add_settings(made, facts)
    _dependencies(facts, owners, homes)
    _compose(facts, made)
    made.services = [each for each in made.services if each.checks or each is machine]
    return made


# ---- units -----------------------------------------------------------------------------------------------------------


def _units_of_team(facts: Facts, made: Draft) -> Iterable[Unit]:
    """Units that run or failed and are not part of every installation, and the team's own that should run."""
    instances = {unit.name.partition("@")[0] for unit in facts.units if "@" in unit.name and unit.active == "active"}
    timed = {timer.unit for timer in facts.timers}
    for unit in facts.units:
        name = unit.name.removesuffix(".service")
        if stock.is_stock_unit(unit.name) or is_login_unit(facts, unit) or "@." in unit.name or unit.load != "loaded":
            continue
        if (unit.kind == "oneshot" and unit.name in timed) or (name in instances and unit.active != "failed"):
            continue
        wanted = unit.enabled == "enabled" and is_own(unit.path) and unit.kind != "oneshot"
        if wanted or unit.active in ("active", "activating", "reloading", "failed", "deactivating"):
            yield unit
        elif unit.enabled == "enabled":
            _idle(made, unit.name, unit.path)


def is_own(path: str) -> bool:
    """Whether somebody wrote this unit on the host; the units of packages are elsewhere."""
    return path.startswith(("/etc/systemd/", "/usr/local/", "/home/", "/root/"))


def _idle(made: Draft, name: str, path: str) -> None:
    """A unit of a package that is enabled and does not run: it may never have been wanted, so nothing watches it."""
    where = path or "systemctl show"
    made.note(Found(f"idle:{name}", "idle unit", name, where, "enabled, but does not run; no check was written"))


def _unit(unit: Unit, facts: Facts, made: Draft) -> ServiceDraft:
    name = unit.name.removesuffix(".service")
    stem, at, instance = name.partition("@")
    alike = [each for each in facts.units if each.name.startswith(f"{stem}@") and each.active in ("active", "failed")]
    home = made.service(stem if at and len(alike) == 1 else f"{stem}-{instance}" if at else name)
    home.description = unit.description if unit.description != unit.name else ""
    home.origin = f"unit {unit.name}, {unit.path or 'systemctl show'}"
    key = made.note(Found(f"unit:{unit.name}", "unit", unit.name, unit.path or "systemctl show", state_of(unit),
                          home.name, unit.active != "active")).key  # fmt: skip
    wanted = unit.enabled in ("enabled", "disabled")
    lines = [("systemd", flow({"unit": unit.name, "enabled": True}) if wanted else scalar(unit.name))]
    home.add(CheckDraft(key, "unit", tuple(lines), f"systemctl show {unit.name}: {state_of(unit)}"))
    read = {setting.file for setting in facts.settings}
    for file in unit.environment_files:
        if file in read and not file.startswith(("/etc/default/", "/run/")):
            home.config[file] = f"EnvironmentFile of {unit.name}"
    return home


def state_of(unit: Unit) -> str:
    """How a unit is, in a few words."""
    boot = {"enabled": "started at boot", "disabled": "not started at boot"}.get(unit.enabled, unit.enabled)
    return ", ".join(part for part in (f"{unit.active} ({unit.sub})" if unit.sub else unit.active, boot) if part)


# ---- timers ----------------------------------------------------------------------------------------------------------


def _timers(facts: Facts, made: Draft, homes: dict[Owner, ServiceDraft]) -> None:
    units = {unit.name: unit for unit in facts.units}
    for timer in facts.timers:
        if stock.is_stock_timer(timer.name) or not (timer.active or timer.enabled == "enabled"):
            continue
        if (not timer.active and not is_own(timer.path)) or made.full:
            _idle(made, timer.name, timer.path)
            continue
        unit = units.get(timer.unit)
        home = homes.get(Owner("unit", timer.unit)) or made.service(timer.name.removesuffix(".timer"))
        home.description = home.description or (unit.description if unit and unit.description != unit.name else "")
        home.origin = home.origin or f"timer {timer.name}, {timer.path or 'systemctl show'}"
        _timer(timer, unit, home, made)


def _timer(timer: Timer, unit: Unit | None, home: ServiceDraft, made: Draft) -> None:
    schedule = "; ".join((*timer.calendar, *timer.every)) or "no schedule"
    bad = not timer.active or (unit is not None and unit.active == "failed")
    key = made.note(Found(f"timer:{timer.name}", "timer", timer.name, timer.path or "systemctl show", schedule,
                          home.name, bad)).key  # fmt: skip
    enabled = timer.enabled in ("enabled", "disabled")
    asked = flow({"unit": timer.name, "enabled": True}) if enabled else scalar(timer.name)
    home.add(CheckDraft(key, "timer", (("systemd", asked),), f"systemctl show {timer.name}: {schedule}"))
    if unit is not None and unit.kind == "oneshot":
        lines = (("systemd", scalar(unit.name)), ("crit", 'result != "success"'), ("every", "60s"))
        home.add(CheckDraft(key, "last-run", lines, f"systemctl show {unit.name}: how its last run ended"))
    cron = as_cron(timer.calendar[0]) if len(timer.calendar) == 1 else ""
    if cron:
        home.add(
            heartbeat(key, "heartbeat", cron, f"the job must say so itself: add 'wk ping {home.name}/heartbeat' to it")
        )


# ---- programs, containers, loose processes ---------------------------------------------------------------------------


def _program(program: Program, facts: Facts, made: Draft, homes: dict[Owner, ServiceDraft]) -> ServiceDraft:
    home = made.service(program.name.replace(":", "-"))
    home.description = "Program under supervisor"
    where = f"{program.file}:{program.line}" if program.file else f"supervisorctl -c {program.config} status"
    home.origin = f"supervisor program {program.name}, {where}"
    bad = program.state not in ("RUNNING", "STARTING", "")
    key = made.note(Found(f"program:{program.name}", "supervisor program", program.name, where,
                          program.state or "supervisor did not answer", home.name, bad)).key  # fmt: skip
    safe = re.match(r"[A-Za-z0-9_.:-]+\Z", program.name) and re.match(r"/[A-Za-z0-9_./-]+\Z", program.config)
    process = next((each for each in facts.processes if each.pid == program.pid), None)
    if safe and facts.system.root:
        lines = [("command", scalar(f"supervisorctl -c {program.config} status {program.name}")), ("every", "60s")]
        home.add(CheckDraft(key, "program", tuple(lines), f"{where}: {program.state}"))
    elif process is not None:
        home.add(CheckDraft(key, "process", (("process", scalar(process.program)),), f"{where}: {program.state}"))
    if program.log and not bad:
        home.logs[program.log] = "stdout_logfile"
    keeper = next(
        (each for owner, each in homes.items() if owner.kind == "unit" and owner.name.startswith("supervis")), None
    )
    if keeper is not None:
        home.depends_on[keeper.name] = "its supervisor"
    return home


def _container(container: Container, made: Draft, homes: dict[Owner, ServiceDraft]) -> ServiceDraft | None:
    where = f"{container.engine} ps" + (f", {container.compose_file}" if container.compose_file else "")
    key = f"container:{container.name}"
    watched = container.running or container.status.startswith("Restarting")
    if not watched:
        made.note(Found(key, "container", container.name, where, f"{container.status}; no check was written"))
        return None
    home = made.service(container.name)
    home.description = f"Container of {container.image}"
    home.origin = f"container {container.name}, {where}"
    made.note(Found(key, "container", container.name, where, container.status, home.name, not container.running))
    home.add(CheckDraft(key, "container", (("container", scalar(container.name)),), f"{where}: {container.status}"))
    for address, port in container.ports[:8]:
        reach = "127.0.0.1" if address in ("", "0.0.0.0", "::", "[::]") else address
        asked = scalar(f"[{reach}]:{port}" if ":" in reach and not reach.startswith("[") else f"{reach}:{port}")
        home.add(CheckDraft(key, f"port-{port}", (("tcp", asked), ("from", "host")), f"{where}: published port {port}"))
    engine = next((each for owner, each in homes.items() if owner.name == f"{container.engine}.service"), None)
    if engine is not None:
        home.depends_on[engine.name] = "its engine"
    return home


def _loose(name: str, processes: list[Process], made: Draft) -> ServiceDraft:
    home = made.service(name)
    first = min(processes, key=lambda each: each.pid)
    home.description = f"Process of {first.user} that no unit or supervisor keeps"
    home.origin = f"ps: {name}, pid {first.pid} of {first.user}"
    key = made.note(Found(f"process:{name}", "process", name, "ps", "kept by no unit and no supervisor", home.name)).key
    home.add(CheckDraft(key, "process", (("process", scalar(name)),), f"ps: pid {first.pid} of {first.user}"))
    home.notes.append("Nothing starts it again when it ends or after a boot: a systemd unit would.")
    return home


def _open_logs(facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> None:
    """Logs that the processes of a service hold open; one that a program names as its own stays with it."""
    named = {path for home in homes.values() for path in home.logs}
    for held in facts.open_files:
        home = homes.get(owners.of(held.pid))
        if home is not None and held.path.endswith(".log") and held.path not in named and len(home.logs) < 12:
            home.logs.setdefault(held.path, "open in its process")


def _compose(facts: Facts, made: Draft) -> None:
    running = {(each.compose_file, each.service) for each in facts.containers if each.service}
    for file in facts.compose:
        up = [name for name, _ in file.services if (file.path, name) in running]
        names = ", ".join(name for name, _ in file.services) or "no services"
        made.note(Found(f"compose:{file.path}", "compose file", file.path, file.path,
                        f"{names}; running: {', '.join(up) or 'none'}"))  # fmt: skip


# ---- dependencies ----------------------------------------------------------------------------------------------------


def _dependencies(facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> None:
    """Who talks to whom on this host; never in a circle, and a web server does not depend on what is behind it."""
    for client, server in facts.links:
        asking, asked = homes.get(owners.of(client)), homes.get(owners.of(server))
        process = owners.process(client)
        if asking is None or asked is None or asking is asked or process is None:
            continue
        if process.name in ("nginx", "apache2", "httpd", "caddy", "haproxy", "traefik"):
            continue
        depend(asking, asked, "it has connections there", homes.values())
