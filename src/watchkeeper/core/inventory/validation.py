"""From a positioned tree to a model, and from each error of pydantic to a mistake with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from watchkeeper.core.inventory.fields import MISTAKE
from watchkeeper.core.inventory.values import Mistake
from watchkeeper.core.inventory.yaml_reader import Key, Node

M = TypeVar("M", bound=BaseModel)
Place = Node | Key

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}
_EXAMPLES = {"list_type": "[app1]", "dict_type": "{key: value}", "model_type": "{key: value}", "bool_type": "true"}


def meant(word: str, known: Iterable[str]) -> str:
    """The known word that is probably meant; "" when none is near."""
    close = get_close_matches(word[:80], list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


class Notes:
    """Collects the mistakes of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []

    def add(self, place: Place, found: str, expected: str, example: str = "", did_you_mean: str = "") -> None:
        """An error at a key or a value."""
        self._put(Mistake(self.file, place.line, place.column, found, expected, example, did_you_mean))

    def at(self, line: int, column: int, found: str, expected: str, example: str = "", did_you_mean: str = "") -> None:
        """An error at a position."""
        self._put(Mistake(self.file, line, column, found, expected, example, did_you_mean))

    def warn(self, place: Place, found: str, expected: str, did_you_mean: str = "") -> None:
        """A warning at a key or a value."""
        self._put(Mistake(self.file, place.line, place.column, found, expected, "", did_you_mean, "warning"))

    def unknown(self, place: Place, what: str, name: str, known: Iterable[str], where: str) -> None:
        """An error for a name that is not there. where: the file that lists the names."""
        names = sorted(known)
        listed = (
            f"one of {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else f"a name from {where}"
        )
        self.add(place, f"the unknown {what} '{name[:80]}'", listed, "", meant(name, names))

    def _put(self, mistake: Mistake) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def validate(model: type[M], node: Node, notes: Notes, without: Sequence[str] = ()) -> M | None:
    """The model of a map, or None after noting every error. without: keys that are validated elsewhere."""
    value = node.plain()
    if isinstance(value, dict):
        value = {name: each for name, each in value.items() if name not in without}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _note(model, node, details, notes)
        return None


def _note(model: type[BaseModel], root: Node, details: ErrorDetails, notes: Notes) -> None:
    location = list(details["loc"])
    kind = details["type"]
    node, key, path = _find(root, location)
    if kind == "extra_forbidden" and key is not None:
        known = sorted(_keys(model, path[:-1]))
        notes.add(key, f"the unknown key '{key.text[:80]}'", f"one of {', '.join(known)}", "", meant(key.text, known))
    elif kind == "missing":
        name = str(location[-1])
        notes.add(node, f"no '{name}'", f"the key '{name}'", _example(model, path, name))
    elif kind == MISTAKE:
        context: dict[str, Any] = details.get("ctx", {})
        found = context["found"] or (key_or(node, key, location))
        notes.add(
            key if "[key]" in location and key else node,
            found,
            context["expected"],
            context["example"],
            context["meant"],
        )
    elif kind == "literal_error":
        choices = re.findall(r"'([^']+)'", details["msg"])
        notes.add(node, node.kind, f"one of {', '.join(choices)}", "", meant(str(node.content), choices))
    else:
        expected = _EXPECTED.get(kind) or re.sub(r"^Input should be ", "", details["msg"])
        notes.add(node, node.kind, expected, _EXAMPLES.get(kind, ""))


def key_or(node: Node, key: Key | None, location: Sequence[object]) -> str:
    """What was found: the key when the error is about the key itself, else the value."""
    return f"'{key.text[:60]}'" if "[key]" in location and key is not None else node.kind


def _find(root: Node, location: Sequence[int | str]) -> tuple[Node, Key | None, list[str | int]]:
    """The deepest node on the way, the key that leads to it, and the way that exists in the document."""
    node, key, path = root, None, []
    for part in location:
        if isinstance(part, int) and node.is_list and part < len(node.content):
            node, key = node.content[part], None
        elif isinstance(part, str) and node.is_map and part in node.content:
            key, node = node.content[part]
        else:
            continue
        path.append(part)
    return node, key, path


def _keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that may stand in the map at `path`."""
    current = _model_at(model, path)
    return [field.alias or name for name, field in current.model_fields.items()] if current else []


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in current.model_fields.items()}
            current = fields.get(str(part))
        else:
            current = _inner(current)
    return _inner_model(current)


def _inner(annotation: Any) -> Any:
    """The type of the items of a list or of the values of a map; Optional is looked through."""
    for each in (annotation, *get_args(annotation)):
        arguments = get_args(each)
        if getattr(each, "__origin__", None) in (list, dict):
            return arguments[-1]
    return None


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def _example(model: type[BaseModel], path: Sequence[str | int], name: str) -> str:
    examples = {
        "name": "name: web",
        "url": "url: http://127.0.0.1:8801/health",
        "runbook": "runbook: runbooks/web-down.md",
    }
    return examples.get(name, f"{name}: ...")
