"""Tables of shifts."""

from django.db import models
from django.db.models import Q


class Shift(models.Model):
    """`core.shifts.values.Shift`; items and ready_for: JSON. One open one per person."""

    id = models.BigAutoField(primary_key=True)
    person = models.TextField()
    agent = models.BooleanField(default=False)
    started_at = models.FloatField()
    items = models.TextField(default="[]")
    state = models.TextField(default="working")
    ready_for = models.TextField(default="[]")
    signed_at = models.FloatField(null=True)
    ended_at = models.FloatField(null=True)
    handed_to = models.TextField(default="")
    entry = models.BigIntegerField(null=True)
    accepted_at = models.FloatField(null=True)
    accepted_by = models.TextField(default="")
    previous = models.BigIntegerField(null=True)
    reported_at = models.FloatField(null=True)
    reminded_at = models.FloatField(null=True)
    reminders = models.IntegerField(default=0)
    digest = models.TextField(default="")

    class Meta:
        db_table = "shift"
        constraints = (
            models.UniqueConstraint(fields=["person"], condition=Q(ended_at__isnull=True), name="shift_one_open"),
        )


class ShiftNote(models.Model):
    """`core.shifts.values.Note`."""

    id = models.BigAutoField(primary_key=True)
    shift = models.BigIntegerField()
    at = models.FloatField()
    kind = models.TextField()
    actor = models.TextField()
    text = models.TextField()
    short = models.TextField(default="")
    evidence = models.BigIntegerField(null=True)
    evidence_digest = models.TextField(default="")
    over_at = models.FloatField(null=True)

    class Meta:
        db_table = "shift_note"
        indexes = (models.Index(fields=["shift", "id"], name="note_by_shift"),)


class ShiftEvidence(models.Model):
    """`core.shifts.values.Evidence`."""

    id = models.BigAutoField(primary_key=True)
    shift = models.BigIntegerField()
    text = models.TextField()
    digest = models.TextField()

    class Meta:
        db_table = "shift_evidence"
        indexes = (models.Index(fields=["shift", "digest"], name="evidence_by_shift"),)
