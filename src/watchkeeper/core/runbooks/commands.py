"""Every program a shell text starts, also behind ``sudo``, ``bash -c``, ``ssh HOST``, ``xargs`` and ``find -exec``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watchkeeper.core.runbooks.shell import MAX_DEPTH, Command, Script, read_script

SHELLS: Final = frozenset(["bash", "sh", "zsh", "dash", "ksh", "ash", "fish"])
_PREFIXES: Final[dict[str, str]] = {  # program -> its short options that take a value
    "sudo": "ughpCrtTD",
    "doas": "uC",
    "nohup": "",
    "nice": "n",
    "ionice": "cnp",
    "setsid": "",
    "stdbuf": "ioe",
    "time": "fo",
    "timeout": "sk",
    "env": "uCS",
    "command": "",
    "exec": "a",
    "builtin": "",
    "chronic": "",
    "unbuffer": "",
    "caffeinate": "",
    "systemd-run": "pu",
    "flock": "wE",
    "watch": "n",
    "xargs": "IdLnPsEa",
    "parallel": "j",
    "strace": "eop",
    "numactl": "",
    "chroot": "",
    "systemd-inhibit": "",
    "runuser": "u",
    "torsocks": "",
    "entr": "",
    "dotenv": "f",
    "retry": "",
    "catchsegv": "",
    "unshare": "",
}
_OPERANDS: Final = {"timeout": 1, "flock": 1, "chroot": 1}
_CONTAINER_FLAGS: Final = frozenset(
    [
        "-d",
        "-i",
        "-t",
        "-it",
        "-ti",
        "-dit",
        "-itd",
        "-T",
        "--rm",
        "--detach",
        "--interactive",
        "--tty",
        "--privileged",
        "--init",
        "--no-deps",
        "--no-TTY",
        "--service-ports",
        "--build",
        "--read-only",
    ]
)
_SSH_WITH_VALUE: Final = "bcDEeFIiJLlmOopQRSWw"


def _skip_options(words: tuple[str, ...], with_value: str) -> int:
    """Index of the first word that is not an option, starting after the program."""
    index = 1
    while index < len(words):
        word = words[index]
        if word == "--":
            return index + 1
        if not word.startswith("-") or word == "-":
            return index
        takes_next = len(word) == 2 and word[1] in with_value
        index += 2 if takes_next else 1
    return index


def container_rest(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """For ``docker|podman|kubectl [compose] run|exec TARGET CMD...``: the verb and the command inside, else None."""
    program = words[0].rsplit("/", 1)[-1] if words else ""
    if program not in ("docker", "podman", "nerdctl", "kubectl", "oc", "docker-compose", "lxc", "crictl"):
        return None
    position = next((index for index, word in enumerate(words) if word in ("exec", "run") and index), 0)
    if not position:
        return None
    verb = words[position]
    if program in ("kubectl", "oc", "lxc") and "--" in words:
        return verb, words[words.index("--") + 1 :]
    index = position + 1
    while index < len(words) and words[index].startswith("-"):
        word = words[index]
        single = word in _CONTAINER_FLAGS or "=" in word or re.fullmatch(r"-[dit]+T?", word) is not None
        index += 1 if single else 2
    return verb, words[index + 1 :]


def ssh_rest(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The host and the remote command of an ``ssh`` call; ("", ()) when there is no host."""
    index, host = 1, ""
    while index < len(words):
        word = words[index]
        if word.startswith("-") and len(word) > 1 and not host:
            index += 2 if len(word) == 2 and word[1] in _SSH_WITH_VALUE else 1
            continue
        if host:
            return host, words[index:]
        host, index = word, index + 1
    return host, ()


def _script(text: str, command: Command, depth: int, remote: bool = False) -> Iterator[Command]:
    if depth >= MAX_DEPTH:
        yield replace(command, words=("$unread", text), inner=True)
        return
    script = read_script(text)
    if script.broken:
        yield replace(command, words=("$unread", text), inner=True)
    for write in script.writes:
        yield replace(command, words=("tee", write), inner=True, stdin="pipe", fed="")
    for one in script.commands:
        stdin, fed = (one.stdin, one.fed) if one.stdin else (command.stdin, command.fed)
        nearer = replace(one, row=command.row, inner=True, remote=remote or command.remote, stdin=stdin, fed=fed)
        yield from expand(nearer, depth + 1)


def _words(words: tuple[str, ...], command: Command, depth: int, remote: bool = False) -> Iterator[Command]:
    if words and depth < MAX_DEPTH + 4:
        yield from expand(replace(command, words=words, inner=True, remote=remote or command.remote), depth + 1)


def _prefixed(command: Command, depth: int) -> Iterator[Command]:
    name, words = command.name, command.words
    index = _skip_options(words, _PREFIXES[name]) + _OPERANDS.get(name, 0)
    if name == "env":
        while index < len(words) and "=" in words[index]:
            index += 1
    if name == "sudo":
        while index < len(words) and re.match(r"[A-Za-z_]\w*=", words[index]):
            index += 1
    rest = words[index:]
    if name in ("watch", "flock") and len(rest) == 1 and " " in rest[0]:
        yield from _script(rest[0], command, depth)
    else:
        yield from _words(rest, command, depth)


def _find(command: Command, depth: int) -> Iterator[Command]:
    words = command.words
    for index, word in enumerate(words):
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            tail = words[index + 1 :]
            end = next((place for place, one in enumerate(tail) if one in (";", "\\;", "+")), len(tail))
            yield from _words(tail[:end], command, depth)


def expand(command: Command, depth: int = 0) -> Iterator[Command]:
    """The command itself and every command that its arguments start, outermost first."""
    yield command
    if not command.words or depth > MAX_DEPTH + 4:
        return
    name, words = command.name, command.words
    if name in _PREFIXES:
        yield from _prefixed(command, depth)
    elif name in SHELLS or name in ("su", "runuser"):
        place = next((index for index, word in enumerate(words) if re.fullmatch(r"-[a-z]*c", word)), 0)
        if place and place + 1 < len(words):
            yield from _script(words[place + 1], command, depth)
        elif command.stdin == "text" and name in SHELLS:
            yield from _script(command.fed, replace(command, stdin="", fed=""), depth)
    elif name == "ssh":
        _, rest = ssh_rest(words)
        source = " ".join(rest) if rest else (command.fed if command.stdin == "text" else "")
        if source:
            yield from _script(source, replace(command, stdin="", fed="") if not rest else command, depth, remote=True)
    elif name == "eval":
        yield from _script(" ".join(words[1:]), command, depth)
    elif name == "trap" and len(words) > 2:
        yield from _script(words[1], command, depth)
    elif name == "find":
        yield from _find(command, depth)
    else:
        inside = container_rest(words)
        if inside is not None:
            yield from _words(inside[1], command, depth, remote=True)


def all_commands(script: Script) -> tuple[Command, ...]:
    """Every command of a script, with those started by others."""
    return tuple(one for command in script.commands for one in expand(command))
