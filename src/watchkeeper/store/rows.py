"""From core values to table rows and back.

A table's columns carry the field names of its value. Fields named as JSON are kept as text written by msgspec, which
also reads rows back into the frozen dataclasses, with enums and tuples. Text that no database takes (lone surrogates
from file names, NUL) is replaced by U+FFFD rather than losing the row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from django.db import connections, models

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


def _decoder(hint: Any, kept: int) -> Callable[[str], Any]:
    decode = msgspec.json.Decoder(hint).decode
    return lru_cache(maxsize=kept)(decode) if kept else decode


def _enums(hint: Any) -> list[type[Enum]]:
    """The enum of a field, ``State`` or ``State | None``."""
    return [each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, Enum)]


def insert(using: str, model: Any, row: Mapping[str, Any]) -> int:
    """Adds a row by plain SQL; its number. What it leaves out gets the default that the model declares."""
    statement, defaults = _insertion(model, tuple(row))
    with connections[using].cursor() as cursor:
        cursor.execute(statement, [*row.values(), *defaults])
        return int(cursor.fetchone()[0])


@lru_cache(maxsize=256)
def _insertion(model: Any, given: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    """(statement, values of the columns that are not given)."""
    fields = {field.attname: field for field in model._meta.concrete_fields}
    others = [each for name, each in fields.items() if name not in given and each.has_default()]
    columns = [*(fields[name].column for name in given), *(each.column for each in others)]
    names, places = ", ".join(f'"{each}"' for each in columns), ", ".join(["%s"] * len(columns))
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places}) RETURNING "id"'
    return statement, tuple(each.get_default() for each in others)


class Mapper(Generic[V]):
    """Maps one value class to one table. json: fields kept as JSON; other: fields that are no columns here.

    kept: how many values of a JSON field stay decoded, by its name; for what is written once and read at every step.
    """

    def __init__(
        self, kind: type[V], model: type[models.Model], json: tuple[str, ...] = (), other: tuple[str, ...] = (),
        kept: Mapping[str, int] | None = None,
    ):  # fmt: skip
        self.kind = kind
        self.model = model
        self._json = json
        named = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        self.columns = tuple(name for name in named if name not in other)
        fields = {field.attname: field for field in model._meta.concrete_fields}
        self._flags = tuple(name for name in self.columns if isinstance(fields.get(name), models.BooleanField))
        hints = get_type_hints(kind)
        self._decoders = {name: _decoder(hints[name], (kept or {}).get(name, 0)) for name in json}
        self._enums = {name: each for name in self.columns for each in _enums(hints[name])}
        missing = set(self.columns) - set(fields) - {"id"}
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
        values = row | more
        for name, decode in self._decoders.items():
            if values[name] is not None:
                values[name] = decode(values[name])
        for name, states in self._enums.items():
            if values[name] is not None:
                values[name] = states(values[name])
        return self.kind(**values)

    # what a run does several times per step, as plain SQL: making it anew each time costs more than the question itself

    def select(self, using: str, tail: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """Rows as `QuerySet.values` gives them. tail: the statement from ``WHERE`` on, with ``%s`` for `values`."""
        names = ", ".join(f'"{name}"' for name in self.columns)
        with connections[using].cursor() as cursor:
            cursor.execute(f'SELECT {names} FROM "{self.model._meta.db_table}" {tail}', values)
            rows = [dict(zip(self.columns, row, strict=True)) for row in cursor.fetchall()]
        for row in rows:
            row.update({name: bool(row[name]) for name in self._flags})  # SQLite keeps them as numbers
        return rows

    def values(self, using: str, tail: str, values: Sequence[object]) -> list[V]:
        """The same as values."""
        return [self.value(row) for row in self.select(using, tail, values)]

    def insert(self, using: str, value: V) -> int:
        """Adds a row; its number."""
        return insert(using, self.model, self.row(value))

    def update(self, using: str, value: V, tail: str, values: Sequence[object]) -> int:
        """Replaces every column but the id; how many rows that were."""
        row = self.row(value)
        places = ", ".join(f'"{name}" = %s' for name in row)
        with connections[using].cursor() as cursor:
            cursor.execute(f'UPDATE "{self.model._meta.db_table}" SET {places} {tail}', [*row.values(), *values])
            return int(cursor.rowcount)
