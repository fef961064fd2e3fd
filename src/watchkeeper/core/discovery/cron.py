"""Cron: crontabs of the system and of users, and the folders of scripts that run daily, weekly and so on."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.findings import CronJob
from watchkeeper.core.discovery.machine import sections_of
from watchkeeper.core.discovery.text import number

_LINE = re.compile(r"(/[^:]+):(\d+):(.*)\Z")
_ASSIGNMENT = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*=")
_GUARD = re.compile(r"/run/systemd/system")
_WORDS = re.compile(r"(?:^|&&|\|\||[;{(])\s*((?:[A-Za-z_][A-Za-z0-9_]*=\S*\s+)*)([^\s;&|(){}<>]+)([^;&|]*)")
_TESTS = frozenset(
    {"[", "[[", "test", "cd", "then", "if", "fi", "command", "nice", "ionice", "exec", "sleep", "true", "perl"}
)
_WRAPPERS = frozenset(
    {"sudo", "flock", "chronic", "timeout", "env", "systemd-cat", "setsid", "nohup", "/usr/bin/flock"}
)
_EVERY = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
FOLDERS = {"hourly": "17 * * * *", "daily": "25 6 * * *", "weekly": "47 6 * * 0", "monthly": "52 6 1 * *"}
"""When the scripts of each folder run on Debian; elsewhere the hour differs."""


def read_cron(output: bytes) -> tuple[CronJob, ...]:
    """The answer to ``cron``. Jobs at reboot have the schedule ``@reboot``."""
    found = []
    parts = output.partition(b"WK-folders\n")
    for _, body in sections_of(b"WK-lines\n" + parts[0], "lines"):
        found += [job for job in map(_job, body) if job]
    for _, body in sections_of(b"WK-lines\n" + parts[2], "lines"):
        for line in body:
            words = line.split()
            if len(words) >= 2 and words[0] in FOLDERS:
                name = words[1].rpartition("/")[2]
                found.append(CronJob(words[1], 0, FOLDERS[words[0]], "root", name, words[-1] == "guarded"))
    return tuple(found)


def _job(line: str) -> CronJob | None:
    match = _LINE.match(line)
    if not match or _ASSIGNMENT.match(match[3]):
        return None
    file, place, rest = match[1], number(match[2]), match[3].strip()
    own = "/spool/cron" in file or file.startswith("/etc/crontabs/")
    schedule, rest = _schedule(rest)
    if not schedule:
        return None
    user = file.rpartition("/")[2] if own else rest.partition(" ")[0]
    command = rest if own else rest.partition(" ")[2].strip()
    return CronJob(file, place, schedule, user, program_of(command), bool(_GUARD.search(command)), command)


def _schedule(text: str) -> tuple[str, str]:
    if text.startswith("@"):
        word, _, rest = text.partition(" ")
        return _EVERY.get(word, word if word == "@reboot" else ""), rest.strip()
    fields = text.split(None, 5)
    if len(fields) < 6 or not all(re.match(r"[0-9A-Za-z*,/~-]+\Z", field) for field in fields[:5]):
        return "", ""
    return " ".join(fields[:5]), fields[5]


def program_of(command: str) -> str:
    """The program a line of cron is about: the first one that is no guard, no ``cd`` and no wrapper."""
    for match in _WORDS.finditer(command):
        word, rest = str(match[2]), str(match[3])
        name = word.strip("\"'").rpartition("/")[2]
        if name in _TESTS or not name:
            continue
        if name in _WRAPPERS or name in ("python", "python3", "sh", "bash", "php", "ruby", "node", "perl"):
            inner = [
                each for each in rest.split() if not each.startswith("-") and not re.match(r"[\d.]+[smh]?\Z", each)
            ]
            if name == "flock":
                inner = inner[1:]
            if inner:
                return inner[0].strip("\"'").rpartition("/")[2]
        return name
    return command.partition(" ")[0].rpartition("/")[2]


def counted(jobs: tuple[CronJob, ...], timers: frozenset[str], systemd: bool) -> tuple[CronJob, ...]:
    """The jobs that cron really does: where systemd runs, a job that leaves its work to systemd is none.

    Its timer is found among the timers and counts there. timers: names without ending, kept for jobs without a guard
    whose name is that of a timer.
    """
    if not systemd:
        return jobs
    return tuple(
        job for job in jobs if not job.guarded and not (not job.line and job.file.rpartition("/")[2] in timers)
    )
