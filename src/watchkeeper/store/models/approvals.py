"""Table of approvals."""

from django.db import models
from django.db.models import Q


class Approval(models.Model):
    """`core.runs.values.Approval`; given and pins: JSON."""

    id = models.BigAutoField(primary_key=True)
    run = models.BigIntegerField()
    step = models.IntegerField()
    binds = models.TextField()
    requested_at = models.FloatField()
    expires_at = models.FloatField()
    decided = models.TextField(default="")
    decided_at = models.FloatField(null=True)
    decided_by = models.TextField(default="")
    needs = models.TextField(db_default="")
    given = models.TextField(db_default="[]")
    pins = models.TextField(null=True)

    class Meta:
        db_table = "approval"
        indexes = (
            models.Index(fields=["run", "id"], name="approval_by_run"),
            models.Index(fields=["id"], name="approval_pending", condition=Q(decided="")),
        )
