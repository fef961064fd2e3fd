"""What the commands of a document speak of: units, containers, programs, addresses, disks and certificates, with lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from watchkeeper.core.discovery import stock
from watchkeeper.core.discovery.findings import INTERPRETERS
from watchkeeper.core.discovery.text import words_of
from watchkeeper.core.redaction import Redactor
from watchkeeper.core.runbooks.commands import all_commands, ssh_rest
from watchkeeper.core.runbooks.placeholders import inert, places
from watchkeeper.core.runbooks.shell import Command, read_script
from watchkeeper.core.runbooks.values import Runbook, Step

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:-]{0,62}\Z")
_STAND_IN: Final = re.compile(
    r"(?:my|your|some|the|a|this|example|sample|old|new)(?:[-_].*)?\Z|"
    r"(?:service|container|app|application|unit|host|server|worker|web|db|image|project|process|user|name|daemon|job)?"
    r"[-_]?(?:name|container|service|unit|id|host|hostname|server|foo|bar|xyz)\d?\Z|_.*_\Z",
    re.IGNORECASE,
)
_UPPER: Final = re.compile(r"[A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+\Z|[A-Z]{3,}\Z")
_SYSTEMCTL: Final = words_of(
    "status start stop restart reload enable disable is-active is-enabled is-failed show cat try-restart mask unmask "
    "reload-or-restart kill reset-failed"
)
_DOCKER: Final = words_of("logs restart start stop exec inspect stats top kill rm attach port pause unpause wait")
_COMPOSE: Final = words_of("logs restart start stop up exec ps pull build run rm top kill pause unpause")
_ONE: Final = words_of("logs exec run port attach")
_WITH_VALUE: Final = words_of(
    "-n --tail --since --until --format -e --env -u --user -w --workdir -f --file -p --project-name --profile --scale "
    "--index -t --time --timeout --env-file --signal -s --filter --lines --output -o --host -H --context --name"
)
_THIRD: Final = re.compile(
    r"(?:^|\.)(?:github\.com|githubusercontent\.com|gitlab\.com|docker\.(?:com|io)|npmjs\.(?:com|org)|pypi\.org|pythonhosted\.org|"
    r"ifconfig\.me|icanhazip\.com|ipify\.org|google\.com|gstatic\.com|googleapis\.com|amazonaws\.com|debian\.org|ubuntu\.com|"
    r"letsencrypt\.org|nodesource\.com|cloudflare\.com|hashicorp\.com|k8s\.io|rustup\.rs|sh\.rustup\.rs|anthropic\.com|"
    r"openai\.com|slack\.com|statuspage\.io|docs\.rs|readthedocs\.(?:io|org)|wikipedia\.org|stackoverflow\.com)\Z",
    re.IGNORECASE,
)
_BARE_URL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\]|[A-Za-z0-9.-]+\.[A-Za-z]{2,}):?\d*(?:/\S*)?\Z")
_CURL_VALUE: Final = words_of(
    "-o --output -w --write-out -H --header -u --user -A --user-agent -m --max-time --connect-timeout --retry "
    "--retry-delay -e --referer --resolve --cacert --cert --key -b --cookie -c --cookie-jar -x --proxy --retry-max-time"
)
_CURL_SENDS: Final = words_of(
    "-d --data --data-raw --data-binary --data-urlencode -F --form -T --upload-file -O --remote-name -K --config --json"
)
_TOOLS: Final = words_of(
    "grep egrep awk sed cat tail head script main index run test ssh docker sudo watch name pattern process"
)
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a command speaks of. kind: unit, timer, container, compose, program, pm2, process, url, port, disk, tls,
    certificate, sqlite or place. detail: what belongs to it (directory of a compose project, name of a certificate).

    line: of the document. step: id of the step it stands in. host: the target of the ssh around it, "" for none.
    """

    kind: str
    name: str
    line: int
    step: str = ""
    detail: str = ""
    host: str = ""


def sightings_of(book: Runbook) -> tuple[Sighting, ...]:
    """All of a document, in order; the same thing of one step only once."""
    found: dict[Sighting, None] = {}
    for step in book.steps:
        if step.language:
            found.update(dict.fromkeys(_of_step(step)))
    return tuple(sorted(found, key=lambda each: each.line))


