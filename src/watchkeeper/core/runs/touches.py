"""What one shell command touches: units, programs, containers, processes, paths, packages, tables, hosts.

One short rule per program. A rule gives what it can name; a command without a rule is said to be unknown, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from watchkeeper.core.runbooks.shell import Command, read_script
from watchkeeper.core.runs.cleanups import find_tests, operands
from watchkeeper.core.runs.tables import of_sql


@dataclass(frozen=True, slots=True)
class Named:
    """One thing a command touches. deep: a path with all below it; tests, most: as in `core.runs.values.Touch`."""

    kind: str
    name: str
    how: str
    deep: bool = False
    tests: tuple[str, ...] = ()
    most: bool = False


Rule = Callable[[Command], Iterator[Named]]
_DOING: Final = {
    "stop": "stops", "start": "starts", "restart": "restarts", "try-restart": "restarts", "reload": "reloads",
    "reload-or-restart": "restarts", "force-reload": "reloads", "kill": "kills", "enable": "enables",
    "disable": "disables", "mask": "masks", "unmask": "unmasks", "reset-failed": "clears the failure of",
    "rm": "removes", "pause": "pauses", "unpause": "resumes", "up": "starts", "down": "removes", "signal": "signals",
    "delete": "deletes", "scale": "scales", "rollout": "restarts", "apply": "changes", "rename": "renames",
    "update": "changes", "isolate": "switches to", "clear": "clears", "remove": "removes", "add": "adds",
}  # fmt: skip
_HOST_DOINGS: Final = {"reboot": "restarts", "poweroff": "switches off", "halt": "halts", "shutdown": "shuts down"}


def _doing(verb: str) -> str:
    return _DOING.get(verb, f"{verb}:")


def _systemctl(command: Command) -> Iterator[Named]:
    verb, *units = operands(command, "tHpMno") or [""]
    if verb in _HOST_DOINGS:
        yield Named("host", "", _HOST_DOINGS[verb])
    elif verb in ("daemon-reload", "daemon-reexec"):
        yield Named("setting", "the unit files of systemd", "reads again")
    else:
        yield from (Named("unit", unit.removesuffix(".service"), _doing(verb)) for unit in units)


def _service(command: Command) -> Iterator[Named]:
    words = operands(command)
    if len(words) > 1:
        yield Named("unit", words[0], _doing(words[1]))


def _init_script(command: Command) -> Iterator[Named]:
    yield Named("unit", command.name, _doing(next(iter(operands(command)), "start")))


def _upstart(command: Command) -> Iterator[Named]:
    yield from (Named("unit", word, _doing(command.name)) for word in operands(command)[:1])


def _supervisor(command: Command) -> Iterator[Named]:
    verb, *names = operands(command, "cspu") or [""]
    if verb == "signal":
        names = names[1:]
    if verb in ("reread", "update", "reload", "shutdown"):
        yield Named("setting", "supervisor and all its programs", _doing(verb))
    for name in names:
        yield Named("program", "every program of supervisor" if name == "all" else name, _doing(verb))


def _kill(command: Command) -> Iterator[Named]:
    words = [word for word in command.arguments if not re.match(r"-[A-Za-z0-9]", word)]
    if command.arguments[:1] in (("-s",), ("-n",)):
        words = words[1:]
    yield from (Named("process", word, "signals") for word in words)


def _kill_by_name(command: Command) -> Iterator[Named]:
    words = operands(command, "uUgGPsto")
    yield from (Named("process", f"every process that matches {word}", "signals") for word in words[-1:])


_CONTAINER_GROUPS: Final = frozenset(
    ["compose", "container", "image", "volume", "network", "system", "service", "stack"]
)


def _docker(command: Command) -> Iterator[Named]:
    words = operands(command, "fpHnvew")
    group = words.pop(0) if words and words[0] in _CONTAINER_GROUPS else ""
    verb, *names = words or [""]
    if verb == "prune":
        yield Named(
            "setting", f"every unused {'container, image and network' if group == 'system' else group}", "removes"
        )
    elif verb == "run":
        yield Named("container", f"a new container of {names[0] if names else '?'}", "starts")
    elif group == "compose" or command.name.endswith("-compose"):
        yield from (Named("container", name, _doing(verb)) for name in names)
        if not names:
            yield Named("setting", "every container of the compose file", _doing(verb))
    elif verb in ("rmi", "pull", "build", "push", "tag") or group in ("image", "volume", "network"):
        yield from (Named(group or "image", name, _doing(verb)) for name in names)
    elif verb != "exec":
        yield from (Named("container", name, _doing(verb)) for name in names)


def _kubectl(command: Command) -> Iterator[Named]:
    verb, *names = operands(command, "nfkl") or [""]
    if verb == "rollout":
        verb, names = (names or ["rollout"])[0], names[1:]
    if names:
        yield Named("resource", "/".join(names[:2]) if "/" not in names[0] else names[0], _doing(verb))


# ---- files -----------------------------------------------------------------------------------------------------------


def _recursive(command: Command) -> bool:
    short = "".join(word[1:] for word in command.arguments if re.fullmatch(r"-[A-Za-z]+", word))
    return "r" in short.lower() or "--recursive" in command.arguments


def _rm(command: Command) -> Iterator[Named]:
    paths = operands(command)
    if not paths and command.stdin == "pipe":
        yield from _piped(command, "deletes")
    yield from (Named("path", path, "deletes", deep=_recursive(command)) for path in paths)


def _piped(command: Command, how: str) -> Iterator[Named]:
    """Paths that come through a pipe: those of the `find` at its head, when it is one."""
    head = next((one for one in read_script(command.fed.strip().rstrip("|")).commands), None)
    if head is not None and head.name == "find":
        filtered = "|" in command.fed.strip().rstrip("|")
        for named in found_by(head, how):
            yield Named(named.kind, named.name, how, named.deep, named.tests, named.most or filtered)
    else:
        yield Named("path", "the paths that its pipe names", how)


def found_by(command: Command, how: str) -> Iterator[Named]:
    """The paths that a `find` picks: each starting point with the tests that narrow it."""
    starts, tests, most = find_tests(command.arguments)
    for start in starts or (".",):
        yield Named("path", start, how, deep=True, tests=tests, most=most)


def _find(command: Command) -> Iterator[Named]:
    if "-delete" in command.arguments:
        yield from found_by(command, "deletes")


def _mv(command: Command) -> Iterator[Named]:
    paths = operands(command, "tS")
    yield from (Named("path", path, "moves", deep=True) for path in paths[:-1])
    yield from (Named("path", path, "writes") for path in paths[-1:])


def _last(how: str) -> Rule:
    def rule(command: Command) -> Iterator[Named]:
        yield from (Named("path", path, how) for path in operands(command, "mogtS")[-1:])

    return rule


def _each(how: str, with_value: str = "") -> Rule:
    def rule(command: Command) -> Iterator[Named]:
        deep = how != "writes" and _recursive(command)
        yield from (Named("path", path, how, deep=deep) for path in operands(command, with_value))

    return rule


def _but_first(how: str) -> Rule:
    """chmod MODE PATH..., chown OWNER PATH..."""

    def rule(command: Command) -> Iterator[Named]:
        yield from (Named("path", path, how, deep=_recursive(command)) for path in operands(command)[1:])

    return rule


def _sed(command: Command) -> Iterator[Named]:
    words = operands(command, "ef")
    given = any(word in ("-e", "-f") or word.startswith(("--expression", "--file")) for word in command.arguments)
    yield from (Named("path", path, "edits") for path in (words if given else words[1:]))


def _dd(command: Command) -> Iterator[Named]:
    yield from (Named("path", word[3:], "writes") for word in command.arguments if word.startswith("of="))


def _curl(command: Command) -> Iterator[Named]:
    words = command.arguments
    for index, word in enumerate(words[:-1]):
        if word in ("-o", "--output", "-O") and (command.name == "wget") == (word == "-O"):
            yield Named("path", words[index + 1], "writes")
    sends = re.search(r"(^| )(-X ?|--request[ =])(?!GET|HEAD)|(^| )(-d|-F|-T|--data|--form|--json)", " ".join(words))
    if sends:
        yield from (Named("address", word, "sends to") for word in words if "://" in word)


def _tar(command: Command) -> Iterator[Named]:
    words, mode = command.arguments, (command.arguments or ("",))[0].lstrip("-")
    value = {words[index]: words[index + 1] for index in range(len(words) - 1)}
    if "x" in mode:
        yield Named("path", value.get("-C") or value.get("--directory") or "the working directory", "unpacks into")
    else:
        archive = value.get("-f") or (words[1] if "f" in mode and len(words) > 1 else "")
        if archive:
            yield Named("path", archive, "writes")


# ---- the rest --------------------------------------------------------------------------------------------------------


def _packages(command: Command) -> Iterator[Named]:
    verb, *names = operands(command, "otc") or [""]
    if not names:
        upgrade = "upgrade" in verb
        what = "the package cache" if "clean" in verb else "every package" if upgrade else "the package lists"
        yield Named("setting", what, "empties" if "clean" in verb else "upgrades" if upgrade else "renews")
    yield from (Named("package", name, _doing(verb) if verb in _DOING else f"{verb}s") for name in names)


def _host(command: Command) -> Iterator[Named]:
    yield Named("host", "", _HOST_DOINGS[command.name])


def _setting(what: str) -> Rule:
    def rule(command: Command) -> Iterator[Named]:
        yield Named("setting", what, "changes")

    return rule


def _mount(command: Command) -> Iterator[Named]:
    yield from (Named("path", path, f"{command.name}s") for path in operands(command, "to")[-1:])


def _journal(command: Command) -> Iterator[Named]:
    yield Named("path", "the journal of systemd", "trims")


def _web_server(command: Command) -> Iterator[Named]:
    yield Named("unit", command.name.removesuffix("ctl"), "reloads or stops")


def _redis(command: Command) -> Iterator[Named]:
    verb, *keys = operands(command, "hpna") or [""]
    whole = verb.lower() in ("flushall", "flushdb")
    if whole or keys:
        yield Named("table", "every key of redis" if whole else f"redis key {keys[0]}", f"{verb.lower()}:")


def _database(command: Command) -> Iterator[Named]:
    texts = [word for word in command.arguments if " " in word] + ([command.fed] if command.stdin == "text" else [])
    literal = re.match(r"\s*(?:echo|printf)\s+(['\"])(.*?)\1\s*\|?\s*$", command.fed, re.S)
    if command.stdin == "pipe" and literal:
        texts.append(literal.group(2))
    yield from (Named("table", name, how) for text in texts for name, how in of_sql(text))


def _words(text: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(text.split(), rule)


RULES: Final[dict[str, Rule]] = {
    "systemctl": _systemctl, "find": _find, "rm": _rm, "mv": _mv, "sed": _sed, "dd": _dd, "tar": _tar, "kill": _kill,
    "supervisorctl": _supervisor, "journalctl": _journal, "redis-cli": _redis, "valkey-cli": _redis,
    **_words("service rc-service invoke-rc.d", _service), **_words("start stop restart reload", _upstart),
    **_words("pm2", _supervisor), **_words("pkill killall skill", _kill_by_name),
    **_words("docker podman nerdctl docker-compose podman-compose", _docker), **_words("kubectl oc k3s", _kubectl),
    **_words("unlink shred rmdir", _each("deletes", "ns")), **_words("tee touch mkdir split", _each("writes", "bmrt")),
    **_words("truncate", _each("empties", "sr")), **_words("gzip gunzip bzip2 xz zstd", _each("packs")),
    **_words("cp ln install rsync scp", _last("writes")),
    **_words("chmod chown chgrp setfacl chattr", _but_first("changes the rights of")),
    **_words("curl wget", _curl), **_words("mount umount", _mount), **_words("reboot poweroff halt shutdown", _host),
    **_words("apt apt-get dnf yum apk pacman snap pip pip3 gem npm dpkg rpm", _packages),
    **_words("crontab", _setting("the crontab of its user")), **_words("sysctl", _setting("kernel settings")),
    **_words("iptables ip6tables nft ufw firewall-cmd", _setting("the firewall")),
    **_words("logrotate", _setting("the log files that its file names")), **_words("timedatectl", _setting("the clock")),
    **_words("nginx apachectl apache2ctl haproxy caddy", _web_server),
    **_words("psql mysql mariadb sqlite3 duckdb", _database),
}  # fmt: skip


def touched(command: Command) -> tuple[Named, ...]:
    """What this command touches; empty when there is no rule for it or the rule finds nothing to name."""
    if command.words and command.words[0].startswith("/etc/init.d/"):
        return tuple(_init_script(command))
    rule = RULES.get(command.name)
    return tuple(rule(command)) if rule else ()
