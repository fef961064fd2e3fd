"""Secret values in a document: taken out of every copy, named by line, and given a name in secrets.yaml."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchkeeper.core.discovery.drafts import slug
from watchkeeper.core.discovery.stores import is_secret
from watchkeeper.core.importing.sections import rows_of
from watchkeeper.core.redaction import MARK, Redactor
from watchkeeper.core.runbooks.placeholders import places

_MARK = MARK.decode()
_OPEN = re.compile(
    r"\A[\s\"'`(]*(?:\.{3}|…|x{3,}|\*{3,}|-+\Z|_+\Z|\[.*|<.*|\{\{.*|\$.*|`.*|your\b.*|my-?(?:secret|token|password)\b.*|"
    r"change-?me.*|replace-?(?:me|with|this).*|example.*|dummy.*|placeholder.*|todo.*|tbd.*|none\b.*|null\b.*|true\b.*|"
    r"false\b.*|(?:bearer|basic|token)\s+[\"']?(?:<.*|\$.*|\{.*|your\b.*|\.{3}.*)|\{\w+\}.*|(?:pass|password|passwd|secret|token)|"
    r"(?:string|str|number|boolean|bytes|text|any|object|optional|secretstr|varchar)\b[^A-Za-z0-9]*|v?\d+(?:\.\d+)+|redacted.*|secret:.*|env:.*|/run/secrets/.*|/etc/.*|\$\(.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_ELLIPSIS = re.compile(r"(?:\.{3,}|…|\*{3,}|x{4,})[`\"')\]]*\Z", re.IGNORECASE)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)\W{0,4}\Z")
_OPTION = re.compile(
    r"(\bsshpass\s+-p\s*|\b(?i:identified\s+(?:with\s+\w+\s+)?by)\s+['\"]|\b(?:mysql|mysqldump|mysqladmin|mariadb|redis-cli|curl|wget|smbclient|ldapsearch)\b[^\n|;&]*?\s"
    r"(?:(?<=\s)-p(?=\S)|-a\s+|-w\s+(?=\S+\s+-)|-u\s+[\w.-]+:|--user\s+[\w.-]+:|--user=[\w.-]+:))([^\s\"'`]{3,})"
)
"""Programs that take a password behind an option; the general redactor knows names only."""
_CODE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\(?.*|[A-Za-z_]\w*\(.*|string[;)\]|,]?.*", re.DOTALL)
"""What a program is given instead of a value: ``os.getenv(``, ``response.access_token``, ``string``."""
_FOREIGN = re.compile(r"[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]")
_SHORTEST, _ALONE = 8, 12
_SPACES = re.compile(r"\s")
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


@dataclass(frozen=True, slots=True)
class Hidden:
    """One value that was taken out. name: for secrets.yaml. variable: the environment variable that will hold it."""

    line: int
    name: str
    variable: str


def without_secrets(text: str) -> tuple[str, tuple[Hidden, ...]]:
    """The text with every value that looks like a secret replaced by ``[redacted]``; all other bytes stay.

    Values that a document leaves open (``your-api-key``, ``<token>``, ``$TOKEN``, ``abc...``) are no secrets.
    """
    out: list[str] = []
    found: list[Hidden] = []
    values: set[str] = set()
    inside = False
    rows = rows_of(text)
    suspects = _suspects(text, rows)
    for number, line in enumerate(rows, 1):
        if number not in suspects and not inside:
            out.append(line)
            continue
        if inside or _KEY_BEGINS.search(line):
            if not inside:
                found.append(_hidden(f"private-key-of-line-{number}", number))
            inside = not _KEY_ENDS.search(line)
            body = line.rstrip("\r\n")
            out.append(_MARK * bool(body) + line[len(body) :])
            continue
        kept, taken = _line(line)
        out.append(kept)
        found += [_hidden(name or f"secret-of-line-{number}", number) for name, _ in taken]
        values.update(value for _, value in taken if _is_telling(value))
    whole = "".join(out)
    for value in sorted(values, key=len, reverse=True):  # the same value again, where no name tells of it
        whole = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", _MARK, whole)
    return whole, tuple(found)


def _suspects(text: str, rows: list[str]) -> set[int]:
    """Numbers of the lines that may hold something; looking at all of them at once is several times as fast."""
    looked = rows_of(Redactor().text(text))
    if len(looked) != len(rows):  # a key block became one line
        return set(range(1, len(rows) + 1))
    pairs = enumerate(zip(rows, looked, strict=True), 1)
    return {number for number, (row, other) in pairs if row != other or _OPTION.search(row) or _KEY_BEGINS.search(row)}


def _is_telling(value: str) -> bool:
    """Whether a value is so much its own that it is the same secret wherever it stands; ``postgres`` is not."""
    return len(value) >= _SHORTEST and (not value.isalpha() or len(value) >= _ALONE)


def _hidden(name: str, line: int) -> Hidden:
    clean = slug(name, 60)
    return Hidden(line, clean.lower().replace("_", "-"), re.sub(r"[^A-Za-z0-9]", "_", clean).upper())


def _line(line: str) -> tuple[str, list[tuple[str, str]]]:
    """(the line without values, name and value of each that was taken out)."""
    redacted = _OPTION.sub(lambda match: match[1] + _MARK if not is_open(match[2]) else match[0], Redactor().text(line))
    if redacted == line:
        return line, []
    out: list[str] = []
    taken: list[tuple[str, str]] = []
    at = 0
    for kept, value in _replaced(line, redacted):
        out.append(kept)
        at += len(kept) + len(value)
        secret, rest = _cut(value)
        if secret and not is_open(secret) and not _is_prose(kept, secret, line[at:]):
            taken.append((_name_of("".join(out)), secret.strip("\"'`,;")))
            secret = _MARK
        out.append(secret + rest)
    return "".join(out), taken


def _cut(value: str) -> tuple[str, str]:
    """A value and what follows it on the line: the rest of a command behind the quote that closes a header."""
    at = next((place for place, each in enumerate(value) if each in "\"'" and place), len(value))
    return value[:at], value[at:]


def _is_prose(before: str, value: str, after: str) -> bool:
    """``Password: ask Maria`` is a sentence, ``password: hunter2`` is not."""
    return before.endswith(": ") and value.isalpha() and bool(re.match(r"\s+[A-Za-z]", after))


def is_open(value: str) -> bool:
    """Whether a value only holds the place of one."""
    bare = value.strip().strip("\"'`,;")
    if not bare or _OPEN.match(value) or _ELLIPSIS.search(bare) or places(bare):
        return True
    if _FOREIGN.search(bare) or (_CODE.fullmatch(bare) and not re.search(r"\d\w*\d", bare)):
        return True
    return _SPACES.search(bare) is not None and bare.isalpha()


def _replaced(line: str, redacted: str) -> list[tuple[str, str]]:
    """(what stayed, what was replaced behind it) in order. Where they cannot be told apart, all but the first counts."""
    parts = redacted.split(_MARK)
    found: list[tuple[str, str]] = []
    at = 0
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        if not line.startswith(part, at):
            return [(line[: len(parts[0])], line[len(parts[0]) :])]
        at += len(part)
        if following is None:
            found.append((part, ""))
            break
        end = len(line) - len(following) if len(found) == len(parts) - 2 else line.find(following, at)
        if end < at:
            return [(line[: len(parts[0])], line[len(parts[0]) :])]
        found.append((part, line[at:end]))
        at = end
    return found


def _name_of(before: str) -> str:
    """The name that stands before a value, as ``DB_PASSWORD`` in ``DB_PASSWORD=...``; "" for none that says much."""
    match = _NAME.search(before.rstrip("\"' "))
    name = match[1] if match else ""
    return name if is_secret(name) and not re.search(r"://\S*\Z", before) else ""
