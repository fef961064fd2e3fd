"""Tasks of log entries and shifts beside those of incidents, and the numbers of daily issues. Only adds tables and columns
with a default."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = (("store", "0017_shifts"),)
    operations = (
        migrations.AddField(model_name="task", name="entry", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="task", name="bound_to", field=models.TextField(db_default="")),
        migrations.AddField(model_name="task", name="stays_s", field=models.FloatField(null=True)),
        migrations.AddField(model_name="task", name="source", field=models.TextField(db_default="")),
        migrations.AddField(model_name="task", name="outcome", field=models.TextField(db_default="")),
        migrations.AddField(model_name="task", name="why", field=models.TextField(db_default="")),
        migrations.AddField(model_name="task", name="closing", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="task", name="reminded_at", field=models.FloatField(null=True)),
        migrations.AddField(model_name="task", name="shift", field=models.BigIntegerField(null=True)),
        migrations.AddField(model_name="task", name="estimate_s", field=models.FloatField(null=True)),
        migrations.AddField(model_name="task", name="started_at", field=models.FloatField(null=True)),
        migrations.AddField(model_name="task", name="worked_s", field=models.FloatField(db_default=0.0)),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["due_at", "id"], name="task_open", condition=Q(done_at__isnull=True)),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["entry", "id"], name="task_by_entry", condition=Q(entry__isnull=False)),
        ),
        migrations.AddConstraint(
            model_name="task",
            constraint=models.UniqueConstraint(fields=["source"], condition=~Q(source=""), name="task_source_once"),
        ),
        migrations.CreateModel(
            name="DailyIssue",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("day", models.TextField()),
                ("number", models.IntegerField()),
                ("source", models.TextField()),
            ],
            options={
                "db_table": "daily_issue",
                "constraints": [
                    models.UniqueConstraint(fields=["day", "source"], name="daily_issue_once"),
                    models.UniqueConstraint(fields=["day", "number"], name="daily_issue_number"),
                ],
            },
        ),
    )
