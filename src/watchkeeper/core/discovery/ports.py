"""Listening ports to checks: over HTTP where HTTP answers, else a connection."""

from __future__ import annotations

from watchkeeper.core.discovery.drafts import CheckDraft, Draft, Found, ServiceDraft
from watchkeeper.core.discovery.findings import Answered, Facts, Listener
from watchkeeper.core.discovery.owners import Owner, Owners
from watchkeeper.core.discovery.text import words_of
from watchkeeper.core.discovery.yaml_text import block, flow, scalar

WEB_SERVERS = {"nginx": "nginx", "apache2": "apache", "httpd": "apache", "caddy": "caddy"}
"""Program to the name its sites carry."""
_GUESSES = {5432: "postgres", 3306: "m", 6379: "redis", 11211: "memcached", 80: "", 443: ""}
NOT_HTTP = words_of(
    "sshd postgres postmaster mysqld mariadbd redis-server valkey-server memcached mongod master exim4 dovecot named dnsmasq "
    "unbound systemd-resolve rpcbind rpc.statd smbd nmbd slapd epmd mosquitto chronyd ntpd cupsd vsftpd proftpd pure-ftpd "
    "openvpn turnserver beam.smp sendmail imap-login pop3-login rsync nats-server zabbix_agentd distccd inetd xinetd"
)
"""Programs that no web page may be asked of: they would log it as an attack or a broken peer."""


def speaks_http(listener: Listener) -> bool:
    """Whether it is polite to ask this port for a page."""
    return listener.protocol == "tcp" and bool(listener.programs) and not NOT_HTTP.intersection(listener.programs)


def add_ports(
    made: Draft, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft], machine: ServiceDraft
) -> None:
    """A check for each TCP port that a service of the team listens on; all others are only noted."""
    served = {(each.port) for each in facts.sites if each.server in running_servers(facts)}
    for listener in _merged(facts.listeners):
        owner = owners.of_first(listener.pids)
        home = homes.get(owner) if owner is not None else None
        if home is None and owner is None:
            home = _guessed(listener, homes)
        where = f"{listener.address}:{listener.port}"
        program = ", ".join(listener.programs) or "owner not shown"
        key = f"port:{listener.protocol}/{listener.port}"
        if home is None:
            unit = next((each.name for each in facts.units if each.main_pid in listener.pids), "")
            program = f"{program} of {unit}" if unit else program
            home = _of_machine(listener, owner, made, machine, key, where, program)
            continue
        made.note(Found(key, "port", f"{listener.protocol} {where}", "ss -lntup", program, home.name))
        if listener.protocol == "tcp" and not (listener.port in served and WEB_SERVERS.keys() & set(listener.programs)):
            home.add(port_check(key, listener, facts, program))


def running_servers(facts: Facts) -> frozenset[str]:
    """The web servers that run, by the name their sites carry."""
    return frozenset(WEB_SERVERS[each.name] for each in facts.processes if each.name in WEB_SERVERS)


def _merged(listeners: tuple[Listener, ...]) -> list[Listener]:
    """One for each port: IPv4 and IPv6 of one program are the same door; loopback gives way to what all may reach."""
    found: dict[tuple[str, int], Listener] = {}
    for each in listeners:
        key = (each.protocol, each.port)
        if key not in found or (":" in found[key].reach and ":" not in each.reach):
            found[key] = each
    return list(found.values())


def _guessed(listener: Listener, homes: dict[Owner, ServiceDraft]) -> ServiceDraft | None:
    """Without root the owner is not shown; the port of a well-known server tells it."""
    name = _GUESSES.get(listener.port, "")
    words = (name,) if len(name) > 1 else ("mariadb", "mysql") if name else ("nginx", "apache", "httpd", "caddy")
    if listener.port not in _GUESSES or listener.protocol != "tcp":
        return None
    return next((each for owner, each in homes.items() if any(word in owner.name for word in words)), None)


def _of_machine(
    listener: Listener, owner: Owner | None, made: Draft, machine: ServiceDraft, key: str, where: str, program: str
) -> ServiceDraft:
    """A port of the system, or one whose owner is not shown: sshd and unknown ones are watched with the machine."""
    ssh = "sshd" in listener.programs or "dropbear" in listener.programs
    unknown = owner is None and listener.protocol == "tcp"
    made.note(
        Found(key, "port", f"{listener.protocol} {where}", "ss -lntup", program, machine.name if ssh or unknown else "")
    )
    if ssh or unknown:
        name = "ssh" if ssh or listener.port == 22 else f"port-{listener.port}"
        lines = (("tcp", address(listener)), ("from", "host"))
        machine.add(CheckDraft(key, name, lines, f"ss -lntup: {where}, {program}"))
    return machine


def address(listener: Listener) -> str:
    """host:port as the host itself reaches it, as YAML."""
    reach = f"[{listener.reach}]" if ":" in listener.reach else listener.reach
    return scalar(f"{reach}:{listener.port}")


def answer_of(facts: Facts, address_: str, port: int, name: str = "") -> Answered | None:
    """What a door said when it was knocked at."""
    return next(
        (each for each in facts.answers if (each.address, each.port, each.name) == (address_, port, name)), None
    )


def port_check(key: str, listener: Listener, facts: Facts, program: str) -> CheckDraft:
    """The check of one TCP port."""
    origin = f"ss -lntup: {listener.address}:{listener.port}, {program}"
    said = answer_of(facts, listener.reach, listener.port)
    host = f"[{listener.reach}]" if ":" in listener.reach else listener.reach
    name = f"port-{listener.port}"
    if said is not None and said.secure:
        url = flow({"url": f"https://{host}:{listener.port}/", "verify": False})
        return CheckDraft(
            key, name, (("http", url), ("from", "host"), *tolerant(said.secure)), f"{origin}; GET / says {said.secure}"
        )
    if said is not None and said.plain:
        url = block(f"http://{host}:{listener.port}/")
        return CheckDraft(
            key, name, (("http", url), ("from", "host"), *tolerant(said.plain)), f"{origin}; GET / says {said.plain}"
        )
    return CheckDraft(key, name, (("tcp", address(listener)), ("from", "host")), origin)


def tolerant(status: int) -> tuple[tuple[str, str], ...]:
    """The rule for a door that answers 4xx to ``/`` although it is well: the application speaks, so it lives."""
    return (("crit", "status == 0 or status >= 500"),) if 400 <= status < 500 else ()
