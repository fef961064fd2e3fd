"""Lasting keys that were replaced. Only adds tables and columns with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0012_quarantine"),)
    operations = (
        migrations.CreateModel(
            name="KeyGeneration",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("purpose", models.TextField()),
                ("subject", models.TextField(default="")),
                ("generation", models.IntegerField()),
                ("rotated_at", models.FloatField()),
                ("rotated_by", models.TextField(default="")),
            ],
            options={
                "db_table": "key_generation",
                "constraints": [models.UniqueConstraint(fields=["purpose", "subject"], name="one_generation_holds")],
            },
        ),
    )
