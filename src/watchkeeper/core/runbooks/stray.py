"""Lines of a shell fence that are no shell text: a file's content, output, SQL, a prompt of another program, prose.

A fence tagged ``bash`` is mostly what it says. Only what cannot be a command is told apart here; what is merely unknown
stays a command.
"""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.guessing import answered_lines
from watchkeeper.core.runbooks.risk import is_known
from watchkeeper.core.runbooks.shell import Command, Script, read_script

_KEY: Final = re.compile(r"^\s*(?:- )?[\"']?[\w./-]+[\"']?:(?:\s|$)")
_ITEM: Final = re.compile(r"^\s*(?:[-*•·]|\d{1,3}[.)]|[a-z]\))\s+\S")
_PROMPT: Final = re.compile(r"^\s*(?:[\w@.-]*\w=?[-=*]?[#>]|>>>|\.\.\.|irb\([^)]*\)[:\d]*>|iex>)\s+\S")
_SQL: Final = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|REVOKE|FLUSH|SHOW|VACUUM|REINDEX|EXPLAIN|TRUNCATE|USE)\s+"
    r"[\w*.\"'`(]|^\s*\\[a-z+]+\s*$"
)
_CODE: Final = re.compile(
    r"^\s*(?:from\s+[\w.]+\s+import\s|import\s+[\w.{]+|def\s+\w+\(|const\s+\w+\s*=|let\s+\w+\s*=\s|return\s*[{(])"
)
_MARKED: Final = re.compile(r"^\s*(?:\[[A-Z][A-Z_ ]{2,}[\]:]|[^\x00-\x7f])")
_DATA: Final = re.compile(
    r"^[\w.~/@-]*/[\w./@-]+\.(?:json|md|ya?ml|conf|cfg|ini|txt|log|html|css|tsx?|jsx|sql|png|svg|toml|lock|csv|xml|service)$"
)
_CHAT: Final = re.compile(r"^/[\w-]+(?::[\w-]+)?(?:\s|$)")
_TABLE: Final = re.compile(r"\S(?: {2,}|\t+)\S")
_ROOTS: Final = words_of("/bin /sbin /usr /opt /etc /home /srv /var /root /tmp /snap /app /entrypoint.sh /init")


def is_stray(line: str) -> bool:
    """Whether a line cannot be the first line of a command."""
    text = line.strip()
    if not text or text.startswith("#"):
        return False
    first = text.split()[0]
    if _MARKED.match(text) or _SQL.match(text) or _CODE.match(text) or _PROMPT.match(text) or _ITEM.match(text):
        return True
    if _KEY.match(line) and first != ":" and "://" not in first.split(":", 1)[0]:
        return not re.match(r"^[\w.-]+:\w", first)
    if first.startswith(("http://", "https://")) or _DATA.match(text):
        return True
    if _CHAT.match(text) and first not in _ROOTS and first.count("/") == 1:
        return True
    if is_known(Command((first,))) or "=" in first or first.startswith(("$", "./", "/", "~", "!", "(", "{", "[")):
        return False
    if len(_TABLE.findall(text)) >= 3 and not re.search(r"\s--?[A-Za-z]|[|;&]|\s#", text):
        return True
    return (
        bool(re.fullmatch(r"[A-Z][a-z]+,?", first)) and len(text.split()) > 2 and not re.search(r"\s--?\w|[|>=]", text)
    )


def stray_rows(text: str, script: Script) -> frozenset[int]:
    """Rows of a shell text that are no shell text. A text that holds a here-document and cannot be parsed has none:
    its lines may be the document's."""
    rows = text.split("\n")
    if not script.broken:
        parts = [(first, last) for first, last in script.statements if first < len(rows) and is_stray(rows[first])]
        return frozenset(row for first, last in parts for row in range(first, last + 1))
    if "<<" in text:
        return frozenset()
    said = [row for row, line in enumerate(rows) if line.strip() and not line.lstrip().startswith("#")]
    top = answered_lines([rows[row] for row in said])
    if top:
        return frozenset(said[top:])
    strays = [row for row in said if is_stray(rows[row])]
    rest = "\n".join("" if row in strays else line for row, line in enumerate(rows))
    if not strays or (len(strays) < len(said) and read_script(rest).broken and len(strays) * 2 < len(said)):
        return frozenset()
    return frozenset(strays if not read_script(rest).broken else said)