def of_text(text: str, line: int) -> tuple[Sighting, ...]:
    """Those of one command, such as a cell of a table."""
    return tuple(_commands(text, line, "", "", ""))


def _of_step(step: Step) -> Iterator[Sighting]:
    if step.language in ("python", "py", "python3", "sql", "js", "javascript"):
        return
    yield from _commands(step.text, step.line, step.id, step.cwd or "", step.host or "")


def _commands(text: str, line: int, step: str, cwd: str, host: str) -> Iterator[Sighting]:
    script = read_script(inert(text))
    open_words = {part for each in places(text) for part in (each.text, re.sub(r"[<>]", "_", each.text))}
    folder, remote = cwd, ""
    for command in all_commands(script):
        words = tuple(word for word in command.words)
        if command.name in ("cd", "pushd") and len(words) > 1 and sound(words[1], open_words):
            folder = words[1]
            if folder.startswith("/") and folder.count("/") > 1:
                yield Sighting("place", folder, line + command.row, step)
        if command.name == "ssh" and not command.inner:
            target = ssh_rest(words)[0]
            remote = target if ssh_rest(words)[1] or command.stdin == "text" else ""
        over = remote if command.remote and remote else host
        for kind, name, detail in _things(command, folder):
            if all(sound(part, open_words) for part in (name, *detail.split())):
                yield Sighting(kind, name, line + command.row, step, detail, over)


def sound(word: str, open_words: set[str]) -> bool:
    """Whether a word is really a name and not a place where one has to be filled in."""
    return (
        bool(word)
        and not re.search(r"[$`*?{}<>\"'\\\s]", word)
        and not any(each and each in word for each in open_words)
        and Redactor().text(word) == word
    )


def is_stand_in(name: str) -> bool:
    """Whether a name is one that writers use for any: ``my-app``, ``worker-container``, ``SERVICE_NAME``."""
    return bool(_STAND_IN.match(name) or _UPPER.match(name)) or not _NAME.match(name)


def _things(command: Command, folder: str) -> Iterator[tuple[str, str, str]]:
    """(kind, name, detail) of one command."""
    name, words = command.name, command.words
    if name == "systemctl":
        yield from _units(words)
    elif name == "service" and len(words) > 2 and not words[1].startswith("-"):
        yield from _unit(words[1])
    elif name == "journalctl":
        for at, word in enumerate(words[1:], 1):
            if word in ("-u", "--unit") and at + 1 < len(words):
                yield from _unit(words[at + 1])
            elif word.startswith("--unit="):
                yield from _unit(word[7:])
            elif re.match(r"-u\w", word):
                yield from _unit(word[2:])
    elif name in ("docker", "podman", "docker-compose", "podman-compose"):
        yield from _containers(name, words, folder)
    elif name == "supervisorctl":
        yield from _verbs(words, words_of("start stop restart status tail"), "program")
    elif name == "pm2":
        yield from _verbs(words, words_of("restart reload stop start logs describe show"), "pm2")
    elif name in ("pgrep", "pkill", "killall"):
        yield from _process(words)
    elif name in ("curl", "wget", "http", "https"):
        yield from _urls(name, words)
    else:
        yield from _measured(command)


def _unit(word: str) -> Iterator[tuple[str, str, str]]:
    stem, _, ending = word.rpartition(".")
    if stem and ending == "timer" and not stock.is_stock_timer(word) and not is_stand_in(stem):
        yield "timer", word, ""
        return
    if stem and ending in ("socket", "mount", "target", "path", "slice", "scope", "device"):
        return
    bare = word.removesuffix(".service")
    if bare in _SYSTEMCTL or bare in ("now", "daemon-reload", "list-units"):
        return
    if not stock.is_stock_unit(bare) and not is_stand_in(bare) and bare != "docker":
        yield "unit", bare, ""


