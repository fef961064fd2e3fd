"""The blast radius of a plan: which hosts, units, containers, files and tables its changing steps touch, in one line.

It is read from the syntax tree of the exact text. What cannot be told is said ("what ./fix.sh touches is not known"),
never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from watchkeeper.core.conditions.quantities import show_size
from watchkeeper.core.runbooks.commands import container_rest, expand, ssh_rest
from watchkeeper.core.runbooks.containers import words_of
from watchkeeper.core.runbooks.placeholders import inert, places
from watchkeeper.core.runbooks.risk import command_risk, is_known
from watchkeeper.core.runbooks.shell import Command, Script, read_script
from watchkeeper.core.runs.measuring import MAX_FILES, measurable
from watchkeeper.core.runs.touches import Named, found_by, touched
from watchkeeper.core.runs.values import BlastRadius, PlanStep, Touch

MAX_NAMED = 8
_OWN: Final = words_of(
    "break continue wait trap cd pushd popd set export unset local declare readonly return exit shift : [ [[ test true "
    "false echo printf sleep read getopts umask ulimit let typeset alias unalias hash times"
)
"""Built-ins of the shell that touch nothing outside it (what `trap` runs is a command of its own)."""
_CARRIERS: Final = words_of(
    "sudo doas nohup nice ionice setsid stdbuf time timeout env command exec builtin chronic watch xargs parallel flock "
    "strace bash sh zsh dash ksh ash su runuser ssh eval find"
)
"""Programs that start another one; that one is looked at by itself."""


def foresee(steps: Sequence[PlanStep]) -> BlastRadius:
    """What the changing steps touch, before anything is measured. Steps that only read are left aside."""
    changing = [step for step in steps if step.risk != "read" and step.phase != "rollback"]
    touches = tuple(dict.fromkeys(touch for step in changing for touch in of_step(step)))
    hosts = tuple(sorted({touch.host for touch in touches} | {step.host for step in changing}))
    return BlastRadius(hosts, touches)


def of_step(step: PlanStep) -> tuple[Touch, ...]:
    """Everything one changing step touches, in the order of its text."""
    if not step.language:
        return (Touch(step.index, step.host, "person", step.title or step.id, "is done by a person"),)
    text = inert(step.text)
    script = read_script(text)
    if script.broken:
        return (Touch(step.index, step.host, "unknown", f"step {step.id}"),)
    place = _Place(step, _directory(script))
    found = [place.path(Named("path", target, "writes")) for target in script.writes]
    for command in script.commands:
        found += place.of_command(command)
    return tuple(dict.fromkeys(_as_written(touch, step.text) for touch in found))


def _directory(script: Script) -> str:
    """Where relative paths stand: the one plain absolute directory that the text enters; "" when that is not clear."""
    entered = [
        command.arguments[0] for command in script.commands if command.name in ("cd", "pushd") and command.arguments
    ]
    return measurable(entered[0]) if len(entered) == 1 and "*" not in entered[0] else ""


class _Place:
    """Where the commands of one step run: its host, and what stands behind `ssh` or in a container."""

    def __init__(self, step: PlanStep, directory: str) -> None:
        self._step = step
        self._directory = directory
        self._host = step.host
        self._container = ""

    def of_command(self, outer: Command) -> Iterator[Touch]:
        """The command and whatever it starts, each at its own place."""
        there, container = self._step.host, ""
        search: Command | None = None
        for command in expand(outer):
            self._host, self._container = (there, container) if command.remote else (self._step.host, "")
            if command.name == "ssh":
                there, container = ssh_rest(command.words)[0].rpartition("@")[2] or there, ""
            elif command.name == "find":
                search = command
            elif (inside := container_rest(command.words)) is not None:
                container = command.words[-len(inside[1]) - 1] if inside[1] else ""
                if inside[0] == "exec":
                    continue
            yield from self._at(command, search)

    def _at(self, command: Command, search: Command | None) -> Iterator[Touch]:
        name = command.name
        if not name or name in _OWN:
            return
        if name == "$unread":
            yield self._touch("unknown", "a command inside another one")
            return
        script = _names_script(command)
        if name in _CARRIERS and name != "find" and not script:
            return
        if command_risk(command) == "read" and is_known(command) and not script:
            return
        named = touched(command)
        for one in named:
            if one.name == "{}" and search is not None:
                yield from (self.path(each) for each in found_by(search, one.how))
            elif one.kind == "path":
                yield self.path(one)
            else:
                yield self._touch(one.kind, one.name or self._host, one.how)
        if not named and not (name == "find" and search is command and "-exec" in " ".join(command.arguments)):
            yield self._touch("unknown", _shown(command))

    def path(self, one: Named) -> Touch:
        """A path, with what narrows it; measurable only where the step itself runs and nothing is left open."""
        name = f"{self._directory}/{one.name}" if self._directory and re.match(r"[\w.]", one.name) else one.name
        here = self._host == self._step.host and not self._container and not self._step.missing
        shown = name + (
            f" (only {' '.join(one.tests)})" if one.tests else " (only what find picks)" if one.most else ""
        )
        return replace(
            self._touch("path", shown, one.how),
            path=measurable(name) if here else "", deep=one.deep, tests=one.tests, most=one.most,
        )  # fmt: skip

    def _touch(self, kind: str, name: str, how: str = "") -> Touch:
        inside = f" in container {self._container}" if self._container else ""
        return Touch(self._step.index, self._host, kind, name + inside, how)


def _names_script(command: Command) -> bool:
    """``bash fix.sh``: the file is not part of the text, so nobody knows what it touches. ``bash -c`` is read itself."""
    if command.name not in ("bash", "sh", "zsh", "dash", "ksh", "ash"):
        return False
    words = [word for word in command.arguments if not word.startswith("-")]
    return bool(words) and not any(re.fullmatch(r"-[a-z]*c", word) for word in command.arguments)


def _shown(command: Command) -> str:
    """How an unknown command is called: its file name; with the script's name when a shell or interpreter runs it."""
    interpreter = command.name in _CARRIERS or re.fullmatch(r"(python|perl|ruby|node|php)[\d.]*", command.name)
    words = [word for word in command.arguments if not word.startswith("-")]
    return f"{command.name} {words[0][:60]}" if interpreter and words else command.name[:60]


