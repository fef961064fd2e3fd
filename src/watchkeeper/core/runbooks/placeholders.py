"""Values that a document leaves open. They are found in the text, before parsing: ``cp <file> /tmp`` is valid shell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from watchkeeper.core.runbooks.shell import Script
from watchkeeper.core.runbooks.values import SAFE_VALUE, Parameter

_ANGLE = re.compile(r"(?<![<\\?P(])<([^\W\d_][^<>\n\"'`;&(){}$]{0,60})>")
_TAGS: Final = frozenset(
    [
        "a",
        "b",
        "i",
        "p",
        "u",
        "br",
        "hr",
        "em",
        "li",
        "ol",
        "ul",
        "td",
        "th",
        "tr",
        "div",
        "img",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "body",
        "code",
        "form",
        "head",
        "html",
        "link",
        "meta",
        "span",
        "table",
        "title",
        "script",
        "strong",
        "style",
        "none",
        "nil",
        "missing",
        "null",
    ]
)
_DATE = re.compile(
    r"(?<![A-Za-z0-9$%{+])(?:YYYY[-_./]?MM[-_./]?DD(?:[-_T]?HH[-_:]?(?:MM|mm)(?:[-_:]?(?:SS|ss))?)?|"
    r"DD[-./]MM[-./]YYYY|HHMMSS)(?![A-Za-z0-9=])"
)
_TIMESTAMP = re.compile(
    r"(?<![A-Za-z0-9${])(?<![A-Z]_)(?:(?<=[-_./])TIMESTAMP(?![A-Za-z0-9=])|TIMESTAMP(?=[-_./][a-z]))"
)
_YOUR = re.compile(
    r"(?<![A-Za-z0-9_${])(?:your|YOUR|Your)(?:[-_][A-Za-z0-9][A-Za-z0-9_-]*|(?:domain|server|host|hostname|app|"
    r"username|user|password|token|key|project|bucket|company|org|email)\b)(?!=)"
)
_BRACKET = re.compile(r"(?<![\w$\]\[{\\])\[([A-Z]{2,}(?:[ _-][A-Z0-9]+)*)\](?!\])")
_LEVELS: Final = frozenset(
    [
        "INFO",
        "WARN",
        "WARNING",
        "ERROR",
        "DEBUG",
        "OK",
        "FAIL",
        "FAILED",
        "PASS",
        "PASSED",
        "SUCCESS",
        "FATAL",
        "NOTICE",
        "DONE",
        "SKIP",
        "SKIPPED",
        "CRITICAL",
        "TRACE",
        "ALERT",
        "TODO",
    ]
)
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][\w-]*)\s*\}\}|(?<=[/=@:])\{([A-Za-z_][\w-]*)\}")
_BRACES = re.compile(r"(?<=\s)\{([A-Za-z_][\w.-]{2,40})\}(?=$|[\s/:.,-])", re.MULTILINE)
_CHANGE_ME = re.compile(
    r"(?<![A-Za-z0-9${])(?:CHANGE[-_]?ME|REPLACE[-_]?ME|REPLACE_WITH_\w+|changeme|FIXME|INSERT_\w+_HERE|"
    r"\w+_HERE)(?![A-Za-z0-9=])"
)
_XXX = re.compile(r"(?<![\w.$-])(?:X{3,}|x\.x\.x\.x|xxx+)(?![\w=])|(?<=[-=/@])(?:X{3,}|x{3,})(?=$|[\s\"'/.:-])")
_CAPITALS = re.compile(
    r"(?<![\w$%{=.-])(?:(?:SERVER|HOST|POD|CONTAINER|PROCESS|SERVICE|DB|DATABASE|USER|NODE|INSTANCE|CLUSTER|BUCKET|"
    r"FILE|BACKUP|IMAGE|JOB|APP|PROJECT|RELEASE|"
    r"COMMIT|BRANCH|DEPLOYMENT|ACCOUNT|TABLE|QUEUE|DOMAIN|PR|RUN|TASK|VM|DEVICE|PREVIOUS|OLD|NEW|TARGET|SOURCE|"
    r"REMOTE)_(?:IP|NAME|ID|ADDRESS|HOST|PORT|PATH|HASH|"
    r"SHA|FILE|VERSION|TAG|NUMBER|USER|PASSWORD|URL|DIR)|PID|POD|IP_ADDRESS|COMMIT_SHA|COMMIT_HASH|NAMESPACE|"
    r"NNNN+)(?![\w=])"
)
_STANDARD: Final = frozenset(
    [
        "HOME",
        "USER",
        "PATH",
        "PWD",
        "OLDPWD",
        "SHELL",
        "HOSTNAME",
        "UID",
        "EUID",
        "PPID",
        "RANDOM",
        "SECONDS",
        "LINENO",
        "IFS",
        "LANG",
        "LANGUAGE",
        "TERM",
        "TMPDIR",
        "LOGNAME",
        "FUNCNAME",
        "REPLY",
        "OPTARG",
        "OPTIND",
        "PIPESTATUS",
        "COLUMNS",
        "LINES",
        "DISPLAY",
        "SUDO_USER",
        "SUDO_UID",
        "SUDO_GID",
        "MAIL",
        "HOSTTYPE",
        "OSTYPE",
        "MACHTYPE",
        "SHLVL",
        "EPOCHSECONDS",
        "EPOCHREALTIME",
        "GROUPS",
        "TZ",
        "EDITOR",
    ]
)
_STANDARD_PREFIX: Final = ("BASH", "LC_", "SSH_", "XDG_", "COMP_")
_WIDER: Final[Mapping[str, str]] = {"YYYYMMDD": r"[0-9]{8}", "YYYY-MM-DD": r"[0-9]{4}-[0-9]{2}-[0-9]{2}"}
_LEFT_OUT = re.compile(r"(?:(?<=\s)|^)(?:\.\.\.|…)(?=\s|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """One placeholder in a text: where it stands and the parameter that fills it."""

    start: int
    end: int
    text: str
    name: str


def parameter_name(text: str) -> str:
    """An environment name for a placeholder: ``<pod name>`` is ``pod_name``; other scripts keep their code points."""
    name = re.sub(r"\W+", "_", text.strip("<>[]{}$ \t")).strip("_")
    if not name.isascii():
        name = "_".join(
            part if part.isascii() else "u" + "".join(f"{ord(one):x}" for one in part[:6])
            for part in re.split(r"_+", name)
        )
    name = name.lower()
    return f"v_{name}" if not name or name[0].isdigit() else name


def _quoted(text: str, start: int) -> bool:
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return line.count('"') % 2 == 1 or line.count("'") % 2 == 1


def _is_markup(text: str, start: int, inner: str) -> bool:
    """Whether ``<word>`` is HTML in a quoted text, or what a program prints for nothing."""
    word = (inner.lower().split() or [""])[0]
    if word in ("none", "nil", "missing", "null"):
        return True
    return word in _TAGS and _quoted(text, start) and (f"</{word}" in text.lower() or word in ("br", "hr", "p", "img"))


def _candidates(text: str) -> Iterable[tuple[int, int, str]]:
    for match in _ANGLE.finditer(text):
        inner = match.group(1).strip()
        if not _is_markup(text, match.start(), inner) and inner[-1:] not in ("-", "/"):
            yield match.start(), match.end(), inner
    for match in _TEMPLATE.finditer(text):
        yield match.start(), match.end(), match.group(1) or match.group(2)
    for match in _BRACES.finditer(text):
        if not _quoted(text, match.start()):
            yield match.start(), match.end(), match.group(1)
    for match in _BRACKET.finditer(text):
        if match.group(1).split()[0] not in _LEVELS or not _quoted(text, match.start()):
            yield match.start(), match.end(), match.group(1)
    for pattern in (_DATE, _TIMESTAMP, _YOUR, _CHANGE_ME, _CAPITALS):
        for match in pattern.finditer(text):
            yield match.start(), match.end(), match.group()
    for match in _XXX.finditer(text):
        if "mktemp" not in text[text.rfind("\n", 0, match.start()) + 1 : match.end()]:
            yield match.start(), match.end(), match.group()


def _comments(text: str) -> list[tuple[int, int]]:
    """Spans of comments, where nothing runs."""
    return [match.span() for match in re.finditer(r"(?m)(?:^|(?<=\s))#.*$", text) if not _quoted(text, match.start())]


def places(text: str) -> tuple[Place, ...]:
    """All placeholders of a text in order, not overlapping; whole-line comments do not count."""
    comments = _comments(text)
    found: list[Place] = []
    for start, end, inner in sorted(_candidates(text), key=lambda one: (one[0], -one[1])):
        if found and start < found[-1].end:
            continue
        if any(first <= start < last for first, last in comments):
            continue
        found.append(Place(start, end, text[start:end], parameter_name(inner)))
    return tuple(found)


def inert(text: str) -> str:
    """The text with every angle-bracket placeholder turned into a plain word of the same length, for parsing only."""
    parts, position = [], 0
    for place in places(text):
        parts.append(text[position : place.start])
        parts.append(re.sub(r"[^\w.:/@+-]", "_", place.text) if place.text.isascii() else "_" * len(place.text))
        position = place.end
    return "".join(parts) + text[position:]


def left_out(text: str) -> bool:
    """Whether a ``...`` of its own stands for something that was left out."""
    return any(not _quoted(text, match.start()) for match in _LEFT_OUT.finditer(re.sub(r"(?m)^[ \t]*#.*$", "", text)))


def is_standard(name: str) -> bool:
    """A variable every shell has, or a special one."""
    return name in _STANDARD or name.startswith(_STANDARD_PREFIX) or not re.match(r"[A-Za-z_]", name)


def unset_variables(script: Script, text: str) -> tuple[tuple[str, int], ...]:
    """Variables a text uses without a value: neither assigned in it, nor standard, nor with a default. (name, row)."""
    if script.broken:
        return tuple(
            (match.group(1), text.count("\n", 0, match.start()))
            for match in re.finditer(r"(?<!\\)\$\{?([A-Za-z_]\w*)", text)
            if not is_standard(match.group(1)) and not re.search(rf"(?m)^\s*(export\s+)?{match.group(1)}=", text)
        )
    found: dict[str, int] = {}
    for use in script.uses:
        if not use.optional and not is_standard(use.name) and use.name not in script.assigned:
            found.setdefault(use.name, use.row)
    return tuple(found.items())


_ASK = re.compile(
    r"(?m)^(?P<head>[ \t]*export[ \t]+)(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"\n$`]*\"|'[^'\n]*'|"
    r"[^\s\"'$`\n][^\n\"'$`]*)$"
)


def asked(text: str, prompt: str) -> tuple[Parameter, ...]:
    """Runme prompts: ``export X=Ask text`` asks; ``export X="default"`` asks with a default when promptEnv is set."""
    wanted = prompt.strip().lower()
    if wanted in ("no", "never", "false", "0"):
        return ()
    found = []
    for match in _ASK.finditer(text):
        value = match.group("value").strip()
        quoted = value[:1] in "\"'"
        if not (wanted if quoted else (" " in value or wanted)):
            continue
        row = text.count("\n", 0, match.start("name"))
        default = value[1:-1] if quoted else None
        found.append(
            Parameter(
                match.group("name"), match.group().strip(), row, default, r"[^\x00-\x1f]*", "" if quoted else value
            )
        )
    return tuple(found)


def parameters_of(
    text: str, script: Script, line: int, declared: Mapping[str, Parameter], known: Iterable[str], prompt: str = ""
) -> tuple[Parameter, ...]:
    """The parameters of one step. line: of the text's first row. known: names an earlier step of the document sets."""
    found: dict[tuple[str, str], Parameter] = {}
    for question in asked(text, prompt):
        found[question.name, question.placeholder] = replace(question, line=line + question.line)
    questions = {name for name, _ in found}
    for place in places(text):
        own = declared.get(place.name) or declared.get(place.name.replace("_", "-")) or declared.get(place.name.upper())
        row = text.count("\n", 0, place.start)
        pattern = own.pattern if own else _WIDER.get(place.text, SAFE_VALUE)
        parameter = Parameter(
            own.name if own else place.name,
            place.text,
            line + row,
            own.default if own else None,
            pattern,
            own.ask if own else "",
        )
        found.setdefault((parameter.name, place.text), parameter)
    skip = set(known) | questions
    for name, row in unset_variables(script, text):
        own = declared.get(name)
        if own is not None:
            found.setdefault((name, f"${name}"), replace(own, placeholder=f"${name}", line=line + row))
        elif name not in skip:
            found.setdefault((name, f"${name}"), Parameter(name, f"${name}", line + row))
    return tuple(found.values())
