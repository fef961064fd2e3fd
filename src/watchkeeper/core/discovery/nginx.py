"""Sites of nginx, from the directives and braces of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from watchkeeper.core.discovery.findings import Site
from watchkeeper.core.discovery.text import lines, number

_LINE = re.compile(r"(/[^:]+):(\d+):(.*)\Z")
_TOKEN = re.compile(r"[{};]|[^\s{};]+")


@dataclass(slots=True)
class _Block:
    """A block that is open: its first word, where it began, and what was read in it."""

    word: str
    argument: str
    file: str
    line: int
    listens: list[list[str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    certificate: str = ""
    upstream: str = ""


def read_nginx(output: bytes) -> tuple[Site, ...]:
    """The answer to ``nginx``. A server block is one site for each port it listens on."""
    blocks: list[_Block] = []
    words: list[str] = []
    upstreams: dict[str, str] = {}
    servers: list[_Block] = []
    file = ""
    for line in lines(output):
        match = _LINE.match(line)
        if not match:
            continue
        if match[1] != file:
            file, blocks, words = match[1], [], []
        for token in _TOKEN.findall(match[3]):
            if token == "{":
                name = words[0] if words else ""
                blocks.append(_Block(name, words[1] if len(words) > 1 else "", file, number(match[2])))
                words = []
            elif token == "}":
                words = []
                if blocks:
                    ended = blocks.pop()
                    if ended.word == "server":
                        servers.append(ended)
                    elif ended.word == "upstream" and ended.upstream:
                        upstreams.setdefault(ended.argument, ended.upstream)
            elif token == ";":
                _directive(words, blocks)
                words = []
            else:
                words.append(token)
    return tuple(site for server in servers for site in _sites(server, upstreams))


def _directive(words: list[str], blocks: list[_Block]) -> None:
    if len(words) < 2 or not blocks:
        return
    holder = next((block for block in reversed(blocks) if block.word in ("server", "upstream")), None)
    if holder is None:
        return
    if words[0] == "listen":
        holder.listens.append(words[1:])
    elif words[0] == "server_name":
        holder.names += words[1:]
    elif words[0] == "ssl_certificate":
        holder.certificate = holder.certificate or words[1]
    elif (words[0].endswith("_pass") or (words[0] == "server" and holder.word == "upstream")) and not holder.upstream:
        holder.upstream = re.sub(r"^[a-z]+://", "", words[1]).partition("/")[0] or words[1]


def _sites(server: _Block, upstreams: dict[str, str]) -> list[Site]:
    names = tuple(name for name in server.names if re.match(r"[A-Za-z0-9][A-Za-z0-9.-]*\Z", name)) or ("",)
    upstream = upstreams.get(server.upstream, server.upstream)
    found: dict[int, Site] = {}
    for listen in server.listens or [["80"]]:
        place = listen[0]
        if place.startswith("unix:"):
            continue
        address, _, port = ("*", "", place) if place.isdigit() else place.rpartition(":")
        if not port.isdigit():
            address, port = place, "80"
        bare = address.strip("[]")
        reach = "127.0.0.1" if bare in ("*", "0.0.0.0", "", "localhost") else "::1" if bare == "::" else bare
        secure = "ssl" in listen or "quic" in listen
        site = Site("nginx", names, reach, number(port), secure, server.file, server.line,
                    server.certificate if secure else "", upstream)  # fmt: skip
        if site.port and (site.port not in found or ":" in found[site.port].address):
            found[site.port] = site
    return list(found.values())
