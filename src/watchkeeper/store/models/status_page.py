"""Tables of what the public is told."""

from django.db import models
from django.db.models import Q


class StatusNotice(models.Model):
    """`core.status_page.Notice`; components: JSON. One per incident."""

    id = models.BigAutoField(primary_key=True)
    incident = models.BigIntegerField(unique=True)
    title = models.TextField()
    components = models.TextField()
    impact = models.CharField(max_length=16)
    stage = models.CharField(max_length=16)
    began_at = models.FloatField()
    created_at = models.FloatField()
    created_by = models.TextField()
    published_at = models.FloatField(null=True)
    ended_at = models.FloatField(null=True)
    proven = models.BooleanField(default=False)
    withdrawn_at = models.FloatField(null=True)
    withdrawn_by = models.TextField(default="")
    withdrawn_why = models.TextField(default="")

    class Meta:
        db_table = "status_notice"
        indexes = (
            models.Index(fields=["id"], name="status_notice_open", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["began_at"], name="status_notice_by_time"),
        )


class StatusUpdate(models.Model):
    """`core.status_page.Update`; never changed but for being published or discarded, once."""

    id = models.BigAutoField(primary_key=True)
    notice = models.BigIntegerField()
    at = models.FloatField()
    stage = models.CharField(max_length=16)
    text = models.TextField()
    actor = models.TextField()
    published_at = models.FloatField(null=True)
    published_by = models.TextField(default="")
    discarded_at = models.FloatField(null=True)

    class Meta:
        db_table = "status_update"
        indexes = (models.Index(fields=["notice", "id"], name="status_update_by_notice"),)
