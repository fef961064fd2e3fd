"""From core values to table rows and back.

A table's columns carry the field names of its value. Fields named as JSON are kept as text written by msgspec, which
also reads rows back into the frozen dataclasses, with enums and tuples. Text that no database takes (lone surrogates
from file names, NUL) is replaced by U+FFFD rather than losing the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any, Generic, TypeVar

import msgspec
from django.db import models

V = TypeVar("V")

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
    """The text with what neither SQLite nor PostgreSQL can keep replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", _REPLACEMENT)


def to_json(value: Any) -> str:
    """A value of core as JSON text."""
    try:
        text = msgspec.json.encode(value).decode()
        if "\\u0000" not in text:
            return text
    except UnicodeEncodeError:
        pass
    return msgspec.json.encode(_storable(msgspec.to_builtins(value))).decode()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_storable(item) for item in value]
    return value


class Mapper(Generic[V]):
    """Maps one value class to one table. json: fields kept as JSON; other: fields that are no columns here."""

    def __init__(
        self, kind: type[V], model: type[models.Model], json: tuple[str, ...] = (), other: tuple[str, ...] = ()
    ):
        self.kind = kind
        self.model = model
        self._json = json
        named = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        self.columns = tuple(name for name in named if name not in other)
        missing = set(self.columns) - {field.attname for field in model._meta.concrete_fields} - {"id"}
        if missing:
            raise TypeError(f"{kind.__name__} has fields without a column in {model._meta.db_table}: {sorted(missing)}")

    def row(self, value: V) -> dict[str, Any]:
        """The columns of a value, without its id."""
        row: dict[str, Any] = {}
        for name in self.columns:
            if name == "id":
                continue
            field = getattr(value, name)
            if name in self._json:
                row[name] = None if field is None else to_json(field)
            elif isinstance(field, str):
                row[name] = storable(field.value if isinstance(field, Enum) else field)
            else:
                row[name] = field
        return row

    def value(self, row: dict[str, Any], **more: Any) -> V:
        """The value of a row as `QuerySet.values` gives it; more: fields that are no columns here."""
        for name in self._json:
            if row[name] is not None:
                row[name] = msgspec.json.decode(row[name])
        return msgspec.convert(row | more, type=self.kind)
