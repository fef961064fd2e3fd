"""Responses that are set aside. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0011_changes_and_expiries"),)
    operations = ()
