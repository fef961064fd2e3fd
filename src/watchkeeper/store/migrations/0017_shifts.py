"""Shifts, their notes and their evidence. Only adds tables."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = (("store", "0016_log_keeping"),)
    operations = (
        migrations.CreateModel(
            name="Shift",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("person", models.TextField()),
                ("agent", models.BooleanField(default=False)),
                ("started_at", models.FloatField()),
                ("items", models.TextField(default="[]")),
                ("state", models.TextField(default="working")),
                ("ready_for", models.TextField(default="[]")),
                ("signed_at", models.FloatField(null=True)),
                ("ended_at", models.FloatField(null=True)),
                ("handed_to", models.TextField(default="")),
                ("entry", models.BigIntegerField(null=True)),
                ("accepted_at", models.FloatField(null=True)),
                ("accepted_by", models.TextField(default="")),
                ("previous", models.BigIntegerField(null=True)),
                ("reported_at", models.FloatField(null=True)),
                ("reminded_at", models.FloatField(null=True)),
                ("reminders", models.IntegerField(default=0)),
                ("digest", models.TextField(default="")),
            ],
            options={
                "db_table": "shift",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["person"], condition=Q(ended_at__isnull=True), name="shift_one_open"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ShiftNote",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("shift", models.BigIntegerField()),
                ("at", models.FloatField()),
                ("kind", models.TextField()),
                ("actor", models.TextField()),
                ("text", models.TextField()),
                ("short", models.TextField(default="")),
                ("evidence", models.BigIntegerField(null=True)),
                ("evidence_digest", models.TextField(default="")),
                ("over_at", models.FloatField(null=True)),
            ],
            options={
                "db_table": "shift_note",
                "indexes": [models.Index(fields=["shift", "id"], name="note_by_shift")],
            },
        ),
        migrations.CreateModel(
            name="ShiftEvidence",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("shift", models.BigIntegerField()),
                ("text", models.TextField()),
                ("digest", models.TextField()),
            ],
            options={
                "db_table": "shift_evidence",
                "indexes": [models.Index(fields=["shift", "digest"], name="evidence_by_shift")],
            },
        ),
    )
