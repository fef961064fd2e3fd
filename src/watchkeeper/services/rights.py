"""Rights on a host: a step that calls sudo is asked about before it starts, since nobody is there to give a password."""

from __future__ import annotations

import re
import shlex

from watchkeeper.core.errors import WatchkeeperError
from watchkeeper.core.runs.values import PlanStep
from watchkeeper.services.ports.blocking import BlockingHostsPort

DEADLINE_S = 10.0
_SUDO = re.compile(r"(?:^|[\s;&|(`])sudo((?:[ \t]+-[A-Za-z-]+)*)[ \t]+((?:[A-Za-z_]\w*=\S*[ \t]+)*)(\S+)")
_PLAIN = re.compile(r"[\w./+-]+")
_ELSEWHERE = re.compile(r"\b(?:ssh|docker|podman|kubectl|lxc|nsenter|chroot)\s")
_WITH_VALUE = re.compile(r"-(?:[A-Za-z]*[ugpChrtTRD])$")


class Rights:
    """Asks a host whether sudo would let a step through without a password."""

    def __init__(self, hosts: BlockingHostsPort) -> None:
        self._hosts = hosts

    def refusal(self, step: PlanStep) -> str:
        """The sentence why the step would ask for a password there; "" when it would not, or when the host does not say.

        A host that cannot be asked is not judged here: the start of the step says what is wrong with it.
        """
        if not _here(step.text):
            return ""
        try:
            said = self._hosts.get(step.host).read(question(step.text), deadline_s=DEADLINE_S, limit=4096)
        except WatchkeeperError:
            return ""
        answer = said.output.decode(errors="replace").strip()
        if answer == "none":
            return f"was not started: it calls sudo, and {step.host} has no sudo. Install it, or log in there as root"
        if answer != "asks":
            return ""
        return (
            f"was not started: sudo on {step.host} would ask for a password, and nobody is there to give it. "
            "Allow it with NOPASSWD in /etc/sudoers.d, or write `become: sudo -n` for the host"
        )


def question(text: str) -> str:
    """A read-only text that prints yes, asks or none. Root and a general NOPASSWD pass; else each program is asked for."""
    each = [f"sudo -n -l -- {shlex.quote(name)} >/dev/null 2>&1" for name in programs(text)]
    named = f" || {{ {' && '.join(each)}; }}" if each else ""
    return (
        '[ "$(id -u)" = 0 ] && { command -v sudo >/dev/null && echo yes || echo none; exit 0; }\n'
        "command -v sudo >/dev/null || { echo none; exit 0; }\n"
        f"sudo -n true >/dev/null 2>&1{named} && echo yes || echo asks"
    )


def programs(text: str) -> tuple[str, ...]:
    """The programs that a shell text starts through sudo here; empty when one of them does not stand there plainly."""
    found: list[str] = []
    for call in _here(text):
        name = call.group(3).rstrip(";|&)`")
        if any(_WITH_VALUE.match(word) for word in call.group(1).split()) or not _PLAIN.fullmatch(name):
            return ()
        found.append(name)
    return tuple(dict.fromkeys(found))


def _here(text: str) -> list[re.Match[str]]:
    """The calls of sudo that this host gets; one behind ssh or in a container is a matter of that place."""
    found = []
    for match in _SUDO.finditer(text):
        before = text[text.rfind("\n", 0, match.start(3)) + 1 : match.start(3)]
        if not _ELSEWHERE.search(before):
            found.append(match)
    return found
