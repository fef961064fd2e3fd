"""Tables of windows and silences."""

from django.db import models
from django.db.models import Q


class Window(models.Model):
    """`core.windows.Window`; targets and items: JSON. occurrence: once for ever."""

    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    targets = models.TextField()
    why = models.TextField()
    actor = models.TextField()
    starts_at = models.FloatField()
    ends_at = models.FloatField()
    created_at = models.FloatField()
    name = models.TextField(default="")
    occurrence = models.TextField(null=True, unique=True)
    until_green = models.BooleanField(default=False)
    remind_s = models.FloatField()
    watch_s = models.FloatField()
    items = models.TextField(default="[]")
    begun_at = models.FloatField(null=True)
    ended_at = models.FloatField(null=True)
    ended_by = models.TextField(default="")
    ended_why = models.TextField(default="")
    reminded_at = models.FloatField(null=True)
    past = models.BooleanField(default=False)
    changed = models.BooleanField(default=False)
    taken_back_at = models.FloatField(null=True)
    taken_back_by = models.TextField(default="")
    flip_seq = models.BigIntegerField(default=0)
    flips_after = models.IntegerField(default=0)
    watched_at = models.FloatField(null=True)
    entry = models.BigIntegerField(null=True)

    class Meta:
        db_table = "planned_window"
        indexes = (
            models.Index(fields=["starts_at"], name="window_open", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["ended_at"], name="window_watched", condition=Q(watched_at__isnull=True)),
            models.Index(fields=["ends_at"], name="window_by_end"),
        )


class WindowPlan(models.Model):
    """`core.recurrence.KeptPlan`, made by command; plans of the ops repo stand in its files. plan: JSON."""

    id = models.BigAutoField(primary_key=True)
    plan = models.TextField()
    actor = models.TextField()
    created_at = models.FloatField()
    ended_at = models.FloatField(null=True)
    ended_by = models.TextField(default="")

    class Meta:
        db_table = "window_plan"
