"""Idempotency keys of the API. Only adds tables."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0020_webhooks"),)
    operations = (
        migrations.CreateModel(
            name="KeyedRequest",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("actor", models.TextField()),
                ("key", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("taken_at", models.FloatField(db_index=True)),
                ("done_at", models.FloatField(null=True)),
                ("status", models.IntegerField(default=0)),
                ("content_type", models.TextField(default="")),
                ("answer", models.TextField(null=True)),
            ],
            options={
                "db_table": "keyed_request",
                "constraints": (models.UniqueConstraint(fields=("actor", "key"), name="one_request_by_key"),),
            },
        ),
    )
