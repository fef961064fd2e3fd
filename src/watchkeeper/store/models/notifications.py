"""Tables of the outbox."""

from django.db import models
from django.db.models import Q


class Notification(models.Model):
    """`core.notifications.Notification` with its message flattened; channels: JSON. key: once for ever."""

    id = models.BigAutoField(primary_key=True)
    key = models.TextField(unique=True)
    kind = models.TextField()
    title = models.TextField()
    body = models.TextField()
    link = models.TextField(default="")
    incident = models.BigIntegerField(null=True)
    severity = models.TextField(default="")
    channels = models.TextField()
    position = models.IntegerField()
    tries = models.IntegerField()
    created_at = models.FloatField()
    due_at = models.FloatField()
    delivered_at = models.FloatField(null=True)
    delivered_by = models.TextField(default="")
    failed = models.BooleanField(default=False)
    last_error = models.TextField(default="")
    cause = models.TextField(db_default="")
    at = models.FloatField(db_default=0.0)
    facts = models.TextField(db_default="{}")
    tried = models.IntegerField(db_default=0)
    folded_into = models.BigIntegerField(null=True)
    grouped = models.TextField(db_default="")

    class Meta:
        db_table = "notification"
        indexes = (
            models.Index(fields=["due_at"], name="notification_due", condition=Q(delivered_at__isnull=True)),
            models.Index(fields=["incident", "id"], name="notification_by_incident"),
            models.Index(fields=["folded_into"], name="notification_rider", condition=Q(folded_into__isnull=False)),
            models.Index(fields=["delivered_at"], name="notification_told"),
        )


class Attempt(models.Model):
    """`core.notifications.Attempt`."""

    id = models.BigAutoField(primary_key=True)
    notification = models.BigIntegerField()
    channel = models.TextField()
    at = models.FloatField()
    ok = models.BooleanField()
    error = models.TextField(default="")
    duration_s = models.FloatField(default=0.0)

    class Meta:
        db_table = "notification_attempt"
        indexes = (
            models.Index(fields=["notification", "id"], name="attempt_by_notification"),
            models.Index(fields=["channel", "id"], name="attempt_by_channel"),
        )
