"""What a run was foreseen to touch. Only adds a column that may be empty."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("store", "0002_operations_log"),)
    operations = (migrations.AddField(model_name="run", name="blast_radius", field=models.TextField(null=True)),)
