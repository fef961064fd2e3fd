"""Table of changes."""

from django.db import models


class Change(models.Model):
    """`core.changes.Change`."""

    id = models.BigAutoField(primary_key=True)
    at = models.FloatField()
    kind = models.TextField()
    title = models.TextField()
    actor = models.TextField()
    service = models.TextField(default="")
    host = models.TextField(default="")
    detail = models.TextField(default="")
    own = models.BooleanField(default=False)
    key = models.TextField(default="", db_default="")
    incident = models.BigIntegerField(null=True)

    class Meta:
        db_table = "change"
        indexes = (
            models.Index(fields=["at", "id"], name="change_by_time"),
            models.Index(fields=["key"], condition=~models.Q(key=""), name="change_by_key"),
        )
