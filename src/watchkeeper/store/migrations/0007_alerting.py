"""The outbox: groups, rate limits, delivery records. Only adds tables and columns with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0006_captures"),)
    operations = (
        migrations.AddField("notification", "cause", models.TextField(db_default="")),
        migrations.AddField("notification", "at", models.FloatField(db_default=0.0)),
        migrations.AddField("notification", "facts", models.TextField(db_default="{}")),
        migrations.AddField("notification", "tried", models.IntegerField(db_default=0)),
        migrations.AddField("notification", "folded_into", models.BigIntegerField(null=True)),
        migrations.AddField("notification", "grouped", models.TextField(db_default="")),
        migrations.AddIndex(
            "notification",
            models.Index(
                fields=["folded_into"], name="notification_rider", condition=models.Q(folded_into__isnull=False)
            ),
        ),
        migrations.AddIndex("notification", models.Index(fields=["delivered_at"], name="notification_told")),
        migrations.AddIndex("attempt", models.Index(fields=["channel", "id"], name="attempt_by_channel")),
    )
