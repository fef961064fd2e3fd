"""Table of the writes that came with an idempotency key; rows live for a day."""

from django.db import models


class KeyedRequest(models.Model):
    """`core.idempotency.Request`."""

    id = models.BigAutoField(primary_key=True)
    actor = models.TextField()
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    taken_at = models.FloatField(db_index=True)
    done_at = models.FloatField(null=True)
    status = models.IntegerField(default=0)
    content_type = models.TextField(default="")
    answer = models.TextField(null=True)

    class Meta:
        db_table = "keyed_request"
        constraints = (models.UniqueConstraint(fields=["actor", "key"], name="one_request_by_key"),)
