"""Table of what was told about things that run out."""

from django.db import models


class ExpiryWarning(models.Model):
    """`core.expiries.Warned`: one row per thing, its end and the day it was warned of."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    ends = models.TextField()
    days = models.IntegerField()
    at = models.FloatField()

    class Meta:
        db_table = "expiry_warning"
        constraints = (models.UniqueConstraint(fields=["name", "ends", "days"], name="expiry_told_once"),)
