"""What a program may do that runs other text: interpreters, shells, task runners, and programs nobody knows."""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.shell import Command
from watchkeeper.core.runbooks.values import Risk

_TELLING: Final = words_of(
    "restart start stop kill delete del remove rm clean cleanup clear purge prune drop reset rescue repair fix "
    "deploy redeploy rollback restore backup "
    "update upgrade install uninstall migrate rotate apply execute exec write set create auth login logout sync push "
    "enable disable flush vacuum truncate "
    "scale reload reboot shutdown bounce recover release revoke renew rebuild reindex import run kickstart provision "
    "bootstrap setup init failover promote "
    "drain evict cordon requeue retry replay archive move rename wipe erase destroy terminate nuke cancel abort "
    "unlock ban unban block unblock"
)
_FLAGS: Final = words_of(
    "--execute --apply --force --yes --write --delete --fix --confirm --commit --no-dry-run --really --in-place "
    "--purge --prune"
)


def packages_risk(command: Command) -> Risk:
    """apt, dnf, pip, npm ...: asking reads, all else changes."""
    words = [word for word in command.arguments if not word.startswith("-")]
    if words[:1] in (["purge"], ["autoremove"], ["autopurge"]) or "--purge" in command.arguments:
        return "destroy"
    reading = words_of(
        "list show search policy info check-update repolist view outdated ls freeze check depends rdepends madison "
        "why audit help version changelog"
    )
    return "read" if not words or words[0] in reading else "change"


def telling(words: tuple[str, ...]) -> Risk:
    """Whether an unknown program's name, sub-command or options speak of changing something."""
    name = words[0].rsplit("/", 1)[-1] if words else ""
    parts = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
    second = next((word for word in words[1:] if not word.startswith("-")), "")
    parts |= set(re.findall(r"[a-z]+", second.lower())) if "/" not in second and "." not in second else set()
    if parts & {"drop", "wipe", "destroy", "nuke", "erase", "purge"}:
        return "destroy"
    flags = any(word.split("=", 1)[0] in _FLAGS for word in words[1:])
    return "change" if parts & _TELLING or flags else "read"


def interpreter_risk(command: Command) -> Risk:
    """python3 -c, node -e ...: code that is not read here; asking for the version is harmless."""
    text = " ".join(command.arguments) + " " + (command.fed if command.stdin == "text" else "")
    if command.arguments[:1] in (("--version",), ("-V",), ("-v",)):
        return "read"
    if re.search(
        r"rmtree|os\.remove|\bunlink|shutil\.move|\bdrop\s+(table|database|schema)|\btruncate\b|\brm\s+-r|rmSync|delete_all|destroy_all|\bflush\b",
        text,
        re.I,
    ):
        return "destroy"
    inline = any(re.fullmatch(r"-[a-zA-Z]*[ceE]", word) for word in command.arguments) or command.stdin in (
        "text",
        "file",
        "pipe",
    )
    if inline or "-m" in command.arguments:
        return "change"
    return _script_file(command)


def _script_file(command: Command) -> Risk:
    """`python3 script.py`, `bash script.sh`: an unknown program; its name and options may tell."""
    words = [word for word in command.arguments if not word.startswith("-")]
    return telling((words[0] if words else "", *command.arguments[1:]))


def shell_risk(command: Command) -> Risk:
    """bash, sh: text from a pipe, a process substitution or a download is run unread, which can do anything."""
    text = " ".join(command.arguments)
    if re.search(r"<\(|\$\(\s*(sudo\s+)?(curl|wget|fetch)\b|`\s*(curl|wget)\b", text) or command.stdin == "pipe":
        return "destroy"
    if command.stdin == "file":
        return "change"
    return (
        "read"
        if any(re.fullmatch(r"-[a-z]*c", word) for word in command.arguments) or command.stdin == "text"
        else _script_file(command)
    )


def source_risk(command: Command) -> Risk:
    return "destroy" if re.search(r"<\(|/dev/stdin", " ".join(command.arguments)) else "read"


def framework_risk(command: Command) -> Risk:
    """npm, npx, yarn, make, rails, manage.py ...: a task runner; resets destroy."""
    text = " ".join(command.arguments)
    if re.search(
        r"\b(migrate\s+reset|force-reset|db:(drop|reset|schema:load)|flush|sqlflush|reset_db|migrate:fresh|migrate:reset|wipe|destroy|drop)\b",
        text,
    ):
        return "destroy"
    return packages_risk(command) if command.name in ("npm", "yarn", "pnpm") else "change"
