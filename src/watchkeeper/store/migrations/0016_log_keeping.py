"""Reserved. Only adds tables and columns with a default."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0015_log_documents"),)
    operations = ()
