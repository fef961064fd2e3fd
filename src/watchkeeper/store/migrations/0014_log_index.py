"""By what entries of the operations log are found, and the files of entries. Only adds tables, and fills the index."""

from django.db import migrations, models


def make_facets(apps, schema_editor):
    """On SQLite the table just made, still empty, is made without a rowid: its key is all of it, so it is written once."""
    if schema_editor.connection.vendor != "sqlite":
        return
    columns = "name text NOT NULL, value text NOT NULL, number bigint NOT NULL, PRIMARY KEY (name, value, number)"
    schema_editor.execute("DROP TABLE log_facet", params=None)
    schema_editor.execute(f"CREATE TABLE log_facet ({columns}) WITHOUT ROWID", params=None)


def fill(apps, schema_editor):
    from watchkeeper.store import log_index

    log_index.rebuild(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = (("store", "0013_watching"),)
    operations = (
        migrations.CreateModel(
            name="LogIndex",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.FloatField()),
                ("type", models.TextField(db_default="", default="")),
                ("severity", models.TextField(db_default="", default="")),
                ("status", models.TextField(db_default="", default="")),
            ],
            options={
                "db_table": "log_index",
                "indexes": [models.Index(fields=["at", "number"], name="log_index_by_time")],
            },
        ),
        migrations.CreateModel(
            name="LogFacet",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "name", "value", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.TextField()),
                ("value", models.TextField()),
                ("number", models.BigIntegerField()),
            ],
            options={"db_table": "log_facet"},
        ),
        migrations.RunPython(make_facets, migrations.RunPython.noop, elidable=False),
        migrations.CreateModel(
            name="LogFile",
            fields=[
                ("digest", models.TextField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("packed", models.BooleanField(default=False)),
                ("content", models.BinaryField()),
            ],
            options={"db_table": "log_file"},
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    )
