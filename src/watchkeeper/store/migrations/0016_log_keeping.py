"""Bodies of the operations log may leave: a table that says which, made by SQL, and the triggers that ask it."""

from django.db import migrations

from watchkeeper.store.log_schema import absence_statements


def make(apps, schema_editor):
    for statement in absence_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = (("store", "0015_log_documents"),)
    operations = (migrations.RunPython(make, elidable=False),)
