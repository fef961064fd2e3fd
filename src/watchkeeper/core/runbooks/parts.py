"""One fence, several thoughts: cut it at comment lines, and find the parts of which only one may run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from watchkeeper.core.runbooks.commands import all_commands
from watchkeeper.core.runbooks.placeholders import inert
from watchkeeper.core.runbooks.shell import Command, Script, read_script

_PLATFORM: Final = (
    r"(?:linux|mac(?:os)?|osx|windows|wsl|ubuntu|debian|centos|rhel|red hat|fedora|alpine|arch|amazon linux|"
    r"docker(?: compose)?|kubernetes|k8s|systemd|podman|"
    r"homebrew|apt|yum|dnf|postgres(?:ql)?|mysql|mariadb|sqlite|bare metal|aws|gcp|azure|production|staging|"
    r"development)"
)
_OR = re.compile(
    r"^(?:or|alternatively|alternative|otherwise|else|instead)\b|^(?:または|もしくは|或者|或[是用])", re.IGNORECASE
)
_IF = re.compile(
    rf"^(?:if|only if|in case|unless|when|should you|option|method|variant|approach|using)\b|^(?:for|on|with|"
    rf"via)\s+{_PLATFORM}\b|^{_PLATFORM}(?:\s*[/,&]\s*{_PLATFORM})*\s*:?$|"
    r"^(?:もし|如果|若)|場合|的话",
    re.IGNORECASE,
)
_OPTIONAL = re.compile(
    r"^(?:optional|optionally|manual|manually)\b|\b(?:if|as|when|where)\s+(?:needed|necessary|required|applicable|"
    r"desired|appropriate|so)\b|[(\[]optional[)\]]|"
    r"\bmanually\b|必要に応じて|如有必要|如需|可选|オプション|手動で|手动",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^\s*#+\s*(?:\d+[.):]\s*|[-*]\s+|step\s+\d+\s*[.:-]?\s*)?", re.IGNORECASE)
_EXPECT = re.compile(
    r"#\s*(?:(?:expected\s+)?output|expect(?:ed)?|result|returns?|should\s+(?:see|show|return|be|print|output|open|say)|=>|→|期待)\s*[:：]?\s*(\S.*)$",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"^(?:should|expected|output|result|returns|note|see|e\.g|example|this|these|it|the|your|url|default|source|"
    r"usage|docs?|tip|warning|created|registered|backups?|"
    r"authorized|tunnel|credentials|in|was|ok|done|→|✅|where|who|press|minimum|providers)\b",
    re.IGNORECASE,
)
_ACT = re.compile(
    r"^(?:perform|adjust|add|edit|remove|update|configure|revert|notify|set|open|check|run|wait|follow|copy|change|"
    r"enable|disable|ensure|verify|install|restart|"
    r"start|stop|clean|rotate|delete|create|replace|move|confirm|review|log in|login|"
    r"click|go to|call|contact|tell|ask|make sure|switch|schedule|disable|fill|enter)\b",
    re.IGNORECASE,
)
_STATE: Final = frozenset(
    ["cd", "pushd", "popd", "source", ".", "set", "shopt", "alias", "umask", "ulimit", "eval", "trap", "export"]
)
_ACTS: Final = {
    "start": "start",
    "up": "start",
    "run": "start",
    "resume": "start",
    "stop": "stop",
    "down": "stop",
    "kill": "stop",
    "pause": "stop",
    "restart": "restart",
    "reload": "restart",
    "force-reload": "restart",
    "status": "status",
    "is-active": "status",
    "ps": "status",
    "logs": "status",
    "show": "status",
    "stats": "status",
    "top": "status",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One thought of a fence. row: first row within the fence's commands. condition: why it is an alternative, or "".

    group: number of the menu within the fence, or None. prose: it holds only comments that tell a person to act.
    """

    text: str
    row: int
    title: str = ""
    condition: str = ""
    group: int | None = None
    prose: bool = False
    expect: str | None = None


def condition_kind(text: str) -> str:
    """``or``, ``if``, ``optional`` or ``""``: how a comment or sentence introduces what follows it."""
    text = text.strip().lstrip("(").strip()
    if _OR.search(text):
        return "or"
    if _OPTIONAL.search(text):
        return "optional"
    return "if" if _IF.search(text) else ""


def comment_text(line: str) -> str:
    """A comment without its mark and number."""
    return _NUMBER.sub("", line, count=1).strip()


