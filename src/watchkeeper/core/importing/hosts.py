"""The hosts that a document names: in ssh, scp and rsync lines, prompts, lists and tables. None of them is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from watchkeeper.core.discovery.drafts import slug
from watchkeeper.core.importing.elements import Element, normal
from watchkeeper.core.importing.sightings import LOOPBACK
from watchkeeper.core.inventory.values import Host
from watchkeeper.core.runbooks.commands import all_commands, ssh_rest
from watchkeeper.core.runbooks.phases import plain
from watchkeeper.core.runbooks.placeholders import inert, places
from watchkeeper.core.runbooks.shell import read_script
from watchkeeper.core.runbooks.values import Runbook

_USER: Final = r"[A-Za-z_][A-Za-z0-9._-]{0,31}"
_IP: Final = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]|/\d)"
_FULL: Final = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.){1,6}[a-z]{2,18}"
_ADDRESS: Final = re.compile(rf"(?:{_FULL}|{_IP}|[a-z][a-z0-9-]{{1,40}})\Z", re.IGNORECASE)
_TARGET: Final = re.compile(rf"(?:(?P<user>{_USER})@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)\Z")
_PROMPT: Final = re.compile(
    rf"^\s*\[?(?P<user>{_USER})@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*)[: ][^$#\n]{{0,60}}[$#]\s", re.MULTILINE
)
_LABEL: Final = re.compile(
    r"^\s*(?:[-*+]\s+|\d+[.)]\s+)?[*_`]*(?P<label>(?:[\w ]{0,24}\b)?"
    r"(?:host|hosts|server|servers|hostname|vps|machine|node|instance|location|ssh))"
    r"[*_`]*\s*(?:[:：]\s*[*_]*|[(])\s*(?P<rest>.+)$",
    re.IGNORECASE,
)
_VARIABLE: Final = re.compile(
    r"^\s*(?:export\s+)?(?P<front>\w*_)?(?:SSH|VPS|SERVER|DEPLOY)_HOST=[\"']?(?P<host>[A-Za-z0-9.-]+)", re.MULTILINE
)
_COLUMN: Final = re.compile(
    r"^(?:host|hosts|hostname|server|servers|machine|node|vm|ホスト|サーバー|主机|服务器)\b", re.IGNORECASE
)
_WHERE: Final = re.compile(
    r"^(?:ip|address|ip address|public ip|private ip|fqdn|dns|domain|ssh|アドレス|地址)\b", re.IGNORECASE
)
_DULL: Final = re.compile(
    r"(?:your|my|the|some|example|instance|server|host|hostname|remote|ip|user|vm|address|name|new|old|local|prod|production|staging|"
    r"target|machine|node|git|x|y)(?:[-_](?:.*))?\Z|.*(?:your|hostname|example\.com|-ip)\b.*|(?:[A-Z]+[-_])*[A-Z]{2,}\Z"
)


@dataclass(frozen=True, slots=True)
class HostStub:
    """One host that a document names. ssh: as hosts.yaml would have it. said: the line that names it. lines: all of them."""

    name: str
    address: str
    user: str = ""
    port: int = 0
    document: str = ""
    line: int = 0
    said: str = ""
    lines: tuple[int, ...] = ()

    @property
    def ssh(self) -> str:
        """``user@address``, or the address alone."""
        return f"{self.user}@{self.address}" if self.user else self.address

    def active(self, hosts: Mapping[str, Host]) -> str:
        """The name of the host of the inventory that this is, "" while it is none."""
        for name, host in hosts.items():
            if host.kind == "ssh" and host.address == self.address and host.user in ("", self.user or host.user):
                return name
        return ""


@dataclass(frozen=True, slots=True)
class _Seen:
    address: str
    line: int
    user: str = ""
    port: int = 0
    name: str = ""
    also: str = ""


def hosts_of(
    document: str, text: str, book: Runbook, elements: tuple[Element, ...]
) -> tuple[tuple[HostStub, ...], tuple[tuple[int, str], ...]]:
    """(hosts, (line, name) of those that a person has to fill in). document: its name, for the comment."""
    rows = normal(text).split("\n")
    found: dict[str, list[_Seen]] = {}
    unfilled: list[tuple[int, str]] = []
    every = [*_commands(book, unfilled), *_prompts(book), *_lists(rows, elements), *_tables(elements)]
    known = {seen.also: seen.address for seen in every if seen.also}  # number to name, where a line says both
    for seen in every:
        address = known.get(seen.address, seen.address)
        if is_host(address):
            found.setdefault(address.lower(), []).append(replace(seen, address=address))
    stubs: list[HostStub] = []
    taken: set[str] = set()
    for address, group in sorted(found.items(), key=lambda item: item[1][0].line):
        user = next((each.user for each in group if each.user), "")
        port = next((each.port for each in group if each.port), 0)
        given = next((each.name for each in group if each.name), "")
        name = base = slug((given or _short(address)).lower(), 40)
        number = 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name)
        line = group[0].line
        said = rows[line - 1].strip() if 0 < line <= len(rows) else ""
        lines = tuple(sorted({each.line for each in group}))
        stubs.append(HostStub(name, group[0].address, user, port, document, line, said, lines))
    return tuple(stubs), tuple(dict.fromkeys(unfilled))


def is_host(address: str) -> bool:
    """Whether a word is the name or address of one machine that is not this one, and not a stand-in."""
    if not _ADDRESS.match(address) or address.lower() in LOOPBACK or _DULL.match(address):
        return False
    if re.fullmatch(_IP, address):
        try:
            place = ip_address(address)
        except ValueError:
            return False
        return not (place.is_loopback or place.is_unspecified or place.is_multicast)
    return not address.replace(".", "").isdigit()


def _short(address: str) -> str:
    return f"host-{address.replace('.', '-')}" if re.fullmatch(_IP, address) else address.partition(".")[0]


def _commands(book: Runbook, unfilled: list[tuple[int, str]]) -> Iterator[_Seen]:
    for step in book.steps:
        if not step.language:
            continue
        text = inert(step.text)
        opened = {
            part: each.text for each in places(step.text) for part in (each.text, re.sub(r"[<>]", "_", each.text))
        }
        for command in all_commands(read_script(text)):
            line = step.line + command.row
            for target, port in _targets(command.name, command.words):
                match = _TARGET.match(target)
                left = [each for each in opened if each and each in target]
                if "$" in target or left or match is None or _DULL.match(match["host"]):
                    if re.match(r"[\w$<>{}@.-]+\Z", target):
                        for each in left:
                            target = target.replace(each, opened[each])
                        unfilled.append((line, target))
                    continue
                yield _Seen(match["host"], line, match["user"] or "", port)


def _targets(name: str, words: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    port = next(
        (int(words[at + 1]) for at, word in enumerate(words[:-1]) if word in ("-p", "-P") and words[at + 1].isdigit()),
        0,
    )
    if name == "ssh":
        target = ssh_rest(words)[0]
        if target:
            yield target.removeprefix("ssh://"), port
    elif name == "ssh-copy-id" and len(words) > 1 and "@" in words[-1]:
        yield words[-1], port
    elif name in ("scp", "rsync", "sftp"):
        for word in words[1:]:
            match = re.match(rf"((?:{_USER}@)?[A-Za-z0-9<][A-Za-z0-9.<>_-]*):", word)
            if match and not word.startswith("-") and "/" not in match[1] and len(match[1]) > 1:
                yield match[1], port if name == "scp" else 0


def _prompts(book: Runbook) -> Iterator[_Seen]:
    for fence in book.fences:
        for match in _PROMPT.finditer(fence.text):
            yield _Seen(match["host"], fence.line + 1 + fence.text.count("\n", 0, match.start()), match["user"])
        for match in _VARIABLE.finditer(fence.text):
            front = match["front"] or ""
            user = re.search(
                rf"(?m)^\s*(?:export\s+)?{re.escape(front)}(?:SSH|VPS|SERVER|DEPLOY)_USER=[\"']?({_USER})", fence.text
            )
            line = fence.line + 1 + fence.text.count("\n", 0, match.start("host"))
            yield _Seen(match["host"], line, user[1] if user else "", 0, front.rstrip("_").replace("_", "-").lower())


def _lists(rows: list[str], elements: tuple[Element, ...]) -> Iterator[_Seen]:
    """``- Host: app1.example.org``, ``**Server**: app1.example.org (192.0.2.5)``, ``Web server (192.0.2.5)``."""
    fenced = {line for each in elements if each.kind in ("fence", "table") for line in range(each.line, each.last + 1)}
    for number, row in enumerate(rows, 1):
        match = _LABEL.match(row) if number not in fenced and len(row) < 300 else None
        if match is None:
            continue
        rest = plain(match["rest"])
        full = re.search(rf"(?<![\w@./:-]){_FULL}(?![\w/:])", rest, re.IGNORECASE)
        number_ = re.search(_IP, rest)
        port = re.search(rf"(?:{_IP}|{_FULL}):(\d{{2,5}})\b", rest, re.IGNORECASE)
        if port is not None:
            continue  # an address with a port is a door, not a machine
        label = re.sub(
            r"(?i)\b(?:host|hosts|server|servers|hostname|machine|node|instance|location|ssh)\b", "", match["label"]
        ).strip(" *_-")
        named = re.match(r"([A-Za-z][\w -]{1,24}?)\s*\(", rest)
        name = slug((named[1] if named else label).lower().replace(" ", "-"), 40) if (named or label) else ""
        if number_ is not None and full is not None and not re.search(r"https?://|@", rest):
            yield _Seen(full[0], number, also=number_[0])
        elif number_ is not None:
            yield _Seen(number_[0], number, name=name)
        elif full is not None and not re.search(r"https?://|@", rest):
            yield _Seen(full[0], number, name="")


def _tables(elements: tuple[Element, ...]) -> Iterator[_Seen]:
    """Tables of hosts: a column that names them, and one with an address, which may be the same."""
    for table in elements:
        if table.kind != "table" or len(table.rows) < 2:
            continue
        head = [plain(cell) for cell in table.rows[0][1]]
        named = next((at for at, cell in enumerate(head) if _COLUMN.match(cell)), None)
        where = next((at for at, cell in enumerate(head) if _WHERE.match(cell)), None)
        if named is None:
            continue
        for line, row in table.rows[1:]:
            cells = [plain(cell) for cell in row]
            if named >= len(cells):
                continue
            own = cells[named].split("(")[0].strip()
            given = cells[where] if where is not None and where < len(cells) else ""
            match = _TARGET.match(given) if given else None
            if match and is_host(match["host"]):
                yield _Seen(
                    match["host"], line, match["user"] or "", 0, own.lower() if re.match(r"[\w. -]+\Z", own) else ""
                )
            else:
                alone = _TARGET.match(own)
                if alone and "." in alone["host"]:
                    yield _Seen(alone["host"], line, alone["user"] or "")
