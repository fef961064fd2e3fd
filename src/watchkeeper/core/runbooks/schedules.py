"""Crontab lines that a document shows: when what is started, and as whom."""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.risk import is_known
from watchkeeper.core.runbooks.shell import Command
from watchkeeper.core.runbooks.values import Schedule

_FIELD: Final = r"(?:\*|\d+(?:-\d+)?|[A-Za-z]{3}(?:-[A-Za-z]{3})?)(?:/\d+)?(?:,[\dA-Za-z*/-]+)*"
_CRON: Final = re.compile(
    rf"^\s*(?P<cron>@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)|{_FIELD}(?:\s+{_FIELD}){{4}})"
    r"\s+(?P<rest>\S.*)$"
)
_VARIABLE: Final = re.compile(r"^\s*[A-Z_]+\s*=")
_EDITOR: Final = re.compile(r"^\s*(?:sudo\s+)?crontab\s+(?:-u\s+(?P<user>\S+)\s+)?-e\b")
_PIPED: Final = re.compile(r"""\b(?:echo|printf)\s+(?P<quote>["'])(?P<line>[^\n]*?)(?:\\n)?(?P=quote)""")
_SYSTEM: Final = re.compile(r"/etc/(?:cron\.d/|crontab\b)")
_USER: Final = re.compile(r"^(?P<user>[a-z_][a-z0-9_-]{0,31})\s+(?P<command>\S.*)$")
_USERS: Final = words_of(
    "root www-data nobody deploy ubuntu debian ec2-user admin git postgres mysql redis nginx backup apache http"
)


def cron_line(line: str) -> re.Match[str] | None:
    """The match of a crontab line (groups ``cron`` and ``rest``), or None."""
    return _CRON.match(line) if len(line) < 2000 else None


def is_schedule(text: str) -> bool:
    """Whether all lines that say something are crontab lines, their variables, or the ``crontab -e`` that opens them."""
    lines = [line for line in text.split("\n") if line.strip()]
    editor = any(_EDITOR.match(line) for line in lines)
    said = [line for line in lines if not line.lstrip().startswith("#")]
    cron = [line for line in lines if cron_line(_uncommented(line) if editor else line)]
    return bool(cron) and all(cron_line(line) or _VARIABLE.match(line) or _EDITOR.match(line) for line in said)


def _uncommented(line: str) -> str:
    return re.sub(r"^\s*#+\s*", "", line)


def _user_of(rest: str, system: bool) -> tuple[str, str]:
    """(user, command) of what follows the time fields. system: the file is one whose lines name a user."""
    match = _USER.match(rest)
    if match is None:
        return "", rest
    user, command = match.group("user"), match.group("command")
    known = is_known(Command((user,)))
    first = command.split()[0]
    starts = first.startswith(("/", "~", "./", "cd")) or is_known(Command((first,)))
    if (system and not (known and not starts)) or (user in _USERS and starts) or (not known and first.startswith("/")):
        return user, command
    return "", rest


def schedules_of(text: str, line: int) -> tuple[Schedule, ...]:
    """The schedules of a crontab fence. line: 1-based line of the text's first row in the document.

    With ``crontab -e`` in the fence, its commented crontab lines are the ones to add, so they count too.
    """
    system = bool(_SYSTEM.search(text))
    found: list[Schedule] = []
    account, editing, title = "", False, ""
    for row, each in enumerate(text.split("\n")):
        editor = _EDITOR.match(each)
        if editor:
            editing, account, title = True, editor.group("user") or "", ""
            continue
        comment = each.lstrip().startswith("#")
        match = cron_line(_uncommented(each) if comment and editing else each)
        if match is None:
            said = _uncommented(each).strip(" -=#:") if comment else ""
            title = "" if said.startswith("/") or re.match(r"file:", said, re.IGNORECASE) else said
            continue
        user, command = _user_of(match.group("rest").rstrip(), system)
        found.append(Schedule(line + row, " ".join(match.group("cron").split()), command, user or account, title))
        title = ""
    return tuple(found)


def installed_schedules(text: str, line: int) -> tuple[Schedule, ...]:
    """Crontab lines that a command text installs: ``(crontab -l; echo "0 2 * * * ...") | crontab -``."""
    found = []
    for row, each in enumerate(text.split("\n")):
        for match in _PIPED.finditer(each) if "crontab" in each or "/etc/cron" in each else ():
            cron = cron_line(match.group("line"))
            if cron is not None:
                user, command = _user_of(cron.group("rest").rstrip(), bool(_SYSTEM.search(each)))
                found.append(Schedule(line + row, " ".join(cron.group("cron").split()), command, user))
    return tuple(found)
