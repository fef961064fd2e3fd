"""What changed, and what runs out. Only adds tables and columns with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0010_incident_records"),)
    operations = (
        migrations.AddField(model_name="change", name="key", field=models.TextField(default="", db_default="")),
        migrations.AddField(model_name="change", name="incident", field=models.BigIntegerField(null=True)),
        migrations.AddIndex(
            model_name="change",
            index=models.Index(fields=["key"], condition=models.Q(("key", ""), _negated=True), name="change_by_key"),
        ),
        migrations.CreateModel(
            name="ExpiryWarning",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("ends", models.TextField()),
                ("days", models.IntegerField()),
                ("at", models.FloatField()),
            ],
            options={
                "db_table": "expiry_warning",
                "constraints": [models.UniqueConstraint(fields=["name", "ends", "days"], name="expiry_told_once")],
            },
        ),
    )
