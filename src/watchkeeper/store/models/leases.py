"""Table of leases."""

from django.db import models


class Lease(models.Model):
    """`core.leases.Lease`. A row stays when its lease ends: its fencing number must not begin anew."""

    name = models.TextField(primary_key=True)
    holder = models.TextField()
    why = models.TextField(default="")
    fencing = models.BigIntegerField()
    taken_at = models.FloatField()
    expires_at = models.FloatField()
    run = models.BigIntegerField(null=True)

    class Meta:
        db_table = "lease"
        indexes = (models.Index(fields=["expires_at"], name="lease_by_end"),)
