"""Table of grants."""

from django.db import models


class Grant(models.Model):
    """`core.runs.values.Grant`; hosts and pins: JSON."""

    id = models.BigAutoField(primary_key=True)
    response = models.TextField()
    runbook_digest = models.TextField()
    hosts = models.TextField()
    destroy = models.BooleanField()
    granted_by = models.TextField()
    granted_at = models.FloatField()
    expires_at = models.FloatField()
    revoked_at = models.FloatField(null=True)
    revoked_by = models.TextField(default="")
    pins = models.TextField(null=True)

    class Meta:
        db_table = "standing_grant"  # GRANT is a word of SQL
