"""Table of lasting keys that were replaced."""

from django.db import models


class KeyGeneration(models.Model):
    """Which generation of a key holds; no row: the first."""

    id = models.BigAutoField(primary_key=True)
    purpose = models.TextField()
    subject = models.TextField(default="")
    generation = models.IntegerField()
    rotated_at = models.FloatField()
    rotated_by = models.TextField(default="")

    class Meta:
        db_table = "key_generation"
        constraints = (models.UniqueConstraint(fields=["purpose", "subject"], name="one_generation_holds"),)