def _as_written(touch: Touch, text: str) -> Touch:
    """The placeholders of the text stand again where parsing put plain words, and such a path is not measured."""
    name = touch.name
    for place in places(text):
        name = name.replace(inert(place.text), place.text)
    return touch if name == touch.name else replace(touch, name=name, path="")


# ---- in words ----------------------------------------------------------------------------------------------------------


def line(radius: BlastRadius | None, step: int | None = None) -> str:
    """One line for people: hosts first, then what happens to what, then what nobody can tell. step: only of that one."""
    if radius is None:
        return ""
    touches = [touch for touch in radius.touches if step is None or touch.step == step]
    hosts = radius.hosts if step is None else tuple(sorted({touch.host for touch in touches}))
    if not touches and not hosts:
        return "Touches nothing: every step only reads."
    count = f"{len(hosts)} host{'s' if len(hosts) != 1 else ''}"
    head = f"Touches {count} ({_listed(hosts)})"
    said = list(_clauses([touch for touch in touches if touch.kind != "unknown"], hosts))
    unknown = list(dict.fromkeys(touch.name for touch in touches if touch.kind == "unknown"))
    if unknown:
        said.append(f"what {_listed(unknown)} touches is not known")
    return f"{head}: {'; '.join(said) or 'its commands only read, as far as is known'}."


def _clauses(touches: Sequence[Touch], hosts: Sequence[str]) -> Iterator[str]:
    """``restarts unit worker`` and so on, the same act together."""
    grouped: dict[tuple[str, str], dict[str, list[Touch]]] = {}
    for touch in touches:
        grouped.setdefault((touch.how, touch.kind), {}).setdefault(touch.name, []).append(touch)
    for (how, kind), names in grouped.items():
        said = [_named(name, same, hosts) for name, same in names.items()]
        if kind == "person":
            yield f"{_listed(said)} is done by a person"
        else:
            word = {"path": "", "host": "host ", "setting": "", "address": "", "package": "package "}.get(
                kind, f"{kind} "
            )
            yield f"{how} {word}{_listed(said)}"


def _named(name: str, same: Sequence[Touch], hosts: Sequence[str]) -> str:
    its_hosts = sorted({touch.host for touch in same})
    where = f" on {', '.join(its_hosts)}" if len(its_hosts) < len(hosts) and same[0].kind != "host" else ""
    shown = "".join(letter if letter.isprintable() else " " for letter in name)
    return f"{shown[:120]}{_measured(same)}{where}"


def _measured(same: Sequence[Touch]) -> str:
    counted = [(touch.files, touch.size or 0) for touch in same if touch.files is not None]
    if not counted or len(counted) < len(same):
        return ""
    files, size = sum(count for count, _ in counted), sum(size for _, size in counted)
    if any(touch.more for touch in same):
        return f" (more than {MAX_FILES} files)"
    most = "at most " if any(touch.most for touch in same) else ""
    return f" ({most}{files} file{'s' if files != 1 else ''}, {show_size(size)})" if files else " (no file there now)"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
