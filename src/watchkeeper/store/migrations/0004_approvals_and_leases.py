"""Who must agree to a step and what it binds, and the leases that runs and nodes hold."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0003_blast_radius"),)
    operations: tuple[migrations.operations.base.Operation, ...] = ()
