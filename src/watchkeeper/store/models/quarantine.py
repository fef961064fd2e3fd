"""Tables of what keeps automation from doing harm: what is set aside, how runs ended, and who asked for patience."""

from django.db import models


class Quarantine(models.Model):
    """`core.runs.quarantine.Quarantine`; runs: JSON."""

    id = models.BigAutoField(primary_key=True)
    response = models.TextField()
    runbook_digest = models.TextField()
    at = models.FloatField()
    why = models.TextField()
    runs = models.TextField()
    incident = models.BigIntegerField(null=True)
    released_at = models.FloatField(null=True)
    released_by = models.TextField(default="")
    reason = models.TextField(default="")

    class Meta:
        db_table = "quarantine"
        indexes = (models.Index(fields=["response", "id"], name="quarantine_by_response"),)


class RunResult(models.Model):
    """`core.runs.results.Result`; checks: JSON."""

    run = models.BigIntegerField(primary_key=True)
    at = models.FloatField()
    service = models.TextField()
    response = models.TextField()
    runbook = models.TextField()
    runbook_digest = models.TextField()
    checks = models.TextField()
    outcome = models.TextField()
    mode = models.TextField()
    person = models.BooleanField(default=False)
    took_s = models.FloatField()
    incident = models.BigIntegerField()
    held = models.BooleanField(default=True)

    class Meta:
        db_table = "run_result"
        indexes = (
            models.Index(fields=["service", "at"], name="result_by_service"),
            models.Index(fields=["runbook", "at"], name="result_by_runbook"),
            models.Index(fields=["incident"], name="result_by_incident"),
        )


class Backoff(models.Model):
    """`core.runs.rate_limits.Backoff`."""

    service = models.TextField(primary_key=True)
    until_at = models.FloatField()
    why = models.TextField()
    at = models.FloatField()

    class Meta:
        db_table = "backoff"
