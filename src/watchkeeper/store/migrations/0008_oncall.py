"""Escalation steps and on-call overrides. Only adds tables and columns with a default."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = (("store", "0007_alerting"),)
    operations = (
        migrations.CreateModel(
            name="Ladder",
            fields=[
                ("incident", models.BigIntegerField(primary_key=True, serialize=False)),
                ("opening", models.IntegerField()),
                ("policy", models.TextField()),
                ("severity", models.TextField()),
                ("started_at", models.FloatField()),
                ("step", models.IntegerField()),
                ("due_at", models.FloatField(null=True)),
                ("paused_at", models.FloatField(null=True)),
                ("paused_why", models.TextField(default="")),
                ("told_at", models.FloatField(null=True)),
            ],
            options={"db_table": "ladder"},
        ),
        migrations.CreateModel(
            name="OnCallOverride",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("schedule", models.TextField()),
                ("person", models.TextField()),
                ("since", models.FloatField()),
                ("until", models.FloatField()),
                ("made_at", models.FloatField()),
                ("made_by", models.TextField()),
                ("why", models.TextField(default="")),
                ("removed_at", models.FloatField(null=True)),
                ("removed_by", models.TextField(default="")),
            ],
            options={
                "db_table": "oncall_override",
                "indexes": [
                    models.Index(fields=["until"], name="override_by_end", condition=Q(removed_at__isnull=True))
                ],
            },
        ),
        migrations.CreateModel(
            name="OnCallTurn",
            fields=[
                ("schedule", models.TextField(primary_key=True, serialize=False)),
                ("person", models.TextField()),
                ("since", models.FloatField()),
            ],
            options={"db_table": "oncall_turn"},
        ),
    )
