"""Tables of incidents and their timeline."""

from django.db import models


class Incident(models.Model):
    """`core.incidents.values.Incident`; checks: JSON."""

    id = models.BigAutoField(primary_key=True)
    service = models.TextField()
    host = models.TextField(null=True)
    status = models.TextField()
    severity = models.TextField()
    title = models.TextField()
    opened_at = models.FloatField()
    checks = models.TextField()
    closed_at = models.FloatField(null=True)
    ending = models.TextField(null=True)
    acknowledged_at = models.FloatField(null=True)
    acknowledged_by = models.TextField(null=True)
    escalated_at = models.FloatField(null=True)
    escalated_why = models.TextField(null=True)
    reopened = models.IntegerField(default=0)
    recurring = models.BooleanField(default=False)
    diagnosed_at = models.FloatField(null=True)
    fix_started_at = models.FloatField(null=True)
    last_change_at = models.FloatField(null=True)
    why_not_acted = models.TextField(default="")
    entry = models.BigIntegerField(null=True)
    owner = models.TextField(db_default="")
    failed_at = models.FloatField(null=True)
    severity_by = models.TextField(db_default="")
    respond_by = models.FloatField(null=True)
    merged_into = models.BigIntegerField(null=True)
    held_until = models.FloatField(null=True)
    pattern = models.TextField(db_default="")

    class Meta:
        db_table = "incident"
        indexes = (
            models.Index(fields=["status", "id"], name="incident_by_status"),
            models.Index(fields=["service", "closed_at"], name="incident_by_service"),
            models.Index(fields=["pattern", "closed_at"], name="incident_by_pattern"),
            models.Index(fields=["closed_at"], name="incident_by_end"),
        )


class Event(models.Model):
    """`core.incidents.values.Event`; detail: JSON."""

    id = models.BigAutoField(primary_key=True)
    incident = models.BigIntegerField()
    at = models.FloatField()
    kind = models.TextField()
    actor = models.TextField()
    text = models.TextField()
    state = models.TextField(null=True)
    detail = models.TextField()

    class Meta:
        db_table = "incident_event"
        indexes = (models.Index(fields=["incident", "id"], name="event_by_incident"),)


class Task(models.Model):
    """`core.incidents.records.Task`; incident 0: of none. source: once for ever."""

    id = models.BigAutoField(primary_key=True)
    incident = models.BigIntegerField()
    text = models.TextField()
    created_at = models.FloatField()
    created_by = models.TextField()
    owner = models.TextField(default="")
    due_at = models.FloatField(null=True)
    done_at = models.FloatField(null=True)
    done_by = models.TextField(default="")
    entry = models.BigIntegerField(null=True)
    bound_to = models.TextField(db_default="")
    stays_s = models.FloatField(null=True)
    source = models.TextField(db_default="")
    outcome = models.TextField(db_default="")
    why = models.TextField(db_default="")
    closing = models.BigIntegerField(null=True)
    reminded_at = models.FloatField(null=True)
    shift = models.BigIntegerField(null=True)
    estimate_s = models.FloatField(null=True)
    started_at = models.FloatField(null=True)
    worked_s = models.FloatField(db_default=0.0)

    class Meta:
        db_table = "incident_task"
        indexes = (
            models.Index(fields=["incident", "id"], name="task_by_incident"),
            models.Index(fields=["due_at", "id"], name="task_open", condition=models.Q(done_at__isnull=True)),
            models.Index(fields=["entry", "id"], name="task_by_entry", condition=models.Q(entry__isnull=False)),
        )
        constraints = (
            models.UniqueConstraint(fields=["source"], condition=~models.Q(source=""), name="task_source_once"),
        )


class Link(models.Model):
    """`core.incidents.records.Link`."""

    id = models.BigAutoField(primary_key=True)
    incident = models.BigIntegerField()
    kind = models.TextField()
    target = models.TextField()
    title = models.TextField(default="")
    at = models.FloatField()
    by = models.TextField()

    class Meta:
        db_table = "incident_link"
        indexes = (models.Index(fields=["incident", "id"], name="link_by_incident"),)
