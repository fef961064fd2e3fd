"""Virtual hosts and certificates to checks."""

from __future__ import annotations

import time

from watchkeeper.core.discovery.drafts import CheckDraft, Draft, Found, ServiceDraft, depend
from watchkeeper.core.discovery.findings import Certificate, Facts, Site
from watchkeeper.core.discovery.owners import Owner, Owners
from watchkeeper.core.discovery.ports import WEB_SERVERS, answer_of, running_servers, tolerant
from watchkeeper.core.discovery.questions import HOSTNAME
from watchkeeper.core.discovery.yaml_text import block, flow, scalar

_DAY_S = 86400.0
CERTIFICATES = "certificates"
_OWN = "signed by itself, so only its days are judged"


def add_sites(
    made: Draft, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft], machine: ServiceDraft, now: float
) -> None:
    """A check for each site: with the service behind it where that is known, else as a service of its own.

    Certificates stand together in one service. Whatever is wrong with one site or certificate must not be an incident of
    the web server, under which the outage of every other site would be held without a page.
    """
    servers = running_servers(facts)
    files: set[str] = set()
    own: dict[str, ServiceDraft] = {}
    for site in facts.sites:
        if site.server not in servers:
            continue
        server = _server(site, facts, owners, homes) or machine
        home = _behind(site, facts, owners, homes) or _alone(_name(site), f"{site.file}:{site.line}", server, made, own)
        if home is not server:
            depend(home, server, f"{site.file}:{site.line} serves or proxies to it", made.services)
        key = _note(site, facts, made, home)
        page = _page(key, site, facts)
        if page is not None:
            home.add(page)
        if site.secure:
            files.add(site.certificate)
            keeper = _alone(CERTIFICATES, "the sites of its web servers", server, made, own)
            _certificate(key, site, facts, made, keeper, now)
            if keeper is not server:
                depend(keeper, server, "shows them", made.services)
    _files(made, facts, machine, files, now)


def _alone(name: str, origin: str, server: ServiceDraft, made: Draft, own: dict[str, ServiceDraft]) -> ServiceDraft:
    """The service of this name, made once; its web server instead where it has no name or there are too many."""
    if name not in own:
        if not name or made.full:
            return server
        own[name] = made.service(name)
        own[name].origin = f"{name}, {origin}"
    return own[name]


