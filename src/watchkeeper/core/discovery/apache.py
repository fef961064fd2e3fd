"""Sites of Apache httpd, from the directives of its virtual hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from watchkeeper.core.discovery.findings import Site
from watchkeeper.core.discovery.text import lines, number

_LINE = re.compile(r"(/[^:]+):(\d+):\s*(.*)\Z")
_OPEN = re.compile(r"<virtualhost\s+([^>]*)>", re.IGNORECASE)


@dataclass(slots=True)
class _Host:
    places: list[str]
    file: str
    line: int
    names: list[str] = field(default_factory=list)
    certificate: str = ""
    secure: bool = False
    upstream: str = ""


def read_apache(output: bytes) -> tuple[Site, ...]:
    """The answer to ``apache``."""
    found: list[Site] = []
    current: _Host | None = None
    for line in lines(output):
        match = _LINE.match(line)
        if not match:
            continue
        opened = _OPEN.match(match[3])
        words = [word.strip("\"'") for word in match[3].split()]
        if opened:
            current = _Host(opened[1].split(), match[1], number(match[2]))
        elif current is not None and match[3].lower().startswith("</virtualhost"):
            found += _sites(current)
            current = None
        elif current is not None and len(words) > 1:
            _directive(current, words)
    return tuple(found)


def _directive(host: _Host, words: list[str]) -> None:
    word = words[0].lower()
    if word == "servername":
        host.names.insert(0, words[1].partition(":")[0])
    elif word == "serveralias":
        host.names += words[1:]
    elif word == "sslcertificatefile":
        host.certificate, host.secure = words[1], True
    elif word == "sslengine":
        host.secure = words[1].lower() == "on"
    elif word == "proxypass" and len(words) > 2 and not host.upstream:
        host.upstream = re.sub(r"^[a-z]+://(?:[^@/]*@)?", "", words[2]).partition("/")[0]


def _sites(host: _Host) -> list[Site]:
    names = tuple(name for name in host.names if re.match(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z", name)) or ("",)
    sites = []
    for place in host.places:
        address, _, port = place.rpartition(":")
        bare = (address or place).strip("[]")
        reach = (
            "::1"
            if bare == "::"
            else bare
            if re.match(r"[0-9a-fA-F.:]+\Z", bare) and bare != "0.0.0.0"
            else "127.0.0.1"
        )
        number_ = number(port) or (443 if host.secure else 80)
        sites.append(
            Site(
                "apache",
                names,
                reach,
                number_,
                host.secure,
                host.file,
                host.line,
                host.certificate if host.secure else "",
                host.upstream,
            )
        )
    return sites
