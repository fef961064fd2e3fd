"""Tables of escalations and on-call schedules."""

from django.db import models
from django.db.models import Q


class Ladder(models.Model):
    """`core.escalations.Ladder`, one per incident; a new opening replaces it."""

    incident = models.BigIntegerField(primary_key=True)
    opening = models.IntegerField()
    policy = models.TextField()
    severity = models.TextField()
    started_at = models.FloatField()
    step = models.IntegerField()
    due_at = models.FloatField(null=True)
    paused_at = models.FloatField(null=True)
    paused_why = models.TextField(default="")
    told_at = models.FloatField(null=True)

    class Meta:
        db_table = "ladder"


class OnCallOverride(models.Model):
    """`core.oncall.values.Override`, made by command; those of the ops repo stand in its files."""

    id = models.BigAutoField(primary_key=True)
    schedule = models.TextField()
    person = models.TextField()
    since = models.FloatField()
    until = models.FloatField()
    made_at = models.FloatField()
    made_by = models.TextField()
    why = models.TextField(default="")
    removed_at = models.FloatField(null=True)
    removed_by = models.TextField(default="")

    class Meta:
        db_table = "oncall_override"
        indexes = (models.Index(fields=["until"], name="override_by_end", condition=Q(removed_at__isnull=True)),)


class OnCallTurn(models.Model):
    """`core.oncall.values.Turn`."""

    schedule = models.TextField(primary_key=True)
    person = models.TextField()
    since = models.FloatField()

    class Meta:
        db_table = "oncall_turn"