def _units(words: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    rest = _plain(words[1:])
    if rest and rest[0] in _SYSTEMCTL:
        for word in rest[1:]:
            yield from _unit(word)


def _plain(words: Sequence[str]) -> list[str]:
    """The words without options and their values."""
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in _WITH_VALUE
        else:
            kept.append(word)
    return kept


def _verbs(words: tuple[str, ...], verbs: frozenset[str], kind: str) -> Iterator[tuple[str, str, str]]:
    rest = _plain(words[1:])
    if len(rest) > 1 and rest[0] in verbs:
        for word in rest[1:]:
            if (
                word != "all"
                and not is_stand_in(word)
                and "/" not in word
                and not word.endswith((".js", ".json", ".cjs"))
            ):
                yield kind, word, ""


def _containers(name: str, words: tuple[str, ...], folder: str) -> Iterator[tuple[str, str, str]]:
    compose = name.endswith("-compose")
    at = 1
    file = ""
    while at < len(words):
        word = words[at]
        if word == "compose" and not compose:
            compose = True
        elif word.startswith("-"):
            if word in ("-f", "--file") and at + 1 < len(words):
                file = words[at + 1]
            at += word in _WITH_VALUE
        else:
            break
        at += 1
    verb, rest = (words[at] if at < len(words) else ""), words[at + 1 :]
    named = next((rest[i + 1] for i, word in enumerate(rest[:-1]) if word == "--name"), "")
    if verb == "container" and rest:
        verb, rest = rest[0], rest[1:]
    if not compose and verb == "run" and named and not is_stand_in(named):
        yield "container", named, ""
    if verb == "ps" and not compose:
        for word in rest:
            match = re.match(r"(?:--filter=)?name=\^?/?([A-Za-z0-9][\w.-]*)\$?\Z", word)
            if match and not is_stand_in(match[1]):
                yield "like", match[1], ""
    known = _COMPOSE if compose else _DOCKER
    if verb not in known:
        return
    targets = _plain(
        [word for word in rest if word not in ("-f", "-it", "-d", "-T", "-t")] if verb in ("logs", "exec") else rest
    )
    if verb in ("run", "exec") or verb in _ONE:
        targets = targets[:1]
    for word in targets:
        if re.match(r"[A-Za-z0-9][\w.-]*\Z", word) and not is_stand_in(word):
            yield ("compose" if compose else "container"), word, _project(folder, file) if compose else ""


def _project(folder: str, file: str) -> str:
    """``DIR`` or ``DIR FILE`` of a compose project whose directory is known, "" else."""
    if file.startswith("/"):
        return f"{file.rpartition('/')[0]} {file}"
    return f"{folder} {file}".strip() if folder.startswith("/") else ""


def _process(words: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    rest = [word for word in words[1:] if not word.startswith("-")]
    if rest and _is_process(rest[-1]):
        yield "process", rest[-1], "" if "-x" in words else "match"


def _is_process(word: str) -> bool:
    """Whether a word names a program of the team, not an interpreter, a tool or any script."""
    if not re.match(r"[A-Za-z0-9][\w./ -]{2,60}\Z", word):
        return False
    first = word.split()[0].rpartition("/")[2]
    bare = first.partition(".")[0].rstrip("0123456789")
    return not is_stand_in(first) and bare not in INTERPRETERS and bare not in _TOOLS


def _leaves_out(words: tuple[str, ...]) -> bool:
    """``grep -v``: what follows is what is not meant."""
    return any(re.match(r"-[a-zA-Z]*v|--invert", word) for word in words)


def _ports(found: Sequence[str], host: str = "127.0.0.1") -> Iterator[tuple[str, str, str]]:
    for port in found[:4]:
        if 0 < int(port) < 65536:
            yield "port", f"{host}:{port}", ""


def _urls(program: str, words: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if program == "wget" and not {"--spider", "-qO-", "-O-", "-q -O -"} & set(words) and "-" not in words:
        return
    found, at = [], 1
    while at < len(words):
        word = words[at]
        if word in _CURL_SENDS or re.match(r"-[a-zA-Z]*[dFTOK]\Z", word):
            return
        if word in ("-X", "--request") or word.startswith("--request="):
            method = word.partition("=")[2] or (words[at + 1] if at + 1 < len(words) else "")
            if method not in ("GET", "HEAD"):
                return
            at += 2
            continue
        if (word in ("-o", "--output") or re.match(r"-[a-zA-Z]+o\Z", word)) and words[at + 1 : at + 2] != (
            "/dev/null",
        ):
            return
        if word in _CURL_VALUE or re.match(r"-[a-zA-Z]+[owH]\Z", word):
            at += 2
            continue
        if not word.startswith("-"):
            found.append(word)
        at += 1
    for word in found:
        url = web_address(word)
        if url:
            yield "url", url, ""


def web_address(word: str) -> str:
    """The URL that a word means, "" when it is none, somebody else's, or carries something to keep secret."""
    text = word.strip().strip("`'\"<>(),;")
    if not re.match(r"https?://", text):
        if not _BARE_URL.match(text) or not (":" in text or "/" in text):
            return ""
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        right = parts.port != 0 and not parts.username and not parts.password
    except ValueError:
        return ""
    if (
        not right
        or not host
        or _THIRD.search(host)
        or not re.match(r"[A-Za-z0-9.:-]+\Z", host)
        or re.match(r"[\d.]*x[\dx.]*\Z", host)  # 192.168.x.x
    ):
        return ""
    if (
        not text.isprintable()
        or re.search(r"[{}<>\[\]$*|\\^`\s]", text.replace("[::1]", ""))
        or Redactor().text(text) != text
    ):
        return ""
    return text.split("#")[0]


def is_inner(host: str) -> bool:
    """Whether a name is one that only the network of containers or the local resolver knows."""
    return "." not in host and ":" not in host and host not in LOOPBACK


def is_loopback(url: str) -> bool:
    """Whether a URL is about the machine that asks it."""
    return (urlsplit(url).hostname or "") in LOOPBACK


def _measured(command: Command) -> Iterator[tuple[str, str, str]]:
    name, words = command.name, command.words
    text = " ".join(words)
    if name == "df":
        paths = [word for word in words[1:] if word.startswith("/")]
        for path in paths:
            yield "disk", path, ""
    elif name in ("nc", "ncat", "telnet"):
        rest = [word for word in words[1:] if not word.startswith("-")]
        if len(rest) >= 2 and rest[1].isdigit() and re.match(r"[A-Za-z0-9.-]+\Z", rest[0]):
            yield from _ports(rest[1:2], "127.0.0.1" if rest[0] in LOOPBACK else rest[0])
    elif name in ("lsof", "fuser"):
        yield from _ports(re.findall(r"(?:-i ?(?:tcp)?:|\s)(\d{2,5})(?:/tcp)?(?=\s|\Z)", text, re.IGNORECASE))
    elif name in ("grep", "egrep") and command.stdin == "pipe" and not _leaves_out(words):
        asked = [word for word in words[1:] if not word.startswith("-")]
        if re.search(r"\b(?:ss|netstat|lsof)\b", command.fed or ""):
            yield from _ports(re.findall(r"(?<![\d.])\d{2,5}(?![\d.])", " ".join(asked)))
        elif re.search(r"\bps\s+(?:-?[ae]\w*|aux)", command.fed or "") and asked and _is_process(asked[0]):
            yield "process", asked[0], "match"
    elif name == "openssl":
        yield from _certificates(words)
    elif name == "certbot":
        for at, word in enumerate(words):
            if word in ("-d", "--domain", "--domains") and at + 1 < len(words) and "." in words[at + 1]:
                yield "tls", f"{words[at + 1].split(',')[0]}:443", ""
    elif name == "sqlite3":
        for word in words[1:]:
            if word.startswith("/") and re.search(r"\.(?:db|sqlite3?|sqlite)\Z", word):
                yield "sqlite", word, ""


def _certificates(words: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if "s_client" in words and "-connect" in words[:-1]:
        address = words[words.index("-connect") + 1]
        name = words[words.index("-servername") + 1] if "-servername" in words[:-1] else ""
        if re.match(r"[A-Za-z0-9.-]+:\d{1,5}\Z", address):
            yield "tls", address, name
    if "x509" in words and "-in" in words[:-1]:
        file = words[words.index("-in") + 1]
        if file.startswith("/"):
            yield "certificate", file, ""
