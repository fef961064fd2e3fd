"""The key `status_page` of watchkeeper.yaml: what the public sees, under which names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from watchkeeper.core.inventory.fields import After, Filled, Flag, mistake
from watchkeeper.core.inventory.names import Names
from watchkeeper.core.inventory.probes import Strict
from watchkeeper.core.inventory.validation import Notes
from watchkeeper.core.inventory.yaml_reader import Node
from watchkeeper.core.status_page import Component, StatusPagePolicy, key_of

_KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_LEVELS = ("P1", "P2", "P3", "P4")


def _key(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.match(value):
        raise mistake("a key of small letters, digits and '-', as it stands in addresses", "order-mail")
    return value


def _levels(value: Any) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    if not found or any(each not in _LEVELS for each in found):
        raise mistake("severities from P1 to P4", "[P1, P2]")
    return tuple(dict.fromkeys(found))


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\n" in value or len(value) > 200:
        raise mistake("one line of text, at most 200 characters", '"Order confirmations"')
    return value.strip()


Line = Annotated[str, BeforeValidator(_line), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})]
Key = Annotated[str, BeforeValidator(_key), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9-]+$"})]
Levels = Annotated[
    tuple[str, ...], BeforeValidator(_levels),
    WithJsonSchema({"type": "array", "items": {"enum": list(_LEVELS)}}),
]  # fmt: skip


class ComponentModel(Strict):
    """One part as the public knows it."""

    name: Line = Field(description="its public name")
    of: list[Filled] = Field(
        min_length=1, description="services, or checks as SERVICE/CHECK; it is as bad as the worst"
    )
    key: Key | None = Field(default=None, description="in the address of its badge; default: made from the name")
    description: Line | None = Field(default=None, description="one line below the name")
    group: Line | None = Field(default=None, description="heading that it stands under")
    hidden: Flag = Field(default=False, description="true: not shown")


class StatusPageModel(Strict):
    """A page that everybody may read. What is not named here is not shown."""

    title: Line = Field(description="what the page is called")
    description: Line | None = Field(default=None, description="one line below it")
    components: list[ComponentModel] = Field(min_length=1, max_length=100, description="what is shown, in this order")
    publish: Literal["auto", "manual"] = Field(
        default="manual", description="auto: an incident appears by itself; manual: when a person says so"
    )
    after: After = Field(default=120.0, description="auto: so long after it was opened; 0s: at once")
    severities: Levels | None = Field(default=None, description="auto: which incidents; default: [P1, P2]")


def policy_of(model: StatusPageModel | None) -> StatusPagePolicy | None:
    """What the page uses; None without the key."""
    if model is None:
        return None
    components = []
    for number, each in enumerate(model.components, 1):
        key = each.key or key_of(each.name) or f"part-{number}"
        components.append(
            Component(
                key, each.name, tuple(dict.fromkeys(each.of)), each.description or "", each.group or "", each.hidden
            )
        )
    return StatusPagePolicy(
        model.title,
        model.description or "",
        tuple(components),
        model.publish,
        model.after,
        model.severities or ("P1", "P2"),
    )


def note_status_page(root: Node, names: Names, notes: Notes) -> None:
    """Notes services and checks that are named but not there, and parts that share a key."""
    listed = root.at("status_page", "components")
    keys: dict[str, int] = {}
    for number, node in enumerate(listed.content if listed is not None and listed.is_list else [], 1):
        if not node.is_map:
            continue
        named, given, of = node.get("name"), node.get("key"), node.get("of")
        place = given or named
        if place is not None and isinstance(place.content, str):
            key = place.content if given is not None else key_of(place.content) or f"part-{number}"
            if key in keys:
                found = f"the key '{key}' a second time"
                notes.add(place, found, f"each key once; it stands in line {keys[key]}", "key: order-mail")
            keys.setdefault(key, place.line)
        for each in of.content if of is not None and of.is_list else []:
            if isinstance(each.content, str):
                _known(each, names.services, names.checks, notes)


def _known(node: Node, services: Mapping[str, object], checks: Mapping[str, set[str]], notes: Notes) -> None:
    service, slash, check = str(node.content).partition("/")
    if service not in services:
        notes.unknown(node, "service", service, services, "services/")
    elif slash and check.partition("@")[0] not in checks.get(service, set()):
        notes.unknown(node, "check", str(node.content), {f"{service}/{each}" for each in checks[service]}, "services/")
