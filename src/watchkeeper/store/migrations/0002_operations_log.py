"""The operations log: two tables made by SQL, with the triggers that keep them append-only."""

from django.db import migrations

from watchkeeper.store.log_schema import statements


def make(apps, schema_editor):
    for statement in statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = (("store", "0001_initial"),)
    operations = (migrations.RunPython(make, elidable=False),)
