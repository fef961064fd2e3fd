"""Databases, SQLite files, open files, and the names in settings files."""

from __future__ import annotations

import re

from watchkeeper.core.discovery.findings import FoundDatabase, OpenFile, Setting
from watchkeeper.core.discovery.text import lines, number

_STOCK = frozenset({"postgres", "template0", "template1", "information_schema", "mysql", "performance_schema", "sys"})
_OPEN = re.compile(r"WK-open /proc/(\d+)/fd/\d+ (/.*)\Z")
_SECRET = re.compile(
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|private_?key|access_?key|auth_?key|credential|dsn\b|"
    r"(?:database|db|redis|mongo(?:db)?|amqp|broker|postgres(?:ql)?|mysql|smtp|sentry|webhook)_?(?:url|uri|dsn)|_key\Z",
    re.IGNORECASE,
)


def read_databases(output: bytes) -> tuple[FoundDatabase, ...]:
    """The answer to ``databases``, without those that every server brings along. A server itself has the name ""."""
    found: dict[tuple[str, str, int], FoundDatabase] = {}
    kind, socket, port = "", "", 0
    for line in lines(output):
        words = line.split()
        if words[0] == "WK-postgresql" and len(words) == 3:
            kind, socket, port = "postgresql", words[1], number(words[2])
            found[kind, "", port] = FoundDatabase(kind, "", socket, port)
        elif words[0] == "WK-mysql":
            kind, socket, port = "mysql", "", 0
        elif kind and line not in _STOCK:
            found[kind, line, port] = FoundDatabase(kind, line, socket, port)
    return tuple(found.values())


def read_files(output: bytes) -> tuple[tuple[OpenFile, ...], tuple[str, ...]]:
    """The answer to ``files``: what processes hold open, and SQLite files."""
    held, sqlite = dict[OpenFile, None](), dict[str, None]()
    for line in lines(output):
        match = _OPEN.match(line)
        if match and not match[2].endswith(" (deleted)"):
            held[OpenFile(number(match[1]), match[2])] = None
        elif line.startswith("WK-sqlite /"):
            sqlite[line.partition(" ")[2]] = None
    return tuple(held), tuple(sqlite)


def read_settings(output: bytes) -> tuple[tuple[Setting, ...], tuple[str, ...]]:
    """The answer to ``environments``: names of settings, and the files that could not be read."""
    found, unread = [], []
    for line in lines(output):
        words = line.split(None, 3)
        if words[0] == "WK-name" and len(words) == 4 and re.match(r"[A-Za-z_][A-Za-z0-9_]{0,100}\Z", words[2]):
            found.append(Setting(words[3], number(words[1]), words[2]))
        elif words[0] == "WK-unreadable" and len(words) > 1:
            unread.append(line.partition(" ")[2])
    return tuple(found), tuple(unread)


def is_secret(name: str) -> bool:
    """Whether the name of a setting speaks of a secret."""
    return bool(_SECRET.search(name))
