"""From Python types to JSON Schema, by the rules of `faces.api.render`: dataclasses of core, TypedDicts, enums, collections.

Field names stay; a number in a field named ``at``, ``since`` or ``*_at`` is shown as UTC text. Every field of a value is
always there, so all are required; new ones may come.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Schema = dict[str, Any]
Time = Annotated[str, "time"]
"""UTC with Z and milliseconds."""
REFERENCE = "#/components/schemas/"
_TIMES = ("at", "since")
_NONE = type(None)


@dataclass(frozen=True, slots=True)
class Shown:
    """A value of core as a route shows it: with `more` beside its fields, and without some. more: a TypedDict.

    stands_for: the type that answers name, when it is another one. open: what was measured or read may stand beside.
    """

    name: str
    value: type
    more: type | None = None
    without: frozenset[str] = frozenset()
    note: str = ""
    stands_for: type | None = None
    open: bool = False


@dataclass(slots=True)
class Shapes:
    """Collects the schemas of named values while references to them are made."""

    schemas: dict[str, Schema] = field(default_factory=dict)
    shown: dict[type, Shown] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    """Names of requests; an answer called the same gets another name."""
    _names: dict[object, str] = field(default_factory=dict)

    def of(self, hint: Any) -> Schema:
        """The schema of a type, a `Shown`, or a mapping of names to types (an object)."""
        if isinstance(hint, Shown):
            return self._named(hint, hint.name)
        if isinstance(hint, Mapping):
            return {"type": "object", "properties": {name: self.of(each) for name, each in hint.items()},
                    "required": list(hint)}  # fmt: skip
        if isinstance(hint, list):
            return {"type": "array", "items": self.of(hint[0])}
        if hint in self.shown:
            return self.of(self.shown[hint])
        if isinstance(hint, type) and (is_typeddict(hint) or is_dataclass(hint)):
            return self._named(hint, self._free_name(hint))
        return self._plain(hint)

    def _plain(self, hint: Any) -> Schema:
        simple = {str: "string", bool: "boolean", int: "integer", float: "number", _NONE: "null"}
        if hint in simple:
            return {"type": simple[hint]}
        if isinstance(hint, type) and issubclass(hint, Enum):
            return {"type": "string", "enum": [each.value for each in hint]}
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return {"type": "string", "format": "date-time"} if "time" in inner[1:] else self.of(inner[0])
        if origin in (Required, NotRequired):
            return self.of(inner[0])
        if origin is Literal:
            return {"enum": list(inner)}
        if origin in (Union, types.UnionType):
            return _any_of([self.of(each) for each in inner])
        if origin is tuple and (len(inner) != 2 or inner[1] is not Ellipsis):
            return {"type": "array", "prefixItems": [self.of(each) for each in inner]}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if isinstance(origin, type) and issubclass(origin, Sequence | AbstractSet):
            return {"type": "array", "items": self.of(inner[0])}
        return {}

    def _free_name(self, hint: type) -> str:
        """Its own name; the noun of its module before it where two values are called the same."""
        if hint not in self._names:
            taken = self.taken | set(self._names.values()) | {each.name for each in self.shown.values()}
            noun = "".join(word.capitalize() for word in hint.__module__.rpartition(".")[2].split("_"))
            module = hint.__module__.split(".")
            before = "".join(word.capitalize() for word in module[-2].split("_")) if noun == "Values" else noun
            self._names[hint] = hint.__name__ if hint.__name__ not in taken else before + hint.__name__
        return self._names[hint]

    def _named(self, hint: type | Shown, name: str) -> Schema:
        if name not in self.schemas:
            self.schemas[name] = {}  # a value within itself finds its name
            self.schemas[name] = self._object(hint)
        return {"$ref": REFERENCE + name}

    def _object(self, hint: type | Shown) -> Schema:
        value = hint.value if isinstance(hint, Shown) else hint
        if is_typeddict(value):
            properties, required = self._typed(value)
        else:
            properties, required = self._fields(value, hint.without if isinstance(hint, Shown) else frozenset())
        if isinstance(hint, Shown) and hint.more is not None:
            more, needed = self._typed(hint.more)
            properties, required = properties | more, [*(each for each in required if each not in more), *needed]
        said = hint.note if isinstance(hint, Shown) and hint.note else _first_words(value)
        found = {"type": "object", "description": said, "properties": properties, "required": required}
        return found | {"additionalProperties": True} if isinstance(hint, Shown) and hint.open else found

    def _typed(self, value: type) -> tuple[Schema, list[str]]:
        hints = get_type_hints(value, include_extras=True)
        required = [name for name, hint in hints.items() if get_origin(hint) is not NotRequired]
        return {name: self.of(hint) for name, hint in hints.items()}, required

    def _fields(self, value: type, without: frozenset[str]) -> tuple[Schema, list[str]]:
        hints = get_type_hints(value)
        names = [each.name for each in fields(value) if each.name not in without]
        return {name: self._field(name, hints[name]) for name in names}, names

    def _field(self, name: str, hint: Any) -> Schema:
        """A number in a field that names a time is shown as text."""
        if name in _TIMES or name.endswith("_at"):
            inner = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
            if float in inner:
                return _any_of([self.of(Time if each is float else each) for each in inner])
        return self.of(hint)


def _any_of(schemas: list[Schema]) -> Schema:
    kinds = [each.get("type") for each in schemas]
    if len(schemas) == 2 and kinds[1] == "null" and isinstance(kinds[0], str) and "enum" not in schemas[0]:
        return schemas[0] | {"type": [kinds[0], "null"]}
    return {"anyOf": schemas}


def _first_words(value: type) -> str:
    """The docstring of a value in one paragraph; without the one that Python makes itself."""
    text = re.sub(r"\s+", " ", (value.__doc__ or "").strip())
    return "" if text.startswith(f"{value.__name__}(") else text.replace("``", "`")
