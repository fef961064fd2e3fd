"""Which entries of the operations log came from documents."""

from django.db import models


class LogImport(models.Model):
    """`core.log.documents.identity.Known`. Digests only: a secret that is purged stays nowhere."""

    id = models.BigAutoField(primary_key=True)
    number = models.BigIntegerField()
    source = models.TextField()
    slot = models.TextField()
    text = models.TextField()
    day = models.TextField()
    start = models.IntegerField(null=True)

    class Meta:
        db_table = "log_import"
        indexes = (models.Index(fields=["slot", "text"], name="log_import_by_slot"),)
