"""The nodes that stand one watch together."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0004_approvals_and_leases"),)
    operations: tuple[migrations.operations.base.Operation, ...] = ()
