"""From models to the values of the inventory: one function per kind of file, with all checks across files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from watchkeeper.core.inventory.checking import Surroundings, assemble_check, read_rules
from watchkeeper.core.inventory.connectivity import plan_of
from watchkeeper.core.inventory.expiries import declared
from watchkeeper.core.inventory.fields import SECRET
from watchkeeper.core.inventory.log import policy_of
from watchkeeper.core.inventory.models import (
    ChannelModel,
    CheckModel,
    DatabasesFile,
    HostModel,
    HostsFile,
    ResponseModel,
    SecretsFile,
    ServiceFile,
    TeamFile,
)
from watchkeeper.core.inventory.names import Names, service_name
from watchkeeper.core.inventory.severities import levels_of, needs_hours
from watchkeeper.core.inventory.shift import note_shift, shift_policy
from watchkeeper.core.inventory.status_page import note_status_page
from watchkeeper.core.inventory.status_page import policy_of as status_page_of
from watchkeeper.core.inventory.targets import target_of
from watchkeeper.core.inventory.telling import assemble_telling, hours_of, spelled_out
from watchkeeper.core.inventory.validation import Notes, meant, validate
from watchkeeper.core.inventory.values import (
    BackupPlan,
    Channel,
    Check,
    Database,
    HeartbeatPlan,
    Host,
    Response,
    Secret,
    Service,
    Team,
)
from watchkeeper.core.inventory.watching import alert_plan, note_watching, ping_plan
from watchkeeper.core.inventory.webhooks import note_webhooks, webhooks_of
from watchkeeper.core.inventory.windows import assemble_windows
from watchkeeper.core.inventory.yaml_reader import Node

KINDS_OF_CHANNEL: tuple[Literal["script", "webhook", "apprise", "alertmanager"], ...] = (
    "script", "webhook", "apprise", "alertmanager",
)  # fmt: skip
UPDATES = ("webhook", "alertmanager")
"""Kinds of channels on which a later message replaces an earlier one of the same cause, where the file says nothing."""


def assemble_team(root: Node, names: Names, notes: Notes) -> tuple[Team, TeamFile]:
    """Who we are and the defaults; after a mistake with as much as holds."""
    root = spelled_out(root)
    model = validate(TeamFile, root, notes)
    telling = assemble_telling(root, model, names, notes)
    known_channels(root, names, notes)
    note_watching(root, names, notes)
    note_shift(root, names, notes)
    note_status_page(root, names, notes)
    note_webhooks(root, names, notes)
    windows = assemble_windows(root, "watchkeeper.yaml", names, model.timezone if model else "UTC", notes)
    if model is None:
        return Team(), _as_far_as_it_holds(root)
    _hours_of_severities(root, model, notes)
    channels = [_channel(name, each) for name, each in model.channels.items()]
    escalation = tuple(dict.fromkeys(model.escalation)) if model.escalation is not None else tuple(model.channels)
    budget = model.budget
    backup = BackupPlan(model.backup.to, model.backup.every, model.backup.keep) if model.backup else None
    heartbeat = HeartbeatPlan(model.heartbeat.url, model.heartbeat.every) if model.heartbeat else None
    team = Team(
        name=model.team,
        timezone=model.timezone,
        channels=tuple(channels),
        escalation=escalation,
        budget_service=budget.per_service,
        budget_all=budget.all,
        proven_within_s=model.automation.proven_within,
        backup=backup,
        heartbeat=heartbeat,
        people={name: each.role for name, each in model.people.items() if each.role is not None},
        retention=model.retention.retention(),
        group_s=model.group_within,
        web_url=model.web.url if model.web else "",
        pings=ping_plan(model.pings),
        connectivity=plan_of(model.connectivity),
        alerts=alert_plan(model.alerts),
        windows=windows,
        expiries=declared(model.expiries),
        hours=hours_of(model.hours, model.timezone, model.holidays),
        telling=telling,
        severities=levels_of(model.severities),
        correlate_within_s=model.correlate_within,
        log=policy_of(model.log),
        shift=shift_policy(model.shift),
        status_page=status_page_of(model.status_page),
        webhooks=webhooks_of(model.webhooks),
    )
    return team, model


def _hours_of_severities(root: Node, model: TeamFile, notes: Notes) -> None:
    """Notes a severity that speaks of the team's hours when there are none."""
    named = needs_hours(model.severities)
    place = root.get("severities")
    if named and model.hours is None and place is not None:
        found = f"{named}, which speaks of hours, and no 'hours' of the team"
        notes.add(
            place.get(named) or place,
            found,
            "the key 'hours' beside 'severities'",
            'hours: {from: "08:00", to: "17:00"}',
        )


def _channel(name: str, model: ChannelModel) -> Channel:
    kind: Literal["script", "webhook", "apprise", "smtp", "alertmanager"] = next(
        (kind for kind in KINDS_OF_CHANNEL if getattr(model, kind) is not None), "smtp"
    )
    target = model.smtp.host if model.smtp is not None else str(getattr(model, kind))
    updates = kind in UPDATES if model.updates is None else model.updates
    options = model.smtp.options if model.smtp is not None else {}
    return Channel(name, kind, target, model.timeout, options, model.at_most, updates)


