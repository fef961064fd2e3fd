"""The rule of schema changes (docs/decisions/0023): expand first, contract a version later."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import migrations, models
from django.db.models.fields import NOT_PROVIDED

from watchkeeper.store import evidence_schema, versions
from watchkeeper.store.readings import schema as readings_schema

BEFORE_THE_RULE = ("0001_initial", "0002_operations_log")
EXPANDING = (migrations.CreateModel, migrations.AddIndex, migrations.RunPython)
_STATEMENT = re.compile(r"\s*(create (table|index|unique index|view)|alter table \w+ add column|insert|update)\b", re.I)


def fault(migration: object, earlier: list[str]) -> str:
    """Why a program of the version before could not go on beside this change; "" when it could."""
    contracts = getattr(migration, "contracts", "")
    if contracts:
        return "" if contracts in earlier else f"contracts {contracts}, which is no earlier change"
    for operation in getattr(migration, "operations", ()):
        if isinstance(operation, migrations.AddField):
            field = operation.field
            if not field.null and getattr(field, "db_default", NOT_PROVIDED) is NOT_PROVIDED:
                return (
                    f"{operation.name} may not be empty and has no default of the database (null=True or db_default=)"
                )
        elif isinstance(operation, migrations.AddConstraint) and is_of_new_columns(operation, migration):
            continue
        elif not isinstance(operation, EXPANDING):
            return f"{type(operation).__name__} takes something away: see docs/decisions/0023 for `contracts`"
    return ""


def is_of_new_columns(operation: migrations.AddConstraint, migration: object) -> bool:
    """Whether rows of the version before, which hold only defaults there, are outside the condition of a constraint."""
    constraint = operation.constraint
    added = {each.name for each in migration.operations if isinstance(each, migrations.AddField)}  # type: ignore[attr-defined]
    return (
        isinstance(constraint, models.UniqueConstraint)
        and bool(constraint.condition)
        and set(constraint.fields) <= added
    )


def script_fault(script: str) -> str:
    """The first statement of an SQL script that does more than add."""
    bare = re.sub(r"--.*", "", script)
    return next((one.strip() for one in bare.split(";") if one.strip() and not _STATEMENT.match(one)), "")


@pytest.mark.parametrize("name", [name for name in versions.known_changes() if name not in BEFORE_THE_RULE])
def test_every_schema_change_of_the_main_store_only_adds(name: str) -> None:
    migration = import_module(f"watchkeeper.store.migrations.{name}").Migration
    earlier = versions.known_changes()[: versions.known_changes().index(name)]
    assert fault(migration, earlier) == "", name


@pytest.mark.parametrize("schema", [evidence_schema, readings_schema], ids=["evidence", "readings"])
def test_every_schema_change_of_the_other_stores_only_adds_and_none_is_left_out(schema: SimpleNamespace) -> None:
    assert sorted(schema.MIGRATIONS) == list(range(schema.VERSION))
    for number, script in schema.MIGRATIONS.items():
        assert script_fault(script) == "", number


def test_the_rule_sees_what_breaks_it() -> None:
    text = models.TextField()
    breaking = [
        migrations.AddField("run", "x", text),
        migrations.RemoveField("run", "message"),
        migrations.RenameField("run", "message", "words"),
        migrations.AlterField("run", "message", text),
        migrations.DeleteModel("run"),
        migrations.AddConstraint("run", models.UniqueConstraint(fields=["plan"], name="once")),
        migrations.RunSQL("drop table run"),
    ]
    for operation in breaking:
        migration = SimpleNamespace(operations=[operation])
        assert fault(migration, []) != "", operation
        later = SimpleNamespace(operations=[operation], contracts="0004_words")
        assert fault(later, ["0003_x", "0004_words"]) == "" and fault(later, ["0003_x"]) != ""
    adding = [migrations.AddField("run", "x", models.TextField(null=True)),
              migrations.AddField("run", "y", models.TextField(db_default=""))]  # fmt: skip
    assert fault(SimpleNamespace(operations=adding), []) == ""
    assert script_fault("alter table flip drop column rule;") and script_fault("drop table gap;")
    assert not script_fault("create table x (a); alter table flip add column y text; -- why\ncreate index z on x (a);")


def test_the_names_on_the_disk_are_what_django_applies() -> None:
    """`versions` reads folder and table without Django; both must mean the same."""
    folder = Path(import_module("watchkeeper.store.migrations").__file__ or "").parent
    assert folder == versions.MIGRATIONS
    assert versions.known().main == versions.known_changes()[-1]
    numbers = [name.partition("_")[0] for name in versions.known_changes()]
    assert numbers == sorted(set(numbers)), "two changes with one number"
