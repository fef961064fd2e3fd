"""Idempotency keys of the API. Only adds tables."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("store", "0020_webhooks"),)
    operations = ()
