"""Why a step may not start without a person: menus, sessions, a directory or variable it lacks, a terminal it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from watchkeeper.core.runbooks.attributes import is_true
from watchkeeper.core.runbooks.commands import all_commands
from watchkeeper.core.runbooks.endless import Attended
from watchkeeper.core.runbooks.fences import Reading
from watchkeeper.core.runbooks.outline import Standing
from watchkeeper.core.runbooks.parts import Part, condition_kind
from watchkeeper.core.runbooks.placeholders import left_out, unset_variables
from watchkeeper.core.runbooks.reader import FenceBlock
from watchkeeper.core.runbooks.shell import Script
from watchkeeper.core.runbooks.values import Step

_CONDITIONS = {
    "or": "is one of several ways; a person picks one",
    "if": "holds only under a condition; a person decides",
    "optional": "is optional; a person decides",
    "menu": "starts, stops or restarts the same unit as its neighbours; a person picks one",
}
_DIRECTORY_PROGRAMS = frozenset(
    [
        "docker-compose",
        "make",
        "git",
        "npm",
        "npx",
        "yarn",
        "pnpm",
        "cargo",
        "go",
        "terraform",
        "bundle",
        "rake",
        "rails",
        "composer",
        "ansible-playbook",
        "alembic",
        "helm",
        "vercel",
    ]
)


@dataclass(slots=True)
class Memory:
    """What earlier steps of one procedure left behind that a fresh shell does not have."""

    variables: set[str] = field(default_factory=set)
    captured: set[str] = field(default_factory=set)
    directory: str = ""
    session: str = ""


def outer_condition(block: FenceBlock) -> str:
    """A condition in the sentence, list item or label right above a fence. A rollback is conditional by nature."""
    if block.standing.role == "rollback":
        return ""
    for sentence in (block.before, block.title, block.standing.title):
        kind = condition_kind(re.sub(r"[*_`]", "", sentence).strip()) if sentence else ""
        if kind:
            return kind
        if (
            sentence
            and sentence is not block.standing.title
            and re.search(r"\bif\b(?! not present)", sentence, re.IGNORECASE)
            and sentence == block.title
        ):
            return "if"
    return ""


def menu_id(block: FenceBlock, part: Part) -> str | None:
    if part.group is None:
        return None
    if part.group == 0:
        return f"menu-{block.standing.title_line or block.line}" if part.condition == "or" else f"menu-{block.line}"
    return f"menu-{block.line}-{part.group}"


def relies_on(text: str, script: Script, memory: Memory) -> str:
    """Why a step cannot stand alone: it needs a variable, directory or session of an earlier step."""
    if memory.session:
        return f"stands after a step that {memory.session}, so it is meant for that place"
    for name, _ in unset_variables(script, text):
        if name in memory.variables:
            return f"needs the variable {name} of an earlier step, and every step is a fresh shell"
    if memory.directory and _needs_directory(script):
        return f"needs the directory of an earlier `cd {memory.directory}`, and every step is a fresh shell"
    return ""


def _needs_directory(script: Script) -> bool:
    for command in all_commands(script):
        if command.name in ("cd", "pushd") and not command.inner:
            return command.arguments[:1] != () and not command.arguments[0].startswith(("/", "~", "$"))
        if command.words and re.match(r"\.{1,2}/", command.words[0]):
            return True
        if command.remote:
            continue
        if command.name in _DIRECTORY_PROGRAMS or (
            command.name == "docker" and ("compose" in command.words or "build" in command.words)
        ):
            return True
        if any(
            re.match(
                r"(\.{1,2}/|\.\w|\w[\w.-]*/\w|[\w-]+\.(?:sh|py|sql|ya?ml|json|env|conf|txt|gz|tar|db|toml|js|ts)$)",
                word,
            )
            for word in command.arguments
            if "://" not in word
        ):
            return True
    return False


def remember(memory: Memory, script: Script, attended: Attended, step: Step) -> None:
    memory.variables |= script.assigned
    if step.capture:
        memory.captured.add(step.capture)
    for command in script.commands:
        if command.name in ("cd", "pushd") and not command.inner:
            memory.directory = " ".join(command.arguments) or "~"
    if attended.leaves:
        memory.session = attended.leaves


def _sentence(script: Script) -> bool:
    """Whether a command's first word is no program: ``Restart the server`` or ``ns1.example.org, ns2.example.org``."""
    return any(
        command.words
        and not command.inner
        and (
            (command.words[0].endswith((",", ":", ".")) and command.words[0] not in (".", ":", ".."))
            or (
                bool(re.fullmatch(r"[A-Z][a-z]+", command.words[0]))
                and len(command.words) > 2
                and command.name != "Rscript"
            )
        )
        for command in script.commands
    )


def attend(
    step: Step, attended: Attended, script: Script, reading: Reading, part: Part, standing: Standing, asked: bool
) -> Step:
    """Decide whether the step may start without a person, and say why not."""
    manual = bool(attended.interactive) or reading.root or asked
    positional = next((use.name for use in script.uses if use.name.isdigit() and use.name != "0"), "")
    reasons = (
        attended.interactive,
        "the file marks it as interactive" if asked else "",
        "its lines start with `# `, which may be a root prompt or a comment; a person decides" if reading.root else "",
        "the shell text cannot be parsed, so its risk is not known" if script.broken else "",
        "one of its lines reads like a sentence or a list, not like a command" if _sentence(script) else "",
        "some lines of its fence do not read as commands and do not run; a person looks first"
        if reading.strays
        else "",
        f"it {_CONDITIONS.get(part.condition, _CONDITIONS['or'])}" if part.group is not None and not step.when else "",
        f"it does not end by itself ({attended.endless}); it runs time-bounded when a person starts it"
        if attended.endless and not is_true(step.attributes, "background")
        else "",
        f"it {step.relies}" if step.relies else "",
        f"{attended.asks}, and nobody is there to answer" if attended.asks else "",
        "it holds `...`, which stands for something left out" if left_out(part.text) else "",
        f"it uses ${positional}, and a step has no arguments"
        if positional and "()" not in part.text and "function " not in part.text
        else "",
        f"it must be agreed to (approve={step.approve})" if step.approve else "",
        "the file excludes it from automatic runs" if is_true(step.attributes, "excludeFromRunAll") else "",
        f"it can {step.risk} something although it stands under {step.phase}; a person starts it"
        if step.phase in ("diagnose", "verify") and step.risk != "read"
        else "",
        "the fence names no language, so this is a guess; a person starts it"
        if reading.guessed and step.risk != "read"
        else "",
        f'it stands under "{standing.title}", which is no phase of a run'
        if step.phase == "text" and standing.title
        else "",
        "it stands under no phase of a run" if step.phase == "text" else "",
    )
    why = next((reason for reason in reasons if reason), "")
    return replace(step, manual=manual, why=why or None, unattended=not why)