def known_channels(root: Node, names: Names, notes: Notes) -> None:
    """Notes channels and secrets that are named but not there."""
    channels = root.get("channels")
    for _, channel in channels.items() if channels is not None else ():
        for kind in KINDS_OF_CHANNEL:
            _secret(channel.get(kind), names, notes)
        mail = channel.get("smtp")
        _secret(mail.get("password") if mail is not None else None, names, notes)
    heartbeat = root.get("heartbeat")
    _secret(heartbeat.get("url") if heartbeat is not None else None, names, notes)
    _secret(root.at("log", "anchor", "webhook"), names, notes)
    listed = root.get("escalation")
    for node in listed.content if listed is not None and listed.is_list else []:
        if isinstance(node.content, str) and node.content not in names.channels:
            notes.unknown(node, "channel", node.content, names.channels, "channels in watchkeeper.yaml")


def _as_far_as_it_holds(root: Node) -> TeamFile:
    """The parts that other files inherit, so that one mistake here makes no others there."""
    held = TeamFile()
    for name in ("timezone", "defaults"):
        node = root.get(name)
        quiet = Notes("")
        if node is not None:
            part = validate(TeamFile, Node({name: root.content[name]}, 1, 1), quiet)
            held = held.model_copy(update={name: getattr(part, name)}) if part is not None else held
    return held


def assemble_hosts(root: Node, notes: Notes) -> dict[str, Host]:
    """All hosts; empty after a mistake."""
    model = validate(HostsFile, root, notes)
    _known_ways(root, notes)
    return {name: _host(name, each) for name, each in model.hosts.items()} if model is not None else {}


def _known_ways(root: Node, notes: Notes) -> None:
    """Notes a `via` that names no host, or one that is a container itself."""
    listed = root.get("hosts")
    nodes = {key.text: node for key, node in listed.items()} if listed is not None else {}
    for node in nodes.values():
        via = node.get("via")
        if via is None or not isinstance(via.content, str):
            continue
        reached = nodes.get(via.content)
        if reached is None:
            notes.unknown(via, "host", via.content, nodes, "hosts.yaml")
        elif reached.get("container") is not None:
            notes.add(via, f"'{via.content}', a container", "a host that runs containers: local or ssh", "via: app2")


def _host(name: str, model: HostModel) -> Host:
    labels = dict(model.labels)
    if model.container is not None:
        return Host(
            name,
            "container",
            model.container,
            model.user or "",
            spool=model.spool or "",
            labels=labels,
            socket=model.socket or "",
            via=model.via or "",
        )
    if model.ssh is None:
        return Host(name, "local", become=model.become, spool=model.spool or "", labels=labels)
    user, _, address = model.ssh.rpartition("@")
    return Host(name, "ssh", address.strip("[]"), user, model.port or 0, model.become, model.spool or "", labels)


def assemble_databases(root: Node, names: Names, notes: Notes) -> dict[str, Database]:
    """All named connections; empty after a mistake."""
    model = validate(DatabasesFile, root, notes)
    listed = root.get("databases")
    for _, node in listed.items() if listed is not None else ():
        target = node.get("postgresql")
        _secret(target, names, notes)
        if target is not None and isinstance(target.content, str) and not SECRET.match(target.content):
            _plain_url(target.content, target, notes)
    found: dict[str, Database] = {}
    for name, each in model.databases.items() if model is not None else ():
        if each.sqlite is not None:
            found[name] = Database(name, "sqlite", each.sqlite)
        elif each.postgresql is not None:
            found[name] = Database(name, "postgresql", each.postgresql)
    return found


def _plain_url(url: str, node: Node, notes: Notes) -> None:
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres") or not rest:
        notes.add(node, "another text", "a postgresql:// URL, or secret:NAME", "secret:ledger-url")
    elif ":" in rest.partition("/")[0].rpartition("@")[0] or "password=" in rest:
        notes.add(
            node, "a URL with a password in it", "secret:NAME, and the secret in secrets.yaml", "secret:ledger-url"
        )


def assemble_secrets(root: Node, notes: Notes) -> dict[str, Secret]:
    """Where all secrets are read from; empty after a mistake."""
    model = validate(SecretsFile, root, notes)
    found: dict[str, Secret] = {}
    for name, each in model.secrets.items() if model is not None else ():
        if each.env is not None:
            found[name] = Secret(name, "env", each.env, each.expires or "", each.owner)
        elif each.file is not None:
            found[name] = Secret(name, "file", each.file, each.expires or "", each.owner)
        else:
            found[name] = Secret(name, "command", each.command or "", each.expires or "", each.owner)
    return found


def _secret(node: Node | None, names: Names, notes: Notes) -> None:
    match = SECRET.match(node.content) if node is not None and isinstance(node.content, str) else None
    if match and node is not None and match.group(1) not in names.secrets and "secrets" not in names.unread:
        notes.unknown(node, "secret", match.group(1), names.secrets, "secrets.yaml")


