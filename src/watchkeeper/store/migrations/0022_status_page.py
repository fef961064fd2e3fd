"""What the public is told. Only adds tables."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0021_api"),)
    operations = ()
