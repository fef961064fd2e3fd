"""How much SQL text, and a database client that is fed it, can do."""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.shell import Command
from watchkeeper.core.runbooks.values import Risk, highest

_SQL_DESTROY: Final = re.compile(
    r"\b(drop\s+(?!.*\bif\s+needed)\w+|truncate\b|dropdatabase|flushall|flushdb|\.restore\b|reset\s+master|purge\s+binary)",
    re.I,
)
_SQL_CHANGE: Final = re.compile(
    r"\b(update|insert|delete|alter|create|vacuum|reindex|grant|revoke|merge|replace\s+into|copy\s+\S+\s+from|call|"
    r"lock\s+table|set\s+global|"
    r"optimize\s+table|repair\s+table|refresh\s+materialized|cluster|checkpoint|attach|detach|kill\s+\d|analyze|"
    r"do\s+\$|execute|import|load\s+data)\b|"
    r"\.(import|read|save|backup|clone)\b|pragma\s+\w+\s*(=|\()|"
    r"\b(pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_switch_wal|pg_promote|setval|nextval|lo_unlink|"
    r"dblink_exec|pg_rotate_logfile)\b|"
    r"\binto\s+(out|dump)file\b|\bselect\b[^;]*\binto\s+\w",
    re.I | re.S,
)
_SQL_HARMLESS_PRAGMA: Final = re.compile(
    r"pragma\s+(integrity_check|quick_check|table_info|index_list|foreign_key_check|index_info)\s*(\([^)]*\))?", re.I
)


def sql_risk(text: str) -> Risk:
    """Risk of SQL text by its words: a delete without where, a drop or truncate destroys."""
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
    text = _SQL_HARMLESS_PRAGMA.sub(" ", text)
    if _SQL_DESTROY.search(text):
        return "destroy"
    for statement in text.split(";"):
        if re.search(r"\bdelete\s+from\b", statement, re.I) and not re.search(r"\bwhere\b", statement, re.I):
            return "destroy"
    return "change" if _SQL_CHANGE.search(text) else "read"


def database_risk(command: Command) -> Risk:
    """psql, mysql, sqlite3 ...: judged by the SQL they are given; a file or an unreadable pipe is a restore."""
    if command.stdin == "file" or any(
        word in ("-f", "--file") or word.startswith("--file=") for word in command.arguments
    ):
        return "destroy"
    found: Risk = sql_risk(" ; ".join(command.arguments))
    if command.stdin == "text":
        found = highest(found, sql_risk(command.fed))
    elif command.stdin == "pipe":
        literal = re.match(r"\s*(echo|printf)\b", command.fed)
        found = highest(found, sql_risk(command.fed) if literal and "$(" not in command.fed else "destroy")
    return found
