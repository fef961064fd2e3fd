"""The key `shift` of watchkeeper.yaml: the checklist at the beginning of a shift, and when silence is noticed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from watchkeeper.core.inventory.fields import Filled, Name, Text, mistake
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.probes import Strict, True_
from watchkeeper.core.inventory.shift_fields import Budget, Patience, Silence
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.shifts.values import BUDGET_S, REMIND_S, USUAL, ItemKind, ItemPlan, ShiftPolicy

KEYS: Mapping[str, ItemKind] = {
    "git": "git", "inventory": "inventory", "documents": "documents", "line": "line", "tool": "tool",
    "command": "command", "checks": "checks", "secrets": "secrets", "backups": "backups", "open": "open", "ask": "ask",
}  # fmt: skip


def _inside(value: Any) -> str:
    if (
        not isinstance(value, str) or not value.strip() or value.startswith(("/", "~", "-"))
        or ".." in value.split("/") or "\n" in value or "\0" in value
    ):  # fmt: skip
        raise mistake("the path of a document in this ops repo", "docs/rules.md")
    return value.strip().removeprefix("./")


def _tree(value: Any) -> str:
    if isinstance(value, str) and value.startswith("/") and "\n" not in value and "\0" not in value:
        return value
    if value == ".":
        return "."
    return _inside(value)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Inside = Annotated[str, BeforeValidator(_inside), WithJsonSchema({"type": "string", "examples": ["docs/rules.md"]})]
Tree = Annotated[str, BeforeValidator(_tree), WithJsonSchema({"type": "string", "examples": [".", "/srv/shop"]})]
Trees = Annotated[list[Tree], BeforeValidator(_listed)]
Documents = Annotated[list[Inside], BeforeValidator(_listed)]
Listed = Annotated[list[Filled], BeforeValidator(_listed)]


class LineModel(Strict):
    """A line of a document that says where the team stands, such as its phase or direction."""

    in_: Inside = Field(alias="in", description="the document")
    match: Filled = Field(description="a text that the line holds; the first such line counts")


class ToolModel(Strict):
    """A program that the shift works with."""

    short: ClassVar[str] = "version"
    version: Filled = Field(description="a read command that prints its version")
    signed_in: Text = Field(
        default="", description="a read command that prints who is signed in; it fails when nobody is"
    )


class ShiftItemModel(Strict):
    """One item of the checklist, answered by looking, or signed by who has the shift."""

    short: ClassVar[str] = "ask"
    name: Text = Field(default="", description="what it is called; default: what it looks at")
    git: Trees | None = Field(default=None, description="working trees: '.' is the ops repo; others as absolute paths")
    branch: Text = Field(default="", description="beside git: the branch that must be checked out")
    inventory: True_ | None = Field(default=None, description="true: the inventory is loaded, without a fault")
    documents: Documents | None = Field(default=None, description="documents of the ops repo to be read, and signed")
    line: LineModel | None = Field(default=None, description="a line of a document: direction, plan, phase")
    tool: ToolModel | None = Field(default=None, description="a program with its version, and who is signed in")
    command: Filled | None = Field(default=None, description="a read command; exit code 0 is good")
    host: Name | None = Field(default=None, description="beside tool or command: the host; default: this machine")
    timeout: Patience = Field(default=10.0, description="beside tool or command: how long it may take")
    checks: Listed | None = Field(default=None, description="all, services, or checks as SERVICE/CHECK: none is CRIT")
    secrets: Listed | None = Field(default=None, description="all, or names: their values can be read; never shown")
    backups: True_ | None = Field(default=None, description="true: own backup, and checks whose name speaks of backups")
    open: True_ | None = Field(default=None, description="true: open incidents, follow-ups, windows")
    ask: Filled | None = Field(default=None, description="what a person has to have done")
    budget: Budget | None = Field(default=None, description="how long it should take")

    @model_validator(mode="after")
    def _one(self) -> ShiftItemModel:
        given = [key for key in KEYS if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(f"'{each}'" for each in given) or "none of them"
            raise mistake(f"exactly one of {', '.join(KEYS)}", "{checks: [all]}", found=found)
        if self.host is not None and given[0] not in ("tool", "command"):
            raise mistake(
                "'host' beside tool or command only",
                "{command: uptime, host: app1}",
                found=f"'host' beside '{given[0]}'",
            )
        if self.branch and given[0] != "git":
            raise mistake("'branch' beside git only", "{git: ., branch: main}", found=f"'branch' beside '{given[0]}'")
        return self


class ShiftModel(Strict):
    """Shifts of people and agents."""

    checklist: list[ShiftItemModel] | None = Field(
        default=None, description="what is looked at when a shift begins, in this order; default: what every team has"
    )
    remind_after: Silence = Field(
        default=REMIND_S, description="who has a shift and reported nothing for so long is asked; 0s: never"
    )


def shift_policy(model: ShiftModel | None) -> ShiftPolicy:
    """What the rules use; defaults where nothing is written."""
    if model is None:
        return ShiftPolicy()
    items = tuple(_item(each) for each in model.checklist) if model.checklist is not None else USUAL
    return ShiftPolicy(items, model.remind_after)


def _item(model: ShiftItemModel) -> ItemPlan:
    key = next(each for each in KEYS if getattr(model, each) is not None)
    kind = KEYS[key]
    value = getattr(model, key)
    names: tuple[str, ...] = tuple(value) if isinstance(value, list) else ()
    command = signed = match = ""
    if isinstance(value, LineModel):
        names, match = (value.in_,), value.match
    elif isinstance(value, ToolModel):
        command, signed = value.version, value.signed_in
    elif kind == "command":
        command = str(value)
    name = model.name or (str(value) if kind == "ask" else _usual_name(kind, names, command))
    budget = model.budget if model.budget is not None else BUDGET_S[kind]
    return ItemPlan(
        name[:200], kind, names, command, signed, model.host or "", match, model.branch, model.timeout, budget
    )


def _usual_name(kind: ItemKind, names: tuple[str, ...], command: str) -> str:
    usual = {each.kind: each.name for each in USUAL}
    listed = ", ".join(names)
    words = {
        "git": f"Tree and branch of {listed}", "documents": f"Read {listed}", "line": f"Direction in {listed}",
        "tool": command, "command": command, "checks": f"Health of {listed}", "secrets": f"Credentials {listed}",
    }  # fmt: skip
    if kind in ("checks", "secrets") and names == ("all",):
        return usual[kind]
    return words.get(kind, usual.get(kind, kind))


def note_shift(root: Node, names: Names, notes: Notes) -> None:
    """Notes hosts, checks and secrets that are named but not there, and commands that do more than read."""
    shift = root.get("shift")
    listed = shift.get("checklist") if shift is not None and shift.is_map else None
    for item in listed.content if listed is not None and listed.is_list else []:
        if not item.is_map:
            continue
        host = item.get("host")
        if (
            host is not None
            and isinstance(host.content, str)
            and host.content not in names.hosts
            and "hosts" not in names.unread
        ):
            notes.unknown(host, "host", host.content, names.hosts, "hosts.yaml")
        _known_names(item.get("secrets"), "secret", names.secrets, "secrets.yaml", notes, "secrets" in names.unread)
        _known_names(item.get("checks"), "check", _checks(names), "services/", notes, False)
        tool = item.get("tool")
        inside = [tool.get("version"), tool.get("signed_in")] if tool is not None and tool.is_map else [tool]
        for place in (item.get("command"), *inside):
            if place is not None and isinstance(place.content, str):
                _reads_only(place, notes)


def _checks(names: Names) -> set[str]:
    return {*names.services, *(f"{service}/{each}" for service, found in names.checks.items() for each in found)}


def _known_names(node: Node | None, what: str, known: set[str], where: str, notes: Notes, quiet: bool) -> None:
    if node is None or quiet:
        return
    for each in node.content if node.is_list else [node]:
        word = re.sub(r"@.*", "", str(each.content))
        if isinstance(each.content, str) and each.content != "all" and word not in known:
            notes.unknown(each, what, each.content, known, where)


def _reads_only(place: Node, notes: Notes) -> None:
    from watchkeeper.core.runbooks.risk import script_risk  # the shell parser is loaded only where commands are
    from watchkeeper.core.runbooks.shell import read_script

    risk = script_risk(read_script(place.content), "read")
    if risk != "read":
        does = "destroys" if risk == "destroy" else "changes something"
        notes.add(place, f"a command that {does}", "a command that only reads", "git --version")
