"""Responses that are set aside, how runs ended, and services that asked for patience. Only adds tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0011_changes_and_expiries"),)
    operations = (
        migrations.CreateModel(
            name="Quarantine",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("response", models.TextField()),
                ("runbook_digest", models.TextField()),
                ("at", models.FloatField()),
                ("why", models.TextField()),
                ("runs", models.TextField()),
                ("incident", models.BigIntegerField(null=True)),
                ("released_at", models.FloatField(null=True)),
                ("released_by", models.TextField(default="")),
                ("reason", models.TextField(default="")),
            ],
            options={
                "db_table": "quarantine",
                "indexes": [models.Index(fields=["response", "id"], name="quarantine_by_response")],
            },
        ),
        migrations.CreateModel(
            name="RunResult",
            fields=[
                ("run", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.FloatField()),
                ("service", models.TextField()),
                ("response", models.TextField()),
                ("runbook", models.TextField()),
                ("runbook_digest", models.TextField()),
                ("checks", models.TextField()),
                ("outcome", models.TextField()),
                ("mode", models.TextField()),
                ("person", models.BooleanField(default=False)),
                ("took_s", models.FloatField()),
                ("incident", models.BigIntegerField()),
                ("held", models.BooleanField(default=True)),
            ],
            options={
                "db_table": "run_result",
                "indexes": [
                    models.Index(fields=["service", "at"], name="result_by_service"),
                    models.Index(fields=["runbook", "at"], name="result_by_runbook"),
                    models.Index(fields=["incident"], name="result_by_incident"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Backoff",
            fields=[
                ("service", models.TextField(primary_key=True, serialize=False)),
                ("until_at", models.FloatField()),
                ("why", models.TextField()),
                ("at", models.FloatField()),
            ],
            options={"db_table": "backoff"},
        ),
    )
