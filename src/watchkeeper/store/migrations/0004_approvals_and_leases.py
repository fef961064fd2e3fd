"""Who must agree to a step and what it binds, and the leases that runs and nodes hold.

Only adds: columns that may be empty or get a value from the database, and a table.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0003_blast_radius"),)
    operations = (
        migrations.AddField(model_name="approval", name="needs", field=models.TextField(db_default="")),
        migrations.AddField(model_name="approval", name="given", field=models.TextField(db_default="[]")),
        migrations.AddField(model_name="approval", name="pins", field=models.TextField(null=True)),
        migrations.AddField(model_name="grant", name="pins", field=models.TextField(null=True)),
        migrations.AddField(model_name="run", name="pins", field=models.TextField(null=True)),
        migrations.AddField(model_name="run", name="askers", field=models.TextField(db_default="[]")),
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("holder", models.TextField()),
                ("why", models.TextField(default="")),
                ("fencing", models.BigIntegerField()),
                ("taken_at", models.FloatField()),
                ("expires_at", models.FloatField()),
                ("run", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "lease",
                "indexes": [models.Index(fields=["expires_at"], name="lease_by_end")],
            },
        ),
    )
