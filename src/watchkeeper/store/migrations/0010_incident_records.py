"""Owner, tasks, links and stages of an incident. Only adds tables and columns with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0009_windows"),)
    operations = (
        migrations.AddField(model_name="incident", name="owner", field=models.TextField(db_default="")),
        migrations.AddField(model_name="incident", name="failed_at", field=models.FloatField(null=True)),
        migrations.AddField(model_name="incident", name="severity_by", field=models.TextField(db_default="")),
        migrations.AddField(model_name="incident", name="respond_by", field=models.FloatField(null=True)),
        migrations.AddField(model_name="incident", name="merged_into", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="incident", name="held_until", field=models.FloatField(null=True)),
        migrations.AddField(model_name="incident", name="pattern", field=models.TextField(db_default="")),
        migrations.AddIndex(
            model_name="incident", index=models.Index(fields=["pattern", "closed_at"], name="incident_by_pattern")
        ),
        migrations.AddIndex(model_name="incident", index=models.Index(fields=["closed_at"], name="incident_by_end")),
        migrations.CreateModel(
            name="Task",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("incident", models.BigIntegerField()),
                ("text", models.TextField()),
                ("created_at", models.FloatField()),
                ("created_by", models.TextField()),
                ("owner", models.TextField(default="")),
                ("due_at", models.FloatField(null=True)),
                ("done_at", models.FloatField(null=True)),
                ("done_by", models.TextField(default="")),
            ],
            options={
                "db_table": "incident_task",
                "indexes": [models.Index(fields=["incident", "id"], name="task_by_incident")],
            },
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("incident", models.BigIntegerField()),
                ("kind", models.TextField()),
                ("target", models.TextField()),
                ("title", models.TextField(default="")),
                ("at", models.FloatField()),
                ("by", models.TextField()),
            ],
            options={
                "db_table": "incident_link",
                "indexes": [models.Index(fields=["incident", "id"], name="link_by_incident")],
            },
        ),
    )
