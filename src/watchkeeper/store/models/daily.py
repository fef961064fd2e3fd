"""Table of the numbers of daily issues."""

from django.db import models


class DailyIssue(models.Model):
    """Which number of its day an issue has, for ever. source: ``incident:5.0``, ``entry:12``."""

    id = models.BigAutoField(primary_key=True)
    day = models.TextField()
    number = models.IntegerField()
    source = models.TextField()

    class Meta:
        db_table = "daily_issue"
        constraints = (
            models.UniqueConstraint(fields=["day", "source"], name="daily_issue_once"),
            models.UniqueConstraint(fields=["day", "number"], name="daily_issue_number"),
        )
