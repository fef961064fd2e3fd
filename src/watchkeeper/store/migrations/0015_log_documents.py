"""Which entries of the operations log came from documents. Only adds tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0014_log_index"),)
    operations = (
        migrations.CreateModel(
            name="LogImport",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("source", models.TextField()),
                ("slot", models.TextField()),
                ("text", models.TextField()),
                ("day", models.TextField()),
                ("start", models.IntegerField(null=True)),
            ],
            options={
                "db_table": "log_import",
                "indexes": [models.Index(fields=["slot", "text"], name="log_import_by_slot")],
            },
        ),
    )
