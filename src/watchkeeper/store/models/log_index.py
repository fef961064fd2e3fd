"""Tables by which entries of the operations log are found, derived from the log itself; and the files of entries."""

from django.db import models


class LogIndex(models.Model):
    """One row per entry. type, severity, status: folded words; status: the present one, whichever entry says it."""

    number = models.BigIntegerField(primary_key=True)
    at = models.FloatField()
    type = models.TextField(default="", db_default="")
    severity = models.TextField(default="", db_default="")
    status = models.TextField(default="", db_default="")

    class Meta:
        db_table = "log_index"
        indexes = (models.Index(fields=["at", "number"], name="log_index_by_time"),)


class LogFacet(models.Model):
    """One thing that an entry is found by: (``service``, ``shop``), (``is``, ``corrected``). value: folded."""

    pk = models.CompositePrimaryKey("name", "value", "number")
    name = models.TextField()
    value = models.TextField()
    number = models.BigIntegerField()

    class Meta:
        db_table = "log_facet"


class LogFile(models.Model):
    """The bytes of an attachment, kept once whatever entries name them. digest: sha256, hex, of the bytes themselves."""

    digest = models.TextField(primary_key=True)
    size = models.BigIntegerField()
    packed = models.BooleanField(default=False)
    content = models.BinaryField()

    class Meta:
        db_table = "log_file"
