"""The nodes that stand one watch together, and which of them has a run at work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0004_approvals_and_leases"),)
    operations = (
        migrations.AddField(model_name="run", name="node", field=models.TextField(null=True)),
        migrations.CreateModel(
            name="Node",
            fields=[
                ("number", models.BigAutoField(primary_key=True, serialize=False)),
                ("id", models.TextField(unique=True)),
                ("epoch", models.BigIntegerField()),
                ("host", models.TextField()),
                ("pid", models.IntegerField()),
                ("version", models.TextField(default="")),
                ("started_at", models.FloatField()),
                ("seen_at", models.FloatField()),
                ("revision", models.TextField(default="")),
            ],
            options={"db_table": "node"},
        ),
        migrations.CreateModel(
            name="NodeEpoch",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("epoch", models.BigIntegerField()),
            ],
            options={"db_table": "node_epoch"},
        ),
        migrations.CreateModel(
            name="OpsRevision",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("revision", models.TextField()),
                ("files", models.BinaryField()),
                ("node", models.TextField()),
                ("at", models.FloatField()),
            ],
            options={"db_table": "ops_revision"},
        ),
        migrations.CreateModel(
            name="NodeAsk",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("node", models.TextField()),
                ("checks", models.TextField()),
                ("at", models.FloatField()),
            ],
            options={
                "db_table": "node_ask",
                "indexes": [models.Index(fields=["node", "id"], name="ask_by_node")],
            },
        ),
    )
