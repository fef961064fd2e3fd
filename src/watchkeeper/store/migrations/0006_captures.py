"""What a run learned on its way and passes on to later steps, and how it was undone. Only adds columns with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0005_nodes"),)
    operations = (
        migrations.AddField(model_name="run", name="captures", field=models.TextField(db_default="{}")),
        migrations.AddField(model_name="run", name="undo", field=models.TextField(null=True)),
    )