def assemble_service(file: str, root: Node, names: Names, team: TeamFile, notes: Notes) -> Service | None:
    """One service with its checks spread over its hosts; None after a mistake in the service's own keys."""
    model = validate(ServiceFile, root, notes, without=ServiceFile.parts)
    name = service_name(file, root)
    _own_names(file, name, root, names, notes)
    hosts = _known(root, "hosts", "host", names.hosts, "hosts.yaml", notes, quiet="hosts" in names.unread)
    _known(root, "depends_on", "service", names.services, "services/", notes)
    around = Surroundings(name, hosts, team.defaults, team.timezone, names)
    checks = _checks(root, around, notes)
    responses = _responses(root, name, names, notes)
    windows = assemble_windows(root, file, names, team.timezone, notes, name)
    if model is None:
        return None
    return Service(
        name=name,
        description=model.description,
        hosts=hosts,
        depends_on=tuple(dict.fromkeys(model.depends_on)),
        owner=model.owner,
        tier=model.tier,
        config=tuple(model.config),
        repository=model.repository,
        logs=tuple(model.logs),
        docs=tuple(model.docs),
        labels=dict(model.labels),
        checks=tuple(checks),
        respond=tuple(responses),
        windows=windows,
        target=target_of(model.availability, team.availability),
    )


def _own_names(file: str, name: str, root: Node, names: Names, notes: Notes) -> None:
    place = root.get("service") or root
    files = names.services.get(name, [])
    if len(files) > 1 and file != files[0]:
        notes.add(place, f"the service '{name}' a second time", f"each service in one file; it stands in {files[0]}")
    needs = root.get("depends_on")
    for node in needs.content if needs is not None and needs.is_list else []:
        needed = str(node.content)
        if _leads_to(needed, name, names):
            way = "itself" if needed == name else f"{needed}, which depends on {name}"
            notes.add(node, f"{name} depends on {way}", "services that do not depend on each other in a circle")


def _leads_to(start: str, target: str, names: Names) -> bool:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == target:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(names.needs.get(name, []))
    return False


def _known(
    root: Node, key: str, what: str, known: Mapping[str, object], where: str, notes: Notes, quiet: bool = False
) -> tuple[str, ...]:
    """The names listed under a key; unknown and doubled ones are noted."""
    node = root.get(key)
    found: list[str] = []
    for item in node.content if node is not None and node.is_list else []:
        name = str(item.content)
        if not isinstance(item.content, str | int):
            continue
        if name in found:
            notes.add(item, f"'{name}' a second time", f"each {what} once")
        elif name not in known and not quiet:
            notes.unknown(item, what, name, known, where)
        else:
            found.append(name)
    return tuple(found)


def _items(root: Node, key: str, notes: Notes, example: str) -> list[Node]:
    node = root.get(key)
    if node is None or node.content is None:
        return []
    if not node.is_list:
        notes.add(node, node.kind, f"a list of {key}", example)
        return []
    return list(node.content)


def _checks(root: Node, around: Surroundings, notes: Notes) -> list[Check]:
    found: list[Check] = []
    names: dict[str, int] = {}
    for node in _items(root, "checks", notes, "- name: web"):
        named = node.get("name")
        if named is not None and isinstance(named.content, str | int):
            name = str(named.content)
            if name in names:
                notes.add(
                    named, f"the check '{name}' a second time", f"each check once; it stands in line {names[name]}"
                )
                continue
            names[name] = named.line
        model = validate(CheckModel, node, notes)
        if model is not None:
            found.extend(assemble_check(model, node, around, notes))
        else:
            read_rules(node, notes)
    return found


def _responses(root: Node, service: str, names: Names, notes: Notes) -> list[Response]:
    found: dict[str, Response] = {}
    for node in _items(root, "respond", notes, "- runbook: runbooks/web-down.md"):
        model = validate(ResponseModel, node, notes)
        checks = dict.fromkeys(names.checks.get(service, ()))
        to = _known(node, "to", "check", checks, "checks of this service", notes)
        place = node.get("runbook")
        if place is not None and isinstance(place.content, str):
            _runbook(place.content.removeprefix("./"), place, names, notes)
        if model is None:
            continue
        name = f"{service}/{model.runbook}"
        if name in found and place is not None:
            notes.add(place, f"'{model.runbook}' a second time", "each runbook once; list all its checks in one 'to'")
        found[name] = Response(
            name=name,
            service=service,
            to=to,
            runbook=model.runbook,
            mode=model.mode,
            at_most=model.at_most,
            prove_within_s=model.prove_within,
            params=dict(model.params),
        )
    return list(found.values())


def _runbook(path: str, place: Node, names: Names, notes: Notes) -> None:
    if path not in names.runbooks:
        close = meant(path, names.runbooks)
        notes.add(place, f"the runbook '{path[:80]}', which is not there", "a file under runbooks/", "", close)
    elif not names.runbooks[path]:
        notes.add(place, f"the runbook '{path[:80]}', which cannot be read", "a runbook saved as UTF-8")