def _pieces(text: str, script: Script) -> list[tuple[int, int, list[str], bool]]:
    """(first row, last row, comment lines, has a statement) of each thought."""
    lines = text.split("\n")
    items = sorted(
        [(row, row, comment) for row, comment in script.comments]
        + [(first, last, "") for first, last in script.statements]
    )
    pieces: list[tuple[int, int, list[str], bool]] = []
    for first, last, comment in items:
        first, last = min(first, len(lines) - 1), min(last, len(lines) - 1)
        new = not pieces
        if pieces:
            _, end, _, acting = pieces[-1]
            new = bool(comment) and (acting or any(not lines[row].strip() for row in range(end + 1, first)))
            new = new or (
                bool(not comment)
                and not acting
                and any(not lines[row].strip() for row in range(end + 1, first))
                and _stands_alone(pieces[-1][2])
            )
        if new:
            pieces.append((first, last, [comment] if comment else [], not comment))
        else:
            begin, end, comments, acting = pieces[-1]
            pieces[-1] = (begin, max(end, last), comments + ([comment] if comment else []), acting or not comment)
    return pieces


def _stands_alone(comments: list[str]) -> bool:
    said = [comment_text(comment) for comment in comments]
    listed = any(re.match(r"#+\s*(?:[-*]|\d+[.)])\s", comment) for comment in comments[1:])
    return len(said) > 1 and bool(_ACT.match(said[0])) and (listed or all(_ACT.match(one) for one in said))


def _expectation(comments: list[str], trailing: list[str]) -> str | None:
    for comment in [*comments, *trailing]:
        match = _EXPECT.match(comment.strip())
        if match:
            return match.group(1).strip()
    return None


def _parts(text: str, script: Script) -> list[Part]:
    lines = text.split("\n")
    found: list[Part] = []
    for first, last, comments, acting in _pieces(text, script):
        body = "\n".join(lines[first : last + 1]).strip("\n")
        trailing = [comment for row, comment in script.trailing if first <= row <= last]
        said = [comment_text(comment) for comment in comments if not comment.startswith("#!")]
        if not acting:
            acts = [one for one in said if _ACT.match(one) and not _NOTE.match(one)]
            optional = any(condition_kind(one) for one in said)
            if acts or (optional and said):
                found.append(Part(body, first, (acts or said)[0], prose=True))
            elif found:
                expect = found[-1].expect or _expectation(comments, [])
                found[-1] = replace(found[-1], text=f"{found[-1].text}\n{body}", expect=expect)
            elif said:
                found.append(Part(body, first, said[0], prose=True, condition="note"))
            continue
        kinds = [kind for kind in map(condition_kind, [*said, *map(comment_text, trailing)]) if kind]
        found.append(
            Part(
                body,
                first,
                said[-1] if said else "",
                kinds[0] if kinds else "",
                expect=_expectation(comments, trailing),
            )
        )
    return found


def _service_act(command: Command) -> tuple[str, str] | None:
    """(act, unit) of a command that starts, stops, restarts or shows one unit."""
    words = [word for word in command.words if not word.startswith("-")]
    name = command.name
    if (
        name in ("systemctl", "supervisorctl", "pm2", "launchctl", "initctl", "sv", "monit", "rc-service", "brew")
        and len(words) > 1
    ):
        words = words[1:] if name == "brew" and words[1] == "services" else words
        acts = [word for word in words[1:] if word in _ACTS]
        units = [word for word in words[1:] if word not in _ACTS]
        return (_ACTS[acts[0]], " ".join(units)) if acts else None
    if name == "service" and len(words) > 2 and words[2] in _ACTS:
        return _ACTS[words[2]], words[1]
    if command.words[0].startswith("/etc/init.d/") and len(words) > 1 and words[1] in _ACTS:
        return _ACTS[words[1]], name
    if name in ("docker", "docker-compose", "podman", "podman-compose"):
        compose = name.endswith("-compose") or "compose" in words
        rest = words[words.index("compose") + 1 :] if "compose" in words else words[1:]
        place = next((index for index, word in enumerate(rest) if word in _ACTS), None)
        if place is None or (rest[place] == "run"):
            return None
        return _ACTS[rest[place]], ("compose " if compose else "docker ") + " ".join(rest[place + 1 :])
    if re.fullmatch(r".*\bctl(\.sh)?|apachectl|apache2ctl", name) and len(words) == 2 and words[1] in _ACTS:
        return _ACTS[words[1]], name
    return None


