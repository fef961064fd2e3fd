"""One sighting to the check it deserves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from watchkeeper.core.discovery.drafts import CheckDraft, slug
from watchkeeper.core.discovery.yaml_text import flow, scalar
from watchkeeper.core.importing.naming import name_of
from watchkeeper.core.importing.sightings import Sighting, is_inner, is_loopback


@dataclass(frozen=True, slots=True)
class Asked:
    """A check of an address, a disk or a certificate. local: it is asked on a host. note: what a person should know."""

    draft: CheckDraft
    local: bool = True
    note: str = ""


def asked_check(each: Sighting, said: str) -> Asked:
    """The check of what belongs to a service. said: where it is named."""
    if each.kind == "url":
        return _url(each, said)
    if each.kind == "disk":
        name = "disk" if each.name == "/" else f"disk-{name_of(each.name.strip('/').replace('/', '-'), 40, 'path')}"
        return Asked(CheckDraft("", name, (("disk", scalar(each.name)),), said))
    if each.kind == "certificate":
        command = f"openssl x509 -checkend 1209600 -noout -in {each.name}"
        return Asked(CheckDraft("", "certificate-file", (("command", scalar(command)), ("every", "1h")), said))
    host, _, port = each.name.rpartition(":")
    local, inner = host in ("localhost", "127.0.0.1"), is_inner(host)
    kind, name = ("tls", "certificate") if each.kind == "tls" else ("tcp", f"port-{port}")
    asked = flow({"address": each.name, "name": each.detail}) if each.detail else scalar(each.name)
    lines = ((kind, asked), *((("from", "host"),) if local else ()))
    return Asked(CheckDraft("", name, lines, said, inner), local, _INNER if inner else "")


_INNER = "its name is known inside its network only"


def _url(each: Sighting, said: str) -> Asked:
    local, inner = is_loopback(each.name), is_inner(urlsplit(each.name).hostname or "")
    lines = [("http", scalar(each.name))]
    if local:
        lines.append(("from", "host"))
    if not _is_health(each.name):
        lines.append(("crit", "status == 0 or status >= 500"))  # a page may well ask who is there first
    return Asked(CheckDraft("", url_name(each.name), tuple(lines), said, inner), local, _INNER if inner else "")


def _is_health(url: str) -> bool:
    return bool(
        re.search(
            r"/(?:[\w-]*health[\w-]*|healthz|livez|readyz?|ready|live|ping|up|alive|heartbeat)/?\Z", urlsplit(url).path
        )
    )


def url_name(url: str) -> str:
    """What the check of a URL is called: the last part of its path."""
    path = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    name = slug(re.sub(r"\.\w{2,5}\Z", "", path).lower(), 40) if path else "web"
    return "web" if name == "unnamed" else name


def own_check(each: Sighting, said: str) -> CheckDraft | None:
    """The check of a unit, container or program; a suggestion where a part of it is not said. said: where it is named."""
    if each.kind == "unit":
        return CheckDraft("", "unit", (("systemd", scalar(f"{each.name}.service")),), said)
    if each.kind == "timer":
        return CheckDraft("", "timer", (("systemd", scalar(each.name)),), said)
    if each.kind == "container":
        return CheckDraft("", "container", (("container", scalar(each.name)),), said)
    if each.kind == "program":
        return CheckDraft(
            "", "program", (("command", scalar(f"supervisorctl status {each.name}")), ("every", "60s")), said
        )
    if each.kind == "pm2":
        return CheckDraft(
            "", "process", (("process", flow({"match": _literal(each.name)})),), f"{said}, kept by pm2", True
        )
    if each.kind == "process":
        how = {"match": _literal(each.name)} if each.detail == "match" else {"name": each.name}
        return CheckDraft("", "process", (("process", flow(how)),), said)
    if each.kind == "compose" and each.detail:
        folder, _, file = each.detail.partition(" ")
        option = f" -f {file}" if file else ""
        command = f"cd {folder} && docker compose{option} ps --status running --services | grep -qx {each.name}"
        return CheckDraft("", "container", (("command", scalar(command)), ("every", "60s")), said)
    if each.kind in ("compose", "like"):
        name = f"PROJECT-{each.name}-1" if each.kind == "compose" else f"{each.name}"
        why = (
            "its project directory is not said; put the container's full name"
            if each.kind == "compose"
            else "a part of the container's name"
        )
        return CheckDraft("", "container", (("container", scalar(name)),), f"{said}, {why}", True)
    return None


def _literal(text: str) -> str:
    """A regular expression for a text as it stands."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
