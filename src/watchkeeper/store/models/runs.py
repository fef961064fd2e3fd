"""Tables of runs and their steps."""

from django.db import models


class Run(models.Model):
    """`core.runs.values.Run` without its steps; plan, blast_radius, pins and askers: JSON."""

    id = models.BigAutoField(primary_key=True)
    incident = models.BigIntegerField(null=True)
    response = models.TextField()
    plan = models.TextField()
    mode = models.TextField()
    state = models.TextField()
    actor = models.TextField()
    created_at = models.FloatField()
    segment = models.IntegerField(default=1)
    fence = models.IntegerField(default=0)
    started_at = models.FloatField(null=True)
    ended_at = models.FloatField(null=True)
    fix_started_at = models.FloatField(null=True)
    last_change_at = models.FloatField(null=True)
    parked_why = models.TextField(default="")
    message = models.TextField(default="")
    grant = models.BigIntegerField(null=True)
    entry = models.BigIntegerField(null=True)
    blast_radius = models.TextField(null=True)
    captures = models.TextField(db_default="{}")
    undo = models.TextField(null=True)
    pins = models.TextField(null=True)
    askers = models.TextField(db_default="[]")
    node = models.TextField(null=True)  # which one claimed it last, where there are several

    class Meta:
        db_table = "run"
        indexes = (
            models.Index(fields=["state", "id"], name="run_by_state"),
            models.Index(fields=["incident", "id"], name="run_by_incident"),
        )


class RunStep(models.Model):
    """`core.runs.values.RunStep`; plan and evidence: JSON."""

    id = models.BigAutoField(primary_key=True)
    run = models.BigIntegerField()
    index = models.IntegerField()
    plan = models.TextField()
    state = models.TextField()
    attempt = models.IntegerField(default=0)
    boot = models.TextField(default="")
    sent = models.BooleanField(default=False)
    decided_by = models.TextField(default="")
    started_at = models.FloatField(null=True)
    ended_at = models.FloatField(null=True)
    exit_code = models.IntegerField(null=True)
    message = models.TextField(default="")
    evidence = models.TextField(null=True)

    class Meta:
        db_table = "run_step"
        constraints = (models.UniqueConstraint(fields=["run", "index"], name="run_step_once"),)