def _acts(text: str) -> list[tuple[str, str]] | None:
    """The acts of a part when it does nothing but act on units; None otherwise."""
    found: list[tuple[str, str]] = []
    for command in all_commands(read_script(inert(text))):
        if command.name in ("sudo", "doas", "cd", "echo"):
            continue
        act = _service_act(command)
        if act is None:
            return None
        found.append(act)
    return found or None


def _contradicts(acts: list[str], *, cut: bool, work_between: bool) -> bool:
    """Whether acts on one unit cannot be one sequence. cut: they stand in parts of their own."""
    if "start" in acts and "stop" in acts[acts.index("start") :]:
        return True
    if "restart" in acts and ("start" in acts or "stop" in acts):
        return True
    if cut:
        return acts.count("start") > 1 or ("stop" in acts and "start" in acts and not work_between)
    return False


def _menu_members(parts: list[Part]) -> set[int]:
    """Indices of parts that start, stop, restart or show one unit against each other."""
    by_unit: dict[str, list[tuple[int, str]]] = {}
    for index, part in enumerate(parts):
        for act, unit in (_acts(part.text) or []) if not part.prose else []:
            by_unit.setdefault(unit, []).append((index, act))
    chosen: set[int] = set()
    for entries in by_unit.values():
        places = sorted({index for index, _ in entries})
        acts = [act for _, act in entries]
        work = places[-1] - places[0] + 1 > len(places)
        if len(places) > 1 and _contradicts(acts, cut=True, work_between=work):
            chosen.update(places)
    return chosen


def _single_menu(part: Part) -> list[Part]:
    """A part that lists contradicting commands line by line becomes one part per line."""
    acts = _acts(part.text) or []
    units = {unit for _, unit in acts}
    if not any(
        _contradicts([act for act, unit in acts if unit == one], cut=False, work_between=False) for one in units
    ):
        return [part]
    script = read_script(inert(part.text))
    lines = part.text.split("\n")
    return [
        Part("\n".join(lines[first : last + 1]), part.row + first, lines[first].strip(), "menu")
        for first, last in script.statements
    ]


def _grouped(parts: list[Part]) -> list[Part]:
    """Number the menus: an ``or`` takes the part before it along, an ``if`` joins the menu before it."""
    found: list[Part] = []
    number = 0
    for part in parts:
        previous = found[-1] if found else None
        group: int | None = None
        if part.condition == "or" and previous is not None and not previous.prose:
            if previous.group is None:
                number += 1
                found[-1] = replace(previous, group=number, condition=previous.condition or "or")
            group = found[-1].group
        elif (
            part.condition in ("if", "menu", "or")
            and previous is not None
            and previous.group is not None
            and previous.condition != "optional"
        ):
            group = previous.group
        elif part.condition and part.condition != "note":
            number += 1
            group = number
        found.append(replace(part, group=group))
    return found


def _shares_state(parts: list[Part]) -> bool:
    """Whether a later part needs the directory, variables, functions or children of an earlier one."""
    for part in parts[:-1]:
        script = read_script(inert(part.text))
        if script.assigned or script.background or re.search(r"(?m)^\s*(?:function\s+\w+|\w+\s*\(\)\s*\{)", part.text):
            return True
        if any(command.name in _STATE and not command.inner for command in script.commands):
            return True
    return False


def cut(text: str) -> tuple[Part, ...]:
    """The parts of a fence's commands. A script with ``#!``, and parts that share a directory or variables, stay
    whole."""
    script = read_script(inert(text))
    lines = text.split("\n")
    said = [comment_text(comment) for _, comment in script.comments if not comment.startswith("#!")]
    whole = Part(
        text.strip("\n"), next((row for row, line in enumerate(lines) if line.strip()), 0), said[0] if said else ""
    )
    if text.lstrip().startswith("#!") or script.broken or not script.statements:
        return (whole,)
    parts = [
        one
        for part in _parts(text, script)
        for one in (_single_menu(part) if not part.prose and not part.condition else [part])
    ]
    menu = _menu_members(parts)
    parts = [replace(part, condition="menu") if index in menu else part for index, part in enumerate(parts)]
    grouped = _grouped(parts)
    acting = [part for part in grouped if not part.prose]
    free = all(part.group is None for part in grouped) and not any(
        part.prose and part.condition != "note" for part in grouped
    )
    if free and len(acting) > 1 and _shares_state(acting):
        expect = next((part.expect for part in acting if part.expect), None)
        return (replace(whole, expect=expect),)
    return tuple(part for part in grouped if part.condition != "note") or (whole,)