def _server(site: Site, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> ServiceDraft | None:
    for process in facts.processes:
        if WEB_SERVERS.get(process.name) == site.server:
            home = homes.get(owners.of(process.pid))
            if home is not None:
                return home
    return None


def _behind(site: Site, facts: Facts, owners: Owners, homes: dict[Owner, ServiceDraft]) -> ServiceDraft | None:
    """The service that listens where the site passes requests to."""
    port = site.upstream.rpartition(":")[2]
    if not port.isdigit() or not site.upstream.startswith(("127.", "localhost:", "[::1]:")):
        return None
    for listener in facts.listeners:
        if listener.protocol == "tcp" and listener.port == int(port):
            owner = owners.of_first(listener.pids)
            if owner is not None and owner in homes:
                return homes[owner]
    return None


def _name(site: Site) -> str:
    return site.names[0] if site.names[0] and HOSTNAME.match(site.names[0]) else ""


def _note(site: Site, facts: Facts, made: Draft, home: ServiceDraft) -> str:
    said = answer_of(facts, site.address, site.port, _name(site))
    status = (said.secure if site.secure else said.plain) if said else -1
    if site.secure and site.server == "caddy" and status == 0:
        status = -1
    also = f"; also {', '.join(site.names[1:5])}" if len(site.names) > 1 else ""
    answered = "" if status < 0 else f"answers {status}" if status else "does not answer"
    found = Found(
        f"site:{_name(site) or 'default'}:{site.port}", "site", f"{_name(site) or 'default'} on port {site.port}",
        f"{site.file}:{site.line}", f"{answered}{also}".lstrip("; "), home.name, status == 0 or status >= 500,
    )  # fmt: skip
    return made.note(found).key


def _page(key: str, site: Site, facts: Facts) -> CheckDraft | None:
    """The check of a site; None where TLS is refused without the name (Caddy), which such a check cannot send."""
    name = _name(site)
    host = f"[{site.address}]" if ":" in site.address else site.address
    scheme, usual = ("https", 443) if site.secure else ("http", 80)
    url = f"{scheme}://{host}/" if site.port == usual else f"{scheme}://{host}:{site.port}/"
    asked: dict[str, str | bool | dict[str, str]] = {"url": url}
    if name:
        asked["headers"] = {"Host": name}
    if site.secure:
        asked["verify"] = False
    said = answer_of(facts, site.address, site.port, name)
    status = (said.secure if site.secure else said.plain) if said else 0
    if site.secure and site.server == "caddy" and not status:
        return None
    also = f", also {', '.join(site.names[1:5])}" if len(site.names) > 1 else ""
    says = f"; GET / says {status}" if status else ""
    http = flow(asked) if len(asked) > 1 else block(url)
    secure = "-tls" if site.secure else ""
    port = "" if site.port == usual else f"-{site.port}"
    lines = (("http", http), ("from", "host"), *tolerant(status))
    if lacks(facts, "curl"):
        lines, says = (("tcp", scalar(f"{host}:{site.port}")), ("from", "host")), "; only the port, there is no curl"
    return CheckDraft(
        key, f"site-{name or 'default'}{secure}{port}"[:63], lines, f"{site.file}:{site.line}{also}{says}"
    )


def _certificate(key: str, site: Site, facts: Facts, made: Draft, home: ServiceDraft, now: float) -> None:
    """The certificate that the site shows; signed by itself it cannot be trusted, so that only its days count."""
    name = _name(site)
    shown = next((c for c in facts.shown if (c.address, c.port, c.asked) == (site.address, site.port, name)), None)
    one = shown or next((c for c in facts.certificates if c.file == site.certificate), None)
    host = f"[{site.address}]" if ":" in site.address else site.address
    asked: dict[str, str | bool] = {"address": f"{host}:{site.port}"}
    if name:
        asked["name"] = name
    own = one is not None and one.self_signed and (not name or (one.ends > now and one.holds_for(name)))
    if not name or own:
        asked["verify"] = False
    faults = faults_of(one, name, now) if one is not None else ["not readable, not shown"]
    if one is not None and one.self_signed and not own:
        faults.append("signed by itself")
    known = [*faults, *([_OWN] if own else [])]
    where = site.certificate or f"shown on port {site.port}"
    made.note(Found(f"certificate:{name or 'default'}:{site.port}", "certificate", f"{name or 'default'} on port {site.port}",
                    where, "; ".join([*known, ends_of(one)] if one else faults), home.name, bool(faults)))  # fmt: skip
    port = "" if site.port == 443 else f"-{site.port}"
    origin = f"{site.file}:{site.line}, {where}" + (f": {'; '.join(known)}" if known else "")
    lines = (("tls", flow(asked)), ("from", "host"), *_short(one), ("every", "5m"))
    if lacks(facts, "openssl"):
        origin = f"{origin}; openssl is needed there for this"
    home.add(CheckDraft(key, f"certificate-{name or 'default'}{port}"[:63], lines, origin, lacks(facts, "openssl")))


def lacks(facts: Facts, program: str) -> bool:
    """Whether the host said which programs it has, and this one is not among them."""
    return bool(facts.system.programs) and program not in facts.system.programs


def _short(one: Certificate | None) -> tuple[tuple[str, str], ...]:
    """Rules for a certificate that Caddy renews twice a day: two weeks before its end would always be too late."""
    days = one.renewed_daily if one is not None else 0.0
    return (("warn", f"days < {days / 4:.2f}"), ("crit", f"not connected or days < {days / 10:.2f}")) if days else ()


def faults_of(one: Certificate, name: str, now: float) -> list[str]:
    """What is wrong with a certificate, in words; empty when nothing is known to be."""
    faults = []
    if one.ends < now:
        faults.append(f"expired {_days(now - one.ends)} ago")
    elif one.ends - now < _DAY_S * (one.renewed_daily / 4 or 14):
        faults.append(f"ends in {_days(one.ends - now)}")
    if name and not one.holds_for(name):
        faults.append(f"does not hold for {name}")
    return faults


def _days(seconds: float) -> str:
    days = int(seconds // _DAY_S)
    return "1 day" if days == 1 else f"{days} days"


def ends_of(one: Certificate) -> str:
    """When it ends, as a date."""
    return f"ends {time.strftime('%Y-%m-%d', time.gmtime(one.ends))}"


def _files(made: Draft, facts: Facts, machine: ServiceDraft, named: set[str], now: float) -> None:
    """Certificate files that no site shows: mail, databases, ones that wait for their site."""
    for one in facts.certificates:
        if one.file in named or any(one.ends == each.ends and one.subject == each.subject for each in facts.shown):
            made.note(Found(f"certificate-file:{one.file}", "certificate file", one.file, one.file, ends_of(one)))
            continue
        faults = faults_of(one, "", now)
        key = made.note(Found(f"certificate-file:{one.file}", "certificate file", one.file, one.file,
                              "; ".join([*faults, ends_of(one)]), machine.name, one.ends < now)).key  # fmt: skip
        if one.file.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum() and facts.system.root:
            command = scalar(f"openssl x509 -noout -checkend 1209600 -in {one.file}")
            name = f"certificate-{one.file.strip('/').rpartition('live/')[2].replace('/', '-')}"[:63].rstrip("-.")
            lines = (("command", command), ("warn", "exit_code != 0"), ("every", "1h"))
            machine.add(CheckDraft(key, name, lines, f"{one.file}, {ends_of(one)}: WARN two weeks before"))
