"""What a run learned on its way and passes on to later steps."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0005_nodes"),)
    operations: tuple[migrations.operations.base.Operation, ...] = ()
